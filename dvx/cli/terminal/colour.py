"""Whether text gets colours, decided in one place, and which there are. Nothing may depend on them to be understood."""

from __future__ import annotations

import os
import sys
from enum import Enum, StrEnum
from typing import TextIO

from dvx.config import environment


class When(StrEnum):
    """What `--color` says; `auto` leaves it to the environment and to what the stream is."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Ink(Enum):
    """What a text is painted with, as terminals number it."""

    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


# of a state or a letter that stands for one
_OF_STATES = {
    Ink.GREEN: ("a", "added", "new"),
    Ink.YELLOW: ("m", "modified", "renamed", "changed"),
    Ink.RED: ("d", "deleted", "missing", "not in cache"),
}
_BY_STATE = {state: ink for ink, states in _OF_STATES.items() for state in states}
_CHOSEN = {"when": When.AUTO}
# what stands behind an escape of dvx's own until the text is printed: nothing that is read can hold it
_KEY = os.urandom(8).hex()


def choose(when: When | None) -> None:
    """Do as `--color` says from now on; without it, as before."""
    _CHOSEN["when"] = when or _CHOSEN["when"]


def wanted(stream: TextIO) -> bool:
    """Whether a stream gets colours. `NO_COLOR` (https://no-color.org) comes before `FORCE_COLOR`, `--color` before both."""
    if _CHOSEN["when"] is not When.AUTO:
        return _CHOSEN["when"] is When.ALWAYS
    variables = environment()
    if variables.get("NO_COLOR"):
        return False
    if variables.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    return _is_terminal(stream) and variables.get("CI", "") in ("", "0", "false")


def is_lively(stream: TextIO) -> bool:
    """Whether a stream is a terminal in which lines can be written anew: no notebook, nor what collects the output of pagers."""
    variables = environment()
    is_read_later = "JPY_PARENT_PID" in variables or variables.get("PAGER") == variables.get("GIT_PAGER") == "cat"
    return _is_terminal(stream) and not is_read_later


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and environment().get("TERM") != "dumb"


def out(text: str, ink: Ink | None) -> str:
    """Text for stdout."""
    return _painted(text, ink, sys.stdout)


def err(text: str, ink: Ink | None) -> str:
    """Text for stderr."""
    return _painted(text, ink, sys.stderr)


def state(word: str, padding: str = "") -> str:
    """A state of something, or the letter of one, for stdout; the padding is not painted."""
    return out(word, _BY_STATE.get(word.rstrip(":").lower())) + padding


def own(text: str) -> str:
    """Text whose escapes are dvx's own, so that the door (`screen`) lets them through."""
    return text.replace("\x1b", f"\x1b{_KEY}")


def applied(text: str) -> str:
    """Text, in which all escapes are visible, with dvx's own put back to work."""
    return text.replace(f"\\x1b{_KEY}", "\x1b")


def _painted(text: str, ink: Ink | None, stream: TextIO) -> str:
    return own(f"\x1b[{ink.value}m") + text + own("\x1b[0m") if ink is not None and text and wanted(stream) else text
