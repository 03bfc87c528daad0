"""How far a transfer is, in words: a bar, objects, bytes, how fast, and how long it will take."""

from __future__ import annotations

from dvx.cli.terminal.units import size
from dvx.model.events import Transferred

_WIDTH = 20
_LEAST_SECONDS = 0.5


class Meter:
    """Follows one transfer at a time; times are in seconds of any clock."""

    def __init__(self) -> None:
        self._task = ""
        self._begin = 0.0

    def note(self, event: Transferred, now: float) -> None:
        """A transfer that was not followed yet begins now."""
        if event.task != self._task:
            self._task, self._begin = event.task, now

    def text(self, event: Transferred, now: float, *, bar: bool) -> str:
        """One line for what was copied up to `now`."""
        self.note(event, now)
        total = event.total_bytes
        share = event.bytes / total if total else event.objects / max(1, event.total_objects)
        parts = [f"{event.objects:,}/{event.total_objects:,} objects", size(event.bytes) + (f"/{size(total)}" if total else "")]
        seconds = now - self._begin
        if seconds >= _LEAST_SECONDS and share:
            parts.append(f"{size(event.bytes / seconds)}/s")
            if share < 1:
                parts.append(f"{_duration(seconds / share - seconds)} left")
        filled = int(_WIDTH * min(1.0, share))
        drawn = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] " if bar else ""
        return f"{event.task} {drawn}{', '.join(parts)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
