"""Taking files into the cache: read once, by copy or link, and caught when they change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from pathlib import Path

import pytest

from dvx.errors import DvxError
from dvx.model.digest import digest_bytes
from dvx.store.cache import Cache
from dvx.store.intake import SMALL, Intake, Link, hash_file
from dvx.store.objects import lying
from dvx.store.scan import FoundFile
from tests.helpers import dvx, run_process, write


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def _unfinished(cache: Cache) -> list[Path]:
    return [path for path in (Path(cache.root) / "tmp").rglob("*") if path.is_file()]


def _found(place: Path) -> FoundFile:
    return FoundFile("file", str(place), os.stat(place))


@pytest.mark.parametrize("size", [0, 1, 5000, SMALL, SMALL + 1])
@pytest.mark.parametrize("links", [(Link.COPY,), (Link.REFLINK, Link.COPY), (Link.HARDLINK, Link.COPY), (Link.SYMLINK,)])
def test_a_file_of_any_size_enters_the_cache_by_any_link(cache: Cache, tmp_path: Path, size: int, links: tuple[Link, ...]):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    taken = Intake(cache, "md5", links).take(_found(tmp_path / "file"))
    cache.barrier()
    assert taken.digest.hex == hashlib.md5(data).hexdigest()
    assert Path(cache.path(taken.digest)).read_bytes() == data
    assert (tmp_path / "file").read_bytes() == data
    assert _unfinished(cache) == []


def test_a_hard_link_makes_the_file_itself_the_object(cache: Cache, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"data")
    taken = Intake(cache, "md5", (Link.HARDLINK,)).take(_found(tmp_path / "file"))
    cache.barrier()
    assert os.path.samefile(cache.path(taken.digest), tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o444


def test_a_file_that_changes_while_it_is_linked_leaves_one_object(cache: Cache, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"old")
    before = _found(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"newer")
    taken = Intake(cache, "md5", (Link.HARDLINK,)).take(before)
    assert len(_unfinished(cache)) == 1
    cache.barrier()
    assert [one.digest for one in lying(cache.root)] == [taken.digest]
    assert taken.digest.hex == hashlib.md5(b"newer").hexdigest()


def test_a_link_of_the_users_keeps_its_target_out_of_the_cache(cache: Cache, tmp_path: Path):
    (tmp_path / "target").write_bytes(b"data")
    (tmp_path / "file").symlink_to("target")
    taken = Intake(cache, "md5", (Link.HARDLINK,)).take(_found(tmp_path / "file"))
    cache.barrier()
    assert Path(cache.path(taken.digest)).read_bytes() == b"data"
    assert (tmp_path / "target").stat().st_nlink == 1
    assert (tmp_path / "target").stat().st_mode & 0o200


def test_a_link_that_came_to_nothing_leaves_the_file_writable(cache: Cache, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"data")
    Intake(cache, "md5", (Link.HARDLINK,)).take(_found(tmp_path / "file"))
    cache.discard()
    assert (tmp_path / "file").stat().st_mode & 0o200
    assert (tmp_path / "file").stat().st_nlink == 1


def test_a_link_that_came_to_nothing_leaves_modes_as_they_were(cache: Cache, tmp_path: Path):
    """Of an object that is linked into another cache, and of a file that has a mode of its own."""
    for name, mode in (("object", 0o444), ("file", 0o640)):
        (tmp_path / name).write_bytes(name.encode())
        (tmp_path / name).chmod(mode)
        temp = cache.new_temp()
        os.link(tmp_path / name, temp)
        cache.admit(temp, digest_bytes(name.encode(), "md5"))
    cache.discard()
    assert (tmp_path / "object").stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to have another user's file")
def test_another_users_file_is_copied_where_it_cannot_be_linked(native: Path):
    dvx(native, "config", "cache.type", "hardlink,copy")
    for name in ("theirs", "mine"):
        write(native / name, name * 100)
    os.chown(native / "theirs", 1234, -1)
    (native / "theirs").chmod(0o666)
    # a root that may not change what belongs to others
    done = run_process(native, "setpriv", "--bounding-set=-fowner", "--inh-caps=-all", "dvx", "add", "theirs", "mine")
    assert done.code == 0, done.err
    assert (native / "theirs").read_text() == "theirs" * 100
    assert (native / "mine").stat().st_nlink == 2


def test_hashing_stores_nothing(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"1\n")
    assert hash_file(_found(tmp_path / "file"), "md5").digest.hex == "b026324c6904b2a9cb4b88d6d61c81d1"
    assert os.listdir(tmp_path).count("file") == 1
    assert not (tmp_path / "cache").exists()


def test_what_is_recorded_is_what_is_stored_while_a_writer_is_at_work(cache: Cache, tmp_path: Path):
    place = tmp_path / "file"
    place.write_bytes(b"a" * 20000)
    stop = threading.Event()

    def scribble() -> None:
        number = 0
        with open(place, "r+b") as file:
            while not stop.is_set():
                number += 1
                file.seek(number % 20000)
                file.write(bytes([number % 256]))
                file.flush()

    writer = threading.Thread(target=scribble)
    writer.start()
    recorded = []
    try:
        for _ in range(100):
            with contextlib.suppress(DvxError):  # it may keep changing too fast to be read
                recorded.append(Intake(cache, "md5", (Link.COPY,)).take(_found(place)))
    finally:
        stop.set()
        writer.join()
    cache.barrier()
    for taken in recorded:
        assert hashlib.md5(Path(cache.path(taken.digest)).read_bytes()).hexdigest() == taken.digest.hex
    # on a busy machine the writer may pause for long enough that a read in between is as good as any
    assert len(recorded) < 5 or not all(taken.settled for taken in recorded)
