"""How a command ends that did not do its work: what is said of it, and the exit code."""

from __future__ import annotations

import os
import sys

import typer

import dvx
from dvx.cli.session import Session
from dvx.cli.terminal import render
from dvx.config import environment
from dvx.errors import ConfigError, DvxError, NotARepository, Partial, UnknownColumn, UsageError, nearest
from dvx.model.dialect import NATIVE


def expected(error: DvxError, session: Session) -> int:
    """An error that a user can cause or repair."""
    _say(error.message, error.hint, error.place)
    return _code(error, session)


def usage(error: typer.TyperException, session: Session) -> int:
    """A command line that cannot be read; one that names only a group gets its help."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dvx"
    text = error.format_message()
    if context is not None and text.startswith("Usage: "):
        render.notes(*text.split("\n"))
        return session.exit_codes.usage
    hint = f"run `{path} --help` to see how it is used"
    option = getattr(error, "option_name", "")
    if option and hasattr(error, "possibilities"):
        known = [name for parameter in context.command.params for name in parameter.opts] if context is not None else ()
        _say(f"`{path}` has no option `{option}`", nearest(option, known) or hint)
        return session.exit_codes.usage
    choices = getattr(getattr(getattr(error, "param", None), "type", None), "choices", ())
    given = getattr(error, "message", "").split("'")
    if choices and len(given) > 1:
        hint = nearest(given[1], [str(getattr(choice, "value", choice)) for choice in choices]) or hint
    for word, plain in _TYPES.items():
        text = text.replace(word, plain)
    _say(text[0].lower() + text[1:].rstrip("."), hint)
    return session.exit_codes.usage


# what typer calls types, and people
_TYPES = {"a valid int range": "a whole number", "a valid int": "a whole number", "a valid float": "a number"}


def os_error(error: OSError, session: Session) -> int:
    """The system refused."""
    _say(*_os_error(error))
    return session.exit_codes.for_error(session.command)


def interrupted(session: Session) -> int:
    """Ctrl-C."""
    runs = session.command in ("repro", "exp run", "stage add")
    unfinished = "; until then outputs in the workspace may be incomplete" if runs else ""
    render.error("interrupted", f"run the same command again{unfinished}")
    return session.exit_codes.interrupted


def _unwritable_name(error: Exception) -> bool:
    """Whether it is a file name for which the encoding of names has no bytes: that of an old locale."""
    return isinstance(error, UnicodeEncodeError) and sys.getfilesystemencoding() != "utf-8"


def bug(error: Exception, session: Session) -> int:
    """An error that nobody expected: its details go to a file."""
    import secrets
    import tempfile
    import traceback

    from dvx.store import files

    if is_completing():
        return session.exit_codes.bug
    if isinstance(error, MemoryError):
        render.error("dvx ran out of memory", "run it again with fewer jobs (`-j 1`), or raise the limit (`ulimit -v`)")
        return session.exit_codes.for_error(session.command)
    if _unwritable_name(error):
        text = f"a file name cannot be written in `{sys.getfilesystemencoding()}`, which the locale asks for"
        render.error(text, "set a UTF-8 locale, such as `LC_ALL=C.UTF-8`, or `PYTHONUTF8=1`")
        return session.exit_codes.error
    details = f"dvx {dvx.__version__}, Python {sys.version}\n{''.join(traceback.format_exception(error))}"
    # others can write to that folder: no name that they can guess, and no eyes but the user's
    place = os.path.join(tempfile.gettempdir(), f"dvx-bug-{secrets.token_hex(8)}.log")
    text = f"this is a bug in dvx: {type(error).__name__}: {error}"
    try:
        files.write_new(place, details.encode("utf-8", "backslashreplace"), 0o600)
        render.error(text, f"please report it with `{place}`")
    except OSError:
        render.error(text, f"please report it with this:\n{details}")
    return session.exit_codes.bug


def _say(message: str, hint: str = "", place: str = "") -> None:
    if not is_completing():
        render.error(message, hint, place)


def is_completing() -> bool:
    """Whether a shell asks what could be typed: it shows on the command line what is printed."""
    return "_DVX_COMPLETE" in environment()


def _code(error: DvxError, session: Session) -> int:
    codes = session.exit_codes
    if isinstance(error, UsageError):
        return codes.usage
    if isinstance(error, ConfigError):
        return codes.config
    if isinstance(error, Partial):
        return codes.for_partial(session.command)
    if isinstance(error, NotARepository):
        return codes.outside if session.here()[0] is None else NATIVE.exit_codes.error
    if isinstance(error, UnknownColumn):
        return codes.error
    return codes.for_error(session.command)


_CURES = {
    "ENOSPC": "free some space, then run the same command again",
    "EDQUOT": "free some of your quota, then run the same command again",
    "EACCES": "check the permissions of the file and its folder",
    "EPERM": "check the permissions and attributes of the file and its folder",
    "EROFS": "the file system is read-only; mount it for writing",
    "EMFILE": "raise the limit of open files (`ulimit -n`)",
    "EIO": "the disk reports an error; check it, then run the same command again",
}


def _os_error(error: OSError) -> tuple[str, str]:
    import errno

    names = " -> ".join(f"`{os.fsdecode(name)}`" for name in (error.filename, error.filename2) if isinstance(name, str | bytes))
    text = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{names}: {text}" if names else text, _CURES.get(errno.errorcode.get(error.errno or 0, ""), "")
