"""Files over SSH: paramiko speaks SFTP over connections that OpenSSH makes."""

from __future__ import annotations

import contextlib
import stat
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import paramiko  # type: ignore[import-untyped]
from fsspec.implementations.sftp import SFTPFileSystem

from dvx.errors import RemoteError
from dvx.store.backends.openssh import CONNECT_SECONDS, Dialer, Login, Wire
from dvx.store.backends.target import Target
from dvx.store.files import GROUP_FOLDER, is_for_group

_PIECE = 32 << 10


class SFTPFiles(SFTPFileSystem):  # type: ignore[misc]
    """SFTP with one connection for each thread, made at first use, and again when it broke."""

    cachable = False

    def __init__(self, login: Login) -> None:
        self._dialer = Dialer(login)
        self._mine = threading.local()
        super().__init__(login.host)

    def _connect(self) -> None:
        """Not yet: nothing is asked of the network before it must be."""

    @property
    def ftp(self) -> paramiko.SFTPClient:
        """This thread's connection."""
        wire: Wire | None = getattr(self._mine, "wire", None)
        if wire is None or wire.broken:
            self._mine.wire, self._mine.client = self._dialer.dial(lambda new: (new, paramiko.SFTPClient(new)))
        found: paramiko.SFTPClient = self._mine.client
        return found

    def identity(self) -> str:
        """Who logs in where: `user@host:port`."""
        return self._dialer.identity()

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
        """Make a folder and those above it, for the group to write to as in `files.make_group_folder`; others may do so, too."""
        try:
            self.ftp.mkdir(path)
        except FileNotFoundError:
            self.makedirs(path.rpartition("/")[0])
            self.makedirs(path)
        except PermissionError:
            hint = f"make it on `{self.host}`, or ask who runs it to let you write there"
            raise RemoteError(f"there is no folder `{path}`, and you may not make it", hint) from None
        except OSError:
            if not stat.S_ISDIR(self.ftp.stat(path).st_mode or 0):
                raise
        else:
            if is_for_group(self.ftp.stat(path.rpartition("/")[0] or "/").st_mode or 0):
                self.ftp.chmod(path, stat.S_IMODE(self.ftp.stat(path).st_mode or 0) | GROUP_FOLDER)

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


def open_files(target: Target) -> tuple[Any, str]:
    """The file system of a URL and the path in it. Raises ValueError when the URL has no host, or an odd one."""
    parts, options = urlsplit(target.url), dict(target.options)
    if not parts.hostname:
        raise ValueError("it names no host")
    login = Login(
        host=parts.hostname,
        user=str(options.get("username") or unquote(parts.username or "")),
        port=int(options.get("port") or parts.port or 0),
        keyfile=str(options.get("key_filename", "")),
        password=str(options.get("password") or unquote(parts.password or "")),
        passphrase=str(options.get("passphrase", "")),
        timeout=float(options.get("timeout") or CONNECT_SECONDS),
        allow_agent=options.get("allow_agent", True) is not False,
        gss_auth=options.get("gss_auth", False) is True,
    )
    return SFTPFiles(login), parts.path or "/"
