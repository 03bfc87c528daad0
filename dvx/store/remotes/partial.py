"""Objects that arrive in pieces: who is cut off goes on where it was, the next time."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable

from dvx.errors import Corrupted
from dvx.model.kept import PARTIAL
from dvx.model.transfer.plan import Need
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.clock import now_in
from dvx.store.remotes.remote import Readable
from dvx.store.verify import Check, put_aside

_LARGE = 8 << 20
_KEPT_SECONDS = 7 * 86_400.0


def fetch(cache: Cache, remote: Readable, need: Need, moved: Callable[[int], None]) -> None:
    """Copy an object to the cache. What arrived of a large one is kept for a week when this fails.

    What is wrong is put in quarantine, and asked for once more. Raises like `Readable.download`.
    """
    aside = cache.aside(remote.name, need.digest)

    def check() -> Check:
        return Check(need.digest, need.size, moved, aside)

    try:
        _fetch(cache, remote, need, check)
    except Corrupted:
        try:
            _fetch(cache, remote, need, check)
        except Corrupted as error:
            raise Corrupted(f"{error.message}; they were put aside as `{aside}`") from None


def sweep(cache: Cache) -> None:
    """Remove what nobody came back for."""
    folder = os.path.join(cache.root, "partial")
    if os.path.islink(folder):
        # nobody but a hostile repository would have it lead elsewhere
        return
    names = files.names_in(folder, PARTIAL)
    horizon = now_in(cache.make_scratch()) - _KEPT_SECONDS if names else 0.0
    for name in names:
        place = os.path.join(folder, name)
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(place)
            if stat.S_ISREG(status.st_mode) and status.st_mtime < horizon:
                files.remove(place)


def _fetch(cache: Cache, remote: Readable, need: Need, check: Callable[[], Check]) -> None:
    temp = cache.new_temp()
    place = cache.partial(need.digest)
    file = None if need.size is not None and need.size < _LARGE else files.open_partial(place)
    if file is None:
        remote.download(need.digest.object_name, temp, check())
        cache.admit(temp, need.digest)
        return
    with file:
        try:
            remote.resume(need.digest.object_name, file, check)
        except Corrupted:
            put_aside(place, check().aside)
            raise
        except BaseException:
            if os.fstat(file.fileno()).st_size < _LARGE:
                files.remove(place)
            raise
        files.rename(place, temp)
    cache.admit(temp, need.digest)
