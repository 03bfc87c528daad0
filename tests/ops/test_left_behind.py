"""Data that only another commit tracks: removed by checkout and pull where nothing is lost by it, and nowhere else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, write


@pytest.fixture
def folder(dialect_repo: Path) -> Path:
    """A project whose branch `other` tracks a file, a folder and an output more than `main`; `main` is checked out."""
    git(dialect_repo, "branch", "--move", "main")
    write(dialect_repo / "base", "base\n")
    dvx(dialect_repo, "add", "base")
    commit_all(dialect_repo, "main")
    git(dialect_repo, "checkout", "--quiet", "-b", "other")
    write(dialect_repo / "file", "1\n")
    write(dialect_repo / "deep/folder/x", "x\n")
    write(dialect_repo / "deep/folder/sub/y", "y\n")
    dvx(dialect_repo, "add", "file", "deep/folder")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, "stages:\n  s:\n    cmd: echo 1 > out\n    outs: [out]\n")
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo, "other")
    git(dialect_repo, "checkout", "--quiet", "main")
    return dialect_repo


ALL = "D\tdeep/folder\nD\tfile\nD\tout\n"


def test_it_goes_and_comes_back(folder: Path) -> None:
    assert dvx(folder, "checkout").out == ALL
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "base",
        f"base{suffix(folder)}",
        "deep",
    ]
    git(folder, "checkout", "--quiet", "other")
    assert sorted(dvx(folder, "checkout").out.splitlines()) == ALL.replace("D\t", "A\t").splitlines()
    assert (folder / "deep/folder/sub/y").read_text() == "y\n"


def test_undo_brings_it_back(folder: Path) -> None:
    dvx(folder, "checkout")
    dvx(folder, "undo")
    assert (folder / "file").read_text() == "1\n"
    assert (folder / "deep/folder/x").read_text() == "x\n"


def test_pull_removes_it_as_well(folder: Path, tmp_path: Path) -> None:
    dvx(folder, "remote", "add", "--default", "store", str(tmp_path / "store"))
    dvx(folder, "push")
    assert dvx(folder, "pull").out == ALL


def test_targets_leave_it_alone(folder: Path) -> None:
    assert dvx(folder, "checkout", "base").out == ""
    assert (folder / "file").exists()


def test_edited_data_stays(folder: Path) -> None:
    write(folder / "file", "2\n")
    write(folder / "deep/folder/new", "new\n")
    assert dvx(folder, "checkout", "--force").out == "D\tout\n"
    assert (folder / "deep/folder/x").exists()


def test_what_a_removal_left_goes(folder: Path) -> None:
    (folder / "deep/folder/x").unlink()
    assert dvx(folder, "checkout").out == ALL
    assert not (folder / "deep/folder").exists()
    assert dvx(folder, "checkout").out == ""


def test_data_that_the_cache_lacks_stays(folder: Path) -> None:
    shutil.rmtree(folder / dialect_of(folder).folder / "cache")
    assert "D\t" not in dvx(folder, "checkout", "--allow-missing").out
    assert (folder / "file").read_text() == "1\n"


def test_what_git_or_a_stage_has_now_stays(folder: Path) -> None:
    git(folder, "add", "--force", "file")
    git(folder, "commit", "--quiet", "--message", "takes it")
    write(folder / dialect_of(folder).pipeline, "stages:\n  t:\n    cmd: cat out > new\n    deps: [out]\n    outs: [new]\n")
    assert dvx(folder, "checkout").out == "D\tdeep/folder\n"


def test_what_a_commit_stopped_to_track_stays(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "other")
    dvx(folder, "remove", f"file{suffix(folder)}")
    assert "file" not in dvx(folder, "checkout").out
    commit_all(folder, "keeps it out of dvx")
    assert dvx(folder, "checkout").out == ""
    assert (folder / "file").exists()


def test_what_a_branch_of_its_own_stopped_to_track_stays(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "-b", "mine", "other")
    dvx(folder, "checkout")
    dvx(folder, "remove", f"file{suffix(folder)}")
    git(folder, "commit", "--quiet", "--all", "--message", "keeps it out of dvx")
    assert dvx(folder, "checkout").out == ""
    git(folder, "checkout", "--quiet", "main")
    assert dvx(folder, "checkout").out == ALL.replace("D\tfile\n", "")
    assert (folder / "file").exists()


def test_what_is_no_longer_tracked_but_not_committed_yet_stays(folder: Path) -> None:
    dvx(folder, "remove", f"base{suffix(folder)}")
    assert dvx(folder, "checkout").out == ALL
    assert (folder / "base").exists()


def test_data_of_a_project_in_a_folder_stays(folder: Path) -> None:
    is_native = dialect_of(folder).folder == ".dvx"
    dvx(folder / "deep", "init", "--subdir", *(() if is_native else ("--dvc",)))
    dvx(folder / "deep", "add", "folder")
    assert dvx(folder, "checkout").out == ALL.replace("D\tdeep/folder\n", "")


@pytest.mark.parametrize("place", ["real", "../away"])
def test_nothing_goes_behind_a_link(folder: Path, place: str) -> None:
    (folder / "deep").rename(folder / place)
    (folder / "deep").symlink_to(place)
    assert dvx(folder, "checkout").out == ALL.replace("D\tdeep/folder\n", "")
    assert (folder / place / "folder/x").exists()


def test_what_cannot_be_read_is_nothing_to_stop_at(folder: Path) -> None:
    (folder / "file").unlink()
    os.mkfifo(folder / "file")
    assert dvx(folder, "checkout").out == ALL.replace("D\tfile\n", "")


def test_it_goes_after_a_reset_and_after_several_switches(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "-b", "third")
    write(folder / "more", "more\n")
    dvx(folder, "add", "more")
    git(folder, "add", f"more{suffix(folder)}")
    git(folder, "commit", "--quiet", "--message", "third")
    git(folder, "reset", "--quiet", "--hard", "main")
    git(folder, "checkout", "--quiet", "main")
    assert dvx(folder, "checkout").out == ALL.replace("file\n", "file\nD\tmore\n")


def test_git_is_not_asked_for_each_pointer(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(folder, "checkout", "--quiet", "other")
    many = [f"n{number}" for number in range(30)]
    for name in many:
        write(folder / name, name)
    dvx(folder, "add", *many)
    commit_all(folder, "many")
    git(folder, "checkout", "--quiet", "main")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    assert dvx(folder, "checkout").out.count("D\tn") == 30
    assert 0 < (tmp_path / "trace").read_text().count("built-in: git") < 20


def suffix(folder: Path) -> str:
    return dialect_of(folder).pointer_suffix
