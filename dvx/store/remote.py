"""Remote: an object store behind a URL. The only importer of fsspec and its file systems.

What a remote has is asked of the remote each time; nothing is remembered between commands.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from dvx.errors import ConfigError
from dvx.model.settings import redact
from dvx.store.folder import FolderRemote
from dvx.store.listed import Listed
from dvx.store.network import NetworkRemote
from dvx.store.schemes import Scheme, arguments, find_scheme, scheme_of
from dvx.store.verify import Check

_PARTS_AT_ONCE = 4


class Remote(Protocol):
    """Objects by `/`-separated names. Threads may share it; `jobs` is how many it likes at once, `lists` whether it can list."""

    name: str
    url: str
    jobs: int
    lists: bool

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """The sizes in bytes of those objects that are there."""

    def missing(self, names: Collection[str]) -> set[str]:
        """Those that are not there."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names below `prefix`, a folder; empty for all."""

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Like `names`, with sizes and ages."""

    def remove(self, name: str) -> None:
        """Remove an object; a missing one is fine."""

    def upload(self, local: str, name: str, check: Check | None = None) -> None:
        """Copy a local file to `name`, whole or not at all; it is there after `flush`.

        Raises:
            Corrupted: the bytes are not those that `check` expects; nothing gets the name.
            FileNotFoundError: there is no such local file.
        """

    def put(self, data: bytes, name: str) -> None:
        """Store bytes as `name`, whole or not at all; they are there after `flush`."""

    def download(self, name: str, local: str, check: Check | None = None) -> None:
        """Copy the object to the new file `local`; nothing is left there on failure.

        Raises:
            MissingData: there is no such object.
            Corrupted: the bytes are not those that `check` expects.
        """

    def read(self, name: str) -> bytes:
        """The bytes of an object, unverified; raises MissingData."""

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Part of an object, unverified, shorter where the object ends before; raises MissingData."""

    def flush(self) -> None:
        """Make all uploads durable, and give them their names."""

    def discard(self) -> None:
        """Drop uploads that no flush named; for a command that failed."""


def open_remote(name: str, url: str, options: Mapping[str, str], jobs: int = 0) -> Remote:
    """The remote at `url`; the network is not touched yet.

    Raises:
        ConfigError: the scheme is unknown, its package is not installed, or an option is of the wrong kind.
    """
    if not scheme_of(url):
        return FolderRemote(name, url.partition("://")[2] or url, jobs)
    scheme = find_scheme(url)
    jobs = jobs or min(32, max(8, 4 * (os.cpu_count() or 1)))
    return NetworkRemote(name, url, scheme, _connect(name, url, scheme, _tuned(scheme, arguments(scheme, options), jobs)), jobs)


def _tuned(scheme: Scheme, options: dict[str, Any], jobs: int) -> dict[str, Any]:
    """Bounded waiting: retries are ours alone, or each would be tried as often again by the libraries below."""
    if scheme.flat:
        options["use_listings_cache"] = False
    if scheme.protocol == "s3":
        limits = {"connect_timeout": 5, "read_timeout": 30, "retries": {"total_max_attempts": 1}}
        options["config_kwargs"] = limits | {"max_pool_connections": jobs * _PARTS_AT_ONCE} | options.get("config_kwargs", {})
        options["max_concurrency"] = _PARTS_AT_ONCE
    return options


def _connect(name: str, url: str, scheme: Scheme, options: dict[str, Any]) -> tuple[Any, str]:
    hint = f"run `pip install '{scheme.package}'`"
    try:
        import fsspec

        if "files" in options:
            options["session"] = _session(options.pop("files"), options.pop("profile", None))
        address = f"{scheme.protocol}://{url.partition('://')[2]}"
        file_system, path = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise ConfigError(f"the remote `{name}` needs a package that is not installed: {error.name or error}", hint) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the remote `{name}` cannot be opened: {error}", f"its URL is `{redact(url)}`") from None
    if scheme.protocol == "s3":
        file_system.retries = 1
    return file_system, str(path)


def _session(settings: Mapping[str, str], profile: str | None) -> Any:
    """A session that reads its credentials or configuration from given files."""
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]

    session = AioSession(profile=profile)
    for variable, path in settings.items():
        session.set_config_variable(variable, os.path.expanduser(path))
    return session
