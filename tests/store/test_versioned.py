"""VersionedRemote against a real server: ids of exactly what was sent, in one go or in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvx.errors import ConfigError, Corrupted, RemoteError
from dvx.model.digest import Digest, digest_bytes
from dvx.store.remotes.remote import open_remote
from dvx.store.remotes.versioned import VersionedRemote, is_versioned, open_versioned
from dvx.store.verify import Check
from tests.helpers import write
from tests.servers import S3Server

BIG = bytes(range(256)) * (9 << 12)


def _open(s3: S3Server, url: str) -> VersionedRemote:
    return open_versioned("ver", url, lambda: open_remote("ver", url, {**s3.options(), "version_aware": "true"}, 2))


@pytest.fixture
def remote(s3: S3Server, bucket: str) -> VersionedRemote:
    s3.files().call_s3("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return _open(s3, f"s3://{bucket}/in here")


def checked(data: bytes) -> Check:
    return Check(digest_bytes(data, "md5"))


@pytest.mark.s3
@pytest.mark.parametrize("data", [b"", b"small", BIG], ids=["empty", "small", "parts"])
def test_each_upload_is_a_version_that_can_be_read(remote: VersionedRemote, tmp_path: Path, data: bytes) -> None:
    first = remote.upload(str(write(tmp_path / "one", data)), "a b/ü?x", checked(data))
    second = remote.upload(str(write(tmp_path / "two", b"other")), "a b/ü?x", checked(b"other"))

    assert first.id != second.id
    assert first.etag
    for version, expected in ((first, data), (second, b"other")):
        remote.remote.download(remote.name_of("a b/ü?x", version), str(tmp_path / f"{version.id}.got"), checked(expected))
        assert (tmp_path / f"{version.id}.got").read_bytes() == expected


@pytest.mark.s3
@pytest.mark.parametrize("data", [b"small", BIG], ids=["small", "parts"])
def test_bytes_that_are_wrong_make_no_version(remote: VersionedRemote, tmp_path: Path, data: bytes) -> None:
    local = str(write(tmp_path / "one", data))
    with pytest.raises(Corrupted):
        remote.upload(local, "a", Check(Digest("md5", "0" * 32)))

    assert list(remote.remote.names("")) == []
    assert remote.upload(local, "a", checked(data)).id


@pytest.mark.s3
def test_the_newest_version_of_a_file_or_of_all_in_a_folder(remote: VersionedRemote, bucket: str, s3: S3Server) -> None:
    files = s3.files()
    for name, text in {"d/a": b"1", "d/sub/b": b"2", "d/gone": b"3", "da": b"4"}.items():
        files.pipe_file(f"{bucket}/in here/{name}", text)
    files.pipe_file(f"{bucket}/in here/d/a", b"11")
    files.rm_file(f"{bucket}/in here/d/gone")

    found = remote.latest("d")

    assert {name: version.etag for name, version in found.items()} == {
        "a": digest_bytes(b"11", "md5").hex,
        "sub/b": digest_bytes(b"2", "md5").hex,
    }
    assert remote.latest("d/a") == {"": found["a"]}
    assert remote.latest("d/gone") == remote.latest("nothing") == {}


@pytest.mark.s3
def test_versions_that_are_there_are_told_by_few_or_many_questions(remote: VersionedRemote, tmp_path: Path) -> None:
    local = str(write(tmp_path / "one", b"x"))
    made = {(f"f {number}", remote.upload(local, f"f {number}", checked(b"x")).id) for number in range(3)}
    wrong = {("f 0", "0" * 32), ("other", next(iter(made))[1])}

    assert remote.existing(made | wrong) == made
    assert remote.existing(made | wrong | {(f"none {number}", "1") for number in range(40)}) == made


@pytest.mark.s3
def test_a_bucket_must_keep_versions_and_exist(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    local = str(write(tmp_path / "one", b"x"))
    plain = _open(s3, f"s3://{bucket}/x")
    with pytest.raises(ConfigError, match=f"the bucket `{bucket}` of the remote `ver` keeps no versions"):
        plain.check()
    with pytest.raises(ConfigError, match="keeps no versions"):
        plain.upload(local, "a", checked(b"x"))
    nowhere = _open(s3, "s3://no-such-bucket/x")
    nowhere.check()
    with pytest.raises(RemoteError, match="the bucket `no-such-bucket` of the remote `ver` does not exist"):
        nowhere.upload(local, "a", checked(b"x"))


def test_only_s3_keeps_versions() -> None:
    with pytest.raises(ConfigError, match="only `s3://` ones can"):
        open_versioned("ver", "/some/folder", lambda: open_remote("ver", "/some/folder", {}))
    assert is_versioned({"version_aware": "true"})
    assert is_versioned({"worktree": "True"})
    assert not is_versioned({"version_aware": "false"})
    with pytest.raises(ConfigError, match="needs `version_aware`"):
        is_versioned({"worktree": "true", "version_aware": "false"})
