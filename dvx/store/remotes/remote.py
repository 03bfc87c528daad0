"""Remote: an object store behind a URL.

What a remote has is asked of the remote each time; nothing is remembered between commands.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, BinaryIO, Protocol

from dvx.errors import ConfigError
from dvx.model.paths import printable
from dvx.model.setup.options import ANY_REMOTE, TEXT
from dvx.model.setup.settings import redact
from dvx.store.backends.target import Target
from dvx.store.remotes.calls import Caller
from dvx.store.remotes.crowd import bearable
from dvx.store.remotes.folder import FolderRemote
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.network import NetworkRemote
from dvx.store.remotes.pace import Pace
from dvx.store.remotes.schemes import Scheme, arguments, find_scheme, scheme_of
from dvx.store.verify import Check


class Readable(Protocol):
    """Objects that can be fetched, by name. Threads may share it; `jobs` is how many it likes at once."""

    name: str
    jobs: int

    def download(self, name: str, local: str, check: Check | None = None) -> None:
        """Copy the object to the new file `local`; nothing is left there on failure.

        Raises:
            MissingData: there is no such object.
            Corrupted: the bytes are not those that `check` expects.
        """

    def resume(self, name: str, file: BinaryIO, check: Callable[[], Check]) -> None:
        """Like `download`, into a file that may hold the beginning already, and that keeps what arrived on failure.

        What it holds is hashed first; if the whole turns out to be wrong, all is copied once more.
        """


class Writable(Protocol):
    """A place that takes objects; see `Readable`."""

    name: str
    jobs: int

    def upload(self, local: str, name: str, check: Check | None = None) -> None:
        """Copy a local file to `name`, whole or not at all; it is there after `flush`.

        Raises:
            Corrupted: the bytes are not those that `check` expects; nothing gets the name.
            FileNotFoundError: there is no such local file.
        """

    def flush(self) -> None:
        """Make all uploads durable, and give them their names; make removals durable."""

    def discard(self) -> None:
        """Drop uploads that no flush named; for a command that failed."""


class Remote(Readable, Writable, Protocol):
    """A store of objects by `/`-separated names; `lists` says whether it can list them."""

    url: str
    lists: bool

    def found(self, names: Collection[str]) -> dict[str, Listed]:
        """Those objects that are there, with sizes and ages."""

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """The sizes in bytes of those objects that are there."""

    def missing(self, names: Collection[str]) -> set[str]:
        """Those that are not there."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names below `prefix`, a folder; empty for all."""

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Like `names`, with sizes and ages."""

    def remove(self, name: str) -> None:
        """Remove an object, durably after `flush`; a missing one is fine."""

    def put(self, data: bytes, name: str) -> None:
        """Store bytes as `name`, whole or not at all; they are there after `flush`."""

    def read(self, name: str) -> bytes:
        """The bytes of an object, unverified; raises MissingData."""

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Part of an object, unverified, shorter where the object ends before; raises MissingData."""


Ask = Callable[[str], str]
_PATIENCE = 60.0
_MAYBE_PATHS = frozenset({"ssl_verify"})
_ASKED = {"ask_password": "password", "ask_passphrase": "passphrase"}


def open_remote(
    name: str,
    url: str,
    options: Mapping[str, str],
    jobs: int = 0,
    ask: Ask | None = None,
    environ: Mapping[str, str] | None = None,
) -> Remote:
    """The remote at `url`; the network is not touched yet.

    `ask(what)` gets a secret from the user; credentials that no option gives may come from `environ`.

    Raises:
        ConfigError: the scheme is unknown, its package is not installed, or an option is of the wrong kind.
    """
    if not scheme_of(url):
        return FolderRemote(name, url.partition("://")[2] or url, jobs, group_shared=options.get("shared") == "group")
    scheme = find_scheme(url)
    _refuse_devices(name, options)
    jobs = jobs or min(32, max(8, 4 * (os.cpu_count() or 1)))
    jobs = bearable(min(jobs, int(options.get("max_sessions") or scheme.most)))
    target = Target(scheme, url, arguments(scheme, _with_secrets(name, options, ask)), jobs, environ or {})
    call = Caller(name, redact(url), scheme, Pace(_patience(scheme, options)))
    return NetworkRemote(name, redact(url), call, _connect(name, target), jobs)


def _patience(scheme: Scheme, options: Mapping[str, str]) -> float:
    """For how long (seconds) a connection may be almost still: as long as it may be silent."""
    # that of SSH is for the beginning only
    given = options.get("read_timeout") or ("" if scheme.protocol == "ssh" else options.get("timeout"))
    return max(1.0, float(given or _PATIENCE))


def _refuse_devices(name: str, options: Mapping[str, str]) -> None:
    """A tracked file may say where keys and certificates are; a device or a pipe there would never end."""
    for option, value in options.items():
        if ANY_REMOTE.get(option, TEXT).path or option in _MAYBE_PATHS:
            try:
                mode = os.stat(os.path.expanduser(value)).st_mode
            except (OSError, ValueError):
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise ConfigError(f"`{printable(value)}` is not a regular file", f"correct `{option}` of the remote `{name}`")


def _with_secrets(name: str, options: Mapping[str, str], ask: Ask | None) -> dict[str, str]:
    """The options, with the secrets that the user wants to be asked for."""
    found = dict(options)
    for option, secret in _ASKED.items():
        if found.get(option, "").lower() == "true" and secret not in found:
            if ask is None:
                raise ConfigError(f"the {secret} of the remote `{name}` must be asked for, and there is no terminal to do it")
            found[secret] = ask(f"{secret} for the remote `{name}`")
    return found


def _connect(name: str, target: Target) -> tuple[Any, str]:
    hint = f"run `pip install '{target.scheme.package}'`"
    try:
        backend = importlib.import_module(f"dvx.store.backends.{target.scheme.backend}")
        found: tuple[Any, str] = backend.open_files(target)
        return found
    except ImportError as error:
        raise ConfigError(f"the remote `{name}` needs a package that is not installed: {error.name or error}", hint) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the remote `{name}` cannot be opened: {error}", f"its URL is `{redact(target.url)}`") from None
