"""Completion in a real zsh and a real fish (bash has its tests beside those of the script)."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import time
from collections.abc import Iterator
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
    with _shell(project, "zsh") as handle:
        _type(handle, f"dvx {typed}\t")
        _wait(handle, " ".join(["dvx", *typed.split()[:-1], found]))


# what a shell would run in names, if it read them as its own words, and how much of them is typed
_MADE = "made-by-a-name"
_NAMES = {
    "a$(touch made-by-a-name)": "a",
    "b`touch made-by-a-name`": "b",
    "c';touch made-by-a-name;'": "c",
    'd";touch made-by-a-name;"': "d",
    "e;touch made-by-a-name": "e",
    "ff:$(touch made-by-a-name)": "ff:",
    "g=(touch made-by-a-name)": "g",
    "h$(touch made-by-a-name)": '"h',
    "i';touch made-by-a-name;'": "'i",
    "j`touch made-by-a-name`": '"j',
    "k(e:touch made-by-a-name:)": "k",
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_no_name_is_run(native: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    for name in _NAMES:
        write(native / name / "x", "1\n")
    dvx(native, "add", *(native / name for name in _NAMES))
    if shell == "fish":
        asked = 'dvx completion fish | source; for typed in $argv; complete -C "dvx status $typed"; end'
        offered = run_process(native, "fish", "--no-config", "-c", asked, *list(_NAMES.values())[:4])
        assert offered.out.count("touch") == 4, offered
    else:
        with _shell(native, shell) as handle:
            # to run the line takes no time, to complete it does
            _type(handle, 'dvx() { [ -z "$_DVX_COMPLETE" ] || command dvx "$@"; }\n')
            for number, typed in enumerate(_NAMES.values()):
                # bash completes nothing in quotes that would not mean itself there
                closing = typed[:1] if shell == "bash" and typed[:1] in ("'", '"') else ""
                _type(handle, f"dvx status {typed}\t{closing}\necho do''ne{number}\n")
                assert closing or "touch" in _wait(handle, f"done{number}")
    assert not (native / _MADE).exists()


@contextlib.contextmanager
def _shell(folder: Path, name: str) -> Iterator[int]:
    """A shell in which a person types, with the script loaded."""
    process, handle = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ |= {"TERM": "dumb", "PS1": "> "}
        os.execvp(name, [name, *_BARE[name], "-i"])
    try:
        _type(handle, _LOADED[name])
        _wait(handle, "ready")
        yield handle
    finally:
        os.close(handle)
        os.waitpid(process, 0)


_BARE = {"zsh": ("-f",), "bash": ("--norc", "--noprofile")}
_LOADED = {
    "zsh": "autoload -Uz compinit; compinit -u -D; eval \"$(dvx completion zsh)\"; echo re''ady\n",
    "bash": "source <(dvx completion bash); echo re''ady\n",
}


def _type(handle: int, text: str) -> None:
    os.write(handle, text.encode())


def _wait(handle: int, expected: str) -> str:
    """Read what the shell shows until it shows this."""
    shown, end = "", time.monotonic() + 60
    while expected not in shown:
        assert time.monotonic() < end, shown
        if select.select([handle], [], [], 0.1)[0]:
            shown += os.read(handle, 1 << 16).decode(errors="replace")
    return shown
