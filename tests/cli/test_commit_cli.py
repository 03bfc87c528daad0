"""commit on the command line: options, words, exit codes."""

from __future__ import annotations

from pathlib import Path

from tests.helpers import dialect_of, dvx, run_dvx, write


def test_what_changed_needs_force(dialect_repo: Path):
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    write(dialect_repo / "f", "2\n")
    refused = run_dvx(dialect_repo, "commit")
    assert refused.code == 1
    assert "Use `-f|--force` to force." in refused.err
    pointer = "f" + dialect_of(dialect_repo).pointer_suffix
    done = dvx(dialect_repo, "commit", "-f")
    assert f"Recorded {pointer}\n" in done.err
    assert f"git add {pointer}\n" in done.err
    assert "Everything is recorded already." in dvx(dialect_repo, "commit").err


def test_targets_folders_and_links(dialect_repo: Path):
    write(dialect_repo / "p/f", "1\n")
    dvx(dialect_repo, "add", "p/f")
    write(dialect_repo / "p/f", "2\n")
    assert "`p` is no tracked path" in run_dvx(dialect_repo, "commit", "-f", "p").err
    dvx(dialect_repo, "commit", "-f", "-R", "--no-relink", "p")
    dvx(dialect_repo, "commit", "--with-deps", "--recursive", "p")
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_autostage_adds_to_git(dialect_repo: Path):
    dvx(dialect_repo, "config", "core.autostage", "true")
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    write(dialect_repo / "f", "2\n")
    assert "git add" not in dvx(dialect_repo, "commit", "--force").err


def test_help_has_an_example(dialect_repo: Path):
    assert "Example: dvx commit -f data/images" in dvx(dialect_repo, "commit", "--help").out
