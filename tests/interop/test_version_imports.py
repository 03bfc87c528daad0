"""Imports of versions in a bucket (`import-url --version-aware`), by DVC and by dvx alike."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import dvx, git, run_dvx, tree
from tests.interop.steps import Tool
from tests.servers import S3Server


class Place:
    """A bucket that keeps versions, and a project of DVC that knows it as the remote `place`."""

    def __init__(self, folder: Path, s3: S3Server, dvc: Tool) -> None:
        self.bucket, self.files = s3.new_bucket(), s3.files()
        self.files.call_s3("put_bucket_versioning", Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.repo = folder / "repo"
        self.repo.mkdir()
        git(self.repo, "init", "--quiet")
        dvc(self.repo, "init")
        dvc(self.repo, "remote", "add", "place", f"s3://{self.bucket}")
        dvc(self.repo, "remote", "modify", "place", "endpointurl", s3.endpoint)

    def put(self, **contents: str) -> None:
        """Write objects; `__` stands for a slash."""
        for name, text in contents.items():
            self.files.pipe_file(f"{self.bucket}/{name.replace('__', '/')}", text.encode())


@pytest.fixture
def place(tmp_path: Path, s3: S3Server, dvc: Tool, monkeypatch: pytest.MonkeyPatch) -> Place:
    options = s3.options()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = Place(tmp_path, s3, dvc)
    made.put(one="1\n", d__a="a\n", d__sub__b="bb\n")
    return made


def pointers(repo: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in repo.glob("?*.dvc")}


def copy_of(place: Place, name: str) -> Path:
    """The project without its data: pointers, and what DVC knows of remotes."""
    target = place.repo.parent / name
    shutil.copytree(place.repo, target, ignore=shutil.ignore_patterns("cache", "tmp", "one", "d", "soon"))
    return target


def test_versions_are_recorded_as_dvc_records_them(place: Place, tools: Mapping[str, Tool]) -> None:
    said: dict[str, Any] = {}
    for name, tool in tools.items():
        repo = copy_of(place, name)
        tool(repo, "import-url", "remote://place/one", "--version-aware")
        tool(repo, "import-url", "remote://place/d", "--version-aware")
        tool(repo, "import-url", "remote://place/d", "soon", "--version-aware", "--no-download")
        tool(repo, "import-url", "remote://place/one", "plain")
        said[name] = pointers(repo)
    assert said["dvx"] == said["dvc"]
    assert "push: false" in said["dvx"]["one.dvc"]

    place.put(one="11\n", d__a="aa\n", d__c="c\n")
    place.files.rm_file(f"{place.bucket}/d/sub/b")
    for name, tool in tools.items():
        repo = place.repo.parent / name
        tool(repo, "update", "one.dvc", "d.dvc", "plain.dvc")
        said[name] = pointers(repo)
    assert said["dvx"] == said["dvc"]
    ours = place.repo.parent / "dvx"
    assert tree(ours / "d") == {"a": b"aa\n", "c": b"c\n"}
    assert tools["dvx"](ours, "update", "one.dvc", "d.dvc").err.count("didn't change") == 2


def test_what_dvc_imported_is_pulled_in_its_version(place: Place, dvc: Tool) -> None:
    dvc(place.repo, "import-url", "remote://place/one", "--version-aware")
    dvc(place.repo, "import-url", "remote://place/d", "--version-aware")
    dvc(place.repo, "import-url", "remote://place/d", "soon", "--version-aware", "--no-download")
    before = pointers(place.repo)
    place.put(one="changed\n", d__a="changed\n", d__new="new\n")
    place.files.rm_file(f"{place.bucket}/d/sub/b")
    clone = copy_of(place, "clone")

    plan = dvx(clone, "fetch", "--dry-run", "--json").json
    assert {row["import"]: row["url"] for row in plan} == {"one": "remote://place/one", "d": "remote://place/d"}
    dvx(clone, "pull", "one", "d")
    assert (clone / "one").read_text() == "1\n"
    assert tree(clone / "d") == {"a": b"a\n", "sub/b": b"bb\n"}
    assert pointers(clone) == before
    assert dvx(clone, "status", "one.dvc", "d.dvc", "--json").json == {}

    dvx(clone, "pull", "soon")
    assert tree(clone / "soon") == tree(clone / "d")


def test_a_push_leaves_versions_where_they_are(place: Place) -> None:
    dvx(place.repo, "import-url", "remote://place/one", "--version-aware")
    dvx(place.repo, "remote", "add", "--default", "local", str(place.repo.parent / "local"))
    dvx(place.repo, "push")
    assert not list((place.repo.parent / "local").rglob("*"))


def test_what_cannot_be_is_told(place: Place, s3: S3Server) -> None:
    plain = s3.new_bucket()
    place.files.pipe_file(f"{plain}/x", b"x")
    dvx(place.repo, "remote", "add", "plain", f"s3://{plain}")
    dvx(place.repo, "remote", "modify", "plain", "endpointurl", s3.endpoint)
    (place.repo / "local").write_text("1\n")

    refused = run_dvx(place.repo, "import-url", "remote://plain/x", "--version-aware")
    assert refused.code != 0
    assert "the bucket of `remote://plain/x` keeps no versions" in refused.err
    assert "leave `--version-aware` out" in refused.err
    refused = run_dvx(place.repo, "import-url", "local", "copy", "--version-aware")
    assert "only `s3://` ones" in refused.err
    refused = run_dvx(place.repo, "import-url", "remote://place/one", "--version-aware", "--to-remote")
    assert "leave `--to-remote` out" in refused.err
    assert pointers(place.repo) == {}

    dvx(place.repo, "import-url", "remote://place/one", "--version-aware")
    place.files.call_s3("delete_object", Bucket=place.bucket, Key="one", VersionId=_version(place.repo / "one.dvc"))
    refused = run_dvx(copy_of(place, "late"), "pull")
    assert refused.code != 0
    assert "`one` was not fetched" in refused.err


def test_a_remote_may_ask_for_versions(place: Place, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    dvx(place.repo, "remote", "modify", "place", "version_aware", "true")
    said = {}
    for name, tool in tools.items():
        repo = copy_of(place, name)
        tool(repo, "import-url", "remote://place/one")
        tool(repo, "import-url", "remote://place/d")
        said[name] = pointers(repo)
    assert said["dvx"] == said["dvc"]

    # where there are none, the data is like any other
    plain = s3.new_bucket()
    place.files.pipe_file(f"{plain}/x", b"x")
    dvx(place.repo, "remote", "modify", "place", "url", f"s3://{plain}")
    dvx(place.repo, "get-url", "remote://place/x", "got")
    dvx(place.repo, "import-url", "remote://place/x")
    assert (place.repo / "got").read_bytes() == (place.repo / "x").read_bytes() == b"x"
    assert "push: false" not in pointers(place.repo)["x.dvc"]


def _version(pointer: Path) -> str:
    return next(line for line in pointer.read_text().splitlines() if "version_id" in line).split(": ")[1]
