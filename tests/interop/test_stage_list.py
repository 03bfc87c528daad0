"""`stage list` names stages and paths as DVC does, whole."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import dvx, write
from tests.interop.steps import Tool

MATRIX = """\
stages:
  train:
    matrix:
      model: [{long}1, {long}2]
      data: [{long}3, {long}4]
    cmd: echo
    outs:
    - out-${{item.model}}-${{item.data}}:
        cache: false
  short:
    cmd: echo
    outs: [./a/../b]
  told:
    desc: {words}
    cmd: echo
"""
EMPTY = "md5: d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def project(repo: Path, dvc: Tool) -> Path:
    dvc(repo, "init")
    write(repo / "sub/dvc.yaml", MATRIX.format(long="x" * 40, words="word " * 30))
    for folder in ("data", "w"):
        (repo / folder).mkdir()
    write(repo / "sub/up.dvc", f"outs:\n- path: ../data/x\n  {EMPTY}\n")
    write(repo / "sub/two.dvc", f"wdir: ../w\nouts:\n- path: deep/y\n  {EMPTY}\n- path: ./z\n  {EMPTY}\n")
    write(repo / "dot.dvc", f"deps:\n- path: src\n  {EMPTY}\nouts:\n- path: ./k\n  {EMPTY}\n")
    write(repo / "told.dvc", f"desc: of a pointer\nouts:\n- path: told\n  {EMPTY}\n")
    return repo


def test_addresses_and_paths_are_whole(project: Path, dvc: Tool) -> None:
    for words in (("--all",), ("sub/dvc.yaml",), ("--all", "--names-only")):
        ours, theirs = (sorted(tool(project, "stage", "list", *words).out.splitlines()) for tool in (dvx, dvc))
        assert [line.split()[0] for line in ours] == [line.split()[0] for line in theirs]
        # DVC cuts descriptions, in pipes too
        for line, other in zip(ours, theirs, strict=True):
            assert line.startswith(other.rstrip().removesuffix("…").removesuffix("..."))
    assert len({line.split()[0] for line in dvx(project / "sub", "stage", "list").out.splitlines()}) == 6


def test_only_descriptions_are_cut_and_only_on_a_terminal(project: Path) -> None:
    whole = dvx(project, "stage", "list", "sub/dvc.yaml").out.splitlines()
    assert max(map(len, whole)) > 200
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "dvx", "stage", "list", "sub/dvc.yaml"],
        cwd=project,
        stdout=inner,
        stderr=inner,
        env={**os.environ, "TERM": "dumb"},
    ):
        os.close(inner)
        shown = b""
        try:
            while data := os.read(outer, 65536):
                shown += data
        except OSError:  # its end
            pass
    os.close(outer)
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    assert [line.split()[0] for line in lines] == [line.split()[0] for line in whole]
    width = max(len(line.split()[0]) for line in whole) + 2
    assert max(len(line[width:]) for line in lines) == 80
