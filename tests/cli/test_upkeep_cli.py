"""gc and its kin as they are typed: options, words, exit codes."""

from __future__ import annotations

from pathlib import Path

from tests.helpers import commit_all, dvx, run_dvx, write


def _two_versions(repo: Path) -> None:
    for text in ("one", "two!"):
        write(repo / "a", text)
        dvx(repo, "add", "a")
        commit_all(repo)


def test_gc_shows_and_removes_nothing_where_it_cannot_ask(dialect_repo: Path) -> None:
    _two_versions(dialect_repo)
    shown = dvx(dialect_repo, "gc", "--workspace", "--grace", "0")
    assert [line.split("\t")[0::2] for line in shown.out.splitlines()] == [["cache", "3"]]
    assert "use `-f` to do it" in shown.err
    assert "1 are named by commits that you chose to leave out" in shown.err
    assert dvx(dialect_repo, "gc", "-w", "--grace", "0").out == shown.out


def test_gc_removes_when_forced(dialect_repo: Path) -> None:
    _two_versions(dialect_repo)
    assert dvx(dialect_repo, "gc", "-w", "-f", "--dry", "--grace", "0", "--json").json["cache"]["size"] == 3
    done = dvx(dialect_repo, "gc", "-w", "-f", "--grace", "0", "--json").json
    assert (done["cache"]["size"], done["cache"]["kept"], done["historic"]) == (3, 1, 1)
    assert "nothing to remove" in dvx(dialect_repo, "gc", "-w", "-f", "--grace", "0").err


def test_gc_without_a_scope_keeps_history(dialect_repo: Path) -> None:
    _two_versions(dialect_repo)
    assert dvx(dialect_repo, "gc", "-f", "--grace", "0", "--json").json["cache"] == {
        "removed": [],
        "size": 0,
        "kept": 2,
        "unsure": 0,
        "young": 0,
    }


def test_gc_keeps_what_is_young(dialect_repo: Path) -> None:
    _two_versions(dialect_repo)
    assert dvx(dialect_repo, "gc", "-w", "-f", "--json").json["cache"]["young"] == 1


def test_gc_refuses_what_is_no_date_or_age(native: Path) -> None:
    for words in (("--date", "yesterday"), ("--grace", "soon"), ("--remote", "x"), ("--num", "2")):
        assert run_dvx(native, "gc", *words).code == 2
