"""One `git cat-file --batch` that stays for many questions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from dvx.git import process, values
from dvx.git.places import GitPlace

# both sides of the pipe have room for so many ids
_PORTION = 100


class Objects:
    """The content of objects, asked of a process that runs already."""

    def __init__(self, started: _Started) -> None:
        self._started = started

    def read(self, idents: Iterable[str]) -> dict[str, bytes]:
        """The content of objects.

        Raises:
            GitError: one is missing.
        """
        wanted = dict.fromkeys(idents)
        found = self.present(wanted)
        if lost := next((ident for ident in wanted if ident not in found), ""):
            raise process.lost(lost, self._started.place)
        return found

    def present(self, idents: Iterable[str]) -> dict[str, bytes]:
        """The content of objects; those that are missing are left out."""
        found = {}
        for portion in values.batches(dict.fromkeys(idents), _PORTION):
            self._started.write("".join(f"{ident}\n" for ident in portion).encode("ascii"))
            for ident in portion:
                head = self._started.line().split()
                if len(head) == 3 and head[2].isdigit():
                    found[ident] = self._started.take(int(head[2]) + 1)[:-1]
        return found


@contextlib.contextmanager
def kept_objects(place: GitPlace) -> Iterator[Objects]:
    """Start the process; it ends with the block."""
    with _started(place, ("cat-file", "--batch")) as started:
        yield Objects(started)


class _Started:
    """A `git` process that is asked question after question."""

    def __init__(self, running: Any, words: Sequence[str], place: GitPlace) -> None:
        self.place = place
        self._running = running
        self._words = words
        self._said: list[bytes] = []
        # what nobody reads would stop the process in the end
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def write(self, data: bytes) -> None:
        """Give it a question, which has to fit into a pipe with all that was not answered yet."""
        try:
            self._running.stdin.write(data)
            self._running.stdin.flush()
        except OSError:
            self._fail()

    def line(self) -> bytes:
        """The next line of its answer."""
        found: bytes = self._running.stdout.readline()
        if not found.endswith(b"\n"):
            self._fail()
        return found

    def take(self, size: int) -> bytes:
        """So many bytes of its answer."""
        found: bytes = self._running.stdout.read(size)
        if len(found) < size:
            self._fail()
        return found

    def end(self) -> None:
        """Let it end."""
        with contextlib.suppress(OSError):
            self._running.stdin.close()
        self._running.stdout.close()
        self._running.proc.wait()
        self._listener.join()
        self._running.stderr.close()

    def _listen(self) -> None:
        self._said.append(self._running.stderr.read())

    def _fail(self) -> NoReturn:
        code = self._running.proc.wait()
        self._listener.join()
        said = b"".join(self._said).decode("utf-8", "replace").strip()
        raise process.failure(self._words, process.Answer(code, b"", said, self.place))


@contextlib.contextmanager
def _started(place: GitPlace, words: Sequence[str]) -> Iterator[_Started]:
    """Start `git` with these words, for many questions; it ends with the block.

    Raises:
        GitError: there is no `git` to run.
    """
    running = _Started(process.start(place, words, process.environment(place)), words, place)
    try:
        yield running
    finally:
        running.end()
