"""Files that name data: many of them are written with one barrier, and nobody's change of one is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dvx.ops.tracked.text_files import change_all
from dvx.project import Project
from tests.helpers import dvx, write


@pytest.mark.parametrize("words", [["add"], ["commit", "-f"]])
def test_many_pointers_cost_no_more_barriers_than_some(dialect_repo: Path, words: list[str], monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(handle) or sync(handle))
    counts = []
    for number in (20, 60):
        paths = [f"{number}/{one}" for one in range(number)]
        for path in paths:
            write(dialect_repo / path, path)
        if words[0] == "commit":
            dvx(dialect_repo, "add", *paths)
            for path in paths:
                write(dialect_repo / path, f"new {path}")
        synced.clear()
        dvx(dialect_repo, *words, *paths)
        counts.append(len(synced))
        assert len(list((dialect_repo / str(number)).glob("*.d?[cx]"))) == number
    assert counts[0] == counts[1] < 20


def test_a_file_that_changes_while_others_are_written_is_edited_once_more(dialect_repo: Path):
    for name in ("a", "b", "c"):
        write(dialect_repo / name, f"{name} ")
    (dialect_repo / "b").chmod(0o600)

    def edit_late(text: str) -> str:
        write(dialect_repo / "a", "another's ")
        for left in dialect_repo.glob(".b.*.dvx.tmp"):
            left.unlink()  # swept by a process that thinks it is abandoned
        return text + "changed"

    project = Project.find(str(dialect_repo))
    edits = {"a": lambda text: text + "changed", "b": lambda text: text + "changed", "c": str, "new": edit_late}
    assert change_all(project, edits) == ["a", "b", "new"]
    project.close()
    texts = [(dialect_repo / name).read_text() for name in ("a", "b", "c", "new")]
    assert texts == ["another's changed", "b changed", "c ", "changed"]
    assert (dialect_repo / "b").stat().st_mode & 0o777 == 0o600
    assert list(dialect_repo.glob(".*.tmp")) == []


def test_where_one_cannot_be_written_none_is(dialect_repo: Path):
    write(dialect_repo / "a", "a")

    def fail(_: str) -> str:
        raise OSError("full")

    project = Project.find(str(dialect_repo))
    with pytest.raises(OSError, match="full"):
        change_all(project, {"a": lambda text: text + "changed", "b": fail})
    project.close()
    assert (dialect_repo / "a").read_text() == "a"
    assert list(dialect_repo.glob(".*.tmp")) == []
