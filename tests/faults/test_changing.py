"""Inputs, definitions and branches that change while stages run: whatever is recorded came out of what it says."""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dvx.formats import load_yaml
from dvx.model.digest import digest_bytes
from dvx.ops.stages.inputs import Inputs
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write

Count = Callable[[str, int], None]
_VERSIONS = [f"{number}\n" for number in range(4)]
_SHAPES = {"a": ["raw"], "b": ["a", "more"], "c": ["data"], "d": ["data", "raw"]}
_RUNS = (
    ["repro"],
    ["repro", "-f"],
    ["repro", "-f", "-j", "3"],
    ["repro", "--no-run-cache", "-k"],
    ["exp", "run", "-f", "-n", "e"],
)


def test_what_is_recorded_came_out_of_what_it_says(dialect_repo: Path, all_points: bool, count: Count) -> None:
    """Each round something is changed at a random moment of a run, which may be killed, too; most changes are taken back."""
    rounds = 200 if all_points else 8
    chance = random.Random(20_261_016)
    _prepare(dialect_repo)
    refused = checked = 0
    for _ in range(rounds):
        write(dialect_repo / "raw", chance.choice(_VERSIONS))
        with subprocess.Popen(["dvx", *chance.choice(_RUNS)], cwd=dialect_repo, stderr=subprocess.PIPE) as run:
            _wait(run, dialect_repo.parent / "busy")
            time.sleep(chance.uniform(0, 0.4))
            for change in _changes(dialect_repo, chance):
                change()
                time.sleep(chance.uniform(0, 0.15))
            if not chance.randrange(5):
                run.send_signal(signal.SIGKILL)
            assert run.stderr
            told = run.stderr.read().decode()
        assert run.wait(60) in (0, 1, 4, 255, -signal.SIGKILL), told
        refused += "not recorded" in told
        checked += _check(dialect_repo)
        if not chance.randrange(3):
            _reset(dialect_repo, chance)
    _reset(dialect_repo, chance)
    done = run_process(dialect_repo, "dvx", "repro")
    assert done.code == 0, done.err
    _check(dialect_repo)
    assert all((dialect_repo / name).read_bytes() == _expected(dialect_repo, name) for name in _SHAPES)
    assert checked
    count(f"runs during which something changed ({dialect_of(dialect_repo).name}); {refused} were refused", rounds)


def test_without_a_look_at_the_inputs_it_is_found(native: Path, monkeypatch: Any) -> None:
    """What the trial is worth: a change that is put back, and nobody who looks."""
    monkeypatch.setattr(Inputs, "settle", lambda _self, _stage, before: before)
    _prepare(native)
    text = (native / "dvx.yaml").read_text().replace("(echo main; cat raw)", "echo 3 > raw; (echo main; cat raw)")
    write(native / "dvx.yaml", text.replace("> a;", "> a; echo 0 > raw;"))
    assert run_dvx(native, "repro", "a").code == 0
    with pytest.raises(AssertionError, match="a: made of something else"):
        _check(native)


def _wait(run: subprocess.Popen[bytes], busy: Path) -> None:
    """Until a command has begun, or there is none to wait for."""
    while run.poll() is None and not busy.exists():
        time.sleep(0.01)
    busy.unlink(missing_ok=True)


def _prepare(repo: Path) -> None:
    """Two branches whose stages say their word, each with inputs of its own, one in a snapshot; locks are in neither."""
    write(repo / ".gitignore", f"/{dialect_of(repo).lock}\n" + "".join(f"/{name}\n" for name in _SHAPES))
    more = ", meta: {run: {snapshot: true}}" if (repo / ".dvc").exists() else ", run: {snapshot: true}"
    for number, word in enumerate(("other", "main")):
        stages = []
        for name, deps in _SHAPES.items():
            read = " ".join("$(find data -type f | sort)" if dep == "data" else dep for dep in deps)
            command = f"touch {repo.parent}/busy; sleep 0.1; (echo {word}; cat {read}) > {name}; sleep 0.1"
            stages.append(
                f"  {name}: {{cmd: '{command}', deps: [{', '.join(deps)}], outs: [{name}]{more if name == 'd' else ''}}}\n"
            )
        write(repo / dialect_of(repo).pipeline, "stages:\n" + "".join(stages))
        for path in ("raw", "more", "data/x", "data/sub/y"):
            write(repo / path, _VERSIONS[number])
        if word == "main":
            git(repo, "checkout", "-q", "-b", "other")
            git(repo, "stash", "-q", "-u")
            git(repo, "checkout", "-q", "main")
            git(repo, "stash", "pop", "-q")
        commit_all(repo, word)


def _changes(repo: Path, chance: random.Random) -> list[Callable[[], object]]:
    """What happens to an input while the stages run."""
    place = repo / chance.choice(("raw", "more", "data/x", "data/sub/y"))
    old = place.read_bytes() if place.exists() else b""
    new = chance.choice(_VERSIONS).encode()
    aside = repo / ".git/aside"
    back = (lambda: write(place, old)) if chance.randrange(4) else (lambda: None)

    def keep() -> None:
        shutil.copy2(place, aside)
        write(place, new)

    return chance.choice(
        (
            [lambda: write(place, new), back],
            [keep, lambda: shutil.copy2(aside, place)],
            [lambda: os.replace(place, aside), lambda: write(place, new), lambda: os.replace(aside, place)],
            [lambda: git(repo, "checkout", "-q", "-f", "other")],
            [lambda: git(repo, "checkout", "-q", "-f", "other"), lambda: git(repo, "checkout", "-q", "-f", "main")],
            [lambda: os.chmod(place, 0o600)],
            [],
        )
    )


def _reset(repo: Path, chance: random.Random) -> None:
    git(repo, "checkout", "-q", "-f", chance.choice(("main", "other")))
    # of a run that was killed a command may still go on
    time.sleep(0.5)


def _check(repo: Path) -> int:
    """How many entries of the lock and of the run-cache there are; each says what its outputs were made of."""
    dialect = dialect_of(repo)
    lock = repo / dialect.lock
    entries = list(load_yaml(lock.read_text(), "lock")["stages"].values()) if lock.exists() else []
    runs = repo / dialect.folder / "cache/runs"
    found = [path for path in runs.rglob("*") if path.is_file() and path.name[0] != "."]
    entries += [load_yaml(path.read_text(), str(path)) for path in found]
    for entry in entries:
        _check_entry(repo, entry)
    return len(entries)


def _check_entry(repo: Path, entry: Mapping[str, Any]) -> None:
    (out,) = entry["outs"]
    name, algorithm = out["path"], out["hash"]
    made = _object(repo, algorithm, out[algorithm])
    word = re.search(r"echo (\w+)", str(entry["cmd"]))
    assert word
    for contents in itertools.product(*(_contents(repo, dep, algorithm) for dep in entry["deps"])):
        if made == f"{word[1]}\n".encode() + b"".join(contents):
            return
    raise AssertionError(f"{name}: made of something else: {entry} {made!r}")


def _contents(repo: Path, dep: Mapping[str, Any], algorithm: str) -> Iterator[bytes]:
    """What a recorded dependency may hold, as a command reads it."""
    digest = dep[algorithm]
    if dep["path"] == "data":
        for y, x in itertools.product(_VERSIONS, repeat=2):
            if _tree(repo, algorithm, x, y) == digest:
                yield (y + x).encode()
    elif dep["path"] in _SHAPES:
        yield _object(repo, algorithm, digest)
    else:
        yield from (text.encode() for text in _VERSIONS if digest_bytes(text.encode(), algorithm).hex == digest)


_trees: dict[tuple[str, str, str], str] = {}


def _tree(repo: Path, algorithm: str, x: str, y: str) -> str:
    """The digest of the folder `data` with these two files."""
    key = (algorithm, x, y)
    if key not in _trees:
        from dvx.ops.workspace.observe import observe
        from dvx.project import Project

        folder = repo.parent / "trees"
        if not folder.exists():
            folder.mkdir()
            git(folder, "init", "-q")
            dvx(folder, "init", *(["--dvc"] if dialect_of(repo).folder == ".dvc" else []))
        write(folder / "data/x", x)
        write(folder / "data/sub/y", y)
        project = Project.find(str(folder))
        seen = observe(project, ["data"])["data"]
        project.close()
        assert seen
        _trees[key] = seen.digest.hex
    return _trees[key]


def _object(repo: Path, algorithm: str, digest: str) -> bytes:
    return (repo / dialect_of(repo).folder / "cache/files" / algorithm / digest[:2] / digest[2:]).read_bytes()


def _expected(repo: Path, name: str) -> bytes:
    """What a stage makes of the workspace as it is."""
    text = (repo / dialect_of(repo).pipeline).read_text()
    word = "main" if "echo main" in text else "other"
    parts = {"data": [repo / "data/sub/y", repo / "data/x"]}
    read = (path for dep in _SHAPES[name] for path in parts.get(dep, [repo / dep]))
    return f"{word}\n".encode() + b"".join(path.read_bytes() for path in read)
