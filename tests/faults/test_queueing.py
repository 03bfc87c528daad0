"""Experiments queued, run apart and pulled by many at once and by processes that are killed: nothing is left in the way."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dvx.git.changing import is_at_work
from dvx.model.pipelines.run import State
from dvx.ops.experiments.queue import SNAPSHOTS
from dvx.ops.pipelines.run_record import known_experiments
from dvx.ops.tracked import refs
from dvx.ops.tracked.refs import git_of
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.ops.test_repro import until
from tests.patience import is_alive

Count = Callable[[str, int], None]


def prepared(folder: Path, command: str = "cp params.yaml o") -> Path:
    write(folder / "params.yaml", "n: 1\n")
    write(folder / dialect_of(folder).pipeline, f"stages:\n  s: {{cmd: {command!r}, params: [n], outs: [o]}}\n")
    write(folder / ".gitignore", "/o\n/go\n/ready\n")
    commit_all(folder)
    return folder


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["dvx", *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def tasks(folder: Path) -> list[tuple[str, State]]:
    project = Project.find(str(folder))
    try:
        return [(one.name, one.state) for one in known_experiments(project)]
    finally:
        project.close()


def kept(folder: Path) -> set[str]:
    """The snapshots that a ref keeps."""
    return set(git(folder, "for-each-ref", "--format=%(objectname)", SNAPSHOTS).split())


def named(folder: Path) -> set[str]:
    """The snapshots that tasks name."""
    project = Project.find(str(folder))
    try:
        return {one.snapshot for one in known_experiments(project)}
    finally:
        project.close()


def test_many_are_queued_at_once(dialect_repo: Path, all_points: bool, count: Count) -> None:
    """In the same second the same workspace is the same commit, so that all of them name one ref."""
    number = 36 if all_points else 8
    prepared(dialect_repo)
    running = [start(dialect_repo, "exp", "run", "--queue", "-S", f"n={one}") for one in range(number)]
    for process in running:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out.decode()
    assert len({name for name, state in tasks(dialect_repo) if state is State.QUEUED}) == number
    assert kept(dialect_repo) == named(dialect_repo)
    count(f"experiments queued at once ({dialect_of(dialect_repo).name})", number)


def test_many_run_apart_at_once(dialect_repo: Path, all_points: bool, count: Count) -> None:
    number = 36 if all_points else 4
    prepared(dialect_repo)
    running = [start(dialect_repo, "exp", "run", "--temp", "-S", f"n={one}") for one in range(number)]
    for process in running:
        out, _ = process.communicate(timeout=600)
        assert process.returncode == 0, out.decode()
    assert len(git(dialect_repo, "for-each-ref", "refs/exps").splitlines()) == number
    assert kept(dialect_repo) == set()
    count(f"experiments run apart at once ({dialect_of(dialect_repo).name})", number)


def test_one_that_is_killed_while_it_is_queued_is_there_whole_or_not_at_all(native: Path, all_points: bool, count: Count) -> None:
    number = 60 if all_points else 5
    chance = random.Random(20_261_130)
    prepared(native)
    begin = time.monotonic()
    start(native, "exp", "run", "--queue").communicate(timeout=60)
    lasts = time.monotonic() - begin
    for one in range(number):
        write(native / "params.yaml", f"n: {one}\n")
        process = start(native, "exp", "run", "--queue")
        time.sleep(chance.uniform(0.3, 1) * lasts)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert kept(native) >= named(native), "a task without its snapshot"
    dvx(native, "exp", "run", "--queue")
    dvx(native, "exp", "clean")
    assert kept(native) == named(native)
    count("kills while an experiment is queued", number)


@pytest.mark.parametrize("same", [True, False])
def test_a_killed_one_can_be_run_again_under_its_name(dialect_repo: Path, same: bool) -> None:
    """What it was at is gone on with, if it is the same; otherwise it makes room."""
    mark = dialect_repo / "go"
    wait = f"touch {dialect_repo}/ready; until [ -e {mark} ]; do sleep 0.02; done"
    prepared(dialect_repo, f"{wait}; cp params.yaml o; echo x >> {mark}")
    process = start(dialect_repo, "exp", "run", "--temp", "-n", "e1")
    until((dialect_repo / "ready").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    mark.touch()
    if not same:
        write(dialect_repo / "params.yaml", "n: 2\n")
    dvx(dialect_repo, "exp", "run", "--temp", "-n", "e1")
    until(lambda: mark.read_text() != "")
    assert git(dialect_repo, "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps") == "e1"
    assert [state for _, state in tasks(dialect_repo)] == [State.SUCCESS]
    assert kept(dialect_repo) == set()
    if same:
        assert mark.read_text() == "x\n", "its command outlived it, and was not run again"
    again = run_dvx(dialect_repo, "exp", "run", "--temp", "-n", "e1", "-S", "n=3")
    assert "exists already" in again.err


def test_the_name_of_a_killed_run_in_the_workspace_is_free(native: Path) -> None:
    prepared(native, "touch ready; sleep 60")
    process = start(native, "exp", "run", "-n", "e1")
    until((native / "ready").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    dvx(native, "exp", "run", "--queue", "-n", "e1")
    assert ("e1", State.QUEUED) in tasks(native)


def test_a_worker_that_outlives_its_keeper_is_waited_for(native: Path) -> None:
    prepared(native, f"touch {native}/ready; until [ -e {native}/go ]; do sleep 0.02; done; cp params.yaml o")
    dvx(native, "exp", "run", "--queue", "-n", "e1")
    keeper = start(native, "queue", "work")
    until((native / "ready").exists)
    keeper.kill()
    keeper.communicate()
    second = start(native, "queue", "work")
    time.sleep(2)
    assert second.poll() is None, "it ended while a worker of the first one works"
    (native / "go").touch()
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0, out.decode()
    assert tasks(native) == [("e1", State.SUCCESS)]


def test_a_worker_that_dies_is_taken_up_by_another_keeper(native: Path) -> None:
    prepared(native, f"echo $$ >> {native}/ready; until [ -e {native}/go ]; do sleep 0.02; done; cp params.yaml o")
    dvx(native, "exp", "run", "--queue", "-n", "e1")
    keeper = start(native, "queue", "work")
    until((native / "ready").exists)
    (worker,) = (native / ".dvx/tmp/exps/workers").iterdir()
    keeper.kill()
    keeper.communicate()
    second = start(native, "queue", "work")
    time.sleep(1)
    os.kill(int(worker.name.split("-")[0]), signal.SIGKILL)
    (native / "go").touch()
    second.communicate(timeout=60)
    assert second.returncode == 0
    assert tasks(native) == [("e1", State.SUCCESS)]
    assert len((native / "ready").read_text().split()) == 1, "the command was run again"


# --- locks that a killed `git` leaves

_KILLED = """#!/bin/sh
# `git` that takes the locks, then dies together with who called it
case " $* " in *" {word} "*)
    if [ ! -e {once} ]; then
        touch {once}
        {lock}
        kill -9 $PPID
        kill -9 $$
    fi;;
esac
exec {git} "$@"
"""


def killed_git(folder: Path, word: str, lock: str, *words: str | Path, cwd: Path) -> None:
    """Run dvx with a `git` that leaves locks and is killed, and dvx with it, when it is asked for `word`."""
    bin_folder = folder / "bin"
    text = _KILLED.format(word=word, once=folder / "once", lock=lock, git=shutil.which("git"))
    write(bin_folder / "git", text).chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["dvx", *map(str, words)], cwd=cwd, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_locks_of_a_killed_git_go(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(native)
    head = git(native, "rev-parse", "HEAD")
    place = native / f".git/refs/exps/{head[:2]}/{head[2:]}/e1.lock"
    lock = f"mkdir -p {place.parent}; touch {place} {native}/.git/packed-refs.lock"
    killed_git(tmp_path, "update-ref", lock, "exp", "run", "-n", "e1", cwd=native)
    assert place.exists()
    dvx(native, "exp", "run", "-n", "e1")
    assert not place.exists()
    assert not (native / ".git/packed-refs.lock").exists()
    assert list((native / ".git/dvx/refs").iterdir()) == []
    dvx(native, "exp", "remove", "e1")


def test_what_a_killed_pull_left_is_swept(native: Path, tmp_path: Path) -> None:
    prepared(native)
    dvx(native, "exp", "run", "-n", "e1")
    git(tmp_path, "clone", "-q", native, "clone")
    clone = tmp_path / "clone"
    dvx(clone, "config", "cache.dir", native / ".dvx/cache", "--local")
    head = git(clone, "rev-parse", "HEAD")
    folder = f".git/refs/dvx/incoming/$(ls .git/dvx/incoming)/{head}"
    killed_git(tmp_path, "fetch", f"mkdir -p {folder}; touch {folder}/e1.lock", "exp", "pull", "origin", "e1", cwd=clone)
    git(clone, "update-ref", f"refs/dvx/incoming/0123456789abcdef/{head}/e1", head)
    for path in (clone / ".git").rglob("*"):
        if path.suffix == ".lock" or path.parent.name == "refs":
            os.utime(path, (time.time() - 60, time.time() - 60))
    dvx(clone, "exp", "pull", "origin", "e1")
    assert git(clone, "for-each-ref", "refs/dvx") == ""
    until(lambda: dvx(clone, "exp", "clean").code == 0 and not list((clone / ".git/dvx/refs").iterdir()))
    assert list((clone / ".git/refs/dvx").rglob("*.lock")) == []
    assert list((clone / ".git/dvx/incoming").iterdir()) == []


@pytest.mark.parametrize("whose", ["nobody's", "a living one's", "a newer one", "outside"])
def test_locks_of_others_stay(native: Path, monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
    """Only what a dead process of ours announced is removed, and nothing while a `git` is at work here."""
    monkeypatch.setattr(refs, "_PATIENCE", 0.3)
    prepared(native)
    project = Project.find(str(native))
    head = git(native, "rev-parse", "HEAD")
    ref = f"refs/exps/{head[:2]}/{head[2:]}/e1"
    lock = write(native / f".git/{ref}.lock", "")
    announced = f"{ref}\n../../mine\nrefs/heads/main\n"
    if whose != "nobody's":
        write(native / ".git/dvx/refs/0123456789abcdef", announced)
    mine = [write(native / "mine.lock", ""), write(native / ".git/refs/heads/main.lock", "")]
    for path in native.rglob("*"):
        if path.suffix == ".lock" or path.parent.name == "refs":
            os.utime(path, (time.time() - 60, time.time() - 60))
    if whose == "a newer one":
        os.utime(lock)
    living = None
    if whose == "a living one's":
        living = subprocess.Popen(["git", "cat-file", "--batch"], cwd=native, stdin=subprocess.PIPE)
    try:
        if living:
            until(lambda: bool(is_at_work(git_of(project).place)))
        if whose == "outside":
            # elsewhere on the machine a `git` may be at work of which nobody can tell where
            until(lambda: refs.sweep_locks(git_of(project)))
        else:
            assert not refs.sweep_locks(git_of(project))
    finally:
        if living:
            living.communicate()
    assert lock.exists() == (whose != "outside")
    assert all(path.exists() for path in mine)
    project.close()


def test_those_who_wait_for_the_same_ref_all_get_it(native: Path) -> None:
    """A ref that is named after its commit is the same for all, whoever makes it first."""
    prepared(native)
    script = (
        "import os, sys; from dvx.ops.tracked.refs import hold; from dvx.project import Project\n"
        "git = Project.find(os.getcwd()).git; head = git.head()\n"
        "for _ in range(10): hold(git, 'refs/dvx/queue/' + head, head)"
    )
    running = [subprocess.Popen([sys.executable, "-c", script], cwd=native, stderr=subprocess.PIPE) for _ in range(4)]
    for _ in range(20):
        subprocess.run(["git", "update-ref", "-d", f"{SNAPSHOTS}{git(native, 'rev-parse', 'HEAD')}"], cwd=native, check=False)
    for process in running:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
    assert not is_alive(running[0].pid)
