"""What Git answers, as values, and the texts they come from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from msgspec import Struct


class CommitInfo(Struct, frozen=True):
    """One commit; `time` is when it was committed, in seconds since the epoch."""

    id: str
    time: int
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]


class RefChange(Struct, frozen=True):
    """A ref goes from `old` to `new`; None is "no such ref", so `old=None` creates and `new=None` deletes."""

    ref: str
    new: str | None
    old: str | None

    def line(self) -> str:
        """This change as `git update-ref --stdin -z` reads it."""
        if self.new is None:
            return f"delete {self.ref}\0{self.old or ''}\0"
        # no object is as many zeros as an id has digits, which depends on the repository's hash
        return f"update {self.ref}\0{self.new}\0{self.old or '0' * len(self.new)}\0"


class TreeComparison(Struct, frozen=True):
    """The work tree against a commit: files that differ from it, and files of it that are absent."""

    changed: tuple[str, ...]
    absent: tuple[str, ...]


class Extra(Struct, frozen=True):
    """What a snapshot holds beside what Git tracks: `paths` that are there and not ignored, and `ignored` files."""

    paths: tuple[str, ...]
    ignored: tuple[str, ...] = ()


def text(data: bytes) -> str:
    """Bytes of Git as text; what is not UTF-8 survives the way back."""
    return data.decode("utf-8", "surrogateescape")


def lines(data: bytes) -> list[str]:
    """The lines of an answer. Names of refs may hold what Unicode takes for the end of a line, or for a space."""
    return text(data).removesuffix("\n").split("\n") if data else []


def fields(data: bytes) -> list[str]:
    """The parts of a NUL-terminated answer."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def quoted(path: str) -> str:
    """A path for a command that reads one path a line: C-quoted where a plain line would be misread."""
    if not any(c in path for c in '\n\r"\\'):
        return path
    escapes = {"\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(escapes.get(c, c) for c in path) + '"'


def batches(paths: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    """Paths in portions that fit on a command line."""
    portion: list[str] = []
    for path in paths:
        portion.append(path)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion


def split_batch(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The objects in the answer of `git cat-file --batch`: id and content. Missing ones are left out."""
    at = 0
    while at < len(data):
        end = data.index(b"\n", at)
        head = data[at:end].split()
        at = end + 1
        if len(head) == 3 and head[2].isdigit():
            size = int(head[2])
            yield head[0].decode("ascii"), data[at : at + size]
            at += size + 1


def parse_commit(ident: str, data: bytes) -> CommitInfo:
    """Read a commit object."""
    head, _, message = data.partition(b"\n\n")
    encoding = ""
    time = 0
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"committer":
            stamp = value.rpartition(b"> ")[2].split()
            time = int(stamp[0]) if stamp and stamp[0].isdigit() and len(stamp[0]) < 20 else 0
        elif key == b"encoding":
            encoding = text(value)
    return CommitInfo(ident, time, _decode(message, encoding).rstrip("\n"))


def _decode(message: bytes, encoding: str) -> str:
    try:
        return message.decode(encoding or "utf-8", "replace")
    except (LookupError, ValueError):
        return message.decode("utf-8", "replace")
