"""Files over SSH: paramiko's SFTP, set up as OpenSSH's own configuration says."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import paramiko  # type: ignore[import-untyped]
from fsspec.implementations.sftp import SFTPFileSystem

from dvx.errors import RemoteError
from dvx.model.paths import printable
from dvx.store.backends.target import Target

_PIECE = 32 << 10
_CONNECT_SECONDS = 30.0
_STALL_SECONDS = 60.0
_HOST = re.compile(r"[\w.:%][\w.:%-]*")
_USER = re.compile(r"""[^-\s\x00-\x1f\x7f'"`$;&<>|(){}][^\s\x00-\x1f\x7f'"`$;&<>|(){}]*""")
_TRUSTING = ("no", "off", "accept-new")


class SFTPFiles(SFTPFileSystem):  # type: ignore[misc]
    """SFTP with one channel for each thread, opened at first use, over one connection that is made again when it broke."""

    cachable = False

    def __init__(self, host: str, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._mine = threading.local()
        self._client: paramiko.SSHClient | None = None
        super().__init__(host)

    def _connect(self) -> None:
        """Not yet: nothing is asked of the network before it must be."""

    @property
    def ftp(self) -> paramiko.SFTPClient:
        """This thread's channel."""
        client = self._connected()
        if getattr(self._mine, "client", None) is not client:
            channel = client.open_sftp()
            channel.get_channel().settimeout(_STALL_SECONDS)
            self._mine.client, self._mine.channel = client, channel
        found: paramiko.SFTPClient = self._mine.channel
        return found

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Part of a file; many small reads are asked for at once, since each waits for the network."""
        with self.ftp.open(path, "rb") as file:
            size = file.stat().st_size or 0
            begin, stop = start or 0, min(size, size if end is None else end)
            pieces = [(place, min(_PIECE, stop - place)) for place in range(begin, stop, _PIECE)]
            return b"".join(file.readv(pieces)) if pieces else b""

    def pipe_file(self, path: str, value: bytes) -> None:
        """Write a file."""
        with self._new(path) as file:
            file.write(value)
        self._confirm(path, len(value))

    def put_file(self, lpath: str, rpath: str) -> None:
        """Copy a local file."""
        total = 0
        with open(lpath, "rb") as source, self._new(rpath) as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)
                total += len(chunk)
        self._confirm(rpath, total)

    def makedirs(self, path: str, exist_ok: bool = True) -> None:  # noqa: ARG002  as a server that is asked twice answers
        """Make a folder and those above it; others may do so at the same time."""
        try:
            self.ftp.mkdir(path)
        except FileNotFoundError:
            self.makedirs(path.rpartition("/")[0])
            self.makedirs(path)
        except OSError:
            if not stat.S_ISDIR(self.ftp.stat(path).st_mode or 0):
                raise

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        self.ftp.remove(path)

    def create(self, path: str) -> None:
        """Make an empty file; raises OSError where there is one already."""
        self.ftp.open(path, "xb").close()

    @contextlib.contextmanager
    def _new(self, path: str) -> Iterator[paramiko.SFTPFile]:
        with self.ftp.open(path, "wb") as file:
            file.set_pipelined(True)
            yield file

    def _confirm(self, path: str, size: int) -> None:
        """What was sent in one go is acknowledged late: see that it is all there."""
        there = self.ftp.stat(path).st_size
        if there != size:
            raise ConnectionError(f"{there} of {size} bytes arrived")

    def _connected(self) -> paramiko.SSHClient:
        with self._guard:
            transport = self._client.get_transport() if self._client is not None else None
            if self._client is None or transport is None or not transport.is_active():
                self._client = _dial(self.host, self._settings)
            return self._client


def open_files(target: Target) -> tuple[Any, str]:
    """The file system of a URL and the path in it. Raises ValueError when the URL has no host."""
    parts, options = urlsplit(target.url), dict(target.options)
    if not parts.hostname:
        raise ValueError("it names no host")
    given: dict[str, Any] = {"port": parts.port, "username": parts.username and unquote(parts.username)}
    _refuse_odd(parts.hostname, str(options.get("username") or given["username"] or ""))
    given["password"] = parts.password and unquote(parts.password)
    settings = _from_ssh_config(parts.hostname) | {key: value for key, value in given.items() if value} | options
    return SFTPFiles(parts.hostname, settings), parts.path or "/"


def _refuse_odd(host: str, user: str) -> None:
    """The user's OpenSSH configuration may have commands that these become words of. Raises ValueError."""
    if not _HOST.fullmatch(host):
        raise ValueError(f"`{printable(host)}` is not a host name")
    if user and not _USER.fullmatch(user):
        raise ValueError(f"`{printable(user)}` is not a user name")


def _from_ssh_config(host: str) -> dict[str, Any]:
    """What the user's OpenSSH configuration says of a host, in paramiko's words."""
    config = paramiko.SSHConfig()
    with contextlib.suppress(FileNotFoundError, PermissionError), open(os.path.expanduser("~/.ssh/config")) as file:
        config.parse(file)
    found = config.lookup(host)
    settings: dict[str, Any] = {"address": found.get("hostname", host)}
    if "user" in found:
        settings["username"] = found["user"]
    if "port" in found:
        settings["port"] = int(found["port"])
    if "identityfile" in found:
        settings["key_filename"] = [name for name in map(os.path.expanduser, found["identityfile"]) if os.path.exists(name)]
    if found.get("proxyjump", "none").lower() != "none":
        settings["proxy"] = f"ssh -W {settings['address']}:{settings.get('port', 22)} {found['proxyjump']}"
    if found.get("proxycommand", "none").lower() != "none":
        settings["proxy"] = found["proxycommand"]
    settings["strict"] = found.get("stricthostkeychecking", "yes").lower() not in _TRUSTING
    settings["known_hosts"] = [os.path.expanduser(name) for name in found.get("userknownhostsfile", "~/.ssh/known_hosts").split()]
    return settings


def _dial(host: str, settings: dict[str, Any]) -> paramiko.SSHClient:
    given = dict(settings)
    address, strict, proxy = given.pop("address", host), given.pop("strict"), given.pop("proxy", None)
    client = paramiko.SSHClient()
    for place in ("/etc/ssh/ssh_known_hosts", *given.pop("known_hosts")):
        with contextlib.suppress(OSError):
            client.load_system_host_keys(place)
    client.set_missing_host_key_policy(paramiko.RejectPolicy() if strict else paramiko.AutoAddPolicy())
    given.setdefault("timeout", _CONNECT_SECONDS)
    limits = {"banner_timeout": _CONNECT_SECONDS, "auth_timeout": _CONNECT_SECONDS}
    try:
        client.connect(address, sock=paramiko.ProxyCommand(proxy) if proxy else None, **limits, **given)
    except paramiko.ssh_exception.NoValidConnectionsError as error:
        raise ConnectionError(str(error)) from None
    except paramiko.BadHostKeyException as error:
        hint = "if that is meant to be, remove the old key with `ssh-keygen -R`; if not, somebody may listen"
        raise RemoteError(f"the host key of `{host}` is not the one that is known: {error.key.get_name()}", hint) from None
    except paramiko.AuthenticationException as error:
        hint = "load your key with `ssh-add`, or set `keyfile` or `user` with `dvx remote modify --local`"
        raise RemoteError(f"`{host}` refuses access: {error}", hint) from None
    except paramiko.SSHException as error:
        if "known_hosts" in str(error):
            port = f" -p {given['port']}" if "port" in given else ""
            hint = f"run `ssh{port} {host}` once, and compare the fingerprint that it shows"
            raise RemoteError(f"the host key of `{host}` is not known", hint) from None
        raise
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(15)
        with contextlib.suppress(OSError):
            transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return client
