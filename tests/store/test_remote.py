"""The contract that every kind of remote keeps."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dvx.errors import ConfigError, Corrupted, MissingData, RemoteError
from dvx.model.digest import Digest
from dvx.store.remote import Remote, open_remote
from dvx.store.verify import Check
from tests.helpers import write
from tests.patience import within
from tests.servers import S3Server, free_ports

HELLO = Digest("md5", "5d41402abc4b2a76b9719d911017c592")
EMPTY = Digest("md5", "d41d8cd98f00b204e9800998ecf8427e")


@dataclass(frozen=True)
class Place:
    """A remote, and a way to look and meddle behind its back."""

    remote: Remote
    reopen: Callable[[], Remote]
    get: Callable[[str], bytes]
    put: Callable[[str, bytes], Any]


@pytest.fixture(params=["folder", "s3", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return _folder(tmp_path / "remote")
    if request.param == "s3":
        return _s3(request.getfixturevalue("s3"), request.getfixturevalue("bucket"))
    return _memory()


def _folder(root: Path) -> Place:
    def put(name: str, data: bytes) -> None:
        if (root / name).exists():
            (root / name).chmod(0o644)
        write(root / name, data)

    return Place(
        open_remote("storage", str(root), {}),
        lambda: open_remote("storage", str(root), {}),
        lambda name: (root / name).read_bytes(),
        put,
    )


def _s3(server: S3Server, bucket: str) -> Place:
    def opened() -> Remote:
        return open_remote("storage", f"s3://{bucket}/some/where", server.options())

    files = server.files()
    top = f"{bucket}/some/where"
    return Place(
        opened(), opened, lambda name: files.cat_file(f"{top}/{name}"), lambda name, data: files.pipe_file(f"{top}/{name}", data)
    )


def _memory() -> Place:
    import fsspec

    top = f"/{uuid.uuid4().hex}"
    files = fsspec.filesystem("memory")

    def opened() -> Remote:
        return open_remote("storage", f"memory:/{top}", {})

    return Place(
        opened(), opened, lambda name: files.cat_file(f"{top}/{name}"), lambda name, data: files.pipe_file(f"{top}/{name}", data)
    )


@pytest.fixture
def hello(tmp_path: Path) -> str:
    return str(write(tmp_path / "hello", "hello"))


def test_what_was_uploaded_is_there(place: Place, hello: str) -> None:
    place.remote.upload(hello, HELLO.object_name, Check(HELLO))
    place.remote.flush()

    assert place.get("files/md5/5d/41402abc4b2a76b9719d911017c592") == b"hello"
    assert place.reopen().sizes([HELLO.object_name, EMPTY.object_name]) == {HELLO.object_name: 5}
    assert place.reopen().missing([HELLO.object_name, EMPTY.object_name]) == {EMPTY.object_name}


def test_bytes_can_be_stored_and_read_in_part(place: Place) -> None:
    data = os.urandom(20_000_000)

    place.remote.put(data, "packs/some")
    place.remote.flush()

    assert place.get("packs/some") == data
    assert place.reopen().read_range("packs/some", 15_000_000, 1000) == data[15_000_000:15_001_000]
    assert place.reopen().read_range("packs/some", 19_999_990, 100) == data[-10:]
    with pytest.raises(MissingData):
        place.remote.read_range("packs/other", 0, 10)


def test_an_upload_replaces_an_object(place: Place, hello: str) -> None:
    place.put(HELLO.object_name, b"he")

    place.remote.upload(hello, HELLO.object_name, Check(HELLO))
    place.remote.flush()

    assert place.get(HELLO.object_name) == b"hello"


def test_wrong_bytes_are_not_uploaded(place: Place, tmp_path: Path) -> None:
    wrong = str(write(tmp_path / "wrong", "jello"))

    with pytest.raises(Corrupted, match="hash to `7aa6991a62353dd2761280cf592542dc"):
        place.remote.upload(wrong, HELLO.object_name, Check(HELLO))
    place.remote.flush()

    assert list(place.remote.names("")) == []


def test_uploading_a_file_that_is_gone_says_so(place: Place, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        place.remote.upload(str(tmp_path / "gone"), HELLO.object_name, Check(HELLO))


def test_a_download_gives_the_bytes(place: Place, tmp_path: Path) -> None:
    place.put(HELLO.object_name, b"hello")
    moved: list[int] = []

    place.remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO, 5, moved.append))

    assert (tmp_path / "out").read_bytes() == b"hello"
    assert moved == [5]


def test_an_empty_object_goes_there_and_back(place: Place, tmp_path: Path) -> None:
    place.remote.upload(str(write(tmp_path / "empty", "")), EMPTY.object_name, Check(EMPTY))
    place.remote.flush()

    place.remote.download(EMPTY.object_name, str(tmp_path / "out"), Check(EMPTY, 0))

    assert (tmp_path / "out").read_bytes() == b""
    assert place.remote.read(EMPTY.object_name) == b""


@pytest.mark.parametrize("size", [8 << 20, (8 << 20) + 1, 40_000_003])
def test_a_large_object_goes_there_and_back(place: Place, tmp_path: Path, size: int) -> None:
    source = tmp_path / "large"
    source.write_bytes(os.urandom(1_000_003) * (size // 1_000_003) + os.urandom(size % 1_000_003))
    name = _md5(source)

    place.remote.upload(str(source), name.object_name, Check(name))
    place.remote.flush()
    place.remote.download(name.object_name, str(tmp_path / "out"), Check(name, size))

    assert (tmp_path / "out").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("spoiled", [b"hellp", b"hell", b"hello!", b""], ids=["flipped", "truncated", "extended", "emptied"])
def test_wrong_bytes_are_not_downloaded(place: Place, tmp_path: Path, spoiled: bytes) -> None:
    place.put(HELLO.object_name, spoiled)

    with pytest.raises(Corrupted) as caught:
        place.remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO, 5))

    assert "md5:5d41402abc4b2a76b9719d911017c592" in caught.value.message
    assert _md5_of(spoiled) in caught.value.message
    assert not (tmp_path / "out").exists()


def test_an_endless_object_is_refused_before_it_ends(place: Place, tmp_path: Path) -> None:
    place.put(HELLO.object_name, b"x" * (100 << 20))

    with pytest.raises(Corrupted, match="far beyond its size"):
        place.remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO, 5))

    assert not (tmp_path / "out").exists()


def test_a_missing_object_is_missing(place: Place, tmp_path: Path) -> None:
    place.put(EMPTY.object_name, b"")

    with pytest.raises(MissingData, match="is not at the remote `storage`"):
        place.remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO))
    with pytest.raises(MissingData):
        place.remote.read(HELLO.object_name)
    assert not (tmp_path / "out").exists()


def test_names_are_listed_below_a_prefix(place: Place) -> None:
    for name in ("files/md5/aa/1", "files/md5/ab/2.dir", "runs/cc/k/v", "dd/3"):
        place.put(name, b"x")

    assert list(place.remote.names("files/md5")) == ["files/md5/aa/1", "files/md5/ab/2.dir"]
    assert list(place.remote.names("runs/")) == ["runs/cc/k/v"]
    assert list(place.remote.names("")) == ["dd/3", "files/md5/aa/1", "files/md5/ab/2.dir", "runs/cc/k/v"]
    assert list(place.remote.names("nothing")) == []


@pytest.mark.parametrize("asked", [3, 300])
def test_few_and_many_objects_are_found(place: Place, asked: int) -> None:
    names = [f"files/md5/{number % 7:02x}/{number:030x}" for number in range(asked)]
    for number, name in enumerate(names):
        if number % 3:
            place.put(name, b"x" * (number % 5))

    assert place.remote.sizes(names) == {name: number % 5 for number, name in enumerate(names) if number % 3}


def test_many_legacy_objects_are_found(place: Place) -> None:
    names = [f"{number % 3:02x}/{number:030x}" for number in range(90)]
    for name in names[:45]:
        place.put(name, b"x")

    assert place.remote.missing(names) == set(names[45:])


def test_a_fresh_remote_has_nothing(place: Place) -> None:
    names = [f"files/md5/{number % 7:02x}/{number:030x}" for number in range(100)]

    assert place.remote.missing(names) == set(names)


def test_what_the_remote_lost_is_missing_again(place: Place, hello: str, tmp_path: Path, s3: S3Server) -> None:
    place.remote.upload(hello, HELLO.object_name, Check(HELLO))
    place.remote.flush()
    assert place.remote.missing([HELLO.object_name]) == set()

    other = place.reopen()
    place.put(HELLO.object_name, b"hello world")

    assert place.remote.sizes([HELLO.object_name]) == {HELLO.object_name: 11}
    assert other.sizes([HELLO.object_name]) == {HELLO.object_name: 11}


def test_threads_share_a_remote(place: Place, tmp_path: Path) -> None:
    def work(number: int) -> None:
        data = str(number).encode() * 1000
        name = Digest("md5", _md5_of(data))
        place.remote.upload(str(write(tmp_path / f"in{number}", data)), name.object_name, Check(name))
        place.remote.flush()
        place.remote.download(name.object_name, str(tmp_path / f"out{number}"), Check(name))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all((tmp_path / f"out{number}").read_bytes() == str(number).encode() * 1000 for number in range(20))


class TestFolder:
    def test_nothing_has_its_name_before_the_flush(self, tmp_path: Path, hello: str) -> None:
        remote = open_remote("storage", str(tmp_path / "remote"), {})
        remote.upload(hello, HELLO.object_name, Check(HELLO))
        assert list(remote.names("")) == []

        remote.flush()

        assert list(remote.names("")) == [HELLO.object_name]
        assert [path.name for path in (tmp_path / "remote/files/md5/5d").iterdir()] == ["41402abc4b2a76b9719d911017c592"]

    def test_objects_are_read_only(self, tmp_path: Path, hello: str) -> None:
        remote = open_remote("storage", str(tmp_path / "remote"), {})
        remote.upload(hello, HELLO.object_name, Check(HELLO))
        remote.flush()

        assert (tmp_path / "remote" / HELLO.object_name).stat().st_mode & 0o777 == 0o444

    def test_a_discarded_upload_leaves_no_file(self, tmp_path: Path, hello: str) -> None:
        remote = open_remote("storage", str(tmp_path / "remote"), {})
        remote.upload(hello, HELLO.object_name, Check(HELLO))

        remote.discard()
        remote.flush()

        assert [path for path in (tmp_path / "remote").rglob("*") if path.is_file()] == []

    def test_what_a_dead_process_left_is_removed_after_a_day(self, tmp_path: Path, hello: str) -> None:
        old, young = write(tmp_path / "remote/.tmp/old", "x"), write(tmp_path / "remote/.tmp/young", "x")
        os.utime(old, (time.time() - 90_000,) * 2)
        os.utime(young, (time.time() - 80_000,) * 2)
        remote = open_remote("storage", str(tmp_path / "remote"), {})

        remote.upload(hello, HELLO.object_name, Check(HELLO))
        remote.flush()

        assert sorted(path.name for path in (tmp_path / "remote/.tmp").iterdir()) == ["young"]
        assert list(remote.names("")) == [HELLO.object_name]

    def test_a_file_url_is_a_folder(self, tmp_path: Path) -> None:
        write(tmp_path / "remote/dd/3", "x")

        assert list(open_remote("storage", f"file://{tmp_path}/remote", {}).names("")) == ["dd/3"]

    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        remote = open_remote("storage", str(tmp_path / "unmounted"), {})

        with pytest.raises(RemoteError, match="unmounted` of the remote `storage` does not exist"):
            remote.read(HELLO.object_name)

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        folder = tmp_path / "remote/files/md5/5d"
        folder.mkdir(parents=True)
        os.mkfifo(folder / HELLO.hex[2:])
        remote = open_remote("storage", str(tmp_path / "remote"), {})

        assert remote.missing([HELLO.object_name]) == {HELLO.object_name}
        with pytest.raises(RemoteError, match="is not a file"):
            remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO))

    def test_an_error_names_the_remote_and_the_path(self, tmp_path: Path, hello: str) -> None:
        write(tmp_path / "remote/files", "a file where a folder belongs")
        remote = open_remote("storage", str(tmp_path / "remote"), {})

        with pytest.raises(RemoteError, match=r"the remote `storage` failed: .*`/.*/remote/files"):
            remote.upload(hello, HELLO.object_name, Check(HELLO))


@pytest.mark.s3
class TestS3:
    def test_a_missing_bucket_is_named(self, s3: S3Server, hello: str, tmp_path: Path) -> None:
        remote = open_remote("storage", "s3://no-such-bucket/x", s3.options())

        with pytest.raises(RemoteError, match="the bucket `no-such-bucket` of the remote `storage` does not exist"):
            remote.upload(hello, HELLO.object_name, Check(HELLO))
        with pytest.raises(RemoteError, match="bucket `no-such-bucket`"):
            remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO))

    def test_a_key_that_may_only_read_is_refused_at_once(self, s3: S3Server, bucket: str, hello: str) -> None:
        remote = open_remote("storage", f"s3://{bucket}", s3.options(reader=True))
        assert remote.missing([HELLO.object_name]) == {HELLO.object_name}

        with within(2), pytest.raises(RemoteError, match="refuses access") as caught:
            remote.upload(hello, HELLO.object_name, Check(HELLO))

        assert "remote modify --local storage" in caught.value.hint

    def test_wrong_keys_are_refused(self, s3: S3Server, bucket: str) -> None:
        remote = open_remote("storage", f"s3://{bucket}", s3.options() | {"secret_access_key": "wrong"})

        with pytest.raises(RemoteError, match="refuses access"):
            remote.missing([HELLO.object_name])

    def test_no_keys_are_told(self, s3: S3Server, bucket: str) -> None:
        remote = open_remote("storage", f"s3://{bucket}", {"endpointurl": s3.endpoint, "region": "us-east-1"})

        with pytest.raises(RemoteError, match="credentials"):
            remote.missing([HELLO.object_name])

    def test_keys_come_from_a_credentials_file(self, s3: S3Server, bucket: str, tmp_path: Path) -> None:
        path = write(tmp_path / "keys", "[lab]\naws_access_key_id = dvxkey\naws_secret_access_key = dvxsecret\n")
        options = {"endpointurl": s3.endpoint, "region": "us-east-1", "credentialpath": str(path), "profile": "lab"}

        assert open_remote("storage", f"s3://{bucket}", options).missing([HELLO.object_name]) == {HELLO.object_name}

    def test_the_root_of_a_bucket_can_be_a_remote(self, s3: S3Server, bucket: str, hello: str) -> None:
        remote = open_remote("storage", f"s3://{bucket}", s3.options())
        remote.upload(hello, HELLO.object_name, Check(HELLO))

        assert list(remote.names("")) == [HELLO.object_name]
        assert s3.files().cat_file(f"{bucket}/{HELLO.object_name}") == b"hello"

    def test_a_large_upload_can_be_stopped(self, s3: S3Server, bucket: str, tmp_path: Path) -> None:
        source = tmp_path / "large"
        source.write_bytes(os.urandom(1 << 20) * 80)
        name = _md5(source)
        moved: list[int] = []

        def stop(count: int) -> None:
            moved.append(count)
            raise CancelledError

        with pytest.raises(CancelledError):
            open_remote("storage", f"s3://{bucket}", s3.options()).upload(str(source), name.object_name, Check(name, None, stop))

        assert sum(moved) < 80 << 20
        assert s3.files().find(bucket) == []
        assert "Uploads" not in s3.files().call_s3("list_multipart_uploads", Bucket=bucket)

    def test_nobody_there_takes_seconds(self) -> None:
        remote = open_remote("storage", "s3://bucket/x", _options(free_ports(1)[0]))

        with within(5), pytest.raises(RemoteError, match="the remote `storage` cannot be reached") as caught:
            remote.missing([HELLO.object_name])

        assert "`s3://bucket/x`" in caught.value.hint

    def test_a_server_that_says_nothing_takes_seconds(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            remote = open_remote("storage", "s3://bucket/x", _options(silent.getsockname()[1]) | {"read_timeout": "1"})

            with within(8), pytest.raises(RemoteError, match="cannot be reached"):
                remote.missing([HELLO.object_name])


class TestOpening:
    def test_an_unknown_scheme_names_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match="unknown kind of remote: `shh://`") as caught:
            open_remote("storage", "shh://bucket", {})

        assert caught.value.hint == "did you mean `ssh`?"

    @pytest.mark.parametrize(
        ("url", "extra"),
        [
            ("ssh://user:pw@host/path", "dvx-vc[ssh]"),
            ("azure://container/path", "dvx-vc[azure]"),
            ("gs://bucket/path", "dvx-vc[gs]"),
            ("oss://bucket/path", "ossfs"),
        ],
    )
    def test_a_missing_package_is_named_with_its_cure(self, url: str, extra: str) -> None:
        with pytest.raises(ConfigError, match="the remote `storage` needs a package that is not installed") as caught:
            open_remote("storage", url, {})

        assert caught.value.hint == f"run `pip install '{extra}'`"

    def test_a_switch_is_true_or_false(self) -> None:
        with pytest.raises(ConfigError, match="`use_ssl` is `true` or `false`, not `maybe`"):
            open_remote("storage", "s3://bucket", {"use_ssl": "maybe"})

    def test_a_timeout_is_a_number(self) -> None:
        with pytest.raises(ConfigError, match="`read_timeout` is a number, not `soon`"):
            open_remote("storage", "s3://bucket", {"read_timeout": "soon"})

    def test_no_password_is_shown(self) -> None:
        assert "secret" not in open_remote("storage", "memory://user:secret@host/path", {}).url


def _options(port: int) -> dict[str, str]:
    return {"endpointurl": f"http://127.0.0.1:{port}", "access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"}


def _md5_of(data: bytes) -> str:
    import hashlib

    return hashlib.md5(data).hexdigest()


def _md5(path: Path) -> Digest:
    return Digest("md5", _md5_of(path.read_bytes()))
