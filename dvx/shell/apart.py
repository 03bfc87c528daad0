"""Processes that are no stage's commands: short ones that answer, and ones that work on their own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from dvx.shell.signals import defaults

Apart = subprocess.Popen[bytes]
"""A process in a session of its own, which no signal of our terminal reaches."""


_NOT_THERE = (126, 127)


def start_apart(words: Sequence[str], cwd: str, environ: Mapping[str, str], log: BinaryIO) -> Apart:
    """Start a process that can outlive this one; all that it writes goes to `log`."""
    with defaults():
        return subprocess.Popen(
            words, cwd=cwd, env=dict(environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def output_of(command: str) -> str | None:
    """What a short shell command of the user's prints; None if it fails."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S602
    return done.stdout.strip() if done.returncode == 0 else None


def show_in(command: str, text: bytes, environ: Mapping[str, str]) -> bool:
    """Give a text to a program of the user's on this terminal, and wait until it is closed; False if there is no such program."""
    with subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env={"LESS": "RX", "LV": "-c", **environ}) as process:  # noqa: S602
        with contextlib.suppress(KeyboardInterrupt):
            process.communicate(text)
        while process.poll() is None:
            # what is typed is the program's
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
    return process.returncode not in _NOT_THERE
