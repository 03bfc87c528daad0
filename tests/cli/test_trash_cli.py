"""trash: what a command took out of the workspace comes back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write


@pytest.fixture
def edited(dialect_repo: Path) -> Path:
    """A repository in which `checkout --force` put an unsaved edit into the trash."""
    write(dialect_repo / "a", "saved")
    dvx(dialect_repo, "add", "a")
    commit_all(dialect_repo)
    write(dialect_repo / "a", "edited")
    dvx(dialect_repo, "checkout", "--force")
    assert (dialect_repo / "a").read_text() == "saved"
    return dialect_repo


def test_the_trash_says_what_it_holds(edited: Path) -> None:
    (item,) = dvx(edited, "trash", "list", "--json").json
    assert (item["path"], item["size"], item["command"]) == ("a", 6, "checkout")
    assert item["id"] in dvx(edited, "trash", "list").out


def test_a_thing_comes_back_by_id(edited: Path) -> None:
    (item,) = dvx(edited, "trash", "list", "--json").json
    (edited / "a").unlink()
    dvx(edited, "trash", "restore", item["id"])
    assert (edited / "a").read_text() == "edited"
    assert dvx(edited, "trash", "list", "--json").json == []


def test_a_thing_comes_back_by_path_unless_something_is_in_its_place(edited: Path) -> None:
    refused = run_dvx(edited, "trash", "restore", "a")
    assert refused.code != 0
    assert "`a`" in refused.err
    assert "--force" in refused.err
    assert (edited / "a").read_text() == "saved"
    dvx(edited, "trash", "restore", "a", "--force")
    assert (edited / "a").read_text() == "edited"
    assert len(dvx(edited, "trash", "list", "--json").json) == 1


def test_what_is_not_in_the_trash(edited: Path) -> None:
    refused = run_dvx(edited, "trash", "restore", "b")
    assert refused.code != 0
    assert "`b` is not in the trash" in refused.err


def test_a_forged_note_leads_nowhere(edited: Path) -> None:
    (note,) = (edited / dialect_of(edited).folder).rglob("note.json")
    (item,) = dvx(edited, "trash", "list", "--json").json
    for path in ("../escaped", ".git/hooks/pre-commit", "/etc/x"):
        note.write_text(json.dumps({"path": path, "taken": time.time(), "run": "1"}))
        assert run_dvx(edited, "trash", "restore", item["id"]).code != 0
        assert not (edited.parent / "escaped").exists()
    (edited / "out").symlink_to(edited.parent)
    note.write_text(json.dumps({"path": "out/escaped", "taken": time.time(), "run": "1"}))
    assert run_dvx(edited, "trash", "restore", item["id"]).code != 0
    assert not (edited.parent / "escaped").exists()


def test_emptying_needs_a_word(edited: Path) -> None:
    assert "use `-f` to remove 1 thing" in dvx(edited, "trash", "empty").err
    dvx(edited, "trash", "empty", "-f", "--older", "1d")
    assert len(dvx(edited, "trash", "list", "--json").json) == 1
    dvx(edited, "trash", "empty", "-f")
    assert "The trash is empty." in dvx(edited, "trash", "list").err


def cut_short(folder: Path, run: str, begun: float, *ids: str) -> None:
    """Leave what a `restore` leaves that is killed before it is done."""
    dialect = dialect_of(folder)
    note = {"run": run, "begun": begun, "ids": ids, "targets": ("a", "b") if ids else ("a",)}
    write(folder / dialect.folder / dialect.state_folder / "restore.json", json.dumps(note))


def run_of(folder: Path, item: str) -> str:
    """The command that took a thing, as the trash calls it."""
    (note,) = (folder / dialect_of(folder).folder).rglob(f"{item}/note.json")
    return str(json.loads(note.read_text())["run"])


def test_a_restore_that_was_cut_short_is_finished_first(edited: Path) -> None:
    write(edited / "b", "saved b")
    dvx(edited, "add", "b")
    write(edited / "a", "edited again")
    write(edited / "b", "edited b")
    dvx(edited, "checkout", "--force")
    begun = time.time()
    dvx(edited, "trash", "restore", "a", "--force")
    newest, other = dvx(edited, "trash", "list", "--json").json[:2]
    assert (newest["path"], other["path"]) == ("a", "b")
    cut_short(edited, run_of(edited, newest["id"]), begun, other["id"])
    dvx(edited, "trash", "restore", "a", "b", "--force")
    assert ((edited / "a").read_text(), (edited / "b").read_text()) == ("edited again", "edited b")


def test_a_restore_that_was_cut_short_is_forgotten_once_a_later_command_took_something(edited: Path) -> None:
    cut_short(edited, "1-1", time.time() - 60)
    dvx(edited, "trash", "restore", "a", "--force")
    assert (edited / "a").read_text() == "edited"


def test_a_spoiled_note_of_a_restore_costs_nothing(edited: Path) -> None:
    dialect = dialect_of(edited)
    write(edited / dialect.folder / dialect.state_folder / "restore.json", "{")
    dvx(edited, "trash", "restore", "a", "--force")
    assert (edited / "a").read_text() == "edited"
