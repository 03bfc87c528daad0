"""The one door to the terminal: all that dvx prints goes through here, and nothing in it controls the terminal but dvx itself.

Names, values and messages come from repositories, servers and commands. Characters in them that a terminal obeys, or that hide or
reorder text, are printed as escapes; colours are added after that. What programs read (`exact`) stays as it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, TextIO

import typer

from dvx.cli.terminal import colour
from dvx.model.paths import visible

# for streams that cannot print these
_PLAIN = str.maketrans({"└": "`", "├": "|", "─": "-", "│": "|", "…": "...", **dict.fromkeys("┌┐┘┤┬┴┼", "+")})
# what takes stderr from a line that is rewritten, or that a command did not end, to a new one
_LEAVING = {"stderr": ""}
_PASSED = {"stderr": b""}
_REMEMBERED = 1 << 16
_CLEARED, _LINE_ABOVE = "\r\x1b[K", "\x1b[A\x1b[K"
_UNINDENTED = re.compile(r"\n(?!  )")
_COLOUR = re.compile(r"\x1b\[[\d;:]*m")


def data(text: str) -> None:
    """A line of what was asked for, on stdout."""
    print(_shown(_line(text), sys.stdout))


def block(text: str) -> None:
    """Lines of what was asked for, on stdout: the newlines in it are dvx's own."""
    print(_shown(text, sys.stdout))


def is_watched() -> bool:
    """Whether what was asked for is shown on a terminal."""
    return sys.stdout.isatty()


def hand_over(text: str, show: Callable[[bytes], bool]) -> bool:
    """Give a program lines of what was asked for, to show them on the terminal; whether it did."""
    sys.stdout.flush()
    return show((_shown(text, sys.stdout) + "\n").encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def exact(text: str) -> None:
    """A line for a program, on stdout: as it is, unless a person looks at it on a terminal."""
    print(_shown(text.replace("\r\n", "\n"), sys.stdout) if sys.stdout.isatty() else _encodable(text, sys.stdout))


def log(text: str, before: str = "") -> None:
    """What a command wrote, on stdout: each line as it looked after its last return, with its own colours where there are any."""
    for line in text.removesuffix("\n").split("\n") if text else ():
        _log_line(line, before)


def say(text: str) -> None:
    """A line for the person who watches, on stderr."""
    leave_line()
    print(_shown(_line(text), sys.stderr), file=_stderr())


def rewrite(text: str) -> None:
    """Write the line anew that stands at the foot of the terminal, on stderr."""
    if _LEAVING["stderr"] != _CLEARED:
        leave_line()
    _LEAVING["stderr"] = _CLEARED
    _put(f"{_CLEARED}{_shown(_line(text), sys.stderr)}")


def draw(lines: Sequence[str]) -> None:
    """Write the lines anew that stand at the foot of the terminal, on stderr."""
    leave_line()
    _LEAVING["stderr"] = _CLEARED + _LINE_ABOVE * (len(lines) - 1)
    _put(_shown("\n".join(map(_line, lines)), sys.stderr))


def leave_line() -> None:
    """Let what comes next on stderr begin a line."""
    if _LEAVING["stderr"]:
        _put(_LEAVING["stderr"])
        _LEAVING["stderr"] = ""


def pass_on(output: bytes) -> None:
    """Show what a command writes, on stderr: as it is, since the user runs it here and now."""
    _PASSED["stderr"] = (_PASSED["stderr"] + output)[-_REMEMBERED:]
    if _LEAVING["stderr"].startswith(_CLEARED):
        leave_line()
    stream = _stderr()
    if hasattr(stream, "buffer"):
        stream.buffer.write(output)
    else:
        stream.write(output.decode("utf-8", "replace"))
    stream.flush()
    _LEAVING["stderr"] = "" if output.endswith(b"\n") else "\n"


def was_passed(lines: Sequence[str]) -> bool:
    """Whether these lines are what commands wrote last, maybe each behind a name."""
    passed = _PASSED["stderr"].decode("utf-8", "replace").splitlines()[-len(lines) :]
    return len(passed) == len(lines) and all(one.endswith(line) for one, line in zip(passed, lines, strict=True))


def copy(file: BinaryIO) -> None:
    """The bytes of a file, on stdout; what a terminal would obey is shown there as escapes."""
    if sys.stdout.isatty():
        log(file.read().decode("utf-8", "replace"))
        return
    sys.stdout.flush()
    while block := file.read(_REMEMBERED):
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


def as_bytes(text: str) -> bytes:
    """What dvx adds to the lines of a command, for `pass_on`."""
    return _shown(_line(text), sys.stderr).encode("utf-8", "backslashreplace")


def confirm(question: str, *, abort: bool = False) -> bool:
    """Ask a question that yes or no answers; with `abort`, no ends the command."""
    leave_line()
    return typer.confirm(_shown(_line(question), sys.stderr), abort=abort, err=True)


def ask_secret(what: str) -> str:
    """Ask for something that is not shown while it is typed."""
    leave_line()
    secret: str = typer.prompt(_shown(_line(what), sys.stderr), hide_input=True, err=True)
    return secret


def can_print(text: str) -> bool:
    """Whether stdout can print these characters."""
    return _encodable(text, sys.stdout) == text


class Filter:
    """A stream in which nothing controls the terminal: for libraries that write into stderr themselves."""

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    def write(self, text: str) -> int:
        """Write text with its control characters made visible."""
        return self.behind.write(_encodable(visible(text.replace("\r\n", "\n")), self.behind))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


def _log_line(line: str, before: str) -> None:
    said = line.rstrip("\r").rpartition("\r")[2]
    if not colour.wanted(sys.stdout):
        said = _COLOUR.sub("", said)
    end = "\x1b[0m" if _COLOUR.search(said) else ""
    data(before + _COLOUR.sub(lambda found: colour.own(found[0]), said) + colour.own(end))


def _stderr() -> Any:
    return sys.stderr.behind if isinstance(sys.stderr, Filter) else sys.stderr


def _put(text: str) -> None:
    print(text, end="", file=_stderr(), flush=True)


def _line(text: str) -> str:
    """Text in which a newline in a name begins no line: messages indent what follows their first one."""
    return _UNINDENTED.sub(r"\\n", text) if "\n" in text else text


def _shown(text: str, stream: TextIO) -> str:
    return _encodable(colour.applied(visible(text)), stream)


def _encodable(text: str, stream: TextIO) -> str:
    """Text that the stream can print: lines become plain ones, bytes of names that are no text visible."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text
