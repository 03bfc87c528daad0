"""Claims: what a push found at a remote and relies on, so that no `gc` takes it away before others know of it.

An object that has been at a remote for long looks unneeded to whoever does not know the commit that names it. So who relies on
it says so, in a small file beside it, which counts as long as a fresh object would.

Who relies on something writes the claim, waits for the removals that are announced then, and looks for it last. Who removes
something announces that, reads the claims, removes, and takes the announcement back. So one of them sees the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from dvx.errors import Corrupted
from dvx.model.digest import Digest, digest_bytes
from dvx.model.transfer.plan import Wanted

FOLDER = "claims"
# a younger object needs no claim, and a younger claim says the same again
FRESH_SECONDS = 86_400.0
KEPT_SECONDS = 14 * 86_400.0
_HEADER = b"dvx-claim 1\n"
_ANY_HEADER = b"dvx-claim "
# enough to tell objects apart; if two should be alike, both stay
_DIGITS = 16
# whoever announced a removal so long ago is dead, or was stopped
STALE_SECONDS = 60.0
_NAME = re.compile(FOLDER + r"/[0-9a-f]{32}\.claim")
_ANNOUNCED = re.compile(FOLDER + r"/[0-9a-f]{32}\.removing")
_LINES = re.compile(rb"(?:[a-z0-9-]{1,20}:[0-9a-f]{%d}\n)*" % _DIGITS)


def brief(digest: Digest) -> str:
    """How a claim names an object."""
    return f"{digest.algorithm}:{digest.hex[:_DIGITS]}"


def claimed(wanted: Wanted, absent: AbstractSet[Digest], old: AbstractSet[Digest]) -> frozenset[Digest]:
    """What a claim must name so that all of `wanted` that a remote has stays there; `old` is what has been there for long.

    A tree stands for its files, as `gc` knows, so only the files are named whose trees are yet to come.
    """
    trees = wanted.trees.keys() - absent
    covered: set[Digest] = set().union(*(wanted.children.get(tree, ()) for tree in trees))
    return frozenset(digest for digest in wanted.objects() & old if digest in trees or digest not in covered)


def encode_claim(digests: Iterable[Digest]) -> bytes:
    """The bytes of a claim; the same for the same objects."""
    return _HEADER + "".join(f"{name}\n" for name in sorted({brief(digest) for digest in digests})).encode()


def decode_claim(name: str, data: bytes) -> frozenset[str]:
    """What a claim names, as `brief` does.

    Raises:
        Corrupted: the bytes do not hash to its name, or are none that this version of dvx can read.
    """
    if claim_name(data) != name:
        raise Corrupted(f"the claim `{name}` holds bytes that do not hash to its name")
    if not data.startswith(_HEADER) or _LINES.fullmatch(data, len(_HEADER)) is None:
        newer = data.startswith(_ANY_HEADER) and not data.startswith(_HEADER)
        raise Corrupted(f"the claim `{name}` cannot be read", "update dvx" if newer else "")
    return frozenset(data[len(_HEADER) :].decode("ascii").split())


def claim_name(data: bytes) -> str:
    """The name of a claim with these bytes at a remote."""
    return f"{FOLDER}/{digest_bytes(data, 'md5').hex}.claim"


def is_claim_name(name: str) -> bool:
    """Whether a file of this name at a remote is a claim."""
    return _NAME.fullmatch(name) is not None


def announcement(ident: str) -> str:
    """The name at a remote of an announcement; `ident` are 32 hexadecimal digits."""
    return f"{FOLDER}/{ident}.removing"


def is_announcement(name: str) -> bool:
    """Whether a file of this name at a remote announces a removal."""
    return _ANNOUNCED.fullmatch(name) is not None
