"""Files over plain HTTP: GET and HEAD to read, PUT or POST to write. There is no listing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from msgspec import Struct
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from requests.hooks import default_hooks
from requests.utils import get_netrc_auth

from dvx.errors import RemoteError
from dvx.model.paths import printable
from dvx.model.setup.settings import redact
from dvx.store.backends.answers import refusal, wanted_pause
from dvx.store.backends.origins import leaves, origin_of
from dvx.store.backends.target import Target

_CONNECT_SECONDS, _READ_SECONDS = 60.0, 60.0
_CHUNK = 1 << 20
_COUNTED = 64 << 20
_NOBODY = "http://nobody.invalid"


class Login(Struct, frozen=True):
    """How a server is told who we are."""

    auth: AuthBase | None
    headers: dict[str, str]


class _Session(requests.Session):
    """A session whose credentials, of whatever kind, stay with the server that they are for when it redirects."""

    def __init__(self, login: Login) -> None:
        super().__init__()
        adapter = HTTPAdapter(max_retries=0)
        self.mount("http://", adapter)
        self.mount("https://", adapter)
        self.auth = login.auth or _by_name
        # bytes as they are: a `.gz` object that the server declares as encoding must not be unpacked
        self.headers.update({"Accept-Encoding": "identity", **login.headers})
        self._secret = ("Authorization", "Cookie", *login.headers)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """What goes along with a redirect."""
        if leaves(str(response.request.url), str(prepared_request.url)):
            for name in self._secret:
                prepared_request.headers.pop(name, None)
            # a digest would be made when the other server asks for it
            prepared_request.hooks = default_hooks()
            self.cookies.clear()
            prepared_request.prepare_cookies({})


def _by_name(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Log in as `~/.netrc` says for this server by its name; its `default` would go to any server that a repository names."""
    found = get_netrc_auth(str(request.url))
    if found is None or found == get_netrc_auth(_NOBODY) or "Authorization" in request.headers:
        return request
    return HTTPBasicAuth(*found)(request)


class HTTPFiles:
    """The files below a URL, by whole URLs; each thread has its own connections.

    `ranges` says whether parts can be asked for; a server is believed to until it sends something else.
    """

    ranges = True

    def __init__(self, method: str, login: Login, verify: bool | str, limits: tuple[float, float]) -> None:
        self._method = method
        self._login = login
        self._verify = verify
        self._limits = limits
        self._mine = threading.local()

    def info(self, path: str) -> dict[str, Any]:
        """Size and time of a file."""
        answer = self._ask("HEAD", path)
        if answer.status_code in (405, 501) or (answer.ok and "content-length" not in answer.headers):
            with self._ask("GET", path, headers={"Range": "bytes=0-0"}, stream=True) as answer:
                _check(answer, path)
                return _info(path, answer, _total(answer))
        _check(answer, path)
        return _info(path, answer, int(answer.headers["content-length"]))

    def exists(self, path: str) -> bool:
        """Whether there is a file."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Part of a file; a server that knows no ranges sends more, and what was not asked for is dropped."""
        begin = start or 0
        room = None if end is None else end - begin
        found = bytearray()
        for chunk in self._chunks(path, begin, None if end is None else f"{end - 1}"):
            found += chunk
            if room is not None and len(found) >= room:
                break
        return bytes(found[:room])

    def stream(self, path: str, start: int) -> Iterator[bytes]:
        """A file from `start` on, in pieces."""
        return self._chunks(path, start, "")

    def _chunks(self, path: str, begin: int, last: str | None) -> Iterator[bytes]:
        headers = {} if last is None else {"Range": f"bytes={begin}-{last}"}
        with self._ask("GET", path, headers=headers, stream=True) as answer:
            if answer.status_code == 416:
                return
            _check(answer, path)
            skip = 0
            if answer.status_code != 206 and last is not None:
                self.ranges, skip = False, begin
            for chunk in answer.iter_content(_CHUNK):
                if len(chunk) > skip:
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))

    def pipe_file(self, path: str, value: bytes) -> None:
        """Write a file."""
        _check(self._ask(self._method, path, data=value), path)

    def put_file(self, lpath: str, rpath: str) -> None:
        """Copy a local file."""
        with open(lpath, "rb") as source:
            _check(self._ask(self._method, rpath, data=source), rpath)

    def rm_file(self, path: str) -> None:
        """Remove a file, where the server lets us."""
        _check(self._ask("DELETE", path), path)

    def _ask(
        self, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None, *, stream: bool = False
    ) -> requests.Response:
        if not hasattr(self._mine, "session"):
            self._mine.session = _Session(self._login)
        # those that other servers gave, after a redirect, are not for this one
        self._mine.session.cookies.clear()
        found: requests.Response = self._mine.session.request(
            method,
            _quoted(path),
            data=data,
            headers=headers,
            stream=stream,
            timeout=self._limits,
            # said here, it counts more than `REQUESTS_CA_BUNDLE`
            verify=self._verify,
        )
        return found


def open_files(target: Target) -> tuple[Any, str]:
    """The file system of a URL, and the URL without its password. Raises ValueError when the URL has no host."""
    parts, options = urlsplit(target.url), dict(target.options)
    if not parts.hostname:
        raise ValueError("it names no host")
    user, password = options.pop("user", None) or parts.username, options.pop("password", None) or parts.password or ""
    kind, custom = options.pop("auth", "basic" if user else ""), options.pop("custom_auth_header", "")
    headers = {custom: password} if kind == "custom" and custom else {}
    auth = {"basic": HTTPBasicAuth, "digest": HTTPDigestAuth}[kind](user or "", password) if kind in ("basic", "digest") else None
    limits = (options.pop("connect_timeout", _CONNECT_SECONDS), options.pop("read_timeout", _READ_SECONDS))
    files = HTTPFiles(options.pop("method", "POST").upper(), Login(auth, headers), options.pop("ssl_verify", True), limits)
    return files, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _info(path: str, answer: Any, size: int | None) -> dict[str, Any]:
    tag = answer.headers.get("ETag") or answer.headers.get("Content-MD5")
    return {"name": path, "type": "file", "size": size, "modified": None, "ETag": tag}


def _quoted(url: str) -> str:
    scheme, rest = url.split("://", 1)
    # what a user gives may have a query; names of objects hold none of its signs
    return f"{scheme}://{quote(rest, safe='/:%@[]?&=+,;~')}"


def _check(answer: requests.Response, path: str) -> None:
    if answer.ok:
        return
    reason = f"the server answers {answer.status_code} {answer.reason}"
    if answer.history and origin_of(answer.url) != origin_of(answer.history[0].url):
        reason = f"{reason} after a redirect to `{printable(origin_of(answer.url))}`, where your credentials do not go"
    if answer.status_code in (405, 501):
        hint = f"`{answer.request.method}` is not allowed there; set `method` to `PUT` or `POST`"
        raise RemoteError(f"{reason} for `{redact(path)}`", hint)
    raise refusal(answer.status_code, reason, path, pause=wanted_pause(answer.headers))


def _total(answer: requests.Response) -> int | None:
    """The length of the whole file; where the server does not say it is counted, and None if that takes too long."""
    _, slash, said = answer.headers.get("content-range", "").rpartition("/")
    if slash and said.isdecimal():
        return int(said)
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and answer.status_code == 200:
        return int(length)
    total = 0
    for chunk in answer.iter_content(_CHUNK):
        total += len(chunk)
        if total > _COUNTED:
            return None
    return total
