"""What runs at the moment, as lines for the foot of a terminal."""

from __future__ import annotations

import os

from dvx.cli.terminal.units import duration
from dvx.model.paths import printable

_MOST = 8


class Live:
    """Stages that run, since when, and what each wrote last; times are seconds of one clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._ended = 0

    def start(self, stage: str, now: float) -> None:
        """A stage's command starts."""
        self._since[stage] = now
        self._said.pop(stage, None)

    def hear(self, stage: str, output: bytes) -> None:
        """A command wrote something; the last line of it that is not blank counts."""
        lines = output.decode("utf-8", "replace").replace("\r", "\n").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if last and stage in self._since:
            self._said[stage] = printable(last)

    def end(self, stage: str) -> None:
        """A stage's command ended, however that was."""
        if self._since.pop(stage, None) is not None:
            self._ended += 1

    def lines(self, now: float, width: int) -> list[str]:
        """A line for each stage that runs, the longest first, below one that counts; none while nothing runs."""
        if not self._since:
            return []
        stages = sorted(self._since, key=lambda stage: self._since[stage])
        shown = stages[:_MOST]
        column = max(len(printable(stage)) for stage in shown)
        lines = [f"running {len(stages)}" + (f", {self._ended} done" if self._ended else "")]
        for stage in shown:
            said = self._said.get(stage, "")
            lines.append(f"  {printable(stage):<{column}}  {duration(now - self._since[stage]):>10}  {said}".rstrip())
        if len(stages) > len(shown):
            lines.append(f"  and {len(stages) - len(shown)} more")
        return [line[: max(width - 1, 10)] for line in lines]


def width_of(handle: int) -> int:
    """How many characters a line of the terminal has."""
    try:
        return os.get_terminal_size(handle).columns or 80
    except OSError:
        return 80
