"""Both tools take turns in one repository, and neither notices."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, git, write
from tests.interop.steps import Tool

Tools = Mapping[str, Tool]
TURNS = pytest.mark.parametrize(("one", "other"), [("dvc", "dvx"), ("dvx", "dvc")])


def assert_clean(folder: Path, tools: Tools) -> None:
    for name, tool in tools.items():
        assert json.loads(tool(folder, "status", "--json").out) == {}, name


@TURNS
def test_a_day_of_work(tools: Tools, one: str, other: str, tmp_path: Path) -> None:
    first, second = tools[one], tools[other]
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet")
    first(folder, "init")
    second(folder, "remote", "add", "-d", "store", "../store")
    write(folder / "data/a", "1\n")
    first(folder, "add", "data")
    write(folder / "data/b", "2\n")
    second(folder, "add", "data")
    write(folder / "data/c", "3\n")
    first(folder, "add", "data")
    first(folder, "config", "core.autostage", "true")
    write(folder / "params.yaml", "n: 1\n")
    second(folder, "stage", "add", "-n", "join", "-d", "data", "-p", "n", "-o", "joined", "cat data/* params.yaml > joined")
    first(folder, "stage", "add", "-n", "count", "-d", "joined", "-M", "count.json", "wc -c < joined > count.json")
    second(folder, "repro", "join")
    first(folder, "repro")
    assert_clean(folder, tools)
    staged = git(folder, "diff", "--cached", "--name-only").split()
    assert {"dvc.yaml", "dvc.lock", ".gitignore"} <= set(staged)
    commit_all(folder, "pipeline")
    second(folder, "push")
    write(folder / "params.yaml", "n: 2\n")
    second(folder, "repro")
    assert_clean(folder, tools)
    first(folder, "exp", "run", "-n", "three", "-S", "n=3")
    second(folder, "exp", "run", "-n", "four", "-S", "n=4")
    first(folder, "exp", "apply", "three")
    assert (folder / "joined").read_text() == "1\n2\n3\nn: 3\n"
    assert_clean(folder, tools)
    second(folder, "exp", "apply", "four")
    assert (folder / "joined").read_text() == "1\n2\n3\nn: 4\n"
    assert_clean(folder, tools)
    git(folder, "reset", "--quiet", "--hard")
    second(folder, "checkout")
    assert (folder / "joined").read_text() == "1\n2\n3\nn: 1\n"
    assert_clean(folder, tools)
    first(folder, "exp", "remove", "four")
    assert second(folder, "exp", "list", "--name-only").out.split() == ["three"]
    second(folder, "push")
    first(folder, "push")


@TURNS
def test_a_lock_that_both_wrote_keeps_its_order_and_its_comments(tools: Tools, one: str, other: str, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet")
    tools[one](folder, "init")
    for name in "abc":
        write(folder / f"{name}.in", name)
        tools[one](folder, "stage", "add", "-n", name, "-d", f"{name}.in", "-o", f"{name}.out", f"cp {name}.in {name}.out")
    tools[one](folder, "repro", "b")
    lock = folder / "dvc.lock"
    lock.write_text(lock.read_text().replace("  b:\n", "  # the second\n  b:\n"))
    before = lock.read_text()
    tools[other](folder, "repro", "a")
    assert lock.read_text().startswith(before)
    tools[one](folder, "repro", "c")
    write(folder / "b.in", "new")
    tools[other](folder, "repro", "b")
    text = lock.read_text()
    assert [line.strip(" :\n") for line in text.splitlines() if line.startswith("  ") and line[2] not in " #"] == ["b", "a", "c"]
    assert "  # the second\n  b:\n" in text
    assert text.count("schema") == 1
    assert_clean(folder, tools)


@TURNS
def test_links_of_one_are_understood_by_the_other(tools: Tools, one: str, other: str, tmp_path: Path) -> None:
    """Protected links into the cache: changed data never goes through them."""
    for kind in ("hardlink", "symlink"):
        folder = tmp_path / kind
        folder.mkdir()
        git(folder, "init", "--quiet")
        tools[one](folder, "init")
        tools[one](folder, "config", "cache.type", kind)
        write(folder / "data/a", "1\n")
        write(folder / "data/empty", "")
        write(folder / "run", "#!/bin/sh\n").chmod(0o755)
        tools[one](folder, "add", "data", "run")
        assert (folder / "data/a").samefile(folder / ".dvc/cache/files/md5/b0/26324c6904b2a9cb4b88d6d61c81d1")
        assert os.access(folder / "run", os.X_OK)
        (folder / "run").unlink()
        tools[other](folder, "checkout", "run")
        assert os.access(folder / "run", os.X_OK)
        assert_clean(folder, tools)
        commit_all(folder, "one")
        (folder / "data/a").unlink()
        write(folder / "data/a", "2\n")
        tools[other](folder, "add", "data")
        commit_all(folder, "two")
        assert_clean(folder, tools)
        git(folder, "checkout", "--quiet", "HEAD~1")
        tools[other](folder, "checkout")
        assert (folder / "data/a").read_text() == "1\n"
        git(folder, "checkout", "--quiet", "main")
        tools[one](folder, "checkout")
        assert (folder / "data/a").read_text() == "2\n"
        assert_clean(folder, tools)


EDITED = """\
# top
outs:
- path: f # here
  desc: mine
  md5: c4ca4238a0b923820dcc509a6f75849b
  labels: [a, b]
  cache: true
meta: {who: me}
"""


@TURNS
def test_a_pointer_that_a_person_edited_stays_theirs(tools: Tools, one: str, other: str, tmp_path: Path) -> None:
    texts = []
    for name in (one, other):
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet")
        tools[one](folder, "init")
        write(folder / "f", "1")
        tools[one](folder, "add", "f")
        write(folder / "f.dvc", EDITED)
        write(folder / "f", "22")
        tools[name](folder, "add", "f")
        texts.append((folder / "f.dvc").read_text())
    assert texts[0] == texts[1]
    assert texts[0].startswith(
        "# top\nouts:\n- path: f # here\n  desc: mine\n  md5: b6d767d2f8ed5d21a44b0e5886680cb9\n  labels: [a, b]\n"
    )


def test_dvc_does_not_mind_claims_at_a_remote(tools: Tools, tmp_path: Path) -> None:
    """Old data that a push of dvx relies on: DVC's `gc` removes what it would remove anyway, and says the same."""
    dvx, dvc = tools["dvx"], tools["dvc"]
    folder, remote = tmp_path / "work", tmp_path / "remote"
    folder.mkdir()
    git(folder, "init", "--quiet")
    dvc(folder, "init")
    dvc(folder, "remote", "add", "-d", "store", "../remote")
    for name in ("needed", "dropped"):
        write(folder / name, f"{name}\n")
        dvc(folder, "add", name)
    dvc(folder, "push")
    for path in remote.rglob("*"):
        os.utime(path, (1e9, 1e9))
    dvx(folder, "push")
    (claim,) = (remote / "claims").iterdir()
    assert len(list(remote.glob("files/md5/*/*"))) == 2

    dvc(folder, "remove", "dropped.dvc")
    dvc(folder, "gc", "-w", "-c", "-f")

    assert claim.exists()
    assert len(list(remote.glob("files/md5/*/*"))) == 1
    dvc(folder, "status", "-c")
    dvc(folder, "fetch")
    dvc(folder, "push")


def test_data_that_only_another_branch_tracks_goes_at_checkout(tools: Tools, tmp_path: Path) -> None:
    """It is as recorded. (DVC also removes what the cache lacks.)"""
    seen = []
    for name, tool in tools.items():
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet", "--initial-branch", "main")
        tool(folder, "init")
        commit_all(folder, "main")
        git(folder, "checkout", "--quiet", "-b", "other")
        for path in ("file", "edited", "folder/x", "whole/x"):
            write(folder / path, path)
        tool(folder, "add", "file", "edited", "folder", "whole")
        write(folder / "dvc.yaml", "stages:\n  s:\n    cmd: echo 1 > out\n    outs: [out]\n")
        tool(folder, "repro")
        commit_all(folder, "other")
        git(folder, "checkout", "--quiet", "main")
        write(folder / "edited", "mine")
        write(folder / "folder/new", "new")
        printed = tool(folder, "checkout").out
        removed = sorted(line.split()[1].rstrip("/") for line in printed.splitlines() if line.startswith("D"))
        seen.append((removed, sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))))
    assert seen[0] == seen[1]
    assert seen[0][0] == ["file", "out", "whole"]
