"""Tables that are wider than the terminal are shown in the pager that the user gave Git."""

from __future__ import annotations

import os
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.test_colour import QUIET, all_of
from tests.helpers import commit_all, dvx, git, write


@pytest.fixture
def wide(native: Path) -> Path:
    """A project with many parameters."""
    write(native / "params.yaml", "".join(f"parameter_{number}: {number}\n" for number in range(12)))
    write(native / "dvx.yaml", "stages:\n  s: {cmd: echo 1 > o, params: [parameter_1], outs: [o]}\n")
    commit_all(native)
    dvx(native, "exp", "run", "-n", "one")
    return native


def typed(folder: Path, *words: str, columns: int = 60, env: Mapping[str, str] | None = None) -> str:
    """What a person sees who runs `dvx exp show` on a terminal."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    variables = {name: value for name, value in os.environ.items() if name not in QUIET} | {"TERM": "xterm"} | dict(env or {})
    with subprocess.Popen(
        ["dvx", "exp", "show", *words], cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=variables
    ) as run:
        os.close(slave)
        seen = all_of(master)
        assert run.wait(30) == 0
    os.close(master)
    return seen


def pager(text: str) -> str:
    return f"echo {text}; cat > pager-{text}"


def test_a_wide_table_is_paged_as_the_user_told_git(wide: Path) -> None:
    table = dvx(wide, "exp", "show").out
    assert "environment" in typed(wide, env={"GIT_PAGER": pager("environment"), "PAGER": pager("other")})
    assert (wide / "pager-environment").read_text() == table
    git(wide, "config", "--global", "core.pager", pager("configured"))
    assert "configured" in typed(wide, env={"PAGER": pager("other")})
    git(wide, "config", "--global", "--unset", "core.pager")
    assert "other" in typed(wide, env={"PAGER": pager("other")})


@pytest.mark.parametrize(("words", "columns", "variable"), [
    ((), 400, pager("x")), (("--no-pager",), 60, pager("x")), (("--md",), 60, pager("x")), (("--csv",), 60, pager("x")),
    (("--json",), 60, pager("x")), ((), 60, "cat"), ((), 60, ""), ((), 60, "no-such-pager"),
])  # fmt: skip
def test_the_table_is_printed_otherwise(wide: Path, words: tuple[str, ...], columns: int, variable: str) -> None:
    assert "parameter_11" in typed(wide, *words, columns=columns, env={"GIT_PAGER": variable})
    assert not list(wide.glob("pager-*"))


def test_less_neither_wraps_nor_ends_at_once(wide: Path) -> None:
    folder = wide.parent / "bin"
    write(folder / "less", '#!/bin/sh\necho "options $*"\ncat > /dev/null\n')
    (folder / "less").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    assert "options -S -+F" in typed(wide, env={"PATH": path})
    assert "options -FRX -S -+F" in typed(wide, env={"PATH": path, "GIT_PAGER": "less -FRX"})


def test_a_pager_that_the_repository_names_is_not_run(wide: Path) -> None:
    git(wide, "config", "core.pager", pager("theirs"))
    git(wide, "config", "pager.exp", pager("theirs"))
    typed(wide, env={"PAGER": pager("mine")})
    assert [path.name for path in wide.glob("pager-*")] == ["pager-mine"]
