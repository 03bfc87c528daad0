"""Sparse files take no more room in the cache, in the workspace or in a folder than they hold."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from pathlib import Path

import pytest

from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.files import sparse
from dvx.store.intake import Intake, Link, hash_file
from dvx.store.scan import FoundFile
from tests.helpers import dialect_of, dvx, write

_MB = 1 << 20
_SIZE = 200 * _MB


@pytest.fixture
def holey(tmp_path: Path) -> Path:
    """A large file with little in it: at its start, in the middle, and a hole at its end."""
    place = tmp_path / "holey"
    with place.open("wb") as file:
        file.write(b"start")
        file.seek(_SIZE // 2 + 77)
        file.write(b"middle" * 1000)
        file.truncate(_SIZE)
    if _taken(place) > _MB:
        pytest.skip("this file system has no holes")
    return place


def _taken(place: Path) -> int:
    return place.stat().st_blocks * 512


def _found(place: Path) -> FoundFile:
    return FoundFile("file", str(place), os.stat(place))


def _md5(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def test_holes_stay_holes_from_the_workspace_to_a_remote_and_back(dialect_repo: Path, tmp_path: Path, holey: Path):
    dvx(dialect_repo, "config", "cache.type", "copy")
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    place = dialect_repo / "holey"
    holey.rename(place)
    digest = _md5(place)
    cache = dialect_repo / dialect_of(dialect_repo).folder / "cache"
    dvx(dialect_repo, "add", "holey")
    dvx(dialect_repo, "push")
    for path in (*cache.rglob("files/*/*/*"), place):
        path.unlink()
    dvx(dialect_repo, "pull")
    everywhere = (place, *cache.rglob("files/*/*/*"), *(tmp_path / "remote").rglob("files/*/*/*"))
    assert len(everywhere) == 3
    assert [(path.stat().st_size, _taken(path) < _MB) for path in everywhere] == [(_SIZE, True)] * 3
    assert _md5(place) == digest
    dvx(dialect_repo, "status")


def test_what_is_hashed_and_what_is_copied_is_the_same(tmp_path: Path):
    """Holes and bytes of any length, in any order."""
    chance = random.Random(0)
    for number in range(30):
        place = tmp_path / str(number)
        with place.open("wb") as file:
            for _ in range(chance.randrange(1, 5)):
                file.seek(chance.choice((0, 1, 4096, 70_000, 3 * _MB)), os.SEEK_CUR)
                file.write(chance.randbytes(chance.choice((0, 1, 4096, 65_536, _MB + 1))))
            file.truncate(file.tell() + chance.choice((0, 1, 5 * _MB)))
        data = place.read_bytes()
        seen = hashlib.md5()
        files.copy_bytes(str(place), f"{place}.copy", 0o644, seen.update)
        assert Path(f"{place}.copy").read_bytes() == data
        assert seen.hexdigest() == hashlib.md5(data).hexdigest() == hash_file(_found(place), "md5").digest.hex


def test_a_sparse_file_is_stored_as_it_was_hashed_while_somebody_writes(holey: Path, tmp_path: Path):
    cache = Cache(str(tmp_path / "cache"))
    stop = threading.Event()

    def scribble() -> None:
        chance = random.Random(0)
        with holey.open("r+b") as file:
            while not stop.is_set():
                file.seek(chance.randrange(_SIZE))
                file.write(b"written meanwhile")
                file.flush()

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        intake = Intake(cache, "xxh128", (Link.COPY,))
        reads = []
        for _ in range(5):
            with holey.open("rb") as file:
                reads.append(intake._copied(file.fileno()))
    finally:
        stop.set()
        writer.join()
    for read in reads:
        assert isinstance(read.kept, str)
        assert hash_file(_found(Path(read.kept)), "xxh128").digest == read.digest


def test_a_file_that_ends_sooner_than_it_seemed_ends_there(holey: Path):
    with holey.open("rb") as file:
        parts = sparse.parts(file.fileno())
        next(parts)
        os.truncate(holey, 10)
        assert sum(part if isinstance(part, int) else len(part) for part in parts) < _SIZE


def test_a_file_without_holes_is_read_as_ever(tmp_path: Path):
    place = write(tmp_path / "file", b"x" * (2 * _MB + 3))
    with place.open("rb") as file:
        assert [part if isinstance(part, int) else len(part) for part in sparse.parts(file.fileno())] == [_MB, _MB, 3]
