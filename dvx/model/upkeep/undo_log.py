"""What commands did, read from what they wrote down, and which of them is to be undone next.

What an archive brings in its place is checked like any other input: paths stay inside the project, and out of Git's and dvx's own
folders but for dvx's configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.kept import convert_kept, read_kept
from dvx.model.paths import check_path
from dvx.model.pipelines.run import decode_run
from dvx.model.upkeep.undo_facts import Began, Ended, Fact, Forgot, Left, Moved, Placed, Stays, Wrote

T = TypeVar("T")
_CONFIGURATION = tuple(f"{folder}/{name}" for folder in (".dvx", ".dvc") for name in ("config", "config.local", ".gitignore"))
_FACT: Any = Fact


class Undoable(Struct, frozen=True):
    """What one command did; `run` is its name here and in the trash, `label` the command that it undid or redid, if so."""

    run: str
    began: Began
    facts: tuple[Fact, ...]

    def all(self, kind: type[T]) -> list[T]:
        """The facts of one kind, in their order."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def stays(self) -> str:
        """Why nobody can take it back; empty if that can be done."""
        return next((one.why for one in self.all(Stays)), "")

    @property
    def is_whole(self) -> bool:
        """Whether it did what it meant to, as far as that is known."""
        return not self.began.of or bool(self.all(Ended))

    def written(self) -> dict[str, Wrote]:
        """By path: what was there before the command, and what it left."""
        found: dict[str, Wrote] = {}
        for one in self.all(Wrote):
            first = found.get(one.path, one)
            found[one.path] = Wrote(one.path, first.old, one.new, first.mode)
        return found


class History(Struct, frozen=True):
    """What can be undone, and redone, each with the next one last; `open` is the `undo` that was cut short."""

    done: tuple[Undoable, ...]
    undone: tuple[Undoable, ...]
    open: Undoable | None = None


def history(entries: Sequence[Undoable]) -> History:
    """Follow what commands did and undid, the oldest first: another command ends what could be redone.

    An `undo` that was cut short is one to be finished while nothing came after it, and else a command like others.
    """
    done: list[Undoable] = []
    undone: list[Undoable] = []
    for number, entry in enumerate(entries):
        stack = undone if entry.began.again else done
        known = next((one for one in stack if one.run == entry.began.of), None)
        if known is None or (not entry.is_whole and number < len(entries) - 1):
            if entry.facts:
                done.append(entry)
                undone.clear()
        elif not entry.is_whole:
            return History(tuple(done), tuple(undone), entry)
        else:
            stack.remove(known)
            (done if entry.began.again else undone).append(entry)
    return History(tuple(done), tuple(undone))


def decode_facts(run: str, data: bytes) -> Undoable | None:
    """Read what a command wrote down; None for what is nobody's. What a write that failed left is no fact: nothing was done then.

    Raises:
        ValueError: not even the command can be read.
    """
    documents = [document for line in data.split(b"\n") if (document := _document(line)) is not None]
    if not documents:
        return None
    began = convert_kept(documents[0], Began)
    try:
        facts: list[Fact] = [convert_kept(document, _FACT) for document in documents[1:]]
        for fact in facts:
            _check(fact)
    except (DvxError, ValueError):
        facts = [Stays("what it wrote down cannot be read")]
    return Undoable(run, began, tuple(facts))


def _document(line: bytes) -> Any:
    try:
        return read_kept(line)
    except ValueError:
        return None


def _check(fact: Fact) -> None:
    paths: Iterable[str] = ()
    if isinstance(fact, Wrote):
        paths = () if fact.path in _CONFIGURATION else (fact.path,)
    elif isinstance(fact, Placed | Left):
        paths = (fact.path,)
    elif isinstance(fact, Moved):
        paths = (fact.source, fact.target)
    elif isinstance(fact, Forgot):
        decode_run(fact.task)
    for path in paths:
        check_path(path)
