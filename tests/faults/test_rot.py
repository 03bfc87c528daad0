"""Rot is found wherever it strikes, and healed wherever there is a good copy."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dvx.ops.upkeep import fsck
from dvx.store.objects import lying
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, tree, write

Count = Callable[[str, int], None]
_FILES = 250
_AT_ONCE = 200


@pytest.mark.parametrize("where", ["cache", "remote"])
def test_all_rot_is_found_and_healed(dialect_repo: Path, tmp_path: Path, all_points: bool, count: Count, where: str):
    """Half of the files are in the workspace too; everything is in both stores, and rots in one."""
    chance = random.Random(f"{where} 9")
    if dialect_of(dialect_repo).packs:
        dvx(dialect_repo, "config", "core.pack", "false")
    cache = _prepare(dialect_repo, tmp_path, chance)
    root = cache if where == "cache" else tmp_path / "remote"
    good = tree(root, skip=("tmp", ".tmp", "quarantine"))
    corruptions = 0
    for _ in range(13 if all_points else 1):
        harmed = _harm_some(root, chance)
        corruptions += len(harmed)
        report = dvx(dialect_repo, "fsck", "--json", *(["--remote", "store"] if where == "remote" else [])).json
        assert {finding["subject"] for finding in report["findings"]} >= harmed
        assert all(finding["healed"] for finding in report["findings"])
        assert tree(root, skip=("tmp", ".tmp", "quarantine")) == good
        assert dvx(dialect_repo, "fsck", "--json").json["findings"] == []
    count(f"rotten objects in the {where} ({dialect_of(dialect_repo).name})", corruptions)


def test_all_rot_in_packs_is_found_and_healed(native: Path, tmp_path: Path, all_points: bool, count: Count):
    """Objects of one pack rot; the cache has a good copy of each."""
    chance = random.Random("packs 9")
    _prepare(native, tmp_path, chance)
    (pack,) = (tmp_path / "remote/packs").glob("*/*.pack")
    (index,) = (tmp_path / "remote/packs").glob("*/*.index")
    good, places, offset = pack.read_bytes(), [], 0
    records = index.read_bytes().partition(b"\n")[2]
    for start in range(0, len(records), 20):
        size = int.from_bytes(records[start : start + 4], "little")
        places.append((f"xxh128:{records[start + 4 : start + 20].hex()}", offset, size))
        offset += size
    corruptions = 0
    for _ in range(13 if all_points else 1):
        spoiled, chosen = bytearray(good), chance.sample(places, _AT_ONCE)
        for _, begin, size in chosen:
            spoiled[begin + chance.randrange(size)] ^= 1 << chance.randrange(8)
        pack.chmod(0o644)
        pack.write_bytes(spoiled)
        corruptions += len(chosen)
        report = dvx(native, "fsck", "--remote", "store", "--json").json
        assert {finding["subject"] for finding in report["findings"]} == {name for name, _, _ in chosen}
        assert {finding["healed"] for finding in report["findings"]} == {"the cache"}
        (pack,) = (tmp_path / "remote/packs").glob("*/*.pack")
        assert pack.read_bytes() == good
    count("rotten objects in a pack", corruptions)


def test_what_no_good_copy_is_left_of_is_told(native: Path, tmp_path: Path, all_points: bool, count: Count):
    """Without a remote only what the workspace holds can be healed; the rest is named by path, and nothing wrong is given out."""
    chance = random.Random(99)
    cache = _prepare(native, tmp_path, chance)
    dvx(native, "remote", "remove", "store")
    harmed = _harm_some(cache, chance, trees=False)
    done = run_dvx(native, "fsck", "--json")
    findings = done.json["findings"]
    broken = {finding["subject"] for finding in findings if finding["broken"]}
    healed = {finding["subject"] for finding in findings if finding["healed"]}
    assert done.code == 1
    assert harmed <= broken | healed
    assert broken
    assert healed
    assert all(finding["path"] for finding in findings if finding["broken"])
    assert run_dvx(native, "checkout", "-f").code != 0
    count("rotten objects, half of them without a good copy", len(harmed))


def test_rot_that_fsck_does_not_read_is_noticed(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cache, right = _prepare(native, tmp_path, random.Random(1)), fsck._hash
    harmed = _harm_some(cache, random.Random(2), trees=False)
    monkeypatch.setattr(
        fsck, "_hash", lambda one: fsck._Read(one, one.digest) if one.size % 2 and not one.digest.is_tree else right(one)
    )
    found = {finding["subject"] for finding in run_dvx(native, "fsck", "--json").json["findings"]}
    assert not harmed <= found


def _prepare(repo: Path, tmp_path: Path, chance: random.Random) -> Path:
    for number in range(_FILES):
        write(repo / f"d/{number % 7}/{number}", chance.randbytes(chance.randrange(1, 2000)))
    dvx(repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    dvx(repo, "add", "d")
    dvx(repo, "push")
    commit_all(repo)
    for path in sorted((repo / "d").rglob("*"))[::2]:
        if path.is_file():
            path.unlink()
    return repo / dialect_of(repo).folder / "cache"


def _harm_some(root: Path, chance: random.Random, *, trees: bool = True) -> set[str]:
    """Change the bytes of many objects, in ways that keep the size and in ways that do not."""
    found = (one for one in lying(str(root)) if one.digest and (trees or not one.digest.is_tree))
    objects = sorted(found, key=lambda one: one.place)
    return {_harm(Path(one.place), chance) or str(one.digest) for one in chance.sample(objects, _AT_ONCE)}


def _harm(path: Path, chance: random.Random) -> None:
    data, status = bytearray(path.read_bytes()), path.stat()
    at, kind = chance.randrange(len(data)), chance.randrange(6)
    if kind == 0:
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data += chance.randbytes(chance.randrange(1, 100))
    elif kind == 3:
        data[at:] = bytes(len(data) - at) if any(data[at:]) else b"\1" * (len(data) - at)
    elif kind == 4:
        data = bytearray(chance.randbytes(chance.randrange(3000)))
    else:
        data[at] = (data[at] + 1) % 256
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(status.st_mode & 0o777)
