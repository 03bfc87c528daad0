"""Remotes that keep versions: what either tool pushes the other pulls, and their pointers and locks are the same but for ids."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, run_process, write
from tests.interop.steps import Tool
from tests.servers import S3Server

pytestmark = pytest.mark.s3
STAGES = """\
stages:
  s:
    cmd: mkdir -p o && cp f o/f && cp x o/x && cp x y && cp f m.json && echo n > nocache
    deps:
    - d
    - f
    - x
    outs:
    - o
    - y
    - nocache:
        cache: false
    metrics:
    - m.json:
        cache: false
"""


def versioned_bucket(s3: S3Server) -> str:
    """A fresh bucket that keeps versions."""
    name = s3.new_bucket()
    s3.files().call_s3("put_bucket_versioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def make(folder: Path, tool: Tool, s3: S3Server, *, kind: str = "version_aware", bucket: str = "") -> Path:
    """A project with files, a folder and a stage, and a remote that keeps versions; nothing is pushed yet."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    tool(folder, "init")
    tool(folder, "remote", "add", "--default", "ver", f"s3://{bucket or versioned_bucket(s3)}/data")
    # a boolean that DVC and dvx write alike
    tool(folder, "remote", "modify", "ver", kind, "true")
    for option, value in s3.options().items():
        tool(folder, "remote", "modify", "--local", "ver", option, value)
    for name, text in {
        "f": "1\n",
        "x": "#!\n",
        "d/a": "a\n",
        "d/sub/b": "b\n",
        "d/empty": "",
        "deep/z": "z\n",
        "own": "q",
    }.items():
        write(folder / name, text)
    tool(folder, "add", "f", "x", "d", "deep/z", "own")
    pointer = folder / "own.dvc"
    pointer.write_text(pointer.read_text() + "  push: false\n")
    write(folder / "dvc.yaml", STAGES)
    tool(folder, "repro")
    commit_all(folder)
    return folder


def change(folder: Path, tool: Tool) -> None:
    """Change a file, and the folder: one file each is changed, added and removed."""
    write(folder / "f", "22\n")
    write(folder / "d/a", "aa\n")
    write(folder / "d/new", "n\n")
    (folder / "d/sub/b").unlink()
    tool(folder, "add", "f", "d", "x")


def recorded(folder: Path) -> dict[str, str]:
    """The text of every pointer and lock, without the ids of versions."""
    found = [*folder.rglob("*.dvc"), folder / "dvc.lock"]
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in found if path.is_file()}
    return {name: re.sub(r"version_id: \S+", "version_id: ID", text) for name, text in texts.items()}


def clone(project: Path, name: str) -> Path:
    """A clone with the same private options and nothing in its cache."""
    folder = project.parent / name
    git(project.parent, "clone", "--quiet", project, folder)
    shutil.copy(project / ".dvc/config.local", folder / ".dvc/config.local")
    (folder / "own").write_text("q")
    return folder


def test_pointers_and_locks_are_those_of_dvc(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    folders = {name: make(tmp_path / name, tool, s3) for name, tool in tools.items()}

    def both(*words: str) -> None:
        for name, folder in folders.items():
            tools[name](folder, *words)
        assert recorded(folders["dvx"]) == recorded(folders["dvc"])

    both("push")
    assert "version_id: ID" in recorded(folders["dvx"])["dvc.lock"]
    both("push")
    for name, folder in folders.items():
        change(folder, tools[name])
    assert recorded(folders["dvx"]) == recorded(folders["dvc"])
    both("repro")
    both("push")
    both("commit", "--force")
    both("push")
    # and each goes on from what the other wrote
    before = recorded(folders["dvx"])
    tools["dvc"](folders["dvx"], "push")
    tools["dvx"](folders["dvc"], "push")
    assert recorded(folders["dvx"]) == recorded(folders["dvc"]) == before


@pytest.mark.parametrize(("first", "second"), [("dvc", "dvx"), ("dvx", "dvc")])
def test_what_one_pushes_the_other_pulls(
    tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool], first: str, second: str
) -> None:
    made = make(tmp_path / "made", tools[first], s3)
    tools[first](made, "push")
    commit_all(made)
    other = clone(made, "other")

    tools[second](other, "pull", "f", "x", "d", "deep/z", "s")

    assert (other / "d/sub/b").read_text() == "b\n"
    assert (other / "o/x").read_text() == "#!\n"
    tools[second](other, "commit", "--force", "own")
    git(other, "checkout", "--quiet", ".")
    for name in tools:
        assert tools[name](other, "status", "--json").json == {}
    assert git(other, "status", "--porcelain") == ""


def test_what_dvc_would_lose_is_kept(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    made = make(tmp_path / "made", tools["dvx"], s3)
    write(made / "run.sh", "#!/bin/sh\n").chmod(0o755)
    (made / "void").mkdir()
    dvx(made, "add", "run.sh", "void")

    dvx(made, "push")

    commit_all(made)
    other = clone(made, "other")
    dvx(other, "pull", "run.sh", "void")
    assert (other / "run.sh").stat().st_mode & 0o100
    assert list((other / "void").iterdir()) == []


def test_an_older_version_is_pulled(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    made = make(tmp_path / "made", tools["dvx"], s3)
    dvx(made, "push")
    commit_all(made, "one")
    change(made, tools["dvx"])
    dvx(made, "repro")
    dvx(made, "push")
    commit_all(made, "two")
    other = clone(made, "other")
    git(other, "checkout", "--quiet", "HEAD~1")

    dvx(other, "pull", "f", "d")

    assert (other / "f").read_text() == "1\n"
    assert (other / "d/sub/b").read_text() == "b\n"
    assert run_dvx(other, "push").err == "Everything is up to date.\n"
    assert git(other, "status", "--porcelain") == ""
    assert dvx(other, "fetch", "--all-commits", "f").err.startswith("1 object fetched")


def test_what_only_works_on_objects_is_refused_as_dvc_does(
    tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool], dvc_python: Path
) -> None:
    made = make(tmp_path / "made", tools["dvx"], s3)
    dvx(made, "push")
    text = (made / "f.dvc").read_text()

    for words in (("push", "-a"), ("push", "-T"), ("push", "-A"), ("status", "-c"), ("gc", "-w", "-c", "-f")):
        here, there = run_dvx(made, *words), run_process(made, dvc_python, "-m", "dvc", *words)
        assert here.code == there.code != 0, words
        assert "keeps versions" in here.err
    assert (made / "f.dvc").read_text() == text


def test_a_bucket_without_versions_is_refused_before_anything_is_sent(
    tmp_path: Path, s3: S3Server, bucket: str, tools: Mapping[str, Tool]
) -> None:
    made = make(tmp_path / "made", tools["dvx"], s3, bucket=bucket)
    before = recorded(made)

    result = run_dvx(made, "push")

    assert result.code != 0
    assert f"error: the bucket `{bucket}` of the remote `ver` keeps no versions\n" in result.err
    assert "hint: turn versioning on there" in result.err
    assert recorded(made) == before
    assert s3.files().find(bucket) == []


def test_a_push_that_reached_nothing_leaves_the_records_alone(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    made = make(tmp_path / "made", tools["dvx"], s3)
    before = recorded(made)
    for option, value in s3.options(reader=True).items():
        dvx(made, "remote", "modify", "--local", "ver", option, value)

    assert run_dvx(made, "push").code != 0

    assert recorded(made) == before
    for tracked in (made / "f", made / "d/a"):
        tracked.unlink()
    dvx(made, "checkout")
    assert (made / "d/a").read_text() == "a\n"


def test_a_version_that_is_gone_is_pushed_again_and_missing_till_then(
    tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]
) -> None:
    bucket = versioned_bucket(s3)
    made = make(tmp_path / "made", tools["dvx"], s3, bucket=bucket)
    dvx(made, "push", "f")
    commit_all(made)
    other = clone(made, "other")
    [version] = re.findall(r"version_id: (\S+)", (made / "f.dvc").read_text())
    s3.files().call_s3("delete_object", Bucket=bucket, Key="data/f", VersionId=version)

    result = run_dvx(other, "pull", "f")

    assert result.code == 1
    assert "neither in the cache nor at the remote, needed by `f`" in result.err
    dvx(made, "push", "f")
    shutil.copy(made / "f.dvc", other / "f.dvc")
    dvx(other, "pull", "f")
    assert (other / "f").read_text() == "1\n"


def test_bytes_that_are_not_those_of_the_pointer_are_refused(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    bucket = versioned_bucket(s3)
    made = make(tmp_path / "made", tools["dvx"], s3, bucket=bucket)
    dvx(made, "push", "f")
    s3.files().pipe_file(f"{bucket}/data/f", b"2\n")
    [other] = [row for row in s3.files().call_s3("list_object_versions", Bucket=bucket)["Versions"] if row["IsLatest"]]
    pointer = made / "f.dvc"
    pointer.write_text(re.sub(r"version_id: \S+", f"version_id: {other['VersionId']}", pointer.read_text()))
    commit_all(made)

    result = run_dvx(clone(made, "other"), "pull", "f")

    assert result.code == 1
    assert "holds bytes that hash to `26ab0db90d72e28ad0ba1e22ee510510`" in result.err


def test_worktree(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    bucket = versioned_bucket(s3)
    made = make(tmp_path / "made", tools["dvx"], s3, kind="worktree", bucket=bucket)
    dvx(made, "push")
    commit_all(made)
    s3.files().pipe_file(f"{bucket}/data/d/a", b"theirs\n")
    s3.files().pipe_file(f"{bucket}/data/d/more", b"more\n")

    tools["dvc"](made, "update", "d.dvc")
    commit_all(made)
    other = clone(made, "other")
    dvx(other, "pull", "d")

    assert (other / "d/a").read_text() == "theirs\n"
    assert (other / "d/more").read_text() == "more\n"
    assert dvx(made, "push").err == "Everything is up to date.\n"


def replaced(s3: S3Server, bucket: str) -> None:
    """What somebody else may do to a bucket: one file each is changed, added and removed in a folder, others changed."""
    files = s3.files()
    changed = {"f": b"2\n", "d/sub/b": b"theirs\n", "d/more": b"more\n", "o/x": b"of\n", "y": b"yy\n"}
    for name, text in changed.items():
        files.pipe_file(f"{bucket}/data/{name}", text)
    files.rm_file(f"{bucket}/data/d/empty")


def test_an_update_from_a_worktree_records_what_dvc_does(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    bucket = versioned_bucket(s3)
    made = make(tmp_path / "made", tools["dvx"], s3, kind="worktree", bucket=bucket)
    dvx(made, "push")
    pushed = commit_all(made)
    replaced(s3, bucket)
    texts = {}

    for name, tool in tools.items():
        for target in ("f.dvc", "x.dvc", "d.dvc", "s"):
            tool(made, "update", target)
        files = ("f", "d/a", "d/sub/b", "d/more", "o/f", "o/x", "y")
        texts[name] = {**recorded(made), **{file: (made / file).read_text() for file in files}}
        assert not (made / "d/empty").exists()
        if name == "dvc":
            git(made, "reset", "--quiet", "--hard", pushed)
            dvx(made, "checkout", "--force")

    assert texts["dvx"] == texts["dvc"]
    assert "version_id: ID" in texts["dvx"]["f.dvc"]
    assert dvx(made, "data", "status", "--json").json.keys() <= {"committed", "git", "unchanged"}
    assert dvx(made, "update", "d.dvc", "s").err.count("didn't change, skipping") == 3
    assert dvx(made, "push").err == "Everything is up to date.\n"


def test_an_update_from_a_worktree_gets_what_the_cache_lacks(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    bucket = versioned_bucket(s3)
    made = make(tmp_path / "made", tools["dvx"], s3, kind="worktree", bucket=bucket)
    dvx(made, "push")
    commit_all(made)
    replaced(s3, bucket)
    other = clone(made, "other")
    write(other / "d/a", "unsaved")

    result = dvx(other, "update", "--recursive", ".")

    assert "unsaved changes of `d/a` went to the trash" in result.err
    assert {path.name: path.read_text() for path in (other / "d").iterdir() if path.is_file()} == {"a": "a\n", "more": "more\n"}
    assert (other / "o/x").read_text() == "of\n"


def test_an_update_from_a_worktree_loses_nothing(tmp_path: Path, s3: S3Server, tools: Mapping[str, Tool]) -> None:
    bucket = versioned_bucket(s3)
    made = make(tmp_path / "made", tools["dvx"], s3, kind="worktree", bucket=bucket)
    dvx(made, "push", "f", "x", "d")
    change(made, tools["dvx"])
    before = recorded(made)

    mine = run_dvx(made, "update", "d")
    never = dvx(made, "update", "f", "s").err
    s3.files().rm_file(f"{bucket}/data/x")
    gone = dvx(made, "update", "x").err
    dvx(made, "push", "d")
    for name in ("d/a/b", "d/.git/config"):
        s3.files().call_s3("put_object", Bucket=bucket, Key=f"data/{name}", Body=b"")
        said = run_dvx(made, "update", "d")
        assert (said.code, "hint: r" in said.err) == (1, True)
        s3.files().call_s3("delete_object", Bucket=bucket, Key=f"data/{name}")
        assert ("as a file and as a folder" if name == "d/a/b" else "cannot be tracked") in said.err
    dvx(made, "remote", "modify", "ver", "worktree", "false")
    dvx(made, "remote", "modify", "ver", "version_aware", "true")

    assert mine.err.splitlines()[0] == "error: an update of `d` would lose what was never pushed to `ver`: `a`, `new`"
    assert [never.count(f"could not update '{name}', it was never pushed to a remote") for name in ("f", "o", "y")] == [1, 1, 1]
    assert "could not update 'x', it does not exist in the remote" in gone
    assert "`x` is no import, and its remote `ver` is no worktree" in run_dvx(made, "update", "x").err
    assert (recorded(made) | {"d.dvc": ""}) == (before | {"d.dvc": ""})


def test_the_native_dialect(tmp_path: Path, s3: S3Server, native: Path, home: Path) -> None:
    write(native / "run.sh", "#!/bin/sh\n").chmod(0o755)
    write(native / "d/a", "a")
    write(native / "d/tool", "t").chmod(0o755)
    (native / "d/hollow").mkdir()
    (native / "void").mkdir()
    big = b"0123456789abcdef" * (1 << 16) * 9
    write(native / "big", big)
    dvx(native, "add", "run.sh", "d", "big", "void")
    dvx(native, "remote", "add", "--default", "ver", f"s3://{versioned_bucket(s3)}")
    dvx(native, "remote", "modify", "ver", "version_aware", "true")
    for option, value in s3.options().items():
        dvx(native, "remote", "modify", "--local", "ver", option, value)
    dvx(native, "push")
    commit_all(native)
    assert dvx(native, "status", "--json").json == {}
    git(native.parent, "clone", "--quiet", native, "other")
    other = native.parent / "other"
    shutil.copy(native / ".dvx/config.local", other / ".dvx/config.local")

    dvx(other, "pull")

    assert (other / "big").read_bytes() == big
    assert (other / "run.sh").stat().st_mode & 0o100
    assert (other / "d/tool").stat().st_mode & 0o100
    assert (other / "d/hollow").is_dir()
    assert (other / "void").is_dir()
    assert dvx(other, "status", "--json").json == {}
    assert subprocess.run(["git", "status", "--porcelain"], cwd=other, capture_output=True, check=True).stdout == b""
