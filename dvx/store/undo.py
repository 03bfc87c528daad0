"""UndoLog: what commands changed, a file each, so that `undo` can take it back. To lose it costs no more than that."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator

from dvx.model.digest import digest_bytes
from dvx.model.upkeep.undo_facts import Began, Fact, Placed, Stays, Wrote, encode_fact
from dvx.store import files
from dvx.store.durable import sync_file, sync_folder
from dvx.store.files.locking import claimed, is_claimed

_NAME = re.compile(r"[0-9]{19}-[0-9]{1,10}")
_MOST = 100
_MOST_BYTES = 64 << 20
# what is larger is read by nobody
_LARGEST = 8 << 20


class UndoLog:
    """The log below `root`, as one command uses it, whose name is `command`; without one nothing is written down.

    A fact is written down before the act, so a command that is killed can be undone as far as it came. What one log says of
    a path first is what was there before; `run` is also the name that the trash has for the command.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.run = f"{time.time_ns()}-{os.getpid()}"
        self.command = ""
        self.of = ""
        self.again = False
        self._held = contextlib.ExitStack()
        self._handle: int | None = None
        self._written = 0
        self._is_torn = False
        self._known: set[tuple[type, str]] = set()
        self._guard = threading.Lock()

    def begin(self) -> None:
        """Let there be an entry of this command: it takes something to the trash."""
        with self._guard:
            self._open()

    def note(self, fact: Fact) -> None:
        """Write a fact down."""
        with self._guard:
            if not self._open():
                return
            line = encode_fact(fact)
            if self._written + len(line) > _LARGEST:
                self._append(encode_fact(Stays("it changed more than the log of changes keeps")))
            else:
                self._append(line)

    def writes(self, path: str, place: str, data: bytes | None) -> None:
        """A file (absolute: `place`) is about to get these bytes; None: to be removed."""
        if not self.command:
            return
        new = "" if data is None else digest_bytes(data, "md5").hex
        if not self._is_first(Wrote, path):
            self.note(Wrote(path, None, new))
        elif os.path.islink(place):
            self.note(Stays(f"`{path}` was a symbolic link"))
        elif not os.path.exists(place):
            self.note(Wrote(path, None, new))
        elif os.path.getsize(place) > _LARGEST // 2:
            self.note(Stays(f"`{path}` was too large for the log of changes"))
        else:
            self.note(Wrote(path, files.read(place), new, os.stat(place).st_mode & 0o777))

    def places(self, fact: Placed) -> None:
        """Tracked data is about to be replaced."""
        if self.command and self._is_first(Placed, fact.path):
            self.note(fact)

    def read(self) -> Iterator[tuple[str, bytes]]:
        """What other commands wrote down, each with the name that it has here, the oldest first."""
        for name in files.names_in(self.root, _NAME):
            if name != self.run:
                with contextlib.suppress(OSError):
                    yield name, files.read_below(self.root, name)

    def is_busy(self, run: str) -> bool:
        """Whether the command still works."""
        return is_claimed(os.path.join(self.root, run))

    def resume(self, run: str, known: Iterable[Fact]) -> None:
        """Go on with what an `undo` that was cut short wrote down; half a line at its end goes."""
        data = files.read_below(self.root, run)
        if not data.endswith(b"\n"):
            files.write_atomic(os.path.join(self.root, run), data[: data.rfind(b"\n") + 1])
        self.run = run
        self._known = {(type(fact), fact.path) for fact in known if isinstance(fact, Wrote | Placed)}

    def forget(self) -> None:
        """Drop what was written down: all of it was put back."""
        with self._guard:
            if self._handle is not None:
                files.remove(os.path.join(self.root, self.run))
                self._handle = None
                self._held.close()
                self._known.clear()

    def close(self) -> None:
        """Make what was written down durable, and let go of it."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                sync_file(os.path.join(self.root, self.run))
                sync_folder(self.root)
            self._handle = None
        self._held.close()

    def _is_first(self, kind: type, path: str) -> bool:
        with self._guard:
            first = (kind, path) not in self._known
            self._known.add((kind, path))
            return first

    def _open(self) -> bool:
        if not self.command:
            return False
        if self._handle is None:
            place = os.path.join(self.root, self.run)
            is_new = not os.path.exists(place)
            if is_new:
                self._make_room()
            handle = self._held.enter_context(claimed(place, lambda: None))
            self._written = os.lseek(handle, 0, os.SEEK_END)
            self._handle = handle
            if is_new:
                files.set_mode(place, 0o600)  # configuration may hold secrets
                self._append(encode_fact(Began(self.command, time.time(), self.of, self.again)))
        return True

    def _append(self, line: bytes) -> None:
        if self._handle is None:
            return
        try:
            files.write_all(self._handle, b"\n" + line if self._is_torn else line)
        except OSError as error:
            self._is_torn = True
            error.filename = error.filename or os.path.join(self.root, self.run)
            raise
        self._is_torn = False
        self._written += len(line)

    def _make_room(self) -> None:
        """The oldest go first, when there are too many or they are too large."""
        total = 0
        for number, name in enumerate(reversed(files.names_in(self.root, _NAME)), 1):
            place = os.path.join(self.root, name)
            with contextlib.suppress(OSError):
                total += os.lstat(place).st_size
                if number >= _MOST or total > _MOST_BYTES:
                    files.remove(place)
