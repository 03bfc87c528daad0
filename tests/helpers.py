"""What tests call: dvx in process and as a real process, Git, and small tools for files."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dvx.model.dialect import DVC, NATIVE, Dialect

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests/programs"
# with the `ssh` of these programs the files of OpenSSH are in $HOME, not where the system's list of users says
SSH_CONFIG = 'Include "{home}/.ssh/config"\nMatch all\n  UserKnownHostsFile "{home}/.ssh/known_hosts"\n'


@dataclass(frozen=True, slots=True)
class Result:
    """What a command returned and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)


def run_dvx(cwd: Path | str, *args: str | Path, spoken: Dialect = NATIVE) -> Result:
    """Run dvx in this process, standing in `cwd`; with `spoken` as if it was called by the name of that dialect."""
    from dvx.cli.main import run

    out, err = _stream(), _stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(arg) for arg in args], str(cwd), spoken)
    return Result(code, _text(out), _text(err))


def dvx(cwd: Path | str, *args: str | Path) -> Result:
    """Run dvx in this process; it must succeed."""
    result = run_dvx(cwd, *args)
    assert result.code == 0, f"dvx {' '.join(map(str, args))} ended with {result.code}\n{result.out}{result.err}"
    return result


def run_process(cwd: Path | str, *command: str | Path, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
    """Run a real process; `dvx` is the one installed beside this Python."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **(env or {})}, input=stdin.encode(), capture_output=True, timeout=300, check=False
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def run_as_anybody(cwd: Path | str, *command: str | Path) -> Result:
    """The same without the right of root to do what modes forbid; skips where that is impossible."""
    if os.geteuid() != 0:
        return run_process(cwd, *command)
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv to do without the rights of root")
    return run_process(cwd, "setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", *command)


def git(cwd: Path | str, *args: str | Path) -> str:
    """The stdout of a Git command without its last newline; it must succeed."""
    done = subprocess.run(["git", *map(str, args)], cwd=cwd, capture_output=True, check=False)
    assert done.returncode == 0, f"git {' '.join(map(str, args))}\n{done.stderr.decode(errors='replace')}"
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


def commit_all(cwd: Path | str, message: str = "all") -> str:
    """Commit everything that Git does not ignore; returns the commit id."""
    git(cwd, "add", "--all")
    git(cwd, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(cwd, "rev-parse", "HEAD")


def dialect_of(project: Path) -> Dialect:
    """The dialect in which a project folder was initialised."""
    return NATIVE if (project / NATIVE.folder).is_dir() else DVC


def write(path: Path, text: str | bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def tree(folder: Path, *, skip: tuple[str, ...] = (".git",)) -> dict[str, bytes]:
    """The bytes of every file below a folder by relative path; a link is `-> target`; top-level names in `skip` are left out."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] in skip:
            continue
        if path.is_symlink():
            found[name.as_posix()] = b"-> " + os.fsencode(os.readlink(path))
        elif path.is_file():
            found[name.as_posix()] = path.read_bytes()
    return found


def is_record(path: str) -> bool:
    """Is this one of the records that dvx keeps of a project in the user's home: what is trusted, was made here, is in use?"""
    kept = r"/machines(/[A-Za-z0-9-]+)?|/projects(/[0-9a-f]{32}(/(made-[0-9]{1,20}|trust\.json(\.lock)?))?)?"
    return re.search(rf"/\.local(/state(/dvx({kept})?)?)?$", path) is not None


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape", newline="", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(errors="replace")  # type: ignore[attr-defined]
