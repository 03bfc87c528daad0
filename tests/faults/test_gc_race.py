"""gc beside add, push and repro that are about to name what it would remove: nothing that is named goes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dvx.model.digest import digest_bytes
from dvx.model.upkeep.gc import Stored
from dvx.ops.upkeep import gc
from dvx.store.cache import Cache
from dvx.store.objects import lying
from dvx.store.remotes.packs import Packs
from dvx.store.remotes.remote import open_remote
from tests.faults import fsck
from tests.helpers import commit_all, dialect_of, dvx, git, run_process, write

Count = Callable[[str, int], None]
_OLD_SECONDS = 30 * 86_400
_BATCH = 4


def test_what_others_are_about_to_name_stays(dialect_repo: Path, tmp_path: Path, all_points: bool, count: Count):
    """Old objects that nothing names are named again while gc runs, here and at the remote."""
    rounds = 40 if all_points else 3
    _prepare(dialect_repo)
    for number in range(rounds):
        _make_garbage(dialect_repo, tmp_path, number)
        collecting = [
            subprocess.Popen(["dvx", "gc", "-f", *more], cwd=dialect_repo, stderr=subprocess.PIPE) for more in ((), ("-c",))
        ]
        if number % 3:
            time.sleep(0.1 * (number % 3))
        _name_again(dialect_repo, number)
        for process in collecting:
            _, text = process.communicate(timeout=120)
            assert process.returncode == 0, text.decode()
        assert fsck.dangling(tmp_path, in_git=False) == []
    dvx(dialect_repo, "push")
    commit_all(dialect_repo)
    git(tmp_path, "clone", "--quiet", dialect_repo, "clone")
    done = run_process(tmp_path / "clone", "dvx", "pull")
    assert done.code == 0, done.err
    assert all((tmp_path / f"clone/f{number}-0").read_text() == f"{number} 0\n" for number in range(rounds))
    count(f"objects that are named again while gc runs ({dialect_of(dialect_repo).name})", rounds * (_BATCH + 1))


def test_what_three_clones_rely_on_stays(dialect_repo: Path, tmp_path: Path, all_points: bool, count: Count):
    """Old objects that the repository of `gc` has never heard of, while clones find them at the remote and push."""
    rounds = 200 if all_points else 3
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    commit_all(dialect_repo)
    clones = [tmp_path / f"clone{number}" for number in range(3)]
    for clone in clones:
        git(tmp_path, "clone", "--quiet", dialect_repo, clone)
    chance = random.Random(0)
    named: set[Path] = set()
    for number in range(rounds):
        named |= _forgotten_at_remote(clones, tmp_path / "remote", number)
        _gc_beside_pushes(dialect_repo, clones, chance)
        assert [path for path in named if not path.exists()] == []
    assert fsck.problems(tmp_path, {}) == []
    count(f"pushes that rely on old objects while gc runs ({dialect_of(dialect_repo).name})", rounds * len(clones))


def test_what_three_clones_rely_on_in_packs_stays(native: Path, tmp_path: Path, all_points: bool, count: Count):
    """The same with old packs, half of whose objects are somebody else's, and go."""
    rounds = 60 if all_points else 3
    dvx(native, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    commit_all(native)
    clones = [tmp_path / f"clone{number}" for number in range(3)]
    for clone in clones:
        git(tmp_path, "clone", "--quiet", native, clone)
    chance = random.Random(1)
    packs = Packs(open_remote("store", str(tmp_path / "remote"), {}), "xxh128", str(tmp_path / "indexes"))
    for number in range(rounds):
        for clone in clones:
            write(clone / "own", f"{number} {clone.name}\n")
            for part in range(2 * _BATCH):
                write(clone / f"data/{part}", f"{number} {part}\n")
            dvx(clone, "add", "data", "own")
        named = [f"{number} {clone.name}\n" for clone in clones] + [f"{number} {part}\n" for part in range(2 * _BATCH)]
        others = [f"{number} other {part}\n" for part in range(3 * _BATCH * (number % 3))]
        data = [text.encode() for text in (*named, *others)]
        packs.write([(digest_bytes(one, "xxh128"), one) for one in data])
        moment = time.time() - _OLD_SECONDS
        for path in (tmp_path / "remote/packs").rglob("*"):
            os.utime(path, (moment, moment))
        _gc_beside_pushes(native, clones, chance)
        assert fsck.problems(tmp_path, {}) == []
        for clone in clones:
            assert "up to date" in dvx(clone, "push").err
    count("pushes that rely on old packs while gc runs", rounds * len(clones))


@pytest.mark.parametrize("looks", [True, False])
def test_without_a_look_at_the_age_it_would_go(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: bool):
    """An `add` that comes between the last plan of gc and what it removes."""
    _prepare(native)
    _make_garbage(native, tmp_path, 0)
    shutil.rmtree(tmp_path / "remote")
    remove = gc.remove_objects

    def late(cache: Cache, objects: Iterable[Stored], grace: float) -> Any:
        chosen = list(objects)
        write(native / "f", "0 0\n")
        dvx(native, "add", "f")
        return remove(cache, chosen, grace if looks else float("-inf"))

    monkeypatch.setattr(gc, "remove_objects", late)
    dvx(native, "gc", "-f")
    assert (fsck.dangling(tmp_path, in_git=False) == []) == looks


def _gc_beside_pushes(repo: Path, clones: Sequence[Path], chance: random.Random) -> None:
    running = []
    for folder, *words in ((repo, "gc", "-f", "-c", "-j", "1"), *((clone, "push") for clone in clones)):
        time.sleep(chance.choice((0, 0.05, 0.1, 0.2)))
        running.append(subprocess.Popen(["dvx", *words], cwd=folder, stderr=subprocess.PIPE))
    for process in running:
        _, text = process.communicate(timeout=120)
        assert process.returncode == 0, text.decode()


def _prepare(repo: Path) -> None:
    dvx(repo, "remote", "add", "-d", "store", "../remote")
    write(repo / "in", "0\n")
    dvx(repo, "add", "in")
    dvx(repo, "stage", "add", "-n", "one", "-d", "in", "-o", "out", "sed 's/^/out /' in > out")
    dvx(repo, "repro")
    commit_all(repo)


def _forgotten_at_remote(clones: Sequence[Path], remote: Path, number: int) -> set[Path]:
    """Let clones add the same data and some of their own, all of which the remote has had for long; returns where it is there."""
    moment = time.time() - _OLD_SECONDS
    there: set[Path] = set()
    for clone in clones:
        for part in range(2 * _BATCH):
            write(clone / f"data/{part}", f"{number} {part}\n")
        write(clone / "own", f"{number} {clone.name}\n")
        dvx(clone, "add", "data", "own")
        cache = clone / dialect_of(clone).folder / "cache"
        for one in lying(str(cache)):
            place = remote / Path(one.place).relative_to(cache)
            if place not in there and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(one.place, place)
                os.utime(place, (moment, moment))
            there.add(place)
    return there


def _make_garbage(repo: Path, top: Path, number: int) -> None:
    """Objects here and at the remote that nothing names, and all are old."""
    for part in range(_BATCH):
        write(repo / f"garbage/{part}", f"{number} {part}\n")
    write(repo / "garbage/out", f"out {number + 1}\n")
    dvx(repo, "add", "garbage")
    dvx(repo, "push")
    dvx(repo, "remove", "--outs", "garbage")
    moment = time.time() - _OLD_SECONDS
    for store in (repo / dialect_of(repo).folder / "cache", top / "remote"):
        for one in lying(str(store)):
            os.utime(one.place, (moment, moment))


def _name_again(repo: Path, number: int) -> None:
    """The same bytes come back: as files, and as the output of a stage; and all is pushed."""
    names = [f"f{number}-{part}" for part in range(_BATCH)]
    for part, name in enumerate(names):
        write(repo / name, f"{number} {part}\n")
    write(repo / "in", f"{number + 1}\n")
    commands: Sequence[Sequence[str]] = (("add", *names[:2]), ("add", *names[2:]), ("repro",), ("push",))
    running = [subprocess.Popen(["dvx", *command], cwd=repo, stderr=subprocess.PIPE) for command in commands]
    for command, process in zip(commands, running, strict=True):
        _, text = process.communicate(timeout=120)
        assert process.returncode == 0, (command, text.decode())
