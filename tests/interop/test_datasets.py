"""Datasets: either tool writes, records and follows them as the other does, and stages that depend on them are the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, git, write
from tests.interop.steps import Tool
from tests.interop.test_versioned import versioned_bucket
from tests.servers import S3Server

STAGES = """\
stages:
  # of two datasets, and of a file
  use:
    cmd: cat in >> out   # the command
    deps:
    - ds://two
    - in
    - ds://one
    outs:
    - out
"""
CHAIN = "- name: chain\n  url: dc://dogs@v3\n  type: dc\n"


class Twins:
    """Two folders in which either tool does the same; what they write must be equal after each command."""

    def __init__(self, top: Path, tools: Mapping[str, Tool]) -> None:
        self.folders = {name: top / name for name in tools}
        self._tools = tools
        for name, folder in self.folders.items():
            folder.mkdir()
            git(folder, "init", "--quiet")
            tools[name](folder, "init")

    def both(self, *words: str, cwd: str = "") -> None:
        for name, folder in self.folders.items():
            (folder / cwd).mkdir(exist_ok=True)
            self._tools[name](folder / cwd, *words)
        assert self._written("dvx") == self._written("dvc"), words

    def each(self, act: Callable[[Path], object]) -> None:
        for folder in self.folders.values():
            act(folder)

    def swap(self) -> None:
        """From now on each tool goes on from what the other wrote."""
        self.folders = dict(zip(self.folders, reversed(self.folders.values()), strict=True))

    def says(self, *words: str) -> str:
        """What each tool says of what the other wrote."""
        ours, theirs = (tool(self.folders[other], *words).out.strip() for tool, other in self._others())
        assert ours == theirs
        return ours

    def _others(self) -> Iterator[tuple[Tool, str]]:
        yield from zip(self._tools.values(), reversed(self._tools), strict=True)

    def text(self, name: str) -> str:
        return (self.folders["dvx"] / name).read_text()

    def _written(self, name: str) -> dict[str, str]:
        folder = self.folders[name]
        return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("dvc.[yl]*[lk]")}


@pytest.fixture
def twins(tmp_path: Path, tools: Mapping[str, Tool]) -> Twins:
    return Twins(tmp_path, tools)


def make_source(folder: Path) -> None:
    """A repository with two versions, `v1` and the tip of `main`."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    write(folder / "d/file", "1\n")
    commit_all(folder)
    git(folder, "tag", "v1")
    renew(folder)


def renew(source: Path) -> None:
    write(source / "d/file", (source / "d/file").read_text() + "more\n")
    commit_all(source)


def test_repositories(tmp_path: Path, tools: Mapping[str, Tool], twins: Twins) -> None:
    source = tmp_path / "source"
    make_source(source)
    twins.each(lambda folder: write(folder / "in", "1\n"))
    twins.both("dataset", "add", "--dvc", "../source", "one")
    twins.both("ds", "add", "--dvc", "../source", "--rev", "v1", "--path", "d/file", "two")
    twins.both("ds", "add", "--dvc", str(source), "--rev", "v1", "absolute")
    twins.both("ds", "add", "--dvc", "../../source", "low", cwd="sub")
    twins.both("ds", "add", "--force", "--dvc", "../source", "--path", "d", "absolute")
    twins.both("stage", "add", "-n", "low", "-d", "ds://low", "-o", "o", "echo > o", cwd="sub")
    twins.each(lambda folder: write(folder / "dvc.yaml", (folder / "dvc.yaml").read_text() + STAGES))
    assert '"changed deps": {"ds://two": "new", "in": "modified", "ds://one": "new"}' in twins.says("status", "--json", "use")
    twins.both("repro", "use", "sub/dvc.yaml")
    assert twins.says("status", "--json") == "{}"
    assert twins.text("dvc.lock").index("    - path: ds://one\n      dataset:\n") < twins.text("dvc.lock").index("- path: in\n")

    renew(source)
    twins.swap()
    twins.both("ds", "update", "one")
    twins.both("ds", "update", "two", "--rev", "main")
    assert twins.says("status", "--json") == '{"use": [{"changed deps": {"ds://two": "modified", "ds://one": "modified"}}]}'
    twins.both("repro", "-P")
    # what people wrote is still there
    assert STAGES in twins.text("dvc.yaml")

    twins.each(lambda folder: write(folder / "dvc.yaml", twins_edit(folder)))
    assert twins.says("status", "--json") == '{"use": [{"changed deps": {"ds://one": "not in sync"}}]}'
    twins.both("ds", "update", "one")
    twins.both("commit", "-f", "use")
    assert twins.says("status", "--json") == "{}"
    twins.each(commit_all)
    shown = [json.loads(tool(twins.folders["dvx"], "exp", "show", "--json").out)[0]["data"]["deps"] for tool in tools.values()]
    assert shown[0] == shown[1]
    assert list(shown[0]) == ["in"]


def twins_edit(folder: Path) -> str:
    return (folder / "dvc.yaml").read_text().replace("name: one\n  url: ../source", "name: one\n  url: ./../source")


def test_what_is_of_datachain_is_used_as_it_is_locked(twins: Twins) -> None:
    twins.each(lambda folder: write(folder / "in", "1\n"))
    stages = STAGES.replace("ds://one", "ds://chain").replace("    - ds://two\n", "")
    created = "  created_at: '2024-01-01T00:00:00+00:00'\n"
    twins.each(
        lambda folder: write(
            folder / "dvc.yaml", f"vars:\n- version: 3\ndatasets:\n{CHAIN}{stages}".replace("@v3", "@v${version}")
        )
    )
    twins.each(lambda folder: write(folder / "dvc.lock", f"schema: '2.0'\ndatasets:\n{CHAIN}  version: 3\n{created}"))
    twins.both("repro")
    recorded = "".join(f"        {line}\n" for line in f"{CHAIN.replace('- ', '  ')}  version: 3\n{created}".splitlines())
    assert f"      dataset:\n{recorded.replace('          ', '        ')}" in twins.text("dvc.lock")
    assert twins.says("status", "--json") == "{}"


@pytest.mark.s3
def test_stores_that_keep_versions(s3: S3Server, tools: Mapping[str, Tool], twins: Twins) -> None:
    bucket, plain, files = versioned_bucket(s3), s3.new_bucket(), s3.files()
    names = ("d/a", "d/a-b", "d/sub/b", "d/gone", "dd/x", "f")
    files.pipe({f"{bucket}/{name}": name.encode() for name in names} | {f"{bucket}/d/empty": b""})
    files.pipe({f"{plain}/d/a": b"1", f"{plain}/f": b"1"})
    for name, place in (("kept", f"s3://{bucket}"), ("plain", f"s3://{plain}/d")):
        for folder in twins.folders.values():
            tools["dvx"](folder, "remote", "add", name, place)
            for option, value in s3.options().items():
                tools["dvx"](folder, "remote", "modify", "--local", name, option, value)
    twins.both("ds", "add", "--url", "remote://kept/d", "one")
    twins.both("ds", "add", "--url", "remote://kept/f", "two")
    twins.both("ds", "add", "--url", "remote://plain", "plain")
    twins.each(lambda folder: write(folder / "in", "1\n"))
    twins.each(lambda folder: write(folder / "dvc.yaml", (folder / "dvc.yaml").read_text() + STAGES))
    twins.both("repro")
    files.pipe({f"{bucket}/d/a": b"other", f"{bucket}/d/new": b"new"})
    files.rm(f"{bucket}/d/gone")
    twins.both("ds", "update", "one")
    assert twins.says("status", "--json") == '{"use": [{"changed deps": {"ds://one": "modified"}}]}'
    twins.both("repro")
    assert twins.text("dvc.lock").count("version_id") > 10


def test_the_lock_keeps_its_order(tmp_path: Path, twins: Twins) -> None:
    make_source(tmp_path / "source")
    twins.each(lambda folder: write(folder / "in", "1\n"))
    twins.both("stage", "add", "-n", "first", "-d", "in", "-o", "o1", "cp in o1")
    twins.both("repro")
    twins.both("ds", "add", "--dvc", "../source", "one")
    twins.both("stage", "add", "-n", "second", "-d", "ds://one", "-o", "o2", "cp in o2")
    twins.both("repro")
    assert [line for line in twins.text("dvc.lock").splitlines() if not line.startswith(" ")] == [
        "schema: '2.0'", "stages:", "datasets:", "- name: one",
    ]  # fmt: skip
