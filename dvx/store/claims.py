"""Claims at a remote: small files that name what somebody found there and relies on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

from dvx.errors import Corrupted, MissingData, RemoteError
from dvx.model.ages import is_surely_young
from dvx.model.claims import FOLDER, FRESH_SECONDS, KEPT_SECONDS, claim_name, decode_claim, encode_claim, is_claim_name
from dvx.model.digest import Digest
from dvx.store.listed import Listed
from dvx.store.remote import Remote

_LARGEST = 256 << 20


def write_claim(remote: Remote, digests: Iterable[Digest]) -> bool:
    """Claim objects, unless somebody has claimed the same ones lately; tells whether that was necessary. Raises RemoteError."""
    data = encode_claim(digests)
    name = claim_name(data)
    there = listed(remote)
    if any(one.name == name and is_surely_young(one.modified, time.time(), FRESH_SECONDS) for one in there):
        return False
    remote.put(data, name)
    remote.flush()
    # the youngest shows how late it is at the remote, at least
    sweep(remote, there, max((one.modified for one in there), default=0.0) - 2 * KEPT_SECONDS)
    return True


def listed(remote: Remote) -> list[Listed]:
    """The claims at a remote that can list; raises RemoteError."""
    return [one for one in remote.listing(FOLDER) if is_claim_name(one.name)]


def read_claim(remote: Remote, claim: Listed) -> frozenset[str]:
    """What a claim names, as `model.claims.brief` does; nothing if it is gone.

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
