"""Crew: works through a schedule, on some nodes at once. Parts of one that is worked on take their turns with all others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

from dvx.errors import DvxError
from dvx.model.pipelines.schedule import Schedule
from dvx.shell import Shell

_POLL_SECONDS = 0.1


class Crew:
    """Starts each node as soon as what it needs is done; `gate` is called before work on one begins, and may wait or raise.

    `alone` keeps all work but that on parts in the calling thread. After a failure nothing starts any more, but what runs
    may end. Only the thread that called `run` touches the schedule: the others put what they want of it into a queue.
    """

    def __init__(self, schedule: Schedule, shell: Shell, gate: Callable[[], None], *, alone: bool) -> None:
        self.shared = not alone or schedule.jobs > 1
        """Whether parts may run at once with others."""
        self._schedule = schedule
        self._shell = shell
        self._gate = gate
        self._alone = alone
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._look: Callable[[str], bool] = bool
        self._work: Callable[[str], None] = lambda _: None
        self._parts: dict[str, tuple[str, Callable[[], None]]] = {}
        self._splits: dict[str, _Split] = {}
        self._failure: BaseException | None = None
        # threads are made when they are needed: one for each node that runs, and for each that waits for its parts
        self._pool = ThreadPoolExecutor(1 << 16)

    def run(self, look: Callable[[str], bool], work: Callable[[str], None]) -> None:
        """Work until all is done. `look` answers whether a node is dealt with already; if not, `work` does it.

        Raises:
            BaseException: the first failure.
        """
        self._look, self._work = look, work
        with self._pool, self._shell.stopping():
            self._drive(lambda: False)
        if self._failure is not None:
            raise self._failure

    def split(self, node: str, parts: Mapping[str, Callable[[], None]], demand: Mapping[str, float], *, keep_going: bool) -> None:
        """Work on parts of a node, each of which takes what `demand` says. Whoever works on the node calls this.

        Raises:
            BaseException: the first failure of a part. No other starts after it, unless it is to `keep_going`.
            KeyboardInterrupt: the work is to end before all parts are done.
        """
        split = _Split(len(parts), keep_going)
        begin = partial(self._begin, node, parts, demand, split)
        if self._alone:
            begin()
            self._drive(split.over.is_set)
        else:
            self._asked.put(begin)
            # nobody may be left to answer
            while not split.over.wait(_POLL_SECONDS):
                self._shell.check()
        if split.failure is not None:
            raise split.failure
        if split.left:
            raise KeyboardInterrupt

    def _drive(self, over: Callable[[], bool]) -> None:
        while self._schedule.unfinished and not over():
            for node in self._schedule.start():
                if node in self._splits:
                    self._splits.pop(node).over.set()
                elif node in self._parts:
                    self._send(node, self._parts[node][1])
                else:
                    self._take(node)
            if self._schedule.busy and not over():
                self._asked.get()()

    def _take(self, node: str) -> None:
        try:
            if not self._look(node):
                if not self._alone:
                    self._send(node, partial(self._work, node))
                    return
                self._gate()
                self._work(node)
        except DvxError as error:
            # what runs beside it may end
            self._fail(error)
        self._schedule.end(node)

    def _send(self, node: str, call: Callable[[], None]) -> None:
        def ended(future: Future[None]) -> None:
            self._asked.put(partial(self._ended, node, future))

        self._pool.submit(self._gated, call).add_done_callback(ended)

    def _gated(self, call: Callable[[], None]) -> None:
        self._gate()
        call()

    def _begin(self, node: str, parts: Mapping[str, Callable[[], None]], demand: Mapping[str, float], split: _Split) -> None:
        self._splits[node] = split
        for part, call in parts.items():
            self._parts[part] = (node, call)
        self._schedule.split(node, tuple(parts), demand)

    def _ended(self, node: str, future: Future[None]) -> None:
        error = future.exception()
        if node in self._parts:
            whole, _ = self._parts[node]
            split = self._splits[whole]
            split.left -= error is None
            if error is not None:
                split.failure = split.failure or error
                if not (split.keep_going and isinstance(error, DvxError)):
                    self._schedule.drop(whole)
        elif error is not None:
            self._fail(error)
        self._schedule.end(node)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._schedule.halt()


class _Split:
    """What became of the parts of a node: how many are not done, the first failure, and whether all is `over`."""

    def __init__(self, parts: int, keep_going: bool) -> None:
        self.left = parts
        self.keep_going = keep_going
        self.failure: BaseException | None = None
        self.over = threading.Event()
