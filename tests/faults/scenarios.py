"""Prepared folders, each with the command line that is killed or failed in it.

A trial's folder holds `repo` and `remote`; remotes are given relative to the repository, so that the folder can be copied.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Dvx = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prepare(repo, dvx)` makes the folder; `command` is what is tried in it.

    With `bare` the folder is no project yet. Of a `once` command the repetition may say that all is done already. What a
    stage writes itself may be torn: those are `loose`.
    """

    prepare: Callable[[Path, Dvx], None]
    command: Sequence[str]
    bare: bool = False
    once: bool = False
    loose: tuple[str, ...] = ()


def commit(repo: Path) -> None:
    """Commit everything."""
    subprocess.run(["git", "add", "--all"], cwd=repo, check=True, capture_output=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "all"], cwd=repo, check=True, capture_output=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _data(repo: Path) -> None:
    _write(repo / "d/a", "1\n")
    _write(repo / "d/sub/b", "2\n")
    _write(repo / "f", "file\n")


def _nothing(repo: Path, _dvx: Dvx) -> None:
    _write(repo / "mine", "1\n")


def _for_add(repo: Path, dvx: Dvx) -> None:
    _data(repo)
    dvx(repo, "add", "f")
    _write(repo / "f", "changed\n")


def _for_moved(repo: Path, dvx: Dvx) -> None:
    _data(repo)
    dvx(repo, "add", "d")
    commit(repo)
    os.unlink(repo / "d/a")
    os.rename(repo / "d/sub/b", repo / "d/c")


def _for_linked(kind: str) -> Callable[[Path, Dvx], None]:
    def prepare(repo: Path, dvx: Dvx) -> None:
        _for_add(repo, dvx)
        dvx(repo, "config", "cache.type", kind)

    return prepare


def _for_checkout(repo: Path, dvx: Dvx) -> None:
    _data(repo)
    dvx(repo, "add", "d", "f")
    commit(repo)
    _write(repo / "d/a", "another\n")
    _write(repo / "d/new", "3\n")
    os.unlink(repo / "f")
    dvx(repo, "add", "d")
    subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=repo, check=True)


def _for_forced_checkout(repo: Path, dvx: Dvx) -> None:
    _for_checkout(repo, dvx)
    _write(repo / "d/a", "not saved\n")
    _write(repo / "d/sub/new", "not saved either\n")
    _write(repo / "f", "nor this\n")


def _for_undo(repo: Path, dvx: Dvx) -> None:
    _for_forced_checkout(repo, dvx)
    dvx(repo, "checkout", "-f")
    # one thing has nothing in its place, and another is not what the command left
    os.unlink(repo / "d/a")
    _write(repo / "f", "a later edit\n")


def _for_push(repo: Path, dvx: Dvx) -> None:
    dvx(repo, "remote", "add", "-d", "store", "../remote")
    _data(repo)
    dvx(repo, "add", "d", "f")
    commit(repo)


def _for_pull(repo: Path, dvx: Dvx) -> None:
    _for_push(repo, dvx)
    dvx(repo, "push")
    for name in (".dvx", ".dvc"):
        shutil.rmtree(repo / name / "cache", ignore_errors=True)
    shutil.rmtree(repo / "d")
    os.unlink(repo / "f")


def _for_stage(repo: Path, dvx: Dvx) -> None:
    _write(repo / "in", "1\n")
    dvx(repo, "stage", "add", "-n", "zero", "-d", "in", "-o", "z", "cp in z")
    commit(repo)


def _pipeline(repo: Path, dvx: Dvx) -> None:
    _write(repo / "in", "1\n")
    _write(repo / "params.yaml", "n: 1\n")
    dvx(repo, "add", "in")
    dvx(repo, "stage", "add", "-n", "one", "-d", "in", "-o", "mid", "cat in in > mid")
    second = ("-d", "mid", "-p", "n", "-o", "out", "-M", "m.json", "mkdir out; cp mid out/x; echo '{\"n\": 1}' > m.json")
    dvx(repo, "stage", "add", "-n", "two", *second)
    dvx(repo, "repro")
    commit(repo)


def _for_repro(repo: Path, dvx: Dvx) -> None:
    _pipeline(repo, dvx)
    _write(repo / "in", "22\n")
    _write(repo / "params.yaml", "n: 2\n")
    _write(repo / "out/mine", "made by hand\n")


def _for_apply(repo: Path, dvx: Dvx) -> None:
    _pipeline(repo, dvx)
    dvx(repo, "exp", "run", "-n", "e1", "-S", "n=3")
    subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=repo, check=True)
    dvx(repo, "checkout")
    _write(repo / "params.yaml", "n: 5  # not saved\n")


_MADE = ("mid", "out/x", "m.json")
SCENARIOS = {
    "init": Scenario(_nothing, ("init",), bare=True, once=True),
    "add": Scenario(_for_add, ("add", "d", "f")),
    "add moved": Scenario(_for_moved, ("add", "d")),
    "add hardlink": Scenario(_for_linked("hardlink"), ("add", "d", "f")),
    "add symlink": Scenario(_for_linked("symlink"), ("add", "d", "f")),
    "checkout": Scenario(_for_checkout, ("checkout",)),
    "checkout -f": Scenario(_for_forced_checkout, ("checkout", "-f")),
    "remote add": Scenario(_nothing, ("remote", "add", "-d", "store", "../remote"), once=True),
    "push": Scenario(_for_push, ("push", "-j", "1")),
    "fetch": Scenario(_for_pull, ("fetch", "-j", "1")),
    "pull": Scenario(_for_pull, ("pull", "-j", "1")),
    "stage add": Scenario(_for_stage, ("stage", "add", "-n", "one", "-d", "in", "-o", "mid", "cp in mid"), once=True),
    "repro": Scenario(_for_repro, ("repro",), loose=_MADE),
    "exp run": Scenario(_for_repro, ("exp", "run", "-n", "e1", "-S", "n=3"), loose=_MADE),
    "exp apply": Scenario(_for_apply, ("exp", "apply", "e1")),
    "undo": Scenario(_for_undo, ("undo",)),
    "exp remove": Scenario(_for_apply, ("exp", "remove", "e1"), once=True),
}
