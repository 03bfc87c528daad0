"""remote test: what it says of remotes that work and of those that do not; it leaves nothing there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvx.config import RemoteSettings
from dvx.ops.transfer import remote_test
from dvx.project import Project
from dvx.store.remotes.remote import open_remote
from tests.helpers import Result, dvx, run_dvx, write
from tests.more_servers import Served
from tests.servers import S3Server, free_ports


def add(project: Path, url: str, options: dict[str, str]) -> None:
    """Make a remote `storage`."""
    dvx(project, "remote", "add", "--default", "storage", url)
    for option, value in options.items():
        dvx(project, "remote", "modify", "--local", "storage", option, value)


def verdicts(result: Result) -> dict[str, str]:
    """How each probe ended."""
    return {row["check"]: row["verdict"] for row in result.json["probes"]}


def test_a_folder_that_works(native: Path, tmp_path: Path) -> None:
    write(tmp_path / "store/kept", "kept")
    add(native, str(tmp_path / "store"), {})

    result = dvx(native, "remote", "test")

    rows = [line.split()[0] for line in result.out.splitlines()]
    assert rows == ["check", "identity", "list", "write", "read", "write", "delete", "clock", "latency"]
    assert "from the user of this process" in result.out
    found = dvx(native, "remote", "test", "storage", "--json")
    expected = dict.fromkeys(("identity", "list", "write", "read", "write once", "delete"), "ok")
    assert verdicts(found) == {**expected, "clock": "not supported"}
    assert found.json["works"] is True
    assert [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()] == ["kept"]


def test_a_folder_that_does_not_exist_is_not_made(native: Path, tmp_path: Path) -> None:
    add(native, str(tmp_path / "store"), {})

    result = run_dvx(native, "remote", "test")

    assert result.code == 1
    assert "does not exist" in result.out
    assert result.err == "reach: is its disk mounted? `push` makes the folder\n"
    assert not (tmp_path / "store").exists()


def test_a_file_in_place_of_the_folder(native: Path, tmp_path: Path) -> None:
    add(native, str(write(tmp_path / "store", "a file")), {})

    assert run_dvx(native, "remote", "test").code == 1


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder that may only be read; nothing is forbidden to root, so that gets a read-only mount."""
    folder = write(tmp_path / "store/kept", "kept").parent
    if os.geteuid():
        folder.chmod(0o555)
        yield folder
        return
    commands = (["mount", "--bind", folder, folder], ["mount", "-o", "remount,ro,bind", folder])
    if any(subprocess.run(command, check=False, capture_output=True).returncode for command in commands):
        subprocess.run(["umount", folder], check=False, capture_output=True)
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_folder_that_may_only_be_read(native: Path, unwritable: Path) -> None:
    add(native, str(unwritable), {})

    result = run_dvx(native, "remote", "test", "--json")

    found = verdicts(result)
    assert (result.code, found["list"], found["read"], found["write"]) == (1, "ok", "ok", "failed")


def test_memory(native: Path) -> None:
    settings = RemoteSettings("storage", "memory://remote-test", {}, 1)
    remote = open_remote("storage", settings.url, {}, 1)

    found = remote_test._Tester(Project.find(str(native)), settings, remote).run()

    assert {each.check: each.verdict for each in found.probes}["write once"] is remote_test.ProbeVerdict.UNSUPPORTED
    assert found.lacking == ()
    assert list(remote.names("")) == []


def test_an_unknown_remote_is_named(native: Path) -> None:
    result = run_dvx(native, "remote", "test", "nowhere")

    assert (result.code, result.err.partition("\n")[0]) == (1, "error: there is no remote `nowhere`")


@pytest.mark.s3
class TestS3:
    """Against a real server, with keys that may do more or less."""

    def test_a_key_that_may_do_everything(self, native: Path, s3: S3Server, bucket: str) -> None:
        add(native, f"s3://{bucket}/data", s3.options())

        result = dvx(native, "remote", "test", "--json")

        assert set(verdicts(result).values()) == {"ok"}
        assert set(verdicts(result)) == {"identity", "list", "write", "read", "write once", "delete", "clock"}
        assert result.json["latency"] > 0
        assert result.json["probes"][0]["detail"] == "key dvxkey, from the option `access_key_id`"
        assert abs(result.json["clock"]) < 60
        assert s3.options()["secret_access_key"] not in result.out
        assert s3.files().find(bucket) == []

    def test_a_key_that_may_only_read(self, native: Path, s3: S3Server, bucket: str) -> None:
        add(native, f"s3://{bucket}/data", s3.options(reader=True))

        result = run_dvx(native, "remote", "test", "--json")

        found = verdicts(result)
        assert result.code == 1
        assert (found["list"], found["read"], found["write"]) == ("ok", "ok", "failed")
        assert result.json["works"] is False
        [row] = [row for row in result.json["probes"] if row["check"] == "write"]
        assert "refuses access" in row["detail"]
        assert "dvx remote modify --local" in row["hint"]

    def test_a_wrong_secret(self, native: Path, s3: S3Server, bucket: str) -> None:
        add(native, f"s3://{bucket}/data", s3.options() | {"secret_access_key": "not-the-secret"})

        result = run_dvx(native, "remote", "test")

        assert result.code == 1
        assert "refuses access" in result.out
        assert "not-the-secret" not in result.out + result.err

    def test_a_bucket_that_does_not_exist(self, native: Path, s3: S3Server) -> None:
        add(native, "s3://no-such-bucket/data", s3.options())

        result = run_dvx(native, "remote", "test")

        assert result.code == 1
        assert "the bucket `no-such-bucket` of the remote `storage` does not exist" in result.out
        assert "reach: make it, or correct `s3://no-such-bucket/data`" in result.err

    def test_nobody_answers(self, native: Path, s3: S3Server) -> None:
        add(native, "s3://bucket/data", s3.options() | {"endpointurl": f"http://127.0.0.1:{free_ports(1)[0]}"})

        result = run_dvx(native, "remote", "test")

        assert result.code == 1
        assert "the remote `storage` cannot be reached" in result.out

    def test_a_key_from_the_environment(self, native: Path, s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
        options = s3.options()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", options.pop("access_key_id"))
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options.pop("secret_access_key"))
        add(native, f"s3://{bucket}/data", options)

        assert "key dvxkey, from the environment" in dvx(native, "remote", "test").out

    def test_a_key_from_the_shared_file(self, native: Path, s3: S3Server, bucket: str, home: Path) -> None:
        options = s3.options()
        keys = f"aws_access_key_id = {options.pop('access_key_id')}\naws_secret_access_key = {options.pop('secret_access_key')}\n"
        write(home / ".aws/credentials", f"[work]\n{keys}")
        add(native, f"s3://{bucket}/data", options | {"profile": "work"})

        assert "key dvxkey, from shared credentials file, profile `work`" in dvx(native, "remote", "test").out

    def test_a_bucket_that_keeps_versions(self, native: Path, s3: S3Server, bucket: str) -> None:
        s3.files().call_s3("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        add(native, f"s3://{bucket}/data", s3.options() | {"version_aware": "true"})

        assert set(verdicts(dvx(native, "remote", "test", "--json")).values()) == {"ok"}


def test_ssh(native: Path, ssh: Served, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    write(home / ".ssh/known_hosts", (ssh.folder.parent / "known_hosts").read_text())
    add(native, f"ssh://127.0.0.1:{ssh.port}{ssh.folder}", ssh.options)

    found = dvx(native, "remote", "test", "--json")

    assert found.json["works"] is True
    assert f"@127.0.0.1:{ssh.port}, from the key `" in found.json["probes"][0]["detail"]
    assert verdicts(found)["write once"] == "ok"
    assert list(ssh.folder.rglob(".dvx-probe*")) == []


def test_http(native: Path, http: Served) -> None:
    add(native, f"http://127.0.0.1:{http.port}/probed", http.options)

    found = dvx(native, "remote", "test", "--json")

    assert (verdicts(found)["list"], verdicts(found)["clock"], found.json["works"]) == ("not supported", "ok", True)
    assert list(http.folder.rglob(".dvx-probe*")) == []


def test_a_readers_key_is_enough_to_read(native: Path, s3: S3Server, bucket: str) -> None:
    add(native, f"s3://{bucket}/x", s3.options(reader=True))
    assert run_dvx(native, "remote", "test").code == 1
    found = dvx(native, "remote", "test", "--read-only", "--json")
    assert verdicts(found).keys() == {"identity", "list", "read", "clock"}
    assert found.json["works"] is True
    assert found.json["latency"] > 0


def test_reading_alone_writes_nothing(native: Path, tmp_path: Path) -> None:
    write(tmp_path / "store/kept", "kept")
    add(native, str(tmp_path / "store"), {})
    before = (tmp_path / "store").stat().st_mtime_ns
    dvx(native, "remote", "test", "--read-only")
    assert (tmp_path / "store").stat().st_mtime_ns == before
    dvx(native, "remote", "modify", "storage", "url", str(tmp_path / "nowhere"))
    told = run_dvx(native, "remote", "test", "--read-only", "--json")
    assert told.code == 1
    assert verdicts(told) == {"reach": "failed", "list": "not tried", "read": "not tried"}
