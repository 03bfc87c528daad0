"""The place where benchmarks run: tools, sizes, sample data and projects, all below one folder."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.measure import CommandFailed
from tests.servers import S3Server, s3_server

ROOT = Path(__file__).resolve().parent.parent
_SEED = 20_000
_PER_FOLDER = 200


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much work the cases do; `rounds` for slow cases, `many` for fast ones."""

    files: int = 20_000
    bytes: int = 10_000
    large: int = 4 << 30
    pointers: int = 5_000
    most: int = 1_000_000
    stages: int = 100
    rounds: int = 3
    many: int = 11


QUICK = Sizes(files=1_000, large=64 << 20, pointers=200, most=50_000, stages=20, rounds=1, many=3)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that versions data, and how it makes a project."""

    name: str
    words: tuple[str, ...]
    init: tuple[str, ...]
    pipeline: str


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers that cases share, started by the first that needs them; `stack` stops them."""

    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    started: dict[Path, S3Server] = field(default_factory=dict)

    def s3(self, folder: Path, memory: str = "300MiB") -> S3Server:
        """An S3 server that keeps its data in `folder`; `memory` is what it tries to get by with."""
        if folder not in self.started:
            folder.mkdir()
            self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.started[folder] = self.stack.enter_context(s3_server(folder, memory))
        return self.started[folder]


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything that a case needs; `folder` is the lab's own and may be emptied."""

    folder: Path
    sizes: Sizes
    dvx: Tool
    dvx_in_dvc: Tool
    dvc: Tool
    servers: Servers

    @property
    def environ(self) -> dict[str, str]:
        """The environment of all commands: own HOME and Git configuration, nothing that phones home."""
        home = self.folder / "home"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "DVX_", "XDG_", "PYTHON"))
        }
        return kept | {
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "DVC_NO_ANALYTICS": "1",
            "CI": "1",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, words: Sequence[str], folder: Path) -> str:
        """Run a command of a setup; returns its stdout.

        Raises:
            CommandFailed: it returned something else than 0.
        """
        done = subprocess.run(words, cwd=folder, env=self.environ, check=False, capture_output=True)
        if done.returncode:
            raise CommandFailed(f"`{' '.join(words)}` ended with {done.returncode}\n{done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def fresh(self, name: str) -> Path:
        """A name in the lab that is not in use.

        Nothing is deleted while the benchmarks run: ext4 avoids inodes that were deleted in the last minutes, and
        looking for others costs the next program that makes files up to ten times its usual CPU time.
        """
        return next(folder for number in count() if not (folder := self.folder / f"{name}-{number}").exists())

    def project(self, name: str, tool: Tool) -> Path:
        """A new empty project."""
        folder = self.fresh(f"{name}-{tool.name}")
        folder.mkdir()
        self.run(("git", "init"), folder)
        self.run((*tool.words, *tool.init), folder)
        return folder

    def sample(self) -> Path:
        """A folder with the sample files, made once; the same bytes on every machine."""
        folder = self.folder / "sample"
        if not folder.exists():
            source = random.Random(_SEED)
            for number in range(self.sizes.files):
                place = folder / f"{number // _PER_FOLDER:03}"
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{number:05}.bin").write_bytes(source.randbytes(self.sizes.bytes))
        return folder

    def with_sample(self, tool: Tool) -> Path:
        """A new project with the sample as `data`, untracked."""
        folder = self.project("sample", tool)
        self.run(("cp", "-r", str(self.sample()), "data"), folder)
        return folder

    def with_tracked_sample(self, tool: Tool) -> Path:
        """A project in which `data` is tracked: what an earlier case left, or a new one."""
        left = sorted(self.folder.glob(f"sample-{tool.name}-*/data.dv?"))
        if left:
            return left[0].parent
        folder = self.with_sample(tool)
        self.run((*tool.words, "add", "data"), folder)
        return folder


def open_lab(folder: Path, sizes: Sizes) -> Lab:
    """Set up the folder and find the tools.

    Raises:
        SystemExit: there is no DVC to compare with.
    """
    folder.mkdir(parents=True)
    _scatter(folder)
    (folder / "home").mkdir()
    identity = "[user]\n\tname = Ada Tester\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
    (folder / "home" / "gitconfig").write_text(identity)
    ours = (str(Path(sys.executable).with_name("dvx")),)
    theirs = (str(dvc_python()), "-m", "dvc")
    return Lab(
        folder,
        sizes,
        Tool("dvx", ours, ("init",), "dvx.yaml"),
        Tool("dvc-by-dvx", ours, ("init", "--dvc"), "dvc.yaml"),
        Tool("dvc", theirs, ("init",), "dvc.yaml"),
        Servers(),
    )


def _scatter(folder: Path) -> None:
    """Let ext4 place each folder made in this one in another part of the disk, as it does with home folders.

    All would share the part in which the run before was deleted otherwise, and meet the inodes that `Lab.fresh` speaks of.
    """
    with contextlib.suppress(OSError):
        subprocess.run(("chattr", "+T", str(folder)), check=False, capture_output=True)


def dvc_python() -> Path:
    """The Python of the environment that has DVC; `make` puts it below the checkout."""
    python = Path(os.environ.get("DVX_TEST_DVC_PYTHON") or ROOT / ".cache" / "dvc-env" / "bin" / "python")
    if not python.exists():
        raise SystemExit(f"error: there is no DVC to compare with at `{python}`\nhint: run `make bench`, which installs it")
    return python


def remove(folder: Path) -> None:
    """Delete a folder if it is there."""
    if folder.exists():
        shutil.rmtree(folder)
