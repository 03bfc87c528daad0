"""No edit goes unseen, no changing file is taken half-old, and what is kept for speed can be lost or broken without harm."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from dvx.model.digest import new_hasher
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write

Count = Callable[[str, int], None]
_FILES = 20


def test_an_edit_of_the_same_size_with_a_restored_time_is_seen(native: Path, all_points: bool, count: Count):
    chance = random.Random(13)
    names = [f"d/{number}" for number in range(_FILES)]
    for name in names:
        write(native / name, "0000\n")
    dvx(native, "add", "d")
    dvx(native, "status")
    edits = 10_000 if all_points else 300
    for number in range(edits):
        path = native / chance.choice(names)
        _edit_unseen(path, f"{number % 9999 + 1:04}\n".encode(), chance)
        changed = dvx(native, "status", "--json").json
        assert changed, f"edit {number} of {path.name} was not seen"
        if chance.random() < 0.3:
            dvx(native, "add", "d")
        else:
            _edit_unseen(path, b"0000\n", chance)
            dvx(native, "add", "d")
        assert not dvx(native, "status", "--json").json
    count("same size, restored time: edits", edits)


def _edit_unseen(path: Path, data: bytes, chance: random.Random) -> None:
    """Write other bytes of the same size and give the file the times that it had, or had almost."""
    old = path.stat()
    if chance.random() < 0.5:
        path.write_bytes(data)
    else:
        other = write(path.with_name("other"), data)
        os.replace(other, path)
    shift = chance.choice([0, 0, 0, 1, -1, 1000])
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns + shift))


def test_what_is_recorded_is_what_was_stored_while_the_file_changes(native: Path, all_points: bool, count: Count):
    place, stop = native / "f", threading.Event()

    def scribble() -> None:
        chance = random.Random(12)
        while not stop.is_set():
            data = bytes([chance.randrange(256)]) * chance.choice([1, 4096, 100_000])
            with place.open("r+b") as file:
                file.write(data)
                file.flush()
                file.truncate(len(data))
            stop.wait(chance.choice([0, 0.0005, 0.003]))

    place.write_bytes(b"start")
    writer = threading.Thread(target=scribble)
    writer.start()
    trials = 1000 if all_points else 60
    refused = 0
    try:
        for _ in range(trials):
            result = run_dvx(native, "add", "f")
            refused += result.code != 0
            assert result.code == 0 or "keeps changing" in result.err
            assert _broken_objects(native) == []
    finally:
        stop.set()
        writer.join()
    assert refused < trials
    dvx(native, "add", "f")
    assert dvx(native, "status", "--json").json == {}
    count("a file changes while it is added", trials)


def _broken_objects(project: Path) -> list[str]:
    bad = []
    for path in project.glob(".dvx/cache/files/xxh128/??/*"):
        hasher = new_hasher("xxh128")
        hasher.update(path.read_bytes())
        if hasher.hexdigest() != path.parent.name + path.name:
            bad.append(path.name)
    return bad


def make_experiment(project: Path) -> None:
    """A stage, an experiment, and a change that is not recorded yet; everything that is kept for speed is there."""
    write(project / "in", "1\n")
    write(project / "params.yaml", "n: 1\n")
    dvx(project, "add", "in")
    dvx(project, "stage", "add", "-n", "one", "-d", "in", "-p", "n", "-M", "m.json", "echo '{\"n\": 1}' > m.json")
    dvx(project, "repro")
    commit_all(project)
    dvx(project, "exp", "run", "-n", "e1", "-S", "n=2")
    dvx(project, "exp", "show")
    write(project / "in", "2\n")
    dvx(project, "status")


def _damage(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    kind = chance.randrange(7)
    if kind == 0 or not data:
        data = bytearray(chance.randbytes(chance.randrange(5000)))
    elif kind == 1:
        del data[chance.randrange(len(data)) :]
    elif kind == 2:
        for _ in range(chance.randrange(1, 50)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 3:
        start = chance.randrange(len(data))
        data[start : start + 500] = bytes(len(data[start : start + 500]))
    elif kind == 4 or (kind == 5 and path.suffix == ".db"):
        path.unlink()
        if kind == 5:
            write(path / "file", "no database\n")
        return
    else:
        if path.suffix == ".db":
            path.with_name(path.name + "-journal").write_bytes(chance.randbytes(1000))
        data += chance.randbytes(100)
    path.write_bytes(data)


def test_broken_databases_and_locks_cost_only_speed(dialect_repo: Path, all_points: bool, count: Count):
    chance = random.Random(22)
    make_experiment(dialect_repo)
    dialect = dialect_of(dialect_repo)
    state = dialect_repo / dialect.folder / dialect.state_folder
    commands = [("status", "--json"), ("exp", "show", "--json"), ("exp", "list"), ("diff", "--json")]
    commands = [command for command in commands if run_dvx(dialect_repo, *command).code == 0]
    wanted = [run_dvx(dialect_repo, *command) for command in commands]
    damages = 500 if all_points else 15
    for number in range(damages):
        kept = [path for path in state.rglob("*") if path.is_file() and "trash" not in path.parts]
        assert {"stats.db", "runs.db", "rows.db"} & {path.name for path in kept}
        for path in chance.sample(kept, chance.randrange(1, len(kept) + 1)):
            _damage(path, chance)
        found = [run_dvx(dialect_repo, *command) for command in commands]
        assert found == wanted, f"damage {number}"
        for folder in [path for path in state.glob("*.db") if path.is_dir()]:
            shutil.rmtree(folder)
        # made anew, with something to know
        dvx(dialect_repo, "repro")
        write(dialect_repo / "in", f"{number + 3}\n")
        wanted = [run_dvx(dialect_repo, *command) for command in commands]
    count(f"broken databases and locks ({dialect.name})", damages)
