"""Options by their beginnings, as DVC's users and scripts write them; and what the list of commands looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvx.cli.commands import CATEGORIES, COMMANDS, MOST_USED
from tests.helpers import dialect_of, dvx, run_dvx, write


@pytest.fixture
def trained(dialect_repo: Path) -> Path:
    """A repository whose one stage prints a parameter."""
    write(dialect_repo / "params.yaml", "p: 0\n")
    dvx(dialect_repo, "stage", "add", "-n", "s", "-p", "p", "echo ran --epochs 3")
    return dialect_repo


def test_the_beginning_of_an_option_is_enough(trained: Path) -> None:
    assert "Stages: 1 ran" in dvx(trained, "repro", "--single", "s").err
    assert dvx(trained, "params", "diff", "--targ", "params.yaml", "--js").code == 0
    assert run_dvx(trained, "--qui", "status").out == run_dvx(trained, "-q", "status").out
    # with the value behind `=`, and where an option takes several words
    for name in "ab":
        write(trained / name, name)
        dvx(trained, "add", name)
    whole = dvx(trained, "diff", "--targets", "a", "b").out
    assert dvx(trained, "diff", "--target", "a", "b").out == dvx(trained, "diff", "--target=a", "--target=b").out == whole != ""


def test_the_beginning_of_several_options_names_them(dialect_repo: Path) -> None:
    refused = run_dvx(dialect_repo, "fetch", "--all")
    assert refused.err == (
        "error: option `--all` is ambiguous\nhint: pass one of `--all-branches`, `--all-commits`, `--all-tags`\n"
    )
    assert refused.code == dialect_of(dialect_repo).exit_codes.usage


def test_an_exact_name_wins_over_longer_ones(dialect_repo: Path) -> None:
    # there are `--outs-no-cache`, `--outs-persist`... too
    assert dvx(dialect_repo, "stage", "add", "-n", "s", "--outs", "o", "touch o").code == 0


def test_the_words_of_a_command_of_a_stage_are_its_own(dialect_repo: Path) -> None:
    dvx(dialect_repo, "stage", "add", "--na", "s", "python", "t.py", "--fo", "--na", "x")
    assert "python t.py --fo --na x" in "".join(path.read_text() for path in dialect_repo.glob("dv?.yaml"))


def test_words_behind_two_dashes_are_no_options(dialect_repo: Path) -> None:
    assert "unknown Git revision `--m`" in run_dvx(dialect_repo, "diff", "--targets", "a", "--", "--m").err


def test_the_list_of_commands_fits_a_small_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run_dvx(tmp_path, "--help").out.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    tops = list(dict.fromkeys(name.split(" ")[0] for name in COMMANDS))
    assert sorted(name for names in CATEGORIES.values() for name in names) == sorted(tops)
    assert set(MOST_USED) <= set(tops)
    for title, names in CATEGORIES.items():
        assert f"{title} {', '.join(names)}" in text


def test_help_describes_every_command(tmp_path: Path) -> None:
    lines = run_dvx(tmp_path, "help", "commands").out.splitlines()
    for name, (_, _, about) in COMMANDS.items():
        assert sum(line.split("  ")[1:2] == [name] and line.endswith(about) for line in lines) == 1, name
