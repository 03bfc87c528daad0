"""Probes of a remote beside what `Remote` promises: who we are there, whether it refuses to write twice, what time it has.

Each is for some kinds of remotes only; None says that this one is not among them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from dvx.errors import RemoteError
from dvx.store import files
from dvx.store.remotes.folder import FolderRemote
from dvx.store.remotes.network import NetworkRemote
from dvx.store.remotes.remote import Remote
from dvx.store.remotes.schemes import arguments, find_scheme, scheme_of

_SECONDS = 10.0
_USERS = ("user", "account_name", "projectname")
_PROXIES = {"webdav": "http", "webdavs": "https"}


class Identity(Struct, frozen=True):
    """Who a remote thinks we are, and where that comes from; never a secret. `who` is empty where no credentials were found."""

    who: str
    source: str


def identity(remote: Remote, settings: Mapping[str, str], environ: Mapping[str, str]) -> Identity:
    """Who we are at a remote. Raises RemoteError where only the remote can say it and it cannot be reached."""
    scheme = scheme_of(remote.url)
    if not scheme:
        return Identity(_system_user(), "the user of this process")
    if scheme == "s3":
        return _s3_identity(remote.url, settings, environ)
    if scheme == "ssh" and isinstance(remote, NetworkRemote):
        return remote.direct(partial(_ssh_identity, settings))
    named = next((settings[name] for name in _USERS if settings.get(name)), None) or urlsplit(remote.url).username
    if named:
        return Identity(named, "the configuration")
    for option in ("token", "custom_auth_header", "connection_string", "credentialpath", "bearer_token_command", "cert_path"):
        if settings.get(option):
            return Identity(f"whoever `{option}` stands for", "the configuration")
    return Identity("anonymous", "no credentials are set")


def can_list(remote: Remote) -> bool | None:
    """Ask for the names at the top of a remote; whether that could be done is told by RemoteError."""
    if isinstance(remote, FolderRemote):
        try:
            os.listdir(remote.url)
        except OSError as error:
            raise RemoteError(f"{error.strerror}: `{remote.url}`", "check that you may read there") from None
        return True
    if not remote.lists:
        return None
    if isinstance(remote, NetworkRemote) and not find_scheme(remote.url).flat:
        with contextlib.suppress(FileNotFoundError):
            remote.direct(lambda store, root: store.ls(root, detail=False))
    else:
        list(remote.names(".dvx-probe"))
    return True


def writes_once(remote: Remote, name: str) -> bool | None:
    """Whether of two that write the same new object the second is refused; the object is left there.

    Raises:
        RemoteError: the first was refused, too.
    """
    if isinstance(remote, FolderRemote):
        return _folder_writes_once(f"{remote.url}/{name}")
    if not isinstance(remote, NetworkRemote):
        return None
    create = remote.direct(_create_of)
    if create is None:
        return None
    remote.direct(lambda _, root: create(f"{root.rstrip('/')}/{name}"))
    try:
        remote.direct(lambda _, root: create(f"{root.rstrip('/')}/{name}"))
    except RemoteError:
        return True
    return False


def clock(url: str, settings: Mapping[str, str]) -> float | None:
    """By how many seconds the clock of the server is ahead of ours; it tells whole seconds, so less than one says nothing."""
    import urllib.request
    from urllib.error import HTTPError

    place = _endpoint(url, settings)
    if place is None or settings.get("ssl_verify", "true").lower() != "true":
        return None
    begin = time.time()
    try:
        with urllib.request.urlopen(urllib.request.Request(place, method="HEAD"), timeout=_SECONDS) as answer:  # noqa: S310
            told = answer.headers.get("Date")
    except HTTPError as error:
        told = error.headers.get("Date")
    except (OSError, ValueError):
        return None
    try:
        there = parsedate_to_datetime(told).timestamp()
    except (TypeError, ValueError):
        return None
    return there - (begin + time.time()) / 2


def _system_user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return f"user {os.geteuid()}" if hasattr(os, "geteuid") else "this user"


def _ssh_identity(settings: Mapping[str, str], store: Any, root: str) -> Identity:
    store.exists(root)  # who we are is known when we are let in
    source = f"the key `{settings['keyfile']}`" if settings.get("keyfile") else "the SSH configuration, agent or usual keys"
    return Identity(store.identity(), "a password" if settings.get("password") else source)


def _s3_identity(url: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> Identity:
    if settings.get("allow_anonymous_login", "").lower() == "true":
        return Identity("anonymous", "`allow_anonymous_login`")
    if settings.get("access_key_id"):
        key, source = settings["access_key_id"], "the option `access_key_id`"
    elif environ.get("AWS_ACCESS_KEY_ID") and not settings.get("profile"):
        key, source = environ["AWS_ACCESS_KEY_ID"], "the environment"
    else:
        key, source = _found_key(url, settings)
    if not key:
        return Identity("", "")
    name = None if settings.get("endpointurl") else _arn(url, settings)
    profile = f", profile `{settings['profile']}`" if settings.get("profile") else ""
    return Identity(f"{name} (key {key})" if name else f"key {key}", source + profile)


def _found_key(url: str, settings: Mapping[str, str]) -> tuple[str, str]:
    """The key that Amazon's library finds, and where."""
    with contextlib.suppress(Exception):  # it has errors for every kind of place, and none of them is ours to judge
        found = _in_session(url, settings, lambda session: session.get_credentials())
        if found is not None:
            return str(found.access_key), str(found.method).replace("-", " ")
    return "", ""


def _arn(url: str, settings: Mapping[str, str]) -> str | None:
    """What Amazon calls the owner of the key, where it may be asked."""

    async def ask(session: Any) -> str:
        keys = {"aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key"}
        given = {
            word: settings[option]
            for word, option in {**keys, "aws_session_token": "session_token"}.items()
            if option in settings
        }
        async with session.create_client("sts", region_name=settings.get("region") or "us-east-1", **given) as client:
            return str((await client.get_caller_identity())["Arn"])

    with contextlib.suppress(Exception):  # as above: a help, not a need
        return str(_in_session(url, settings, ask))
    return None


def _in_session(url: str, settings: Mapping[str, str], ask: Any) -> Any:
    import asyncio

    from dvx.store.backends import fsspec_files
    from dvx.store.backends.target import Target

    scheme = find_scheme(url)
    store, _ = fsspec_files.open_files(Target(scheme, url, arguments(scheme, settings), 1))
    store.connect()
    return asyncio.run_coroutine_threadsafe(ask(store.session), store.loop).result(_SECONDS)


def _create_of(store: Any, _: str) -> Any:
    """What makes an object that must not exist yet."""
    if hasattr(store, "create"):
        return store.create
    protocol = getattr(store, "protocol", ())
    if not {"s3", "gs"} & {*((protocol,) if isinstance(protocol, str) else protocol)}:
        return None
    return lambda place: store.pipe_file(place, b"", mode="create")


def _folder_writes_once(place: str) -> bool:
    try:
        files.create_new(place).close()
    except OSError as error:
        raise RemoteError(f"{error.strerror}: `{place}`", "check that you may write there") from None
    try:
        files.create_new(place).close()
    except FileExistsError:
        return True
    return False


def _endpoint(url: str, settings: Mapping[str, str]) -> str | None:
    """Who to ask over HTTP for the time; no credentials go there."""
    scheme = scheme_of(url)
    if scheme == "s3":
        return settings.get("endpointurl") or f"https://s3.{settings.get('region') or 'us-east-1'}.amazonaws.com"
    if scheme == "gs":
        return settings.get("endpointurl") or "https://storage.googleapis.com"
    if scheme in ("http", "https", "webdav", "webdavs"):
        return f"{_PROXIES.get(scheme, scheme)}://{urlsplit(url).netloc.rpartition('@')[2]}/"
    return None
