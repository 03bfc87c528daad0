"""Clock: whether ages can be believed. A clock that is wrong for one command is not to cost what others have kept.

The last command is known by the database of statistics, which nearly every command writes. A jump since then is noted in a
file, and all ages are in doubt for as long as anything is kept.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import cached_property

from dvx.errors import DvxError
from dvx.model.paths import printable
from dvx.model.upkeep.ages import day, has_jumped, is_doubtful
from dvx.store import files
from dvx.store.scratch import own_folder, release

_RECORD = "stats.db"
_NOTE = "clock"


class Clock:
    """The clock of the machine as the commands saw it whose state is in the folder `state`."""

    def __init__(self, state: str) -> None:
        self._note = os.path.join(state, _NOTE)
        self._record = os.path.join(state, _RECORD)
        self._last = _modified(self._record)

    @cached_property
    def in_doubt(self) -> bool:
        """Whether the clock jumped lately; a jump that is found is noted."""
        now = time.time()
        if self._last is not None and has_jumped(self._last, now):
            with contextlib.suppress(OSError):
                files.write_atomic(self._note, f"{now} {self._last}\n".encode())
                files.touch(self._record)  # this command was the last one, whether it has learned anything or not
            return True
        noted = self._noted()
        return noted is not None and is_doubtful(noted[0], now)

    def check(self, root: str) -> None:
        """Refuse to go by ages while they are in doubt; `root` is the project's. Raises DvxError."""
        if not self.in_doubt:
            return
        noted = self._noted()
        when = f" from {day(noted[1])} to {day(noted[0])}" if noted else ""
        place = printable(os.path.relpath(self._note, root))
        raise DvxError(
            f"the clock jumped{when} since the last command, so dvx cannot tell how old anything is",
            f"set the clock if it is wrong; if it is right, remove `{place}` and run the command again",
        )

    def _noted(self) -> tuple[float, float] | None:
        """When the clock jumped, and from when."""
        try:
            jumped, last = (float(word) for word in files.read_note(self._note).split())
        except (OSError, ValueError):
            return None
        return jumped, last


def now_in(parent: str) -> float:
    """How late it is (seconds since the epoch) by the clock that files in the folder `parent` are dated by."""
    folder, handle = own_folder(parent)
    try:
        return os.stat(folder).st_mtime
    finally:
        files.remove_folder(folder)
        release(handle)


def _modified(place: str) -> float | None:
    try:
        return os.stat(place).st_mtime
    except OSError:
        return None
