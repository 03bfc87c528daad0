"""Completion in a real zsh and a real fish (bash has its tests beside those of the script)."""

from __future__ import annotations

import os
import pty
import select
import shutil
import time
from pathlib import Path

import pytest

from tests.helpers import dvx, run_process, write

_OURS = [("check-", "check-ignore"), ("push -r st", "storage"), ("add raw/tra", "raw/train.csv"), ("exp sh", "show")]


@pytest.fixture
def project(native: Path) -> Path:
    write(native / "raw/train.csv", "1\n")
    dvx(native, "remote", "add", "storage", "../remote")
    return native


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish here")
@pytest.mark.parametrize(("typed", "found"), _OURS)
def test_fish_completes(project: Path, typed: str, found: str) -> None:
    asked = run_process(project, "fish", "--no-config", "-c", f"dvx completion fish | source; complete -C 'dvx {typed}'")
    assert asked.code == 0, asked.err
    assert [line.partition("\t")[0] for line in asked.out.splitlines()] == [found]


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh here")
@pytest.mark.parametrize(("typed", "found"), _OURS)
def test_zsh_completes(project: Path, typed: str, found: str) -> None:
    process, handle = pty.fork()
    if process == 0:
        os.chdir(project)
        os.environ |= {"TERM": "dumb", "PS1": "> "}
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        _type(handle, "autoload -Uz compinit; compinit -u -D; eval \"$(dvx completion zsh)\"; echo re''ady\n")
        _wait(handle, "ready")
        _type(handle, f"dvx {typed}\t")
        _wait(handle, " ".join(["dvx", *typed.split()[:-1], found]))
    finally:
        os.close(handle)
        os.waitpid(process, 0)


def _type(handle: int, text: str) -> None:
    os.write(handle, text.encode())


def _wait(handle: int, expected: str) -> None:
    """Read what the shell shows until it shows this."""
    shown, end = "", time.monotonic() + 60
    while expected not in shown:
        assert time.monotonic() < end, shown
        if select.select([handle], [], [], 0.1)[0]:
            shown += os.read(handle, 1 << 16).decode(errors="replace")
