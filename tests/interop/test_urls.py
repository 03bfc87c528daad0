"""Dependencies and outputs of stages at URLs: both tools ask the store what is there, and record that alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, tree, write
from tests.interop.steps import Tool
from tests.interop.test_bytes import blocks
from tests.more_servers import Served
from tests.servers import S3Server

PUT = """\
import sys, s3fs
options = dict(key={key!r}, secret={secret!r}, endpoint_url={endpoint!r}, client_kwargs=dict(region_name="us-east-1"))
s3fs.S3FileSystem(**options).pipe_file(sys.argv[1], open(sys.argv[2], "rb").read())
"""
PIPELINE = """\
stages:
  use:
    cmd: echo used > used
    deps: ["s3://{bucket}/base/out"]
    outs: [used]
  make:
    cmd: {python} put.py {bucket}/base/out x
    deps:
    - remote://store/in
    - remote://store/d
    - x
    - {web}/plain/page
    outs:
    - remote://store/out: {{cache: false}}
"""


class Place:
    """A bucket, a page, and a project of DVC whose stages read and write there, reproduced by neither tool."""

    def __init__(self, folder: Path, s3: S3Server, web: Served, dvc: Tool) -> None:
        self.bucket, self.files = s3.new_bucket(), s3.files()
        self.repo = folder / "repo"
        self.repo.mkdir()
        git(self.repo, "init", "--quiet")
        dvc(self.repo, "init")
        dvc(self.repo, "remote", "add", "store", f"s3://{self.bucket}/base")
        dvc(self.repo, "remote", "modify", "store", "endpointurl", s3.endpoint)
        options = s3.options()
        fields = {"key": options["access_key_id"], "secret": options["secret_access_key"], "endpoint": s3.endpoint}
        write(self.repo / "put.py", PUT.format(**fields))
        write(self.repo / "x", "made\n")
        write(web.folder / "plain/page", "page\n")
        url = f"http://127.0.0.1:{web.port}"
        write(self.repo / "dvc.yaml", PIPELINE.format(bucket=self.bucket, python=sys.executable, web=url))
        commit_all(self.repo)
        self.put("in", "1\n")
        self.put("d/a", "a\n")
        self.put("d/sub/b", "bb\n")

    def put(self, name: str, text: str) -> None:
        self.files.pipe_file(f"{self.bucket}/base/{name}", text.encode())

    def remove(self, name: str) -> None:
        self.files.rm_file(f"{self.bucket}/base/{name}")


@pytest.fixture
def place(tmp_path: Path, s3: S3Server, http: Served, dvc: Tool, monkeypatch: pytest.MonkeyPatch) -> Place:
    options = s3.options()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    return Place(tmp_path, s3, http, dvc)


def changes(place: Place, tools: Mapping[str, Tool]) -> dict[str, object]:
    """What both find changed."""
    said = [json.loads(tool(place.repo, "status", "--json").out) for tool in tools.values()]
    assert said[0] == said[1]
    found: dict[str, object] = said[0]
    return found


def test_what_is_at_urls_is_recorded_and_noticed_as_in_dvc(place: Place, tools: Mapping[str, Tool]) -> None:
    out = "remote://store/out"
    assert list(changes(place, tools)) == ["use", "make"]
    for words in (("dag", "--dot"), ("dag", "--dot", "--outs"), ("stage", "list")):
        assert sorted(tools["dvx"](place.repo, *words).out.split()) == sorted(tools["dvc"](place.repo, *words).out.split())
    locks = {}
    for name, tool in tools.items():
        (place.repo / "dvc.lock").unlink(missing_ok=True)
        tool(place.repo, "repro")
        locks[name] = (place.repo / "dvc.lock").read_text()
        assert changes(place, tools) == {}
    assert blocks(locks["dvx"]) == blocks(locks["dvc"])
    assert "checksum: " in locks["dvx"]

    place.put("d/a", "changed\n")
    place.put("out", "changed\n")
    assert changes(place, tools) == {
        "make": [{"changed deps": {"remote://store/d": "modified"}}, {"changed outs": {out: "modified"}}],
        "use": [{"changed deps": {f"s3://{place.bucket}/base/out": "modified"}}],
    }
    for name, tool in tools.items():
        tool(place.repo, "commit", "--force")
        locks[name] = (place.repo / "dvc.lock").read_text()
    assert blocks(locks["dvx"]) == blocks(locks["dvc"])
    assert changes(place, tools) == {}

    place.remove("out")
    place.remove("in")
    assert changes(place, tools)["make"] == [
        {"changed deps": {"remote://store/in": "deleted"}},
        {"changed outs": {out: "deleted"}},
    ]
    refused = run_dvx(place.repo, "repro")
    assert refused.code == 255
    assert "nothing is at `remote://store/in`, which the stage `make` depends on" in refused.err


def test_what_is_at_urls_is_neither_copied_nor_removed(place: Place) -> None:
    dvx(place.repo, "remote", "add", "-d", "folder", place.repo.parent / "folder")
    dvx(place.repo, "repro")
    commit_all(place.repo)
    cached = tree(place.repo / ".dvc/cache/files")
    assert set(cached.values()) == {b"used\n"}
    before = place.files.find(f"{place.bucket}/base", detail=True)
    (place.repo / "used").unlink()
    for words in (
        ("push",), ("checkout",), ("fetch",), ("pull",), ("gc", "--workspace", "--cloud", "--force"), ("data", "status"),
        ("fsck",), ("ls", "."), ("diff",), ("exp", "show"), ("exp", "save"), ("remove", "make", "--outs"),
    ):  # fmt: skip
        dvx(place.repo, *words)
    assert {path: one["ETag"] for path, one in place.files.find(f"{place.bucket}/base", detail=True).items()} == {
        path: one["ETag"] for path, one in before.items()
    }
    assert tree(place.repo / ".dvc/cache/files") == cached
    assert (place.repo / "used").read_text() == "used\n"


def test_a_place_that_changes_while_a_stage_reads_it_is_not_recorded(place: Place) -> None:
    """DVC records what is there afterwards, which the command may not have seen."""
    command = f"{sys.executable} put.py {place.bucket}/base/in x"
    write(
        place.repo / "dvc.yaml",
        f"stages:\n  s:\n    cmd: {command} && echo 1 > o\n    deps: [remote://store/in]\n    outs: [o]\n",
    )
    refused = run_dvx(place.repo, "repro")
    assert "`remote://store/in` changed while the stage `s` ran" in refused.err
    assert not (place.repo / "dvc.lock").exists()


def test_stage_add_writes_urls_as_dvc_does(place: Place, tools: Mapping[str, Tool], dvc_any: Tool) -> None:
    texts = {}
    for name, tool in tools.items():
        (place.repo / "dvc.yaml").unlink()
        urls = (
            "-d",
            "s3://b/x",
            "-d",
            "remote://store/y",
            "-d",
            "https://example.org/q",
            "-O",
            "s3://b/y",
            "-O",
            "remote://store/z",
        )
        tool(place.repo, "stage", "add", "-n", "s", *urls, "true")
        texts[name] = (place.repo / "dvc.yaml").read_text()
        for bad in (
            ("-o", "s3://b/w"),
            ("-O", "remote://nowhere/x"),
            ("-O", f"s3://{place.bucket}/base/z"),
            ("-O", "s3://b/y/inner"),
        ):
            words = ("stage", "add", "-n", "t", *bad, "true")
            assert (run_dvx if name == "dvx" else dvc_any)(place.repo, *words).code != 0, words
            assert (place.repo / "dvc.yaml").read_text() == texts[name]
    assert texts["dvx"] == texts["dvc"]


def test_what_dvc_2_recorded_of_a_folder_is_up_to_date(place: Place, tools: Mapping[str, Tool]) -> None:
    tools["dvc"](place.repo, "repro")
    lock = (place.repo / "dvc.lock").read_text()
    old = lock.replace("- path: remote://store/d\n      hash: md5\n", "- path: remote://store/d\n")
    assert old != lock
    write(place.repo / "dvc.lock", old)
    assert dvx(place.repo, "status", "--json").json == {}
    place.put("d/a", "changed\n")
    assert changes(place, tools) == {"make": [{"changed deps": {"remote://store/d": "modified"}}]}


def test_a_place_that_cannot_be_reached_stops_no_other_stage(place: Place, tools: Mapping[str, Tool]) -> None:
    """DVC's `status` fails as a whole."""
    far = "deps: ['http://127.0.0.1:1/x']"
    rest = "near:\n    cmd: echo 1 > n\n    deps: [x]\n    outs: [n]\n"
    write(place.repo / "dvc.yaml", f"stages:\n  one: {{cmd: 'true', {far}}}\n  two: {{cmd: 'true', {far}}}\n  {rest}")
    said = dvx(place.repo, "status", "--json")
    assert said.json == {
        "one": ["could not be compared"],
        "two": ["could not be compared"],
        "near": [{"changed deps": {"x": "modified"}}, {"changed outs": {"n": "deleted"}}],
    }
    assert said.err.count("the remote `http://127.0.0.1:1/x` cannot be reached") == 2
    assert "cannot be reached" in run_dvx(place.repo, "repro", "one").err
