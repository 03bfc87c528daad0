"""Trust: what a repository may say only if this user agreed to it on this machine, and the record of that."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace


class FileMark(Struct, frozen=True, forbid_unknown_fields=True):
    """A file as it was when the user trusted it; `digest` is the SHA-256 of its bytes."""

    inode: int
    digest: str


class LinkMark(Struct, frozen=True, forbid_unknown_fields=True):
    """A symbolic link as it was when the user trusted it."""

    inode: int
    target: str


class TrustRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What one user trusts of the project at `root` (absolute, real), whose folder has this `inode`.

    `files` are private files by their real path, `agreed` fingerprints of settings that a tracked file may have, by their names,
    `links` links among dvx's own folders by their place in the project. `sources` are fingerprints of the URLs of remotes that
    data was fetched from.
    """

    root: str
    inode: int
    files: Mapping[str, FileMark] = field(default_factory=dict)
    agreed: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, LinkMark] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    def agrees(self, name: str, value: str) -> bool:
        """Whether the user agreed to this value of an option."""
        return self.agreed.get(name) == fingerprint(value)

    def agreeing(self, values: Mapping[str, str]) -> TrustRecord:
        """The same with the user's consent to these values of options."""
        return replace(self, agreed={**self.agreed, **{name: fingerprint(value) for name, value in values.items()}})


def fingerprint(value: str | bytes) -> str:
    """What stands for a value, which may be a secret, or for the bytes of a file: their SHA-256."""
    import hashlib  # most commands need none

    return hashlib.sha256(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value).hexdigest()


def encode_record(record: TrustRecord) -> bytes:
    """The record as a file has it."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def decode_record(data: bytes, root: str, inode: int) -> TrustRecord:
    """Read a record; one that is damaged, or is that of another folder, says that nothing is trusted."""
    try:
        record = msgspec.json.decode(data, type=TrustRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return TrustRecord(root, inode)
    return record if (record.root, record.inode) == (root, inode) else TrustRecord(root, inode)
