"""What dvx keeps for itself: the forms of its names and numbers. An archive may bring such files, so nothing in them is believed.

A pattern is tied to both ends of the text: it is searched for, and `$` would let a line end follow.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, TypedDict, TypeVar

from msgspec import Meta, convert

from dvx.model.canonical import json_sorted
from dvx.model.digest import digest_bytes

T = TypeVar("T")
_FOREVER = 32_503_680_000  # the year 3000: what comes after cannot be shown everywhere
# a run of stages is called by its time, that of an experiment by a hash, which DVC's tools take for a commit
_RUN = r"(?:[0-9]{8}-[0-9]{6}-[0-9]{1,20}x{0,100}|[0-9a-f]{40})"
# values of users may be nested in 100 levels, and stand in a few of ours
_DEEPEST = 120

MaybeCommit = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})?\Z")]
"""A commit's id."""
MaybeWorker = Annotated[str, Meta(pattern=r"\A(?:[0-9]{1,20}-[0-9a-f]{8})?\Z")]
"""The name of a process that works on runs."""
RunId = Annotated[str, Meta(pattern=rf"\A{_RUN}\Z")]
"""The name of a run."""
RunKey = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{64})?\Z")]
"""What the run-cache calls a run; empty for none."""
Log = Annotated[str, Meta(pattern=rf"\A(?:\.dvx/tmp|\.dvc/tmp/dvx)/logs/{_RUN}/[A-Za-z0-9_.@-]+\.log\Z")]
"""The log of an attempt, relative to the project."""
Moment = Annotated[float, Meta(ge=0, lt=_FOREVER)]
"""Seconds since the epoch, or how many something took."""
Count = Annotated[int, Meta(ge=0, le=1 << 53)]

FOREIGN = "SELECT 1 FROM sqlite_master WHERE type IN ('view', 'trigger') OR sql LIKE 'create virtual%'"
"""Asks a database for what dvx never makes: with it, a question computes what somebody else wrote down, for ever if they like."""
OWN_FOLDER = re.compile(r"[0-9a-f]{16}")
"""What is in a folder where each process, each thing in the trash, or each experiment has one of its own."""
WORKER = re.compile(r"[0-9]{1,20}-[0-9a-f]{8}")
RUN = re.compile(_RUN)
TASK_LOG = re.compile(r"[0-9a-f]{40}\.log")
PARTIAL = re.compile(r"(?:xxh128|md5|md5-dos2unix|sha256|blake3)-[0-9a-f]{32,64}(?:\.dir)?")


class _Mistake(TypedDict):
    msg: str
    type: str


class _Values(TypedDict, total=False):
    data: Any
    error: _Mistake


class _Facts(TypedDict):
    hash: str | None
    size: Count | None
    nfiles: Count | None


class Body(TypedDict):
    """What a commit or a failed experiment says, by path, as DVC's JSON has it."""

    params: dict[str, _Values]
    metrics: dict[str, _Values]
    deps: dict[str, _Facts]
    outs: dict[str, _Facts]


class _Bodies(TypedDict):
    data: Body
    error: None


def read_kept(text: str | bytes) -> Any:
    """A document that dvx wrote, or somebody in its place.

    Raises:
        ValueError: it is none, or nested deeper than dvx writes it.
    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_depth(document)
    return document


def convert_kept(document: Any, kind: type[T]) -> T:
    """The value of that kind that a document says; raises ValueError."""
    try:
        return convert(document, kind)
    except UnicodeEncodeError:
        # keys of JSON may hold halves of characters
        raise ValueError("not text") from None


def check_kept(document: Any, kind: Any) -> Any:
    """The document as it is, if it is of that kind; raises ValueError."""
    convert_kept(document, kind)
    return document


def read_bodies(text: str) -> dict[str, Any]:
    """What a row of `exp show` holds; raises ValueError."""
    found: dict[str, Any] = check_kept(read_kept(text), _Bodies)
    return found


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(_DEEPEST):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [item for one in inner for item in one if isinstance(item, dict | list)]
        if not level:
            return
    raise ValueError("nested too deeply")


def file_name(address: str) -> str:
    """A file name that stands for a stage."""
    plain = re.sub(r"[^\w.@-]", "_", address, flags=re.ASCII)[:80]
    return plain if plain == address else f"{plain}-{digest_bytes(json_sorted(address).encode(), 'md5').hex[:8]}"
