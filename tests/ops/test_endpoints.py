"""Which servers get what this machine logs in with by itself: never one that a repository chose."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.helpers import dialect_of, dvx, git, run_dvx, write

TOKEN = "a-token-of-this-machine"


@dataclass
class Listening:
    """A server that gives tokens, and is a store that has nothing; it notes what was sent along."""

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def leaked(self) -> list[str]:
        """The paths that were asked for with the token."""
        return [path for path, authorization in self.seen if TOKEN in authorization]


@pytest.fixture
def listening() -> Iterator[Listening]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.seen.append((self.path, self.headers.get("Authorization") or ""))
            token = self.path == "/token"
            body = json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"} if token else {}).encode()
            self.send_response(200 if token else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_HEAD = do_PUT = _answer  # noqa: N815  names of the library

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Listening(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(tmp_path: Path, listening: Listening, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The credentials of a service account, with which this machine logs in at Google by itself."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    facts = {"type": "service_account", "client_email": "a@b", "private_key": key, "private_key_id": "1", "project_id": "p"}
    place = write(tmp_path / "account.json", json.dumps({**facts, "token_uri": f"{listening.url}/token"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(place))
    return place


def _track(repo: Path, more: str) -> None:
    config = repo / dialect_of(repo).folder / "config"
    config.write_text(f"[core]\n    remote = store\n['remote \"store\"']\n    url = gs://bucket/data\n{more}")
    git(repo, "add", "--all")
    write(repo / "f", "1\n")
    dvx(repo, "add", "f")


def _run(repo: Path, listening: Listening, *words: str) -> None:
    """Run dvx until it has asked for an object a few times: Google's library tries again for minutes."""
    until = time.monotonic() + 60
    with subprocess.Popen(["dvx", *words], cwd=repo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and time.monotonic() < until and sum("/bucket" in path for path, _ in listening.seen) < 2:
            time.sleep(0.05)
        process.kill()


@pytest.mark.usefixtures("account")
def test_a_login_at_google_goes_to_no_server_of_the_repositorys(dialect_repo: Path, listening: Listening) -> None:
    _track(dialect_repo, f"    endpointurl = {listening.url}\n")
    (dialect_repo / "f").unlink()
    _run(dialect_repo, listening, "push")
    assert any("/bucket" in path for path, _ in listening.seen)
    assert listening.leaked == []


@pytest.mark.usefixtures("account")
def test_nor_to_one_that_a_pointer_names(dialect_repo: Path, listening: Listening) -> None:
    options = f"fs_config: {{endpointurl: '{listening.url}'}}"
    pointer = f"deps:\n- path: gs://bucket/f\n  etag: x\n  {options}\nouts:\n- md5: {'a' * 32}\n  path: f\n"
    write(dialect_repo / f"f{dialect_of(dialect_repo).pointer_suffix}", pointer)
    _run(dialect_repo, listening, "update", f"f{dialect_of(dialect_repo).pointer_suffix}")
    assert any("/bucket" in path for path, _ in listening.seen)
    assert listening.leaked == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("words", [("push",), ("get-url", "remote://store/f", "got")])
def test_it_goes_where_the_user_says(dialect_repo: Path, listening: Listening, words: tuple[str, ...]) -> None:
    _track(dialect_repo, "")
    dvx(dialect_repo, "remote", "modify", "--local", "store", "endpointurl", listening.url)
    dvx(dialect_repo, "trust", "--yes")
    _run(dialect_repo, listening, *words)
    assert listening.leaked


def test_an_endpoint_that_is_changed_later_is_another_place(dialect_repo: Path, tmp_path: Path) -> None:
    dvx(dialect_repo, "remote", "add", "-d", "store", "s3://bucket/data")
    listed = {row["name"] for row in dvx(dialect_repo, "trust", "--list", "--json").json if row["trusted"]}
    assert listed == {"remote.store.url"}
    config = dialect_repo / dialect_of(dialect_repo).folder / "config"
    config.write_text(config.read_text() + "    endpointurl = http://127.0.0.1:1\n")
    asked = {row["name"] for row in dvx(dialect_repo, "trust", "--list", "--json").json if not row["trusted"]}
    assert asked == {"remote.store.endpointurl"}


@pytest.mark.parametrize("name", ["evil.example/x", "user@evil", "UPPER", "a", "x" * 25, "evil:80"])
def test_an_account_is_no_part_of_a_servers_name(native: Path, name: str) -> None:
    dvx(native, "remote", "add", "-d", "store", "azure://container/data")
    config = native / ".dvx/config"
    config.write_text(config.read_text() + f"    account_name = {name}\n")
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    refused = run_dvx(native, "push")
    assert refused.code == 1
    assert "`account_name` cannot be" in refused.err
