"""Transfers over a bad network, to a hostile server, and killed at any time: nothing is lost, nothing wrong is believed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.patience import within
from tests.proxy import FaultProxy, fault_proxy
from tests.servers import S3Server

Count = Callable[[str, int], None]
pytestmark = pytest.mark.s3


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[FaultProxy]:
    with fault_proxy(s3.endpoint, seed=8) as found:
        yield found


def _connect(repo: Path, server: S3Server, place: str, proxy: FaultProxy | None = None, **options: str) -> None:
    dvx(repo, "remote", "add", "--force", "--default", "storage", f"s3://{place}")
    through = {"endpointurl": f"http://127.0.0.1:{proxy.port}"} if proxy is not None else {}
    for option, value in (server.options() | through | options).items():
        dvx(repo, "remote", "modify", "--local", "storage", option, value)


def _fill(repo: Path, count: int, size: int) -> dict[str, bytes]:
    data = {f"data/{number % 5}/{number}": os.urandom(size) for number in range(count)}
    for name, content in data.items():
        write(repo / name, content)
    dvx(repo, "add", "data")
    commit_all(repo)
    return data


def _pulled(repo: Path, server: S3Server, place: str, name: str = "clone") -> dict[str, bytes]:
    """What a fresh clone with an empty cache gets, over a good network."""
    git(repo.parent, "clone", "--quiet", repo, name)
    clone = repo.parent / name
    _connect(clone, server, place)
    dvx(clone, "pull")
    return {str(path.relative_to(clone)): path.read_bytes() for path in (clone / "data").rglob("*") if path.is_file()}


def _again_until_done(repo: Path, *words: str) -> int:
    """How many runs it takes; each that fails says so in a line or two."""
    for number in range(1, 12):
        result = run_dvx(repo, *words)
        if result.code == 0:
            return number
        assert "error: " in result.err
        assert "Traceback" not in result.err
    raise AssertionError(result.err)


def test_a_third_of_the_connections_may_fail(
    dialect_repo: Path, s3: S3Server, bucket: str, proxy: FaultProxy, count: Count
) -> None:
    data = _fill(dialect_repo, 40, 2000)
    _connect(dialect_repo, s3, bucket, proxy)
    proxy.broken, proxy.latency = 0.3, 0.002

    _again_until_done(dialect_repo, "push")
    assert _pulled(dialect_repo, s3, bucket) == data

    for folder in (dialect_repo / dialect_of(dialect_repo).folder / "cache", dialect_repo / "data"):
        shutil.rmtree(folder)
    _again_until_done(dialect_repo, "pull")
    assert {name: (dialect_repo / name).read_bytes() for name in data} == data
    count("objects copied while a third of the connections fail", 2 * len(data))


def test_large_files_go_on_after_resets(native: Path, s3: S3Server, bucket: str, proxy: FaultProxy) -> None:
    data = write(native / "data/large", os.urandom(50 << 20)).read_bytes()
    dvx(native, "add", "data")
    commit_all(native)
    _connect(native, s3, bucket, proxy)
    proxy.rate = 40 << 20
    ended = threading.Event()

    def disturb() -> None:
        pause = 1.5
        while not ended.wait(pause):
            proxy.reset()
            # a slow machine gets through in the end, too
            pause *= 1.2

    threading.Thread(target=disturb, daemon=True).start()
    try:
        _again_until_done(native, "push")
        shutil.rmtree(native / ".dvx/cache")
        (native / "data/large").unlink()
        _again_until_done(native, "pull")
    finally:
        ended.set()
    assert (native / "data/large").read_bytes() == data
    assert not list((native / ".dvx/cache/partial").iterdir())


def test_what_is_changed_on_its_way_is_sent_again(dialect_repo: Path, s3: S3Server, bucket: str, proxy: FaultProxy) -> None:
    data = {"data/large": os.urandom(20 << 20), "data/middle": os.urandom(2 << 20), "data/small": os.urandom(100_000)}
    for name, content in data.items():
        write(dialect_repo / name, content)
    dvx(dialect_repo, "add", "data")
    commit_all(dialect_repo)
    _connect(dialect_repo, s3, bucket, proxy)
    proxy.flips = 3

    _again_until_done(dialect_repo, "push")
    assert proxy.flips == 0
    assert _pulled(dialect_repo, s3, bucket) == data


def test_a_large_download_that_was_cut_off_goes_on(native: Path, s3: S3Server, bucket: str, proxy: FaultProxy) -> None:
    data = write(native / "data/large", os.urandom(45 << 20)).read_bytes()
    dvx(native, "add", "data")
    _connect(native, s3, bucket, proxy)
    dvx(native, "push")
    shutil.rmtree(native / ".dvx/cache/files")
    (native / "data/large").unlink()
    proxy.rate = 10 << 20
    with _running(native, "fetch") as process:
        _wait_for(lambda: any(path.stat().st_size > 16 << 20 for path in (native / ".dvx/cache/partial").glob("*")))
        process.kill()
    (partial,) = (native / ".dvx/cache/partial").iterdir()
    kept = partial.stat().st_size
    proxy.rate = 0
    passed = _received(proxy, lambda: dvx(native, "pull"))

    assert (native / "data/large").read_bytes() == data
    assert passed < len(data) - kept + (4 << 20)


def test_a_connection_that_stalls_is_given_up(native: Path, s3: S3Server, bucket: str, proxy: FaultProxy) -> None:
    data = _fill(native, 5, 1000)
    _connect(native, s3, bucket, proxy, read_timeout="1")
    proxy.stalled = True
    with within(20):
        result = run_dvx(native, "push")
    assert result.code == 1
    # who looks first: the library that waits for an answer, or what watches how much moves
    reasons = ("cannot be reached", "is too slow: less than 1000 bytes a second for 1 seconds")
    assert any(f"error: the remote `storage` {reason}" in result.err for reason in reasons)

    proxy.stalled = False
    dvx(native, "push")
    assert _pulled(native, s3, bucket) == data


def test_a_slow_network_is_borne(native: Path, s3: S3Server, bucket: str, proxy: FaultProxy) -> None:
    data = _fill(native, 20, 300)
    _connect(native, s3, bucket, proxy)
    proxy.rate = 8_000
    dvx(native, "push")
    assert _pulled(native, s3, bucket) == data


def test_ctrl_c_stops_at_once_and_the_next_run_goes_on(dvc_like: Path, s3: S3Server, bucket: str, proxy: FaultProxy) -> None:
    data = _fill(dvc_like, 60, 20_000)
    _connect(dvc_like, s3, bucket, proxy)
    proxy.latency = 0.3
    with _running(dvc_like, "push") as process:
        _wait_for(lambda: len(s3.files().find(bucket)) > 3)
        proxy.stalled = True
        process.send_signal(signal.SIGINT)
        with within(2):
            out, err = process.communicate()
    assert process.returncode in (130, 252), (out, err)
    assert "objects pushed" in err
    assert "Traceback" not in err

    proxy.stalled, proxy.latency = False, 0
    there = _settled(lambda: len(s3.files().find(bucket)))
    assert f"{len(data) + 1 - there} objects pushed" in dvx(dvc_like, "push").err
    assert _pulled(dvc_like, s3, bucket) == data


def _settled(count: Callable[[], int]) -> int:
    """A number, once it is the same for a second: what was sent already may take its time to arrive."""
    found = [count()]
    while len(found) < 5 or len(set(found[-5:])) > 1:
        time.sleep(0.2)
        found.append(count())
    return found[-1]


def test_after_a_kill_at_any_time_a_push_can_be_run_again(
    dialect_repo: Path, s3: S3Server, bucket: str, proxy: FaultProxy, all_points: bool, count: Count
) -> None:
    data = _fill(dialect_repo, 40, 3000)
    chance = random.Random(7)
    kills = 150 if all_points else 2
    for number in range(kills):
        place = f"{bucket}/{number}"
        _connect(dialect_repo, s3, place, proxy)
        proxy.latency = 0.01
        with _running(dialect_repo, "push") as process:
            time.sleep(chance.uniform(0.2, 1.5))
            process.kill()
        proxy.latency = 0
        dvx(dialect_repo, "push")
        assert _pulled(dialect_repo, s3, place, f"clone{number}") == data
        shutil.rmtree(dialect_repo.parent / f"clone{number}")
    count(f"pushes killed and run again ({dialect_of(dialect_repo).name})", kills)


def test_what_somebody_deletes_there_is_pushed_again(dialect_repo: Path, s3: S3Server, bucket: str, count: Count) -> None:
    data = _fill(dialect_repo, 40, 1000)
    _connect(dialect_repo, s3, bucket)
    dvx(dialect_repo, "push")
    files = s3.files()
    chance = random.Random(3)
    for number in range(2):
        chosen = chance.sample(sorted(files.find(bucket)), 2)
        for name in chosen:
            files.rm_file(name)
        dvx(dialect_repo, "push")
        assert _pulled(dialect_repo, s3, bucket, f"clone{number}") == data
    count("objects that vanished and came back", 4)


@pytest.mark.parametrize("harm", ["flip", "truncate", "extend", "empty", "swap"])
def test_a_hostile_server_is_not_believed(dialect_repo: Path, s3: S3Server, bucket: str, harm: str, count: Count) -> None:
    _fill(dialect_repo, 6, 500)
    _connect(dialect_repo, s3, bucket)
    dvx(dialect_repo, "push")
    files = s3.files()
    names = sorted(files.find(bucket))
    bodies = {name: files.cat_file(name) for name in names}
    for number, (name, data) in enumerate(bodies.items()):
        other = bodies[names[number - 1]]
        spoiled = {
            "flip": data[:-1] + bytes([data[-1] ^ 1]),
            "truncate": data[:-1],
            "extend": data + b"!",
            "empty": b"",
            "swap": other,
        }[harm]
        files.pipe_file(name, spoiled)
    git(dialect_repo.parent, "clone", "--quiet", dialect_repo, "clone")
    clone = dialect_repo.parent / "clone"
    _connect(clone, s3, bucket)

    result = run_dvx(clone, "pull")

    assert result.code not in (0, 3)
    assert "hash to" in result.err
    assert not (clone / "data").exists()
    assert not [path for path in (clone / dialect_of(clone).folder / "cache").rglob("*") if path.is_file()]
    count("objects spoiled by the server and refused", len(names))


@contextlib.contextmanager
def _running(repo: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A real `dvx`, killed at the end if it still runs."""
    command = [str(Path(sys.executable).with_name("dvx")), *words]
    process = subprocess.Popen(command, cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _wait_for(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


def _received(proxy: FaultProxy, run: Callable[[], object]) -> int:
    """How many bytes came from the server meanwhile."""
    before = proxy.received
    run()
    return proxy.received - before
