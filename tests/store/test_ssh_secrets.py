"""Passwords of SSH remotes: the real `ssh`, and servers that note what they are told."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from dvx.errors import RemoteError
from dvx.store.remotes.remote import open_remote
from tests.helpers import write

SECRET = "it's $(a) \\secret"


class Noting(paramiko.ServerInterface):
    """A server with passwords; `interactive` is the question that it asks, if it does not ask the usual way."""

    def __init__(self, interactive: str = "") -> None:
        self.told: list[str] = []
        self.interactive = interactive

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive" if self.interactive else "password"

    def check_auth_password(self, username: str, password: str) -> int:
        self.told.append(password)
        return int(paramiko.AUTH_SUCCESSFUL if password == SECRET else paramiko.AUTH_FAILED)

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        return paramiko.InteractiveQuery("", "", self.interactive)

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return self.check_auth_password("", responses[0])

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


@contextlib.contextmanager
def serving(noting: Noting) -> Iterator[int]:
    """The port at which it listens."""
    key, transports = paramiko.RSAKey.generate(2048), []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                transport = paramiko.Transport(listener.accept()[0])
                transport.add_server_key(key)
                transports.append(transport)
                with contextlib.suppress(paramiko.SSHException):
                    transport.start_server(server=noting, event=threading.Event())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
    for transport in transports:
        transport.close()


@pytest.fixture
def any_host(home: Path) -> Path:
    """The user's configuration, which takes any host for a known one."""
    return write(home / ".ssh/config", "Host *\n  StrictHostKeyChecking no\n  User ada\n")


@pytest.mark.parametrize("question", ["", "Password: "])
def test_a_password_reaches_its_server(any_host: Path, question: str) -> None:
    noting = Noting(question)
    with serving(noting) as port, pytest.raises(RemoteError, match="has no SFTP"):
        open_remote("storage", f"ssh://127.0.0.1:{port}/x", {"password": SECRET, "passphrase": "other"}).read("x")
    assert noting.told == [SECRET]


def test_a_wrong_password_is_told(any_host: Path) -> None:
    noting = Noting()
    with serving(noting) as port, pytest.raises(RemoteError, match="refuses access"):
        open_remote("storage", f"ssh://127.0.0.1:{port}/x", {"password": "wrong"}).read("x")
    assert noting.told == ["wrong"]


@pytest.mark.parametrize("question", ["", "Password: ", "ada@inner.example.org's password: "])
def test_a_host_on_the_way_does_not_get_it(any_host: Path, question: str) -> None:
    noting = Noting(question)
    with serving(noting) as port:
        inner = "Host inner.example.org\n  ProxyJump door\n"
        any_host.write_text(f"Host door\n  HostName 127.0.0.1\n  Port {port}\n{inner}{any_host.read_text()}")
        with pytest.raises(RemoteError):
            open_remote("storage", "ssh://inner.example.org/x", {"password": SECRET}).read("x")
    assert SECRET not in noting.told
