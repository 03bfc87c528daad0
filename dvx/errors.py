"""What a user can cause or repair, and words of hints. Everything else that is raised is a bug."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from difflib import get_close_matches


class DvxError(Exception):
    """An expected failure: `message` names the thing, `hint` the way out (it may be empty).

    `place` is where in a file the cause stands, as `FILE:LINE:COLUMN`; empty where there is no such place. What is known of it
    from the beginning stands before the message.
    """

    def __init__(self, message: str, hint: str = "", place: str = "") -> None:
        message = f"{place}: {message}" if place else message
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place


class NotARepository(DvxError):
    """No project was found from the current folder upwards."""


class UsageError(DvxError):
    """The words of a command do not go together."""


class ConfigError(DvxError):
    """A configuration file or option is wrong."""


class UnsafePath(DvxError):
    """A path leaves the project or names something that dvx must not touch."""


class FormatError(DvxError):
    """A file does not say what its format asks for; the message holds file, line and column."""


class SchemaError(DvxError):
    """A loaded document breaks its schema at `where` (keys and list positions from the top)."""

    def __init__(self, message: str, where: tuple[str | int, ...], hint: str = "") -> None:
        super().__init__(message, hint)
        self.where = where


class GraphError(DvxError):
    """The pipeline has a cycle, or an output has two owners."""


class UnknownTarget(DvxError):
    """A stage, output, remote, experiment or revision that does not exist."""


class UnknownColumn(DvxError):
    """A table has no column of that name."""


class AtRisk(DvxError):
    """Going on would destroy workspace content that no store has. `paths` says which."""

    def __init__(self, message: str, paths: tuple[str, ...], hint: str = "") -> None:
        super().__init__(message, hint)
        self.paths = paths


class MissingData(DvxError):
    """Objects that are needed are neither in the cache nor where they were looked for."""


NOT_CACHED = "is not in the cache"


class NotCached(MissingData):
    """A tracked file is neither in the workspace nor in the cache; a remote may have it. Its message ends with NOT_CACHED."""


class Corrupted(DvxError):
    """Bytes do not hash to their name."""


class RemoteError(DvxError):
    """A remote could not be reached or refused."""


class GitError(DvxError):
    """Git refused."""


class RefBusy(GitError):
    """Another process changes a ref, or died while it did."""


class RefMoved(GitError):
    """A ref has another value than the one that was seen."""


class StageFailed(DvxError):
    """A stage's command failed; `code` is its exit code, 0 where it was stopped. `may_pass` unless its author says otherwise."""

    def __init__(self, message: str, code: int, hint: str = "", *, may_pass: bool = True) -> None:
        super().__init__(message, hint)
        self.code = code
        self.may_pass = may_pass


class Partial(DvxError):
    """Part of the work was done (`--keep-going`, a transfer with failures)."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word that looks most like `word`; empty when none does."""
    names = {name.casefold(): name for name in known}
    matches = get_close_matches(word.casefold(), names, n=1, cutoff=0.6)
    return f"did you mean `{names[matches[0]]}`?" if matches else ""


def quoted(*words: str) -> str:
    """Words as they are typed in a shell, for commands in hints: on one line, without control characters, and not as options."""
    return " ".join([*(["--"] if any(word.startswith("-") for word in words) else []), *map(_quoted, words)])


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(_escaped(character) for character in word) + "'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
