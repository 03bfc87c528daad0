"""Commands that only read change nothing, and work where nothing can be changed."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.test_trust import make_experiment
from tests.guard import place_of
from tests.helpers import dialect_of, dvx, run_as_anybody, run_dvx, run_process

Count = Callable[[str, int], None]
_EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.utime"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READING = [
    ("status",),
    ("status", "--json"),
    ("data", "status", "--granular", "--unchanged", "--not-in-remote"),
    ("diff",),
    ("ls", "-R", "--json"),
    ("ls", "--tree", "--rev", "HEAD"),
    ("du",),
    ("fsck",),
    ("gc", "--workspace", "--dry"),
    ("trash", "list"),
    ("root",),
    ("dag",),
    ("stage", "list"),
    ("remote", "list"),
    ("config", "--list"),
    ("params", "diff"),
    ("metrics", "show"),
    ("metrics", "diff"),
    ("exp", "show"),
    ("exp", "list"),
    ("exp", "diff", "HEAD", "e1"),
    ("repro", "--dry"),
    ("runs", "list"),
    ("runs", "show"),
    ("runs", "logs"),
    ("explain",),
    ("queue", "status"),
    ("plots", "show", "--json"),
]
_MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'


class _ReadOnly:
    """Lets every change that Python would make below `root` fail as on a read-only file system, while it is active."""

    def __init__(self, root: Path) -> None:
        self.active = False
        self.refused = 0
        self._root = str(root)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit hook; these cannot be removed, hence `active`."""
        if not self.active or not args or not isinstance(args[0], str) or not place_of(event, args).startswith(self._root):
            return
        if event in _EVENTS or (event == "open" and isinstance(args[2], int) and args[2] & _WRITING):
            self.refused += 1
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), args[0])


def _prepare(project: Path) -> None:
    make_experiment(project)
    dvx(project, "remote", "add", "-d", "store", "../remote")


def test_reading_commands_work_where_every_change_fails(dialect_repo: Path, count: Count):
    _prepare(dialect_repo)
    dialect = dialect_of(dialect_repo)
    private = f"{dialect.folder}/{dialect.state_folder}"
    hook = _ReadOnly(dialect_repo)
    sys.addaudithook(hook)
    for command in _READING:
        before = _everything(dialect_repo)
        hook.active = True
        refused = run_dvx(dialect_repo, *command)
        hook.active = False
        allowed = run_dvx(dialect_repo, *command)
        assert allowed.code == 0, (command, allowed.err)
        assert refused == allowed, command
        after = _everything(dialect_repo)
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert not [name for name in changed if not name.startswith(private) and name != dialect.folder], command
    count(f"reading commands ({dialect.name}), every change refused", len(_READING))


def test_reading_commands_work_on_a_read_only_file_system(native: Path, count: Count):
    _prepare(native)
    wanted = {command: dvx(native, *command) for command in _READING}
    before = _everything(native)
    with _wrapped(native) as words:
        for command in _READING:
            done = run_process(native, *words, "dvx", *command)
            # nor is anything said of what was not written down
            assert done == wanted[command], command
    after = _everything(native)
    assert {name: what for name, what in after.items() if before.get(name) != what} == {}
    count("reading commands on a read-only file system", len(_READING))


def test_reading_commands_work_without_the_permission_to_write(native: Path, count: Count):
    _prepare(native)
    wanted = {command: dvx(native, *command) for command in _READING}
    modes = {path: path.stat().st_mode for path in (native, *native.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & 0o7555)
    for command in _READING:
        assert run_as_anybody(native, "dvx", *command) == wanted[command], command
    for path, mode in modes.items():
        path.chmod(mode)
    count("reading commands without permissions", len(_READING))


@contextlib.contextmanager
def _wrapped(project: Path) -> Iterator[list[str]]:
    """Words before a command that make the project read-only for it; without the right to mount, its permissions do."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNTED, str(project)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            yield words
            return
    modes = {path: path.stat().st_mode for path in (project, *project.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & 0o7555)
    yield []
    for path, mode in modes.items():
        path.chmod(mode)


def _everything(top: Path) -> dict[str, object]:
    """Bytes, mode and time of every file and folder."""
    found: dict[str, object] = {}
    for path in (top, *top.rglob("*")):
        status = path.stat()
        found[str(path.relative_to(top))] = (status.st_mode, status.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return found
