"""Pointers with a merge conflict: what is beside them works, and adding the data again resolves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvx.formats.mistakes import is_conflicted, our_side
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write


@pytest.fixture
def merging(dialect_repo: Path) -> Path:
    """A merge that stopped: `f` and the folder `d` were changed on both sides; `g` was not."""
    suffix = dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "f", "1\n")
    write(dialect_repo / "g", "1\n")
    dvx(dialect_repo, "add", "--desc", "mine", "f")
    dvx(dialect_repo, "add", "d", "g")
    commit_all(dialect_repo)
    for branch, text in (("other", "22\n"), ("main", "333\n")):
        git(dialect_repo, "checkout", "--quiet", *(("-b",) if branch == "other" else ()), branch)
        dvx(dialect_repo, "checkout", "--force")
        write(dialect_repo / "f", text)
        write(dialect_repo / "d/a", text)
        dvx(dialect_repo, "add", "f", "d")
        commit_all(dialect_repo)
    assert run_process(dialect_repo, "git", "merge", "other").code == 1
    assert is_conflicted((dialect_repo / f"f{suffix}").read_text())
    return dialect_repo


def test_what_is_beside_a_conflict_is_restored(merging: Path) -> None:
    (merging / "g").unlink()
    assert run_dvx(merging, "checkout", "g").code == 0
    assert (merging / "g").read_text() == "1\n"
    for words in (("checkout", "f"), ("checkout", "d/a"), ("checkout",), ("status",)):
        told = run_dvx(merging, *words)
        assert told.code != 0
        assert "holds a merge conflict" in told.err
        assert "dvx install" in told.err


def test_adding_resolves_it(merging: Path) -> None:
    suffix = dialect_of(merging).pointer_suffix
    write(merging / "f", "merged\n")
    dvx(merging, "add", "f")
    pointer = (merging / f"f{suffix}").read_text()
    assert not is_conflicted(pointer)
    assert "desc: mine" in pointer
    # the folder holds another conflict: no pointer of its own is made for what lies in it
    assert "holds a merge conflict" in run_dvx(merging, "add", "d/a").err
    assert not (merging / f"d/a{suffix}").exists()
    write(merging / "d/b", "new\n")
    dvx(merging, "add", "d")
    commit_all(merging)
    assert "up to date" in dvx(merging, "status").err
    (merging / "f").unlink()
    dvx(merging, "checkout")
    assert (merging / "f").read_text() == "merged\n"


def test_a_lock_with_a_conflict_stops_what_its_stages_make(merging: Path) -> None:
    dialect = dialect_of(merging)
    for name in ("f", "d"):
        dvx(merging, "add", name)
    write(merging / dialect.pipeline, "stages:\n  s:\n    cmd: cp g o\n    deps: [g]\n    outs: [o]\n")
    dvx(merging, "repro")
    lock = merging / dialect.lock
    lock.write_text(f"<<<<<<< HEAD\n{lock.read_text()}=======\n>>>>>>> other\n")
    (merging / "g").unlink()
    dvx(merging, "checkout", "g")
    told = run_dvx(merging, "checkout", "o")
    assert "holds a merge conflict" in told.err
    assert dialect.lock in told.err


@pytest.mark.parametrize(
    "text", ["<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n", "<<<<<<< HEAD\na\n||||||| 1\nz\n=======\nb\n>>>>>>> x\n"]
)
def test_our_side_is_what_stood_there_before(text: str) -> None:
    assert our_side(f"x\n{text}y\n{text}") == "x\na\ny\na\n"
    assert our_side("x\n=======\n") == "x\n=======\n"


def test_a_folder_that_is_not_here_takes_in_files(dialect_repo: Path, tmp_path: Path) -> None:
    for number in range(40):
        write(dialect_repo / f"d/{number}", str(number))
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "store"))
    dvx(dialect_repo, "add", "d")
    commit_all(dialect_repo)
    dvx(dialect_repo, "push")
    git(tmp_path, "clone", "--quiet", "repo", "clone")
    clone = tmp_path / "clone"
    write(clone / "d/new", "new\n")
    dvx(clone, "add", "d/new")
    assert sorted(path.name for path in (clone / "d").iterdir()) == ["new"]
    listed = dvx(clone, "ls", ".", "d").out.split()
    assert len(listed) == 41
    commit_all(clone)
    dvx(clone, "push")
    git(tmp_path, "clone", "--quiet", "clone", "third")
    dvx(tmp_path / "third", "pull")
    assert len(list((tmp_path / "third/d").iterdir())) == 41
    # neither here nor there
    git(tmp_path, "clone", "--quiet", "repo", "fourth")
    write(tmp_path / "fourth/d/new", "new\n")
    dvx(tmp_path / "fourth", "remote", "modify", "store", "url", str(tmp_path / "nowhere"))
    assert run_dvx(tmp_path / "fourth", "add", "d/new").code == 1


def test_a_part_of_a_folder_is_sent_to_a_remote(dialect_repo: Path, tmp_path: Path) -> None:
    write(dialect_repo / "d/a", "1\n")
    for name in ("store", "other"):
        dvx(dialect_repo, "remote", "add", "-d", "--force", name, str(tmp_path / name))
    dvx(dialect_repo, "add", "d")
    dvx(dialect_repo, "push", "-r", "store")
    write(dialect_repo / "d/f", "2\n")
    dvx(dialect_repo, "add", "--to-remote", "-r", "store", "d/f")
    suffix = dialect_of(dialect_repo).pointer_suffix
    assert sorted(path.name for path in dialect_repo.glob(f"**/*{suffix}") if path.is_file()) == [f"d{suffix}"]
    assert "f" in dvx(dialect_repo, "ls", ".", "d").out.split()
    assert not (tmp_path / "other").exists()
    commit_all(dialect_repo)
    git(tmp_path, "clone", "--quiet", "repo", "clone")
    dvx(tmp_path / "clone", "pull", "-r", "store")
    assert (tmp_path / "clone/d/f").read_text() == "2\n"
