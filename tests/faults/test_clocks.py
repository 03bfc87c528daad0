"""A clock that is wrong for a command: ages are judged by the clock of the store, and a jump is no age."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.faults import fsck
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write

_DAY = 86_400.0


def _state(repo: Path) -> Path:
    dialect = dialect_of(repo)
    return repo / dialect.folder / dialect.state_folder


def _jump(top: Path, days: float) -> None:
    """Let the clock be set ahead by so many days: all that was written before seems as much older."""
    for path in sorted(top.rglob("*"), reverse=True):
        if path.is_symlink() or ".git" in path.parts:
            continue
        if path.name == "note.json":
            note = json.loads(path.read_text())
            path.write_text(json.dumps(note | {"taken": note["taken"] - days * _DAY}))
        moment = path.stat().st_mtime - days * _DAY
        os.utime(path, (moment, moment))


@pytest.fixture
def kept(dialect_repo: Path, tmp_path: Path) -> Path:
    """A repository with something in the trash, and fresh objects here and at the remote that nothing names."""
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    commit_all(dialect_repo)
    for name in ("dropped", "file"):
        write(dialect_repo / name, f"{name}\n")
        dvx(dialect_repo, "add", name)
    dvx(dialect_repo, "push")
    dvx(dialect_repo, "remove", "--outs", "dropped")
    _lose(dialect_repo, "kept in the trash\n")
    return dialect_repo


def _lose(repo: Path, text: str) -> None:
    write(repo / "file", text)
    dvx(repo, "checkout", "-f")


def _is_there(repo: Path, *texts: str) -> bool:
    return fsck.lost(repo.parent, {text: text.encode() for text in texts}) == []


@pytest.mark.parametrize("days", [365, -365])
def test_after_a_jump_nothing_is_swept(kept: Path, tmp_path: Path, days: float):
    _jump(tmp_path, days)
    _lose(kept, "lost now\n")
    for command in (("gc", "-f"), ("gc", "-f", "-c"), ("gc", "--dry-run"), ("trash", "empty", "-f", "--older", "1d")):
        done = run_dvx(kept, *command)
        assert done.code != 0, command
        assert "the clock jumped from" in done.err
    _lose(kept, "lost later\n")
    assert _is_there(kept, "kept in the trash\n", "lost now\n", "lost later\n", "dropped\n")


def test_a_clock_that_was_wrong_for_one_command_costs_nothing(kept: Path, tmp_path: Path):
    """Ahead, and back again."""
    _jump(tmp_path, 365)
    dvx(kept, "status")
    _lose(kept, "lost next year\n")
    _jump(tmp_path, -365)
    _lose(kept, "lost now\n")
    assert run_dvx(kept, "gc", "-f").code != 0
    assert _is_there(kept, "kept in the trash\n", "lost next year\n", "lost now\n", "dropped\n")


def test_a_jump_is_noted_by_whatever_command_comes_first(kept: Path, tmp_path: Path):
    _jump(tmp_path, 365)
    write(kept / "new", "new\n")
    dvx(kept, "add", "new")
    _lose(kept, "lost now\n")
    assert _is_there(kept, "kept in the trash\n", "dropped\n")


def test_who_knows_better_says_so(kept: Path, tmp_path: Path):
    _jump(tmp_path, 365)
    done = run_dvx(kept, "gc", "-f")
    place = (_state(kept) / "clock").relative_to(kept)
    assert f"remove `{place}`" in done.err
    (kept / place).unlink()
    assert "removed 1 object" in dvx(kept, "gc", "-f").err


def test_doubt_ends(kept: Path, tmp_path: Path):
    _jump(tmp_path, 365)
    dvx(kept, "checkout")
    assert run_dvx(kept, "gc", "-f").code != 0
    note = _state(kept) / "clock"
    jumped, last = map(float, note.read_text().split())
    note.write_text(f"{jumped - 15 * _DAY} {last - 15 * _DAY}\n")
    dvx(kept, "gc", "-f")
    _lose(kept, "lost now\n")
    assert not _is_there(kept, "kept in the trash\n")


def test_a_month_without_a_command_is_no_jump(kept: Path, tmp_path: Path):
    _jump(tmp_path, 30)
    _lose(kept, "lost now\n")
    assert "removed 1 object" in dvx(kept, "gc", "-f").err
    assert not _is_there(kept, "kept in the trash\n")


@pytest.mark.parametrize("days", [20, -20])
def test_what_the_clock_of_the_store_calls_fresh_stays(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float):
    """The clock of this machine differs from that by which files are dated, as with a server."""
    now = time.time
    (_state(kept) / "stats.db").unlink()
    monkeypatch.setattr(time, "time", lambda: now() + days * _DAY)
    before = fsck.state(tmp_path)["objects"]
    assert "removed 1" not in dvx(kept, "gc", "-f", "-c").err
    assert fsck.state(tmp_path)["objects"] == before
    _lose(kept, "lost now\n")
    assert _is_there(kept, "kept in the trash\n", "lost now\n")
    partial = write(kept / dialect_of(kept).folder / f"cache/partial/md5-{'a' * 32}", "half")
    (kept / "file").unlink()
    for path in (kept / dialect_of(kept).folder / "cache").rglob("files/*/*/*"):
        path.unlink()
    dvx(kept, "pull")
    assert partial.exists()


def test_a_record_that_cannot_be_read_is_no_jump(kept: Path):
    (_state(kept) / "clock").write_text("yesterday\n")
    dvx(kept, "gc", "-f")
