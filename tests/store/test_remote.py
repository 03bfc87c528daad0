"""The contract that every kind of remote keeps."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dvx.errors import ConfigError, Corrupted, MissingData, RemoteError
from dvx.model.digest import Digest
from dvx.store.remotes.remote import Remote, open_remote
from dvx.store.verify import Check
from tests.helpers import write
from tests.more_servers import Served
from tests.patience import within
from tests.proxy import fault_proxy
from tests.servers import S3Server, free_ports

HELLO = Digest("md5", "5d41402abc4b2a76b9719d911017c592")
EMPTY = Digest("md5", "d41d8cd98f00b204e9800998ecf8427e")


@dataclass(frozen=True)
class Place:
    """A remote, and a way to look and meddle behind its back; `slow` where large or many objects take long."""

    remote: Remote
    reopen: Callable[[], Remote]
    get: Callable[[str], bytes]
    put: Callable[[str, bytes], Any]
    slow: bool = False


KINDS = ("folder", "s3", "memory", "ssh", "http", "webdav", "azure", "gs")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "folder":
        return _files(tmp_path / "remote", str(tmp_path / "remote"), {})
    if request.param == "memory":
        return _memory()
    if request.param == "s3":
        return _s3(request.getfixturevalue("s3"), request.getfixturevalue("bucket"))
    if request.param == "ssh":
        return _ssh(request.getfixturevalue("ssh"), home)
    if request.param == "http":
        return _http(request.getfixturevalue("http"))
    if request.param == "webdav":
        return _webdav(request.getfixturevalue("dav"))
    if request.param == "azure":
        return _azure(request.getfixturevalue("azure"))
    return _gs(request.getfixturevalue("gs"))


@pytest.fixture
def listing(place: Place) -> Place:
    """A remote that can list."""
    if not place.remote.lists:
        pytest.skip("HTTP has no listings")
    return place


def _files(root: Path, url: str, options: dict[str, str]) -> Place:
    """A remote whose objects are files below `root`."""

    def put(name: str, data: bytes) -> None:
        if (root / name).exists():
            (root / name).chmod(0o644)
        write(root / name, data)

    return Place(
        open_remote("storage", url, options),
        lambda: open_remote("storage", url, options),
        lambda name: (root / name).read_bytes(),
        put,
    )


def trust(home: Path, server: Served) -> None:
    """Let the user know the host key of an SSH server."""
    write(home / ".ssh/known_hosts", (server.folder.parent / "known_hosts").read_text())


def _ssh(server: Served, home: Path) -> Place:
    trust(home, server)
    root = server.folder / uuid.uuid4().hex
    return slowly(_files(root, f"ssh://127.0.0.1:{server.port}{root}", server.options))


def slowly(place: Place) -> Place:
    """The same, where much takes long, and would show no more than elsewhere."""
    return replace(place, slow=True)


def _http(server: Served) -> Place:
    name = uuid.uuid4().hex
    return slowly(_files(server.folder / name, f"http://127.0.0.1:{server.port}/{name}", server.options))


def _webdav(server: Served) -> Place:
    """Meddled with through the server too, which remembers what its folders hold."""
    import requests

    name = uuid.uuid4().hex
    login = (server.options["user"], server.options["password"])
    top = f"http://127.0.0.1:{server.port}/{name}"

    def put(path: str, data: bytes) -> None:
        parts = path.split("/")
        for count in range(len(parts)):
            requests.request("MKCOL", "/".join([top, *parts[:count]]) + "/", auth=login, timeout=10)
        requests.put(f"{top}/{path}", data=data, auth=login, timeout=60).raise_for_status()

    def opened() -> Remote:
        return open_remote("storage", f"webdav://127.0.0.1:{server.port}/{name}", server.options)

    return slowly(Place(opened(), opened, lambda path: requests.get(f"{top}/{path}", auth=login, timeout=60).content, put))


def _azure(server: Served) -> Place:
    import adlfs

    files = adlfs.AzureBlobFileSystem(connection_string=server.options["connection_string"], use_listings_cache=False)
    container = f"c{uuid.uuid4().hex[:12]}"
    files.mkdir(container)
    top = f"{container}/some/where"
    return slowly(_in_bucket(files, top, lambda url: open_remote("storage", f"azure://{url}", server.options)))


def _gs(server: Served) -> Place:
    from gcsfs.core import GCSFileSystem

    files = GCSFileSystem(endpoint_url=server.options["endpointurl"], token="anon", project="dvx", use_listings_cache=False)
    top = f"dvxgcs/{uuid.uuid4().hex}"
    return slowly(_in_bucket(files, top, lambda url: open_remote("storage", f"gs://{url}", server.options)))


def _in_bucket(files: Any, top: str, opened: Callable[[str], Remote]) -> Place:
    return Place(
        opened(top),
        lambda: opened(top),
        lambda name: files.cat_file(f"{top}/{name}"),
        lambda name, data: files.pipe_file(f"{top}/{name}", data),
    )


def _s3(server: S3Server, bucket: str) -> Place:
    opened = server.options()
    return _in_bucket(server.files(), f"{bucket}/some/where", lambda url: open_remote("storage", f"s3://{url}", opened))


def _memory() -> Place:
    import fsspec

    top = f"/{uuid.uuid4().hex}"
    files = fsspec.filesystem("memory")

    return _in_bucket(files, top, lambda path: open_remote("storage", f"memory:/{path}", {}))


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
    data = os.urandom(20_000_000)[: 10_000_000 if place.slow else None]

    place.remote.put(data, "packs/some")
    place.remote.flush()

    assert place.get("packs/some") == data
    assert place.reopen().read_range("packs/some", 9_000_000, 1000) == data[9_000_000:9_001_000]
    assert place.reopen().read_range("packs/some", len(data) - 10, 100) == data[-10:]
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

    assert place.remote.missing([HELLO.object_name]) == {HELLO.object_name}


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
    if place.slow and size != (8 << 20) + 1:
        pytest.skip("one size will do")
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
    if place.slow:
        pytest.skip("what refuses it is the same for all kinds")
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


def test_names_are_listed_below_a_prefix(listing: Place) -> None:
    place = listing
    for name in ("files/md5/aa/1", "files/md5/ab/2.dir", "runs/cc/k/v", "dd/3"):
        place.put(name, b"x")

    assert list(place.remote.names("files/md5")) == ["files/md5/aa/1", "files/md5/ab/2.dir"]
    assert list(place.remote.names("runs/")) == ["runs/cc/k/v"]
    assert list(place.remote.names("")) == ["dd/3", "files/md5/aa/1", "files/md5/ab/2.dir", "runs/cc/k/v"]
    assert list(place.remote.names("nothing")) == []


@pytest.mark.parametrize("asked", [3, 300])
def test_few_and_many_objects_are_found(place: Place, asked: int) -> None:
    if place.slow and place.remote.lists:
        asked = min(asked, 60)
    names = [f"files/md5/{number % 7:02x}/{number:030x}" for number in range(asked)]
    for number, name in enumerate(names):
        if number % 3:
            place.put(name, b"x" * (number % 5))

    assert place.remote.sizes(names) == {name: number % 5 for number, name in enumerate(names) if number % 3}


def test_many_legacy_objects_are_found(place: Place) -> None:
    names = [f"{number % 3:02x}/{number:030x}" for number in range(40)]
    for name in names[:20]:
        place.put(name, b"x")

    assert place.remote.missing(names) == set(names[20:])


def test_a_fresh_remote_has_nothing(place: Place) -> None:
    names = [f"files/md5/{number % 7:02x}/{number:030x}" for number in range(40)]

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
        old, young = write(tmp_path / f"remote/.tmp/{'a' * 16}", "x"), write(tmp_path / f"remote/.tmp/{'b' * 16}", "x")
        os.utime(old, (time.time() - 90_000,) * 2)
        os.utime(young, (time.time() - 80_000,) * 2)
        remote = open_remote("storage", str(tmp_path / "remote"), {})

        remote.upload(hello, HELLO.object_name, Check(HELLO))
        remote.flush()

        assert sorted(path.name for path in (tmp_path / "remote/.tmp").iterdir()) == ["b" * 16]
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

    def test_a_large_upload_that_was_stopped_goes_on(self, s3: S3Server, bucket: str, tmp_path: Path) -> None:
        source = tmp_path / "large"
        source.write_bytes(os.urandom(80 << 20))
        name = _md5(source)
        moved: list[int] = []

        def stop(count: int) -> None:
            moved.append(count)
            if len(moved) == 3:
                raise CancelledError

        with pytest.raises(CancelledError):
            open_remote("storage", f"s3://{bucket}", s3.options()).upload(str(source), name.object_name, Check(name, None, stop))
        assert s3.files().find(bucket) == []

        with fault_proxy(s3.endpoint) as proxy:
            options = s3.options() | {"endpointurl": f"http://127.0.0.1:{proxy.port}"}
            open_remote("storage", f"s3://{bucket}", options).upload(str(source), name.object_name, Check(name))
            assert proxy.sent < 50 << 20, "three of five parts were there"

        assert _md5_of(s3.files().cat_file(f"{bucket}/{name.object_name}")) == name.hex
        assert not s3.files().call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads")

    def test_parts_of_an_earlier_upload_that_are_wrong_are_sent_again(self, s3: S3Server, bucket: str, tmp_path: Path) -> None:
        source = tmp_path / "large"
        source.write_bytes(os.urandom(40 << 20))
        name, files = _md5(source), s3.files()
        upload = files.call_s3("create_multipart_upload", Bucket=bucket, Key=name.object_name)["UploadId"]
        files.call_s3("upload_part", Bucket=bucket, Key=name.object_name, UploadId=upload, PartNumber=1, Body=bytes(16 << 20))

        open_remote("storage", f"s3://{bucket}", s3.options()).upload(str(source), name.object_name, Check(name))

        assert _md5_of(files.cat_file(f"{bucket}/{name.object_name}")) == name.hex

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
        ("url", "module", "extra"),
        [
            ("ssh://user:pw@host/path", "paramiko", "dvx-vc[ssh]"),
            ("https://host/path", "requests", "dvx-vc[http]"),
            ("webdav://host/path", "webdav4.client", "dvx-vc[webdav]"),
            ("azure://container/path", "adlfs", "dvx-vc[azure]"),
            ("gs://bucket/path", "gcsfs", "dvx-vc[gs]"),
        ],
    )
    def test_a_missing_package_is_named_with_its_cure(
        self, url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        for name in ("sftp", "http", "webdav"):
            monkeypatch.delitem(sys.modules, f"dvx.store.backends.{name}", raising=False)
        importlib.import_module("fsspec.registry")
        registry = sys.modules["fsspec.registry"]._registry
        for name in list(registry):
            monkeypatch.delitem(registry, name)

        with pytest.raises(ConfigError, match="the remote `storage` needs a package that is not installed") as caught:
            open_remote("storage", url, {})

        assert caught.value.hint == f"run `pip install '{extra}'`"

    def test_a_switch_is_true_or_false(self) -> None:
        with pytest.raises(ConfigError, match="`use_ssl` is `true` or `false`, not `maybe`"):
            open_remote("storage", "s3://bucket", {"use_ssl": "maybe"})

    def test_a_timeout_is_a_number(self) -> None:
        with pytest.raises(ConfigError, match="`read_timeout` is a number of seconds, not `soon`"):
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
