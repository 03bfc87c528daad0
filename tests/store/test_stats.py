"""Statistics: believed only when they prove something."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from pathlib import Path

import pytest

from dvx.model.digest import Digest, digest_bytes
from dvx.model.tree import Content
from dvx.store.intake import hash_file
from dvx.store.scan import FoundFile
from dvx.store.stats import StatCache, is_settled

ONE = digest_bytes(b"1\n", "md5")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "file"
    place.write_bytes(b"1\n")
    return place


def _known(place: Path, database: Path, name: str = "file"):
    cache = StatCache(str(database))
    found = cache.digest(name, os.stat(place), "md5")
    cache.close()
    return found


def _remember(place: Path, database: Path, name: str = "file") -> None:
    cache = StatCache(str(database))
    cache.remember(name, os.stat(place), ONE)
    cache.close()


def test_an_unchanged_file_is_known(file: Path, tmp_path: Path):
    _remember(file, tmp_path / "stats.db")
    assert _known(file, tmp_path / "stats.db") == ONE


def test_a_file_of_the_same_size_and_time_but_another_inode_is_unknown(file: Path, tmp_path: Path):
    _remember(file, tmp_path / "stats.db")
    before = os.stat(file)
    other = tmp_path / "other"
    other.write_bytes(b"2\n")
    os.replace(other, file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _known(file, tmp_path / "stats.db") is None


def test_an_edit_in_place_with_restored_times_is_noticed_by_ctime(file: Path, tmp_path: Path):
    _remember(file, tmp_path / "stats.db")
    before = os.stat(file)
    time.sleep(0.03)
    file.write_bytes(b"2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _known(file, tmp_path / "stats.db") is None


def test_another_algorithm_is_unknown(file: Path, tmp_path: Path):
    _remember(file, tmp_path / "stats.db")
    cache = StatCache(str(tmp_path / "stats.db"))
    assert cache.digest("file", os.stat(file), "sha256") is None


def test_files_of_a_folder_are_known_one_by_one_before_they_are_written_and_after(file: Path, tmp_path: Path):
    cache = StatCache(str(tmp_path / "stats.db"))
    first, later = ("data", "data/a", "data/b/c"), ("data/b/d", "data.csv")
    for name in first:
        cache.remember(name, os.stat(file), ONE)
    assert [name for name in (*first, *later) if cache.digest(name, os.stat(file), "md5")] == [*first]
    cache.flush()
    for name in later:
        cache.remember(name, os.stat(file), ONE)
    assert [name for name in (*first, *later) if cache.digest(name, os.stat(file), "md5")] == [*first, *later]
    cache.close()
    cache = StatCache(str(tmp_path / "stats.db"))
    assert [name for name in (*first, *later, "data/b") if cache.digest(name, os.stat(file), "md5")] == [*first, *later]


def test_more_folders_than_are_kept_at_hand(file: Path, tmp_path: Path):
    names = [f"{number}/x" for number in range(200)]
    cache = StatCache(str(tmp_path / "stats.db"))
    for name in names:
        cache.remember(name, os.stat(file), ONE)
    cache.flush()
    assert all(cache.digest(name, os.stat(file), "md5") == ONE for name in (*names, *names))


def test_a_file_just_written_is_not_settled_and_an_older_one_is(file: Path):
    assert not hash_file(FoundFile("file", str(file), os.stat(file)), "md5").settled
    status = os.stat(file)
    assert is_settled(status, status.st_ctime_ns + 21_000_000)
    assert not is_settled(status, status.st_ctime_ns + 19_000_000)


def test_whole_seconds_mean_a_coarse_clock(file: Path):
    os.utime(file, ns=(0, 4_000_000_000_000_000_000))
    assert not is_settled(os.stat(file), 4_000_000_001_000_000_000)
    assert is_settled(os.stat(file), 4_000_000_003_000_000_000)


def test_a_broken_database_is_made_anew(file: Path, tmp_path: Path):
    database = tmp_path / "stats.db"
    database.write_bytes(b"this is no database" * 100)
    assert _known(file, database) is None
    _remember(file, database)
    assert _known(file, database) == ONE


def test_any_flipped_byte_gives_the_same_answer_or_none(file: Path, tmp_path: Path):
    database = tmp_path / "stats.db"
    _remember(file, database)
    whole = database.read_bytes()
    chance = random.Random(7)
    answers = set()
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 30))):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        database.write_bytes(damaged)
        answers.add(_known(file, database))
    assert answers <= {ONE, None}
    assert ONE in answers


def test_a_row_moved_to_another_path_is_not_believed(file: Path, tmp_path: Path):
    database = tmp_path / "stats.db"
    _remember(file, database)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE folders SET path = ?", (b"other/",))
    assert _known(file, database, "other/file") is None


def test_where_nothing_can_be_written_nothing_is_remembered(file: Path, tmp_path: Path):
    (tmp_path / "plain").write_text("a file where the folder should be")
    cache = StatCache(str(tmp_path / "plain/stats.db"))
    cache.remember("file", os.stat(file), ONE)
    cache.close()
    assert cache.digest("file", os.stat(file), "md5") is None


def test_a_folder_is_known_by_its_fingerprint_and_a_damaged_row_is_not_believed(tmp_path: Path):
    content = Content(Digest("md5", "d751713988987e9331980363e24189ce.dir"), 7, 2)
    cache = StatCache(str(tmp_path / "stats.db"))
    cache.remember_folder("data", b"0123456789abcdef", content)
    cache.close()
    assert StatCache(str(tmp_path / "stats.db")).folder("data") == (b"0123456789abcdef", content)
    assert StatCache(str(tmp_path / "stats.db")).folder("dat") is None
    with sqlite3.connect(tmp_path / "stats.db") as connection:
        ((row,),) = connection.execute("SELECT value FROM folders").fetchall()
        connection.execute("UPDATE folders SET value = ?", (row[:-1] + b"3",))
    assert StatCache(str(tmp_path / "stats.db")).folder("data") is None


def test_what_is_gone_is_forgotten(tmp_path: Path):
    for name in ("kept/a", "kept/b", "gone/a", "top"):
        place = tmp_path / "root" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"1\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a").write_bytes(b"1\n")
    status = os.stat(tmp_path / "root/top")
    cache = StatCache(str(tmp_path / "stats.db"))
    names = ("kept/a", "kept/b", "gone/a", "top", "lost", "../outside/a")
    for name in names:
        cache.remember(name, status, ONE)
    for name in ("kept", "gone"):
        cache.remember_folder(name, bytes(16), Content(ONE, 2, 1))
    cache.flush()
    (tmp_path / "root/kept/b").unlink()
    (tmp_path / "root/gone/a").unlink()
    (tmp_path / "root/gone").rmdir()

    cache.prune(str(tmp_path / "root"))

    assert [name for name in names if cache.digest(name, status, "md5")] == ["kept/a", "top"]
    assert [name for name in ("kept", "gone") if cache.folder(name)] == ["kept"]
    cache.close()
    rows = sqlite3.connect(tmp_path / "stats.db").execute("SELECT path FROM folders ORDER BY path").fetchall()
    assert rows == [(b"/",), (b"kept",), (b"kept/",)]


@pytest.mark.parametrize("key", ["'text'", "7", "x'ff2f'", "x'2e2e2f'", "NULL"])
def test_a_strange_row_is_dropped(tmp_path: Path, key: str):
    (tmp_path / "a").write_bytes(b"1\n")
    cache = StatCache(str(tmp_path / "stats.db"))
    cache.remember("a", os.stat(tmp_path / "a"), ONE)
    cache.flush()
    with sqlite3.connect(tmp_path / "stats.db") as connection:
        connection.execute(f"INSERT OR IGNORE INTO folders VALUES (coalesce({key}, x'00'), 5)")
    cache.prune(str(tmp_path))
    cache.close()
    rows = sqlite3.connect(tmp_path / "stats.db").execute("SELECT path FROM folders").fetchall()
    assert rows == [(b"/",)]
