"""Schedule: which stage may start now, given what is done, what runs, and the resources that there are."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence

_Amounts = Mapping[str, float]
# what sums of fractions of cores may be off
_ROUNDING = 1e-9


class Schedule:
    """Stages in an order in which each comes after what it needs. Of those that may start, the one with the longest way to
    the end goes first.

    `limits` says what there is of each resource, `jobs` how many stages run at once. A stage takes what `demand` says; one
    that wants more than there is takes all of it: whether it may run at all is not decided here.
    """

    def __init__(
        self,
        order: Sequence[str],
        needs: Mapping[str, Collection[str]],
        jobs: int,
        demand: Mapping[str, _Amounts],
        limits: _Amounts,
    ) -> None:
        self._order = order
        self._jobs = jobs
        self._demand = demand
        self._limits = limits
        self._free = dict(limits)
        self._running: dict[str, _Amounts] = {}
        self._feeds: dict[str, list[str]] = {stage: [] for stage in order}
        self._open: dict[str, int] = {}
        for stage in order:
            inside = [need for need in needs[stage] if need in self._feeds]
            self._open[stage] = len(inside)
            for need in inside:
                self._feeds[need].append(stage)
        self._rank: dict[str, tuple[float, int]] = {stage: (0.0, place) for place, stage in enumerate(order)}
        self._ready: list[tuple[tuple[float, int], str]] = []

    def begin(self, seconds: Callable[[str], float]) -> None:
        """Put what may start first in line; `seconds` is how long each stage is expected to run."""
        ways: dict[str, float] = {}
        for stage in reversed(self._order):
            ways[stage] = seconds(stage) + max((ways[fed] for fed in self._feeds[stage]), default=0.0)
        self._rank = {stage: (-ways[stage], place) for place, stage in enumerate(self._order)}
        self._ready = [(self._rank[stage], stage) for stage in self._order if not self._open[stage]]
        heapq.heapify(self._ready)

    @property
    def unfinished(self) -> bool:
        """Whether a stage runs or waits."""
        return bool(self._running or self._ready)

    def start(self) -> tuple[str, ...]:
        """Take the stages to start now. One that finds no resources lets those behind it go first."""
        started: list[str] = []
        waiting: list[tuple[tuple[float, int], str]] = []
        while self._ready and len(self._running) < self._jobs:
            entry = heapq.heappop(self._ready)
            wanted = self._wanted(entry[1])
            if all(amount <= self._free[name] + _ROUNDING for name, amount in wanted.items()):
                for name, amount in wanted.items():
                    self._free[name] -= amount
                self._running[entry[1]] = wanted
                started.append(entry[1])
            else:
                waiting.append(entry)
        for entry in waiting:
            heapq.heappush(self._ready, entry)
        return tuple(started)

    def end(self, stage: str) -> None:
        """A stage needs no waiting for any more: it is done, failed or left out."""
        for name, amount in self._running.pop(stage).items():
            self._free[name] += amount
        for fed in self._feeds[stage]:
            self._open[fed] -= 1
            if not self._open[fed]:
                heapq.heappush(self._ready, (self._rank[fed], fed))

    def _wanted(self, stage: str) -> dict[str, float]:
        given = {name: amount for name, amount in self._demand.get(stage, {}).items() if amount}
        return {name: min(amount, self._limits[name]) for name, amount in given.items()}


_SHARED = frozenset({"cpu", "memory"})


def short_of(demand: _Amounts, limits: _Amounts) -> str:
    """A resource of which a stage wants more than there will ever be; empty if there is none."""
    return next((name for name, amount in demand.items() if name not in _SHARED and amount > limits.get(name, 1.0)), "")
