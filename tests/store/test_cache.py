"""The cache: objects get their names only complete, verified and durable."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import Digest, digest_bytes
from dvx.store import files
from dvx.store.cache import Cache

ONE = digest_bytes(b"1\n", "md5")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def test_an_object_is_named_by_its_hash_and_protected(cache: Cache, tmp_path: Path):
    cache.put(b"1\n", ONE)
    cache.barrier()
    place = tmp_path / "cache/files/md5/b0/26324c6904b2a9cb4b88d6d61c81d1"
    assert place.read_bytes() == b"1\n"
    assert place.stat().st_mode & 0o777 == 0o444
    assert [path for path in (tmp_path / "cache/tmp").rglob("*") if path.is_file()] == []


def test_before_the_barrier_an_object_can_be_read_but_has_no_name(cache: Cache, tmp_path: Path):
    cache.put(b"1\n", ONE)
    assert cache.has(ONE, 2)
    assert cache.read(ONE) == b"1\n"
    assert not (tmp_path / "cache/files").exists()


def test_discarded_objects_leave_nothing(cache: Cache, tmp_path: Path):
    cache.put(b"1\n", ONE)
    cache.discard()
    cache.barrier()
    assert not cache.has(ONE)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_truncated_object_counts_as_absent_and_is_stored_again(cache: Cache, tmp_path: Path):
    place = tmp_path / "cache/files/md5/b0/26324c6904b2a9cb4b88d6d61c81d1"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"1")
    assert cache.has(ONE)
    assert not cache.has(ONE, 2)
    cache.put(b"1\n", ONE)
    cache.barrier()
    assert place.read_bytes() == b"1\n"


def test_reading_checks_the_bytes_and_puts_wrong_ones_aside(cache: Cache, tmp_path: Path):
    cache.put(b"1\n", ONE)
    cache.barrier()
    place = Path(cache.path(ONE))
    place.chmod(0o644)
    place.write_bytes(b"2\n")
    with pytest.raises(Corrupted, match="26ab0db90d72e28ad0ba1e22ee510510"):
        cache.read(ONE)
    assert not place.exists()
    assert (tmp_path / "cache/quarantine/md5" / ONE.hex).read_bytes() == b"2\n"


def test_reading_what_is_not_there_says_how_to_get_it(cache: Cache):
    with pytest.raises(MissingData) as caught:
        cache.read(ONE)
    assert "dvx fetch" in caught.value.hint


def test_a_broken_tree_object_is_refused(cache: Cache):
    digest = Digest("md5", digest_bytes(b"[1]", "md5").hex + ".dir")
    cache.put(b"[1]", digest)
    with pytest.raises(Corrupted):
        cache.read_tree(digest)


def test_admitted_files_of_any_mode_become_protected(cache: Cache):
    temp = cache.new_temp()
    files.write_new(temp, b"1\n", 0o600)
    cache.admit(temp, ONE)
    cache.barrier()
    assert os.stat(cache.path(ONE)).st_mode & 0o777 == 0o444


def test_leftovers_of_dead_processes_are_swept_and_those_of_living_ones_kept(cache: Cache, tmp_path: Path):
    code = "import sys\nfrom dvx.store.cache import Cache\nopen(Cache(sys.argv[1]).new_temp(), 'w').write('half')"
    subprocess.run([sys.executable, "-c", code, cache.root], check=True)
    (dead,) = (tmp_path / "cache/tmp").iterdir()
    alive = Cache(cache.root)
    other = alive.new_temp()
    assert not dead.exists()
    cache.put(b"1\n", ONE)
    assert os.path.isdir(os.path.dirname(other))


def test_two_writers_with_one_process_id_do_not_meet(tmp_path: Path):
    """Two containers that share a cache often have the same ids, and both are alive although neither sees the other."""
    one, other = Cache(str(tmp_path / "cache")), Cache(str(tmp_path / "cache"))
    two = digest_bytes(b"2\n", "md5")
    one.put(b"1\n", ONE)
    other.put(b"2\n", two)
    one.barrier()
    other.barrier()
    assert (one.read(ONE), one.read(two)) == (b"1\n", b"2\n")


def test_who_is_about_to_name_an_object_makes_it_new_again(cache: Cache):
    cache.put(b"1\n", ONE)
    cache.barrier()
    os.utime(cache.path(ONE), (0, 0))
    assert cache.has(ONE)
    assert os.stat(cache.path(ONE)).st_mtime == 0
    assert cache.claim(ONE)
    assert os.stat(cache.path(ONE)).st_mtime > time.time() - 60
    assert not cache.claim(ONE, 3)


def test_sizes_of_those_that_are_there(cache: Cache):
    cache.put(b"1\n", ONE)
    cache.barrier()
    assert cache.sizes([ONE, digest_bytes(b"3\n", "md5")]) == {ONE: 2}


@pytest.mark.parametrize("told", [True, False])
def test_a_group_cache_has_folders_for_the_group(tmp_path: Path, *, told: bool):
    (tmp_path / "shared").mkdir()
    if not told:
        (tmp_path / "shared").chmod(0o2775)
    cache = Cache(str(tmp_path / "shared"), group_shared=told)
    cache.put(b"1\n", ONE)
    cache.barrier()
    assert os.stat(os.path.dirname(cache.path(ONE))).st_mode & 0o7777 == 0o2775
