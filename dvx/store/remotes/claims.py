"""Claims at a remote: small files that name what somebody found there and relies on."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from dvx.errors import Corrupted, MissingData, RemoteError
from dvx.model.digest import Digest
from dvx.model.transfer.claims import (
    FOLDER,
    FRESH_SECONDS,
    KEPT_SECONDS,
    STALE_SECONDS,
    announcement,
    claim_name,
    decode_claim,
    encode_claim,
    is_announcement,
    is_claim_name,
)
from dvx.model.upkeep.ages import is_surely_young
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.remote import Remote

_LARGEST = 256 << 20
_ABANDONED_SECONDS = 86_400.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0


class Announced(Struct, frozen=True):
    """An announcement that others see; `now` is how late it is at the remote (seconds since the epoch)."""

    now: float
    until: float

    def holds(self) -> bool:
        """Whether it still counts."""
        return time.monotonic() < self.until


def write_claim(remote: Remote, digests: Iterable[Digest], waiting: Callable[[], None]) -> bool:
    """Claim objects, unless somebody has claimed the same ones lately; tells whether that was necessary. Raises RemoteError.

    What is there after it will stay there. `waiting` is called once if a removal takes long that was announced before.
    """
    data = encode_claim(digests)
    name = claim_name(data)
    there = listed(remote)
    if any(one.name == name and is_surely_young(one.modified, time.time(), FRESH_SECONDS) for one in there):
        return False
    remote.put(data, name)
    remote.flush()
    _wait(remote, _announced(remote, name)[1], waiting)
    # the youngest shows how late it is at the remote, at least
    sweep(remote, there, max((one.modified for one in there), default=0.0) - 2 * KEPT_SECONDS)
    return True


@contextlib.contextmanager
def removing(remote: Remote, waiting: Callable[[], None]) -> Iterator[Announced]:
    """Announce that objects are about to be removed; claims are to be read after that. `waiting` is as for `write_claim`.

    Of several who want to remove something, one does so at a time: who sees another steps back.
    """
    while True:
        name = announcement(os.urandom(16).hex())
        begun = time.monotonic()
        try:
            remote.put(b"", name)
            remote.flush()
            now, others = _announced(remote, name)
            if not others:
                yield Announced(now, begun + STALE_SECONDS / 2)
                return
        finally:
            remote.discard()
            remote.remove(name)
        _wait(remote, others, waiting)


def listed(remote: Remote) -> list[Listed]:
    """The claims at a remote that can list; raises RemoteError."""
    return [one for one in remote.listing(FOLDER) if is_claim_name(one.name)]


def read_claim(remote: Remote, claim: Listed) -> frozenset[str]:
    """What a claim names, as `model.transfer.claims.brief` does; nothing if it is gone.

    Raises:
        Corrupted: it cannot be read.
        RemoteError: the remote failed.
    """
    if claim.size > _LARGEST:
        raise Corrupted(f"the claim `{claim.name}` is too large")
    try:
        return decode_claim(claim.name, remote.read(claim.name))
    except MissingData:
        return frozenset()


def sweep(remote: Remote, claims: Iterable[Listed], before: float) -> None:
    """Remove claims that were written before a moment (seconds since the epoch)."""
    with contextlib.suppress(RemoteError):  # who may write need not be allowed to remove
        for one in claims:
            if one.modified < before:
                remote.remove(one.name)


def _announced(remote: Remote, own: str) -> tuple[float, set[str]]:
    """How late it is at the remote, by the file `own` that was just written; and the announcements of others at work."""
    there = list(remote.listing(FOLDER))
    now = max((one.modified for one in there if one.name == own), default=time.time())
    others = [one for one in there if one.name != own and is_announcement(one.name)]
    sweep(remote, others, now - _ABANDONED_SECONDS)
    return now, {one.name for one in others if one.modified > now - STALE_SECONDS}


def _wait(remote: Remote, announced: set[str], waiting: Callable[[], None]) -> None:
    """Wait until announcements are gone, or so old that their authors must be dead."""
    pause, end = _FIRST_PAUSE, time.monotonic() + STALE_SECONDS
    while announced and time.monotonic() < end:
        # of two who wait for each other, one is to be quicker
        time.sleep(pause * (1 + os.urandom(1)[0] / 256))
        if pause < _LONGEST_PAUSE <= 2 * pause:
            waiting()
        pause = min(2 * pause, _LONGEST_PAUSE)
        announced = announced & {one.name for one in remote.listing(FOLDER)}
