"""Control: listens while a run works for what others ask of it: to pause, to go on, to stop."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from dvx.errors import DvxError
from dvx.model.events import Notice, Tell
from dvx.model.pipelines.run import Wish
from dvx.ops.pipelines.run_record import Recorder, cancelled
from dvx.shell import Shell

_POLL_SECONDS = 0.5


class Control:
    """Looks into the registry, from `__enter__` to `__exit__`."""

    def __init__(self, recorder: Recorder, shell: Shell, tell: Tell) -> None:
        self._recorder = recorder
        self._shell = shell
        self._tell = tell
        self._over = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._thread: threading.Thread | None = None
        self.cancelled: DvxError | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._going.set()
        if self._thread is not None:
            self._thread.join()

    def gate(self) -> None:
        """Wait while the run is paused; raises KeyboardInterrupt if it is to end."""
        self._shell.check()
        if self._going.is_set():
            return
        run = self._recorder.run
        self._tell(Notice(f"{run.called} is paused; `dvx runs resume {run.name or run.ident}` lets it go on"))
        while not self._going.wait(0.1):
            self._shell.check()

    def _listen(self) -> None:
        heard = Wish.NOTHING
        while not self._over.wait(_POLL_SECONDS):
            wish = self._recorder.asked()
            if wish is heard:
                continue
            heard = wish
            if wish is Wish.PAUSE:
                self._going.clear()
            elif wish is Wish.NOTHING:
                self._going.set()
            else:
                self.cancelled = cancelled(self._recorder.run)
                self._shell.stop(now=wish is Wish.KILL)
