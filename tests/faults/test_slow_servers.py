"""A server that sends a byte now and then is given up, whatever it speaks; a slow line is not."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from dvx.errors import RemoteError
from dvx.store.remotes.remote import Remote, open_remote
from tests.helpers import dvx, run_dvx, write
from tests.more_servers import Served
from tests.patience import within
from tests.proxy import FaultProxy, fault_proxy
from tests.servers import S3Server
from tests.store.test_remote import trust

Count = Callable[[str, int], None]
# a large object is read in several requests at once
SMALL, LARGE = 3000, 6 << 20
KINDS = {
    "s3": "read_timeout",
    "s3 by botocore": "read_timeout",
    "gs": "read_timeout",
    "azure": "read_timeout",
    "http": "read_timeout",
    "webdav": "timeout",
}


@dataclass(frozen=True)
class Slow:
    """A server behind a proxy; `url` and `options` lead through it, `patience` is for how long a connection may be still."""

    proxy: FaultProxy
    url: str
    options: dict[str, str]
    patience: str

    def open(self, seconds: int = 60) -> Remote:
        return open_remote("storage", self.url, self.options | {self.patience: str(seconds)})

    def told(self, ask: Callable[[Remote], object]) -> str:
        """What is said when it is given up."""
        begin = time.monotonic()
        with pytest.raises(RemoteError) as caught:
            ask(self.open(1))
        assert time.monotonic() - begin < 20, time.monotonic() - begin
        return f"{caught.value.message} {caught.value.hint}"


@pytest.fixture(params=KINDS)
def slow(request: pytest.FixtureRequest) -> Iterator[Slow]:
    kind, name = request.param, uuid.uuid4().hex
    with ExitStack() as stack:
        if kind.startswith("s3"):
            server: S3Server = request.getfixturevalue("s3")
            bucket = request.getfixturevalue("bucket")
            proxy = stack.enter_context(fault_proxy(server.endpoint))
            through = {"endpointurl": f"http://127.0.0.1:{proxy.port}"}
            more = {"acl": "private"} if kind == "s3 by botocore" else {}
            yield Slow(proxy, f"s3://{bucket}/{name}", server.options() | through | more, KINDS[kind])
        elif kind == "gs":
            gs: Served = request.getfixturevalue("gs")
            proxy = stack.enter_context(fault_proxy(gs.options["endpointurl"]))
            yield Slow(proxy, f"gs://dvxgcs/{name}", gs.options | {"endpointurl": f"http://127.0.0.1:{proxy.port}"}, KINDS[kind])
        elif kind == "azure":
            import adlfs

            azure: Served = request.getfixturevalue("azure")
            proxy = stack.enter_context(fault_proxy(f"http://127.0.0.1:{azure.port}"))
            direct = azure.options["connection_string"]
            adlfs.AzureBlobFileSystem(connection_string=direct).mkdir(f"c{name}")
            through = direct.replace(f":{azure.port}/", f":{proxy.port}/")
            yield Slow(proxy, f"azure://c{name}/x", {"connection_string": through}, KINDS[kind])
        else:
            served: Served = request.getfixturevalue({"http": "http", "webdav": "dav"}[kind])
            proxy = stack.enter_context(fault_proxy(f"http://127.0.0.1:{served.port}"))
            yield Slow(proxy, f"{kind}://127.0.0.1:{proxy.port}/{name}", served.options, KINDS[kind])


def test_a_server_that_trickles_is_given_up(slow: Slow, all_points: bool, count: Count) -> None:
    slow.open().put(b"x" * SMALL, "a")
    asked: list[Callable[[Remote], object]] = [lambda remote: remote.read("a"), lambda remote: remote.missing(["a"])]
    asked += [lambda remote: remote.put(b"y" * LARGE, "b")] if all_points else []
    slow.proxy.drip = 0
    for ask in asked:
        slow.proxy.reset()
        assert re.search(r"too slow: less than 1000 bytes a second for 1 seconds|cannot be reached", slow.told(ask))
    slow.proxy.drip = None
    slow.proxy.reset()
    assert slow.open().read("a") == b"x" * SMALL
    count("requests to servers that trickle", len(asked))


def test_a_body_that_trickles_is_told(slow: Slow) -> None:
    slow.open().put(b"x" * LARGE, "a")
    slow.proxy.drip = 5000
    slow.proxy.reset()
    told = slow.told(lambda remote: remote.read("a"))
    # obstore's own limit for silence may come first on a busy machine
    assert "no answer in time" in told or "`storage` is too slow: less than 1000 bytes a second for 1 seconds" in told
    if not slow.url.startswith("gs:"):  # for which there is no such option
        assert "no answer in time" in told or "timeout` (seconds) of the remote higher" in told


def test_a_slow_line_is_borne(slow: Slow) -> None:
    data = os.urandom(60_000)
    slow.open().put(data, "a")
    slow.proxy.rate = 10_000
    assert slow.open(4).read("a") == data


def test_a_command_ends(dialect_repo: Path, s3: S3Server, bucket: str) -> None:
    write(dialect_repo / "a", os.urandom(100_000))
    dvx(dialect_repo, "add", "a")
    with fault_proxy(s3.endpoint) as proxy:
        dvx(dialect_repo, "remote", "add", "-d", "storage", f"s3://{bucket}/x")
        for option, value in (s3.options() | {"endpointurl": f"http://127.0.0.1:{proxy.port}", "read_timeout": "1"}).items():
            dvx(dialect_repo, "remote", "modify", "--local", "storage", option, value)
        proxy.drip = 0
        with within(25):
            result = run_dvx(dialect_repo, "push")
        assert result.code in (1, 255)
        assert re.search("the remote `storage` (is too slow|cannot be reached)", result.err)
        proxy.drip = None
        dvx(dialect_repo, "push")


def test_ssh_that_trickles_is_given_up(ssh: Served, home: Path, all_points: bool) -> None:
    if not all_points:
        pytest.skip("it takes minutes: SSH has no option that says for how long")
    with fault_proxy(f"http://127.0.0.1:{ssh.port}") as proxy:
        known = (ssh.folder.parent / "known_hosts").read_text().replace(f":{ssh.port} ", f":{proxy.port} ")
        write(home / ".ssh/known_hosts", known)
        trust(home, ssh)
        write(home / ".ssh/known_hosts", known)
        remote = open_remote("storage", f"ssh://127.0.0.1:{proxy.port}{ssh.folder}", ssh.options)
        remote.put(b"x" * LARGE, "a")
        proxy.drip = 0
        with within(600), pytest.raises(RemoteError):
            remote.read("a")
