"""Files over WebDAV."""

from __future__ import annotations

import contextlib
import errno
import os
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from webdav4.client import ResourceAlreadyExists, ResourceConflict, ResourceNotFound  # type: ignore[import-untyped]
from webdav4.fsspec import WebdavFileSystem  # type: ignore[import-untyped]

from dvx.store.backends.origins import OtherServer, leaves
from dvx.store.backends.target import Target

_SECONDS = 60.0
_TEMPORARY = (423, 429, 500, 502, 503, 504)


class WebdavFiles(WebdavFileSystem):  # type: ignore[misc]
    """WebDAV with ranges, and with moves that replace what is there.

    Some servers keep files on other ones and redirect to them: `elsewhere` has no credentials, and asks these.
    """

    cachable = False
    elsewhere: httpx.Client

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Part of a file."""
        try:
            return _part(self.client.http, str(self.client.join_url(path)), start or 0, end)
        except OtherServer as error:
            return _part(self.elsewhere, error.target, start or 0, end)

    def mv(self, path1: str, path2: str) -> None:
        """Rename a file, over what has that name."""
        self.client.move(path1, path2, overwrite=True)

    def makedirs(self, path: str, exist_ok: bool = True) -> None:  # noqa: ARG002  as a server that is asked twice answers
        """Make a folder, and those above it that are not there: what lies above the first that is may not be ours to see."""
        try:
            self.client.mkdir(path)
        except ResourceAlreadyExists:
            return
        except (ResourceConflict, ResourceNotFound):
            if not path.strip("/"):
                raise
            self.makedirs(path.rstrip("/").rpartition("/")[0])
            with contextlib.suppress(ResourceAlreadyExists):
                self.client.mkdir(path)

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        try:
            self.client.remove(path)
        except ResourceNotFound:
            raise FileNotFoundError(path) from None


def _part(client: httpx.Client, url: str, begin: int, end: int | None) -> bytes:
    """Part of a file. What goes on after it, also in an answer that is all of the file, is not read."""
    # bytes as they are: not in an encoding that unpacks to any size
    headers = {"Accept-Encoding": "identity"} | ({} if end is None else {"Range": f"bytes={begin}-{end - 1}"})
    with client.stream("GET", url, headers=headers, follow_redirects=True) as answer:
        if answer.status_code == 416:
            return b""
        if answer.status_code == 404:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url)
        answer.raise_for_status()
        skip = 0 if answer.status_code == 206 else begin
        room = None if end is None else end - begin
        found = bytearray()
        for chunk in answer.iter_raw():
            found += chunk[skip:]
            skip = max(0, skip - len(chunk))
            if room is not None and len(found) >= room:
                break
        return bytes(found[:room])


def open_files(target: Target) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Raises ValueError when the URL has no host."""
    parts, options = urlsplit(target.url), dict(target.options)
    if not parts.hostname:
        raise ValueError("it names no host")
    base = f"{'https' if parts.scheme == 'webdavs' else 'http'}://{parts.netloc.rpartition('@')[2]}"
    user = options.pop("user", None) or (parts.username and unquote(parts.username))
    password = options.pop("password", None) or unquote(parts.password or "")
    headers, custom = {}, options.pop("custom_auth_header", None)
    token = options.pop("token", None)
    if custom:
        headers[custom] = password
    elif token:
        headers["Authorization"] = f"Bearer {token}"
    certificate = options.pop("cert_path", None)
    key = options.pop("key_path", None)
    auth = (user, password) if user and not headers else None
    verify, limit = options.pop("ssl_verify", True), httpx.Timeout(options.pop("timeout", _SECONDS))
    found = WebdavFiles(
        base,
        auth=auth,
        headers=headers,
        cert=(certificate, key) if certificate and key else certificate,
        verify=verify,
        timeout=limit,
        retry=False,
        event_hooks={"response": [_check, _stay]},
    )
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    found.elsewhere = httpx.Client(verify=verify, timeout=limit, cookies=no_cookies, event_hooks={"response": [_check, _go_on]})
    return found, parts.path.strip("/")


def _check(answer: httpx.Response) -> None:
    """Refusals and what passes become errors of Python's own; the rest is for the client."""
    reason = f"the server answers {answer.status_code} {answer.reason_phrase} to {answer.request.method}"
    if answer.status_code in (401, 403, 407):
        raise PermissionError(errno.EACCES, reason)
    if answer.status_code in _TEMPORARY:
        raise ConnectionError(reason)
    if answer.status_code == 507:
        raise OSError(errno.ENOSPC, reason)


def _stay(answer: httpx.Response) -> None:
    if _leaves(answer):
        raise OtherServer(_target(answer))


def _go_on(answer: httpx.Response) -> None:
    _leaves(answer)


def _leaves(answer: httpx.Response) -> bool:
    return answer.has_redirect_location and leaves(str(answer.url), _target(answer))


def _target(answer: httpx.Response) -> str:
    return str(answer.url.join(answer.headers["location"]))
