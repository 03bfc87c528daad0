"""What `status` tells of single outputs, frozen stages and pointers that somebody edited, beside DVC."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import commit_all, git, run_dvx, write
from tests.interop.steps import Tool

PIPELINE = """\
stages:
  two:
    cmd: echo 1 > one.txt; echo 2 > two.txt
    deps: [p]
    outs: [one.txt, two.txt]
  frozen:
    cmd: echo x > frozen.txt
    deps: [p]
    params: [lr]
    outs: [frozen.txt]
  always:
    cmd: echo x > always.txt
    deps: [p]
    outs: [always.txt]
    always_changed: true
  source:
    cmd: echo x > source.txt
    outs: [source.txt]
    always_changed: true
"""


def _make(folder: Path, dvc: Tool) -> None:
    git(folder, "init", "--quiet")
    dvc(folder, "init")
    write(folder / "dvc.yaml", PIPELINE)
    write(folder / "params.yaml", "lr: 1\n")
    write(folder / "p", "p\n")
    dvc(folder, "repro")
    dvc(folder, "freeze", "frozen", "always", "source")
    write(folder / "d/a", "a\n")
    write(folder / "d/b", "b\n")
    write(folder / "there/x", "x\n")
    dvc(folder, "add", "d")
    dvc(folder, "import-url", "there/x", "imported")
    commit_all(folder)


@pytest.fixture
def project(shared: Callable[[str, Callable[[Path], None]], Path], dvc: Tool, tmp_path: Path) -> Path:
    original = shared("status-of-targets", lambda folder: _make(folder, dvc))
    return Path(shutil.copytree(original, tmp_path / "work", symlinks=True))


def agree(project: Path, dvc_any: Tool, *words: str) -> str:
    """Both answer the same, whatever comes first; returns the answer."""
    theirs, ours = dvc_any(project, "status", "--json", *words), run_dvx(project, "status", "--json", *words)
    assert (ours.code, ours.json) == (theirs.code, theirs.json)
    return ours.out.strip()


def test_a_frozen_stage_tells_of_its_command_and_that_it_always_changes(project: Path, dvc_any: Tool) -> None:
    assert agree(project, dvc_any) == '{"always": ["always changed"], "source": ["always changed"]}'
    write(project / "p", "p2\n")
    write(project / "params.yaml", "lr: 2\n")
    write(project / "dvc.yaml", (project / "dvc.yaml").read_text().replace("echo x", "echo y"))
    for words in ((), ("frozen",), ("always",), ("source",)):
        agree(project, dvc_any, *words)
    assert agree(project, dvc_any, "always") == '{"always": ["always changed", "changed command"]}'


def test_an_output_that_is_asked_for_is_told_of_alone(project: Path, dvc_any: Tool) -> None:
    for name in ("one.txt", "two.txt", "p"):
        write(project / name, "other\n")
    for words in (("one.txt",), ("two.txt",), ("two",), ("dvc.yaml",), ("always.txt",), ("two.txt", "-d")):
        agree(project, dvc_any, *words)
    alone = '{"two": [{"changed deps": {"p": "modified"}}, {"changed outs": {"two.txt": "modified"}}]}'
    assert run_dvx(project, "status", "--json", "two.txt").out.strip() == alone
    # DVC tells of the last one only
    both = run_dvx(project, "status", "--json", "one.txt", "two.txt").json
    assert both["two"][1] == {"changed outs": {"one.txt": "modified", "two.txt": "modified"}}
    assert run_dvx(project, "status", "--json", "one.txt", "two").json == both
    (project / "d/a").unlink()
    for words in (("d",), ("d/a",), ("d.dvc",)):
        agree(project, dvc_any, *words)


@pytest.mark.parametrize("pointer", ["d.dvc", "imported.dvc"])
def test_a_wrong_checksum_of_a_pointer_is_seen_and_mended(project: Path, dvc_any: Tool, pointer: str) -> None:
    text = re.sub(r"^md5: .*\n", "", (project / pointer).read_text(), flags=re.MULTILINE)
    write(project / pointer, f"md5: 1111111111111111111111111111111a\n{text}")
    for words in ((), (pointer,)):
        assert "changed checksum" in agree(project, dvc_any, *words)
    theirs = Path(shutil.copytree(project, project.parent / "theirs"))
    assert (dvc_any(theirs, "commit", "-f", pointer).code, run_dvx(project, "commit", "-f", pointer).code) == (0, 0)
    assert (project / pointer).read_bytes() == (theirs / pointer).read_bytes()
    assert "changed checksum" not in agree(project, dvc_any)


def test_without_git_there_are_no_branches(tmp_path: Path, dvc_any: Tool) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    dvc_any(folder, "init", "--no-scm")
    for text in ("1\n", "2\n"):
        write(folder / "a", text)
        dvc_any(folder, "add", "a")
    for line in ("gc -a -f", "gc -T -f", "gc -A -f", "gc -w -a -f", "metrics show -a", "fetch -A"):
        theirs, ours = dvc_any(folder, *line.split()), run_dvx(folder, *line.split())
        assert (ours.code, line) == (theirs.code, line), ours.err
    for line in ("gc --all-experiments -f", "gc --rev HEAD -f"):
        assert run_dvx(folder, *line.split()).code == dvc_any(folder, *line.split()).code == 255
    assert (folder / "a").read_text() == "2\n"
    assert run_dvx(folder, "status").err == "Data and pipelines are up to date.\n"
