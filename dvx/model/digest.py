"""Digest: the name of content in every store, and the hashers that compute it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, cast

from msgspec import Struct
from msgspec.structs import force_setattr

from dvx.errors import DvxError, SchemaError

TREE_SUFFIX = ".dir"
LEGACY = "md5-dos2unix"
_SHORT = re.compile(r"[0-9a-f]{32}(?:\.dir)?")
_LONG = re.compile(r"[0-9a-f]{64}(?:\.dir)?")
_HEX = re.compile(r"[0-9a-f]*+")
_FORMS = {"xxh128": _SHORT, "md5": _SHORT, LEGACY: _SHORT, "sha256": _LONG, "blake3": _LONG}
_LEGACY_CHUNK = 1 << 20


class Hasher(Protocol):
    """What hashlib and its look-alikes offer."""

    def update(self, data: bytes | memoryview, /) -> object: ...
    def hexdigest(self) -> str: ...


class Digest(Struct, frozen=True, order=True, gc=False):
    """The hash of some bytes, which is their name in every store.

    `hex` is lower case; that of a tracked directory ends in `.dir`.
    """

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        form = _FORMS.get(self.algorithm)
        if form is None:
            raise SchemaError(f"unknown hash algorithm `{self.algorithm}`", ())
        if form.fullmatch(self.hex) is None:
            raise SchemaError(f"`{self.hex}` is not a {self.algorithm} digest", ())

    @property
    def is_tree(self) -> bool:
        """Whether this names a directory."""
        return self.hex.endswith(TREE_SUFFIX)

    @property
    def object_name(self) -> str:
        """The path of the object in a store, `/`-separated."""
        if self.algorithm == LEGACY:
            return f"{self.hex[:2]}/{self.hex[2:]}"
        return f"files/{self.algorithm}/{self.hex[:2]}/{self.hex[2:]}"

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def digests(algorithm: str, hexes: Sequence[str]) -> list[Digest]:
    """The digest of each; raises SchemaError like it. Many are checked in one go, in a third of the time."""
    if not hexes:
        return []
    first = Digest(algorithm, hexes[0])
    if {*map(len, hexes)} != {len(first.hex)} or _HEX.fullmatch("".join(hexes)) is None:
        return [Digest(algorithm, each) for each in hexes]
    found = []
    copy = first.__copy__  # type: ignore[attr-defined]  # its type does not tell
    for each in hexes:
        one = copy()
        force_setattr(one, "hex", each)
        found.append(one)
    return found


def field_of(algorithm: str) -> str:
    """What trees, pointers and locks call a digest: `md5` for those of either kind, as DVC does."""
    return "md5" if algorithm == LEGACY else algorithm


def new_hasher(algorithm: str) -> Hasher:
    """A fresh hasher; their libraries are loaded at first use.

    Raises:
        DvxError: `blake3` is asked for and its package is not installed.
    """
    if algorithm == "xxh128":
        import xxhash

        return xxhash.xxh3_128()
    if algorithm == "md5":
        import hashlib

        return hashlib.md5(usedforsecurity=False)
    if algorithm == "sha256":
        import hashlib

        return hashlib.sha256()
    if algorithm == "blake3":
        try:
            import blake3
        except ImportError:
            raise DvxError(
                "the hash `blake3` needs a package that is not installed", "run `pip install 'dvx-vc[blake3]'`"
            ) from None
        return cast("Hasher", blake3.blake3())
    if algorithm == LEGACY:
        return _Dos2Unix()
    raise SchemaError(f"unknown hash algorithm `{algorithm}`", ())


def digest_bytes(data: bytes, algorithm: str) -> Digest:
    """The digest of bytes that are at hand."""
    hasher = new_hasher(algorithm)
    hasher.update(data)
    return Digest(algorithm, hasher.hexdigest())


class _Dos2Unix:
    """MD5 as DVC 2 computed it: text chunks of 1 MiB with `\\r\\n` read as `\\n`."""

    def __init__(self) -> None:
        import hashlib

        self._md5 = hashlib.md5(usedforsecurity=False)
        self._pending = bytearray()

    def update(self, data: bytes | memoryview, /) -> None:
        self._pending += data
        while len(self._pending) >= _LEGACY_CHUNK:
            self._feed(bytes(self._pending[:_LEGACY_CHUNK]))
            del self._pending[:_LEGACY_CHUNK]

    def hexdigest(self) -> str:
        whole = self._md5.copy()
        whole.update(_unix(bytes(self._pending)))
        return whole.hexdigest()

    def _feed(self, chunk: bytes) -> None:
        self._md5.update(_unix(chunk))


def _unix(chunk: bytes) -> bytes:
    return chunk.replace(b"\r\n", b"\n") if _is_text(chunk[:512]) else chunk


_TEXT = bytes(range(0x20, 0x7F)) + b"\n\r\t\f\b"


def _is_text(sample: bytes) -> bool:
    if not sample:
        return True
    if b"\0" in sample:
        return False
    return len(sample.translate(None, _TEXT)) <= 0.3 * len(sample)
