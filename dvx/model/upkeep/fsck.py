"""Finding, Report: what is wrong in a store, and what became of it."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from dvx.model.digest import Digest


class Flaw(Enum):
    """What is wrong; the value is a word for it."""

    WRONG = "wrong bytes"
    DENIED = "no permission to read"
    MISNAMED = "no object's name"
    LEFTOVER = "left over"
    TREE = "unreadable tree"
    FILE = "unreadable file"
    MISSING = "missing"
    AWAY = "not fetched"
    PAST = "unreadable in history"


class Finding(Struct, frozen=True):
    """One flaw. `subject` is an object or file, `store` the cache (empty) or a remote's name.

    `path` is one that needs the object (empty: nothing does). `healed` says where a good copy came from, `aside` where the bad
    one went.
    """

    flaw: Flaw
    subject: str
    digest: Digest | None = None
    path: str = ""
    store: str = ""
    healed: str = ""
    aside: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether something that is needed cannot be had from here."""
        if self.flaw in (Flaw.AWAY, Flaw.PAST, Flaw.LEFTOVER, Flaw.MISNAMED) or self.healed:
            return False
        return self.flaw is Flaw.FILE or bool(self.path)


class Report(Struct, frozen=True):
    """What was looked at, and all that is wrong; `bytes` were read."""

    objects: int
    bytes: int
    findings: tuple[Finding, ...] = ()

    @property
    def broken(self) -> tuple[Finding, ...]:
        """What is needed and stays broken."""
        return tuple(finding for finding in self.findings if finding.is_broken)

    def __add__(self, other: Report) -> Report:
        return Report(self.objects + other.objects, self.bytes + other.bytes, self.findings + other.findings)
