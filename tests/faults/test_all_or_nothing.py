"""What fails in the middle changed nothing: `move`, `remove`, `destroy` and renamings, without permissions and with errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.harness import Fault, Trial, copy, run
from tests.helpers import commit_all, dialect_of, dvx, git, run_as_anybody, tree, write

Count = Callable[[str, int], None]
COMMANDS = {
    "move": ("move", "sub/d", "other/deep/moved"),
    "move a file": ("move", "f", "sub/g"),
    "remove": ("remove", "sub/d", "f", "one"),
    "remove --outs": ("remove", "--outs", "sub/d", "f"),
    "destroy": ("destroy", "-f"),
    "remote rename": ("remote", "rename", "store", "other"),
    "exp rename": ("exp", "rename", "e1", "e2"),
}


@pytest.fixture
def project(dialect_repo: Path) -> Path:
    """Data in two folders, a stage, an experiment, and a remote with options in both files of the configuration."""
    repo = dialect_repo
    for name, text in (
        ("f", "f\n"),
        ("sub/d/a", "a\n"),
        ("sub/d/deep/b", "b\n"),
        ("other/kept", "k\n"),
        ("params.yaml", "p: 1\n"),
    ):
        write(repo / name, text)
    dvx(repo, "add", "f", "sub/d")
    dvx(repo, "stage", "add", "-n", "one", "-p", "p", "-o", "o", "echo > o")
    dvx(repo, "remote", "add", "-d", "store", "../remote")
    dvx(repo, "remote", "modify", "--local", "store", "jobs", "3")
    dvx(repo, "repro")
    commit_all(repo)
    dvx(repo, "exp", "run", "-n", "e1", "-S", "p=2")
    git(repo, "checkout", "-q", "--", ".")
    dvx(repo, "checkout")
    return repo


def state(repo: Path) -> tuple[object, ...]:
    """Everything but what may be lost."""
    folder = dialect_of(repo).folder
    kept = {name: data for name, data in tree(repo).items() if not name.startswith((f"{folder}/tmp", f"{folder}/cache"))}
    folders = sorted(str(place.relative_to(repo)) for place in repo.rglob("*") if place.is_dir() and ".git" not in place.parts)
    refs = git(repo, "for-each-ref", "--format=%(refname:lstrip=-1)", "refs/exps")
    return kept, [name for name in folders if not name.startswith(folder)], refs


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    try:
        yield
    finally:
        if folder.exists():
            folder.chmod(mode)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_cannot_be_written_to_stops_all_or_nothing(project: Path, tmp_path: Path, name: str, count: Count) -> None:
    folder = dialect_of(project).folder
    closing = [".", "sub", "sub/d", "other", folder, *([".git/refs/exps", ".git"] if name == "exp rename" else [])]
    closing += [f"{folder}/cache", f"{folder}/tmp"] if name == "destroy" else []
    before, refused = state(project), 0
    for number, closed_one in enumerate(closing):
        trial = tmp_path / f"trial{number}" / "repo"
        copy(project, trial)
        if not (trial / closed_one).is_dir():
            continue
        with closed(trial / closed_one):
            done = run_as_anybody(trial, "dvx", *COMMANDS[name])
        assert "Traceback" not in done.err
        if done.code != 0:
            assert state(trial) == before, (closed_one, done.err)
            assert "error:" in done.err
            refused += 1
            if name != "destroy":
                again = run_as_anybody(trial, "dvx", *COMMANDS[name])
                assert again.code == 0, (closed_one, again.err)
    assert refused
    count(f"folders closed for `{name}`", len(closing))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("remove --outs", "destroy", "exp rename")])
def test_an_error_at_any_step_leaves_all_or_nothing(
    project: Path, tmp_path: Path, name: str, all_points: bool, count: Count
) -> None:
    top = tmp_path / "trial"
    before = state(project)
    done = attempt(project, top, COMMANDS[name])
    after = state(top / "repo")
    assert before != after
    points = range(1, done + 1) if all_points else range(1, done + 1, max(1, done // 12))
    for at in points:
        attempt(project, top, COMMANDS[name], Fault(at, errno.EACCES))
        assert state(top / "repo") in (before, after), at
    count(f"errors during `{name}`", len(points))


def attempt(project: Path, top: Path, command: Sequence[str], fault: Fault | None = None) -> int:
    top.mkdir(exist_ok=True)
    copy(project, top / "repo")
    return run(Trial(command, top), fault).mutations


def test_a_move_that_fails_is_taken_back_and_undo_knows_nothing_of_it(project: Path) -> None:
    before = state(project)
    write(project / "other/moved/in the way", "x")
    suffix = dialect_of(project).pointer_suffix
    os.chmod(project / "sub/d", 0o555)
    told = run_as_anybody(project, "dvx", "move", "sub/d", "other")
    os.chmod(project / "sub/d", 0o755)
    (project / "other/moved/in the way").unlink()
    (project / "other/moved").rmdir()
    assert told.code == 1
    assert "the folder `sub/d` cannot be written to, so it cannot go to another folder" in told.err
    assert "hint: let your user write to it: `chmod u+w sub/d`" in told.err
    assert state(project) == before
    assert not (project / f"other/d{suffix}").exists()
