"""Second names: an object under the name that another hash gives it. Both share the bytes where the file system allows it."""

from __future__ import annotations

from dvx.errors import Corrupted
from dvx.model.digest import TREE_SUFFIX, Digest, new_hasher
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.reading import open_regular


def second_name(cache: Cache, old: Digest, algorithm: str) -> tuple[Digest, int]:
    """What another hash calls an object, and its size; the bytes are read once, for both hashes.

    Raises:
        Corrupted: they do not hash to the old name.
    """
    before, after, size = new_hasher(old.algorithm), new_hasher(algorithm), 0
    with open_regular(cache.path(old)) as file:
        while chunk := file.read(files.CHUNK):
            before.update(chunk)
            after.update(chunk)
            size += len(chunk)
    if before.hexdigest() != old.hex.removesuffix(TREE_SUFFIX):
        raise Corrupted(f"the object `{old}` holds bytes that hash to `{before.hexdigest()}`", "run `dvx fsck` first")
    return Digest(algorithm, after.hexdigest()), size


def share(cache: Cache, place: str, digest: Digest, size: int) -> bool:
    """Let a cache have an object at `place` under the name `digest`; False if it had it already."""
    if cache.has(digest, size):
        return False
    temp = cache.new_temp()
    if not files.reflink(place, temp, files.PROTECTED):
        try:
            files.hardlink(place, temp)
        except OSError:
            files.copy_file(place, temp, files.PROTECTED)
    cache.admit(temp, digest)
    return True
