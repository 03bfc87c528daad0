"""gc of the run-cache: entries that nobody has made or restored for long go, and the oldest of too many."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, write

_DAY = 86_400


@pytest.fixture
def repo(dialect_repo: Path, tmp_path: Path) -> Path:
    """Two runs of a stage, in the cache and at a remote."""
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    dvx(dialect_repo, "stage", "add", "-n", "copy", "-d", "in", "-o", "out", "cp in out")
    for text in ("1\n", "2\n"):
        write(dialect_repo / "in", text)
        dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    dvx(dialect_repo, "push", "--run-cache")
    return dialect_repo


def _runs(repo: Path, where: str) -> list[Path]:
    top = repo / dialect_of(repo).folder / "cache" if where == "cache" else repo.parent / "remote"
    return sorted((path for path in (top / "runs").rglob("*") if path.is_file()), key=lambda path: path.name)


def _age(path: Path, days: float) -> None:
    os.utime(path, (time.time() - days * _DAY,) * 2)


@pytest.mark.parametrize("where", ["cache", "remote"])
def test_old_runs_go(repo: Path, where: str):
    first, second = _runs(repo, where)
    _age(first, 179)
    assert "runs" not in dvx(repo, "gc", "-c", "-f", "--json").out
    _age(first, 181)

    shown = dvx(repo, "gc", "-c", "--dry").out
    assert f"runs/{first.parent.parent.name}/{first.parent.name}/{first.name}" in shown
    assert _runs(repo, where) == [first, second]
    assert "removed 1 earlier run from the run-cache" in dvx(repo, "gc", "-c", "-f").err
    assert _runs(repo, where) == [second]
    assert len(_runs(repo, "remote" if where == "cache" else "cache")) == 2


def test_a_run_that_is_restored_is_as_good_as_new(repo: Path):
    runs = _runs(repo, "cache")
    for run in runs:
        _age(run, 300)
    write(repo / "in", "1\n")
    assert "1 restored" in dvx(repo, "repro").err
    dvx(repo, "gc", "-f")
    assert len(_runs(repo, "cache")) == 1


@pytest.mark.parametrize("where", ["cache", "remote"])
def test_of_too_many_runs_the_oldest_go(repo: Path, where: str, monkeypatch: pytest.MonkeyPatch):
    first, second = _runs(repo, where)
    _age(first, 1)
    monkeypatch.setattr("dvx.model.pipelines.runcache.KEPT_BYTES", first.stat().st_size + 10)
    dvx(repo, "gc", "-c", "-f")
    assert _runs(repo, where) == [second]


def test_other_files_stay(repo: Path):
    for top in (repo / dialect_of(repo).folder / "cache", repo.parent / "remote"):
        _age(write(top / "runs/ab/notes", "mine"), 300)
    dvx(repo, "gc", "-c", "-f")
    assert len(_runs(repo, "cache")) == len(_runs(repo, "remote")) == 3


def test_what_the_database_of_statistics_knows_of_files_that_are_gone_goes(repo: Path):
    from dvx.project import Project

    for number in range(3):
        write(repo / f"data/{number}", f"{number}\n")
        write(repo / f"other/{number}", f"{number}\n")
    time.sleep(0.1)
    dvx(repo, "add", "data", "other")
    dvx(repo, "status")
    status = os.stat(repo / "data/0")
    gone = os.stat(repo / "data/1")
    (repo / "data/1").unlink()
    shutil.rmtree(repo / "other")

    dvx(repo, "gc", "-f")

    project = Project.find(str(repo))
    known = [project.stats.digest(path, one, project.algorithm) for path, one in (("data/0", status), ("data/1", gone))]
    assert [one is not None for one in known] == [True, False]
    project.close()
