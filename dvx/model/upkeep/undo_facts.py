"""What a command changes, fact by fact, each written down before the act."""

from __future__ import annotations

import json
from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from dvx.model.kept import MaybeCommit as Value
from dvx.model.kept import Moment, RunId
from dvx.model.tree import Content

_Sum = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{32})?\Z")]


class Began(Struct, frozen=True, tag="began"):
    """The command and when it began. One that undoes, or with `again` redoes, another says what that is called."""

    command: str
    at: Moment
    of: str = ""
    again: bool = False


class Wrote(Struct, frozen=True, tag="wrote"):
    """A file of text: its bytes before (None: there was none), their mode; the digest of what it was given, if anything."""

    path: str
    old: bytes | None
    new: _Sum
    mode: Annotated[int, Meta(ge=0, le=0o777)] = 0


class Placed(Struct, frozen=True, tag="placed"):
    """Tracked data was replaced: what the path held before, and of a folder its tree object."""

    path: str
    old: Content | None
    tree: bytes = b""


class Left(Struct, frozen=True, tag="left"):
    """What an `undo` let a path hold, by which an edit that came later is known."""

    path: str
    new: Content


class Moved(Struct, frozen=True, tag="moved"):
    """Data went to another name."""

    source: str
    target: str


class Ref(Struct, frozen=True, tag="ref"):
    """A Git ref changed; empty for none."""

    name: str
    old: Value
    new: Value


class Forgot(Struct, frozen=True, tag="forgot"):
    """An experiment left the queue: the run, as `encode_run` has it."""

    task: dict[str, Any]


class Queued(Struct, frozen=True, tag="queued"):
    """An experiment came into the queue."""

    ident: RunId


class Returns(Struct, frozen=True, tag="returns"):
    """What an `undo` brings back from the trash: by id, the path."""

    items: dict[str, str]


class Stays(Struct, frozen=True, tag="stays"):
    """Something that no `undo` takes back, and why."""

    why: str


class Ended(Struct, frozen=True, tag="ended"):
    """An `undo` has done all that it meant to."""


Fact = Wrote | Placed | Left | Moved | Ref | Forgot | Queued | Returns | Stays | Ended


def encode_fact(fact: Fact | Began) -> bytes:
    """One line."""
    return json.dumps(to_builtins(fact)).encode() + b"\n"
