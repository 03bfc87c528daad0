"""Narrator: runs the commands of a story, shows them, and stops when one did not do what was said."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_GIT_CONFIG = (
    "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n"
)


class Broken(Exception):
    """A step of the story did not do what the narration says."""


class Narrator:
    """Tells a story in `folder`. `cwd` is where the next command runs; `failed` says whether a claim was false."""

    def __init__(self, folder: Path) -> None:
        self.cwd = folder
        self._env = environment(folder)
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Begin a new part."""
        self._chapter += 1
        print(f"\n\033[1m{self._chapter}. {title}\033[0m" if sys.stdout.isatty() else f"\n{self._chapter}. {title}", flush=True)

    def say(self, text: str) -> None:
        """A sentence for the reader."""
        print(f"   {text}", flush=True)

    def run(self, line: str) -> str:
        """Run and show one command; returns all that it printed."""
        print(f"   $ {line}", flush=True)
        done = self._start(line, subprocess.STDOUT)
        for shown in done.stdout.rstrip().splitlines():
            print(f"     {shown}", flush=True)
        if done.returncode != 0:
            raise Broken(f"`{line}` ended with exit code {done.returncode}")
        return done.stdout

    def ask(self, line: str) -> str:
        """The stdout of a command that is not shown."""
        done = self._start(line, subprocess.PIPE)
        if done.returncode != 0:
            raise Broken(f"`{line}` ended with exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def ask_json(self, line: str) -> Any:
        """The JSON that a command prints; the command is not shown."""
        return json.loads(self.ask(line))

    def check(self, claim: str, true: bool) -> None:
        """Say something, which must be true."""
        if not true:
            raise Broken(f"this is not so: {claim}")
        print(f"   ok: {claim}", flush=True)

    def _start(self, line: str, stderr: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            shlex.split(line), cwd=self.cwd, env=self._env, stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8", check=False
        )


def environment(folder: Path) -> Mapping[str, str]:
    """The reader's own settings of Git and dvx stay out of the story, and the story stays out of them."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(_GIT_CONFIG, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "DVX_", "XDG_", "AWS_"))}
    return {
        **kept,
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
