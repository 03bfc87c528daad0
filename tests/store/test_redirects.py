"""Facts about redirects: no credential of any kind leaves the server that it is for, and nothing falls back to plain HTTP."""

from __future__ import annotations

import base64
import contextlib
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dvx.errors import ConfigError, RemoteError
from dvx.store.remotes.remote import Remote, open_remote
from tests.helpers import run_dvx

SECRET = "s3cret-of-the-user"
_BASIC = base64.b64encode(f"ada:{SECRET}".encode()).decode()
_KEY = base64.b64encode(b"account key").decode()
_AZURE = "DefaultEndpointsProtocol=http;AccountName=dvx;AccountKey={key};BlobEndpoint=http://127.0.0.1:{port}/dvx;"
_S3 = {"endpointurl": "http://127.0.0.1:{port}", "access_key_id": "key", "secret_access_key": SECRET, "region": "us-east-1"}


@dataclass
class Origin:
    """An HTTP server that keeps the requests it gets, and forwards all of them if `forward` is set."""

    port: int = 0
    forward: str = ""
    status: int = 307
    demands: str = ""
    cookie: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextlib.contextmanager
def _origin(certificate: Path | None = None) -> Iterator[Origin]:
    state = Origin()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.seen.append((self.command, self.path, dict(self.headers)))
            body = b"" if self.command == "HEAD" else b"hello"
            if state.demands and "Digest" not in self.headers.get("Authorization", ""):
                self.send_response(401)
                self.send_header("WWW-Authenticate", state.demands)
                body = b""
            elif state.forward and not self.path.startswith("/again"):
                self.send_response(state.status)
                self.send_header("Location", state.forward + self.path)
                if state.cookie:
                    self.send_header("Set-Cookie", f"session={state.cookie}; Path=/")
                body = b""
            else:
                self.send_response(200)
            self.send_header("Content-Length", "5" if self.command == "HEAD" else str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_PROPFIND = do_MKCOL = _answer  # noqa: N815  the words of HTTP

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def here() -> Iterator[Origin]:
    """The server that the credentials are for."""
    with _origin() as state:
        yield state


@pytest.fixture
def there(here: Origin) -> Iterator[Origin]:
    """Another one, on another port, to which it redirects."""
    with _origin() as state:
        here.forward = f"http://127.0.0.1:{state.port}"
        yield state


def _read(remote: Remote) -> None:
    assert remote.read("a") == b"hello"


def _ask(remote: Remote) -> None:
    with pytest.raises(RemoteError):
        remote.missing(["a"])


def _write(remote: Remote) -> None:
    with pytest.raises(RemoteError):
        remote.put(b"hello" * 100_000, "a")


@pytest.mark.parametrize("status", [301, 302, 307])
@pytest.mark.parametrize(
    ("url", "options", "act"),
    [
        ("http://127.0.0.1:{port}/x", {"user": "ada", "password": SECRET}, _read),
        ("http://127.0.0.1:{port}/x", {"auth": "custom", "custom_auth_header": "X-Token", "password": SECRET}, _read),
        ("webdav://127.0.0.1:{port}/x", {"user": "ada", "password": SECRET}, _read),
        ("webdav://127.0.0.1:{port}/x", {"custom_auth_header": "X-Token", "password": SECRET}, _read),
        ("webdav://127.0.0.1:{port}/x", {"token": SECRET}, _read),
        ("webdav://127.0.0.1:{port}/x", {"token": SECRET}, _ask),
        ("s3://bucket/x", _S3 | {"session_token": SECRET}, _ask),
        ("s3://bucket/x", _S3 | {"session_token": SECRET}, _write),
        ("s3://bucket/x", _S3 | {"session_token": SECRET, "acl": "private"}, _ask),
        ("s3://bucket/x", _S3, _write),
        ("gs://bucket/x", {"endpointurl": "http://127.0.0.1:{port}", "allow_anonymous_login": "true"}, _ask),
        ("azure://bucket/x", {"connection_string": _AZURE.replace("{key}", _KEY)}, _ask),
    ],
)
def test_no_credential_goes_to_another_server(
    here: Origin, there: Origin, url: str, options: dict[str, str], act: Callable[[Remote], None], status: int
) -> None:
    here.status = status
    filled = {name: value.replace("{port}", str(here.port)) for name, value in options.items()}
    remote = open_remote("storage", url.format(port=here.port), filled)
    act(remote)
    assert here.seen
    for _, path, headers in there.seen:
        told = f"{path} {headers}"
        assert SECRET not in told
        assert _BASIC not in told
        assert "Authorization" not in headers
        assert "token" not in told.lower()


def test_signed_requests_are_not_sent_elsewhere(here: Origin, there: Origin) -> None:
    remote = open_remote("storage", "s3://bucket/x", {name: value.format(port=here.port) for name, value in _S3.items()})
    remote.missing(["a"])
    assert all("Authorization" not in headers for _, _, headers in there.seen)


def test_no_digest_is_made_for_another_server(here: Origin, there: Origin) -> None:
    challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
    here.demands = there.demands = challenge
    options = {"auth": "digest", "user": "ada", "password": SECRET}
    remote = open_remote("storage", f"http://127.0.0.1:{here.port}/x", options)
    with pytest.raises(RemoteError, match=r"401 .* after a redirect to `http://127.0.0.1:.*`, where your credentials do not go"):
        remote.read("a")
    assert "Digest" in here.seen[-1][2]["Authorization"]
    assert [headers.get("Authorization") for _, _, headers in there.seen] == [None] * len(there.seen)


def test_cookies_stay_with_their_server(here: Origin, there: Origin) -> None:
    here.cookie, there.cookie = "of-here", "of-there"
    there.forward = f"http://127.0.0.1:{there.port}/again"
    remote = open_remote("storage", f"http://127.0.0.1:{here.port}/x", {})
    _read(remote)
    assert [(path, headers.get("Cookie")) for _, path, headers in there.seen] == [
        ("/x/a", None),
        ("/again/x/a", "session=of-there"),
    ]
    _read(remote)
    assert {headers.get("Cookie") for _, _, headers in here.seen} == {None}


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/x", "webdav://127.0.0.1:{}/x"])
def test_credentials_go_along_where_the_server_stays_the_same(here: Origin, url: str) -> None:
    here.forward = f"http://127.0.0.1:{here.port}/again"
    _read(open_remote("storage", url.format(here.port), {"user": "ada", "password": SECRET}))
    assert [path for _, path, _ in here.seen] == ["/x/a", "/again/x/a"]
    assert {headers["Authorization"] for _, _, headers in here.seen} == {f"Basic {_BASIC}"}


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("https://127.0.0.1:{}/x", {}, "which is not encrypted, so dvx did not follow"),
        ("webdavs://127.0.0.1:{}/x", {}, "which is not encrypted, so dvx did not follow"),
        ("s3://bucket/x", _S3 | {"endpointurl": "https://127.0.0.1:{}"}, "cannot be reached"),
    ],
)
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_nothing_falls_back_to_plain_http(tmp_path: Path, url: str, options: dict[str, str], said: str) -> None:
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    pem, key = tmp_path / "pem", tmp_path / "key"
    subprocess.run([*words, "-keyout", key, "-out", pem], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + key.read_bytes())
    with _origin(pem) as safe, _origin() as plain:
        safe.forward = f"http://127.0.0.1:{plain.port}"
        filled = {name: value.format(safe.port) for name, value in options.items()}
        remote = open_remote("storage", url.format(safe.port), filled | {"ssl_verify": "false"})
        with pytest.raises(RemoteError, match=said):
            remote.read("a")
        assert safe.seen
        assert not plain.seen


def test_an_import_over_http_takes_nothing_along(dialect_repo: Path, here: Origin, there: Origin) -> None:
    there.cookie = "x"
    url = f"http://127.0.0.1:{here.port}/data"
    words = ("--fs-config", "auth=custom", "--fs-config", "custom_auth_header=X-Token", "--fs-config", f"password={SECRET}")
    run_dvx(dialect_repo, "get-url", url, "data", *words)
    assert any(headers.get("X-Token") == SECRET for _, _, headers in here.seen)
    assert there.seen
    assert all(SECRET not in str(headers) for _, _, headers in there.seen)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ssh://-oProxyCommand=touch%20x/x", {}),
        ("ssh://host;id/x", {}),
        ("ssh://ho$(id)st/x", {}),
        ("ssh://-l@host/x", {}),
        ("ssh://host/x", {"user": "-oProxyCommand=x"}),
        ("ssh://host/x", {"user": "a\nb"}),
        ("ssh://host/x", {"user": "a b"}),
        ("ssh://host/x", {"user": "`id`"}),
    ],
)
def test_a_host_or_user_of_ssh_that_could_be_an_option_is_refused(url: str, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"is not a (host|user) name"):
        open_remote("storage", url, options)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ssh://example.org/x", {"user": "ada.lovelace"}),
        ("ssh://[::1]:22/x", {}),
        ("ssh://ada@lab_1/x", {}),
        ("ssh://host/x", {"user": "DOMAIN\\ada"}),
        ("ssh://host/x", {"user": "ada@example.org"}),
    ],
)
def test_usual_hosts_and_users_of_ssh_are_fine(url: str, options: dict[str, str]) -> None:
    open_remote("storage", url, options)


@pytest.mark.parametrize("machine", ["default", "machine 127.0.0.1", "machine 127.0.0.1 login ada password other\ndefault"])
def test_only_a_server_that_is_named_gets_the_login_of_netrc(
    here: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str
):
    place = tmp_path / "netrc"
    place.write_text(f"{machine} login ada password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(place))
    here.forward = ""
    _read(open_remote("store", f"http://127.0.0.1:{here.port}", {}))
    asked = [headers.get("Authorization", "") for _, _, headers in here.seen]
    assert any(asked) == machine.startswith("machine")
    assert (f"Basic {_BASIC}" in asked) == (machine == "machine 127.0.0.1")
