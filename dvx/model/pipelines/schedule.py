"""Schedule: which nodes may start now, given what is done, what runs, and the resources that there are.

`graphlib` has neither ranks nor nodes that are split while they run, which is most of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

_Amounts = Mapping[str, float]
_Demand = tuple[tuple[str, float], ...]
_Rank = tuple[float, int, int]
# what sums of fractions of cores may be off
_ROUNDING = 1e-9


class Schedule:
    """Nodes in an order: stages, and parts into which a running one is split. Of two of which one needs the other, the one
    that stands first goes first. Of those that may start, the one with the longest way to the end goes first.

    `limits` says what there is of each resource, `jobs` how many nodes run at once. A node takes what `demand` says; one
    that wants more than there is takes all of it: whether it may run at all is not decided here. A node that finds no
    resources lets others go first. Nodes of one demand wait in one line, so that what cannot start is looked at once.
    """

    def __init__(
        self,
        order: Sequence[str],
        needs: Mapping[str, Collection[str]],
        jobs: int,
        demand: Mapping[str, _Amounts],
        limits: _Amounts,
    ) -> None:
        self.jobs = jobs
        self._order = order
        self._limits = limits
        self._free = dict(limits)
        self._demand = {stage: self._limited(demand.get(stage, {})) for stage in order}
        self._running: dict[str, _Demand] = {}
        self._feeds: dict[str, list[str]] = {stage: [] for stage in order}
        self._open: dict[str, int] = dict.fromkeys(order, 0)
        place = {stage: number for number, stage in enumerate(order)}
        for stage in order:
            for need in needs[stage]:
                if need in place:
                    first, second = sorted((need, stage), key=place.__getitem__)
                    self._feeds[first].append(second)
                    self._open[second] += 1
        self._rank: dict[str, _Rank] = {}
        self._parts: dict[str, tuple[str, ...]] = {}
        self._ready: set[str] = set()
        self._lines: dict[_Demand, list[tuple[_Rank, str]]] = {}
        self._halted = False

    def begin(self, seconds: Callable[[str], float]) -> None:
        """Put what may start first in line; `seconds` is how long each stage is expected to run."""
        ways: dict[str, float] = {}
        for stage in reversed(self._order):
            ways[stage] = seconds(stage) + max((ways[fed] for fed in self._feeds[stage]), default=0.0)
        self._rank = {stage: (-ways[stage], place, 0) for place, stage in enumerate(self._order)}
        for stage in self._order:
            if not self._open[stage]:
                self._put(stage)

    @property
    def unfinished(self) -> bool:
        """Whether a node runs or waits."""
        return bool(self._running or self._ready)

    @property
    def busy(self) -> bool:
        """Whether a node runs."""
        return bool(self._running)

    def start(self) -> Iterator[str]:
        """Take the nodes to start now, one by one. A split one comes again when its parts have ended."""
        while len(self._running) < self.jobs and (heads := [line[0] for line in self._startable()]):
            node = min(heads)[1]
            wanted = self._demand[node]
            heapq.heappop(self._lines[wanted])
            self._ready.remove(node)
            self._running[node] = wanted
            for name, amount in wanted:
                self._free[name] -= amount
            yield node

    def end(self, node: str) -> None:
        """A node needs no waiting for any more: it is done, failed or left out."""
        self._release(node)
        self._pass(node)

    def split(self, node: str, parts: Sequence[str], demand: _Amounts) -> None:
        """A running node waits for parts of itself, and takes nothing from now on; each part takes what `demand` says."""
        self._release(node)
        self._demand[node] = ()
        self._parts[node] = tuple(parts)
        self._open[node] = len(parts)
        if not parts:
            self._put(node)
        way, place, _ = self._rank[node]
        wanted = self._limited(demand)
        for number, part in enumerate(parts):
            self._feeds[part], self._demand[part], self._rank[part] = [node], wanted, (way, place, number)
            self._put(part)
        if self._halted:
            self.drop(node)

    def drop(self, node: str) -> None:
        """Leave out the parts of a node that have not started."""
        for part in self._parts.get(node, ()):
            if part in self._ready:
                self._ready.remove(part)
                self._pass(part)

    def halt(self) -> None:
        """Let what runs end, and start nothing any more but what had been split, when its parts have ended."""
        self._halted = True
        self._ready.intersection_update({*self._parts, *(part for parts in self._parts.values() for part in parts)})
        for node in self._parts:
            self.drop(node)

    def _startable(self) -> Iterator[list[tuple[_Rank, str]]]:
        for wanted, line in self._lines.items():
            while line and line[0][1] not in self._ready:
                heapq.heappop(line)
            if line and all(fits(amount, self._free[name]) for name, amount in wanted):
                yield line

    def _put(self, node: str) -> None:
        self._ready.add(node)
        heapq.heappush(self._lines.setdefault(self._demand[node], []), (self._rank[node], node))

    def _release(self, node: str) -> None:
        for name, amount in self._running.pop(node):
            self._free[name] += amount

    def _pass(self, node: str) -> None:
        """What waited for a node waits for one less."""
        self._parts.pop(node, None)
        for fed in self._feeds[node]:
            self._open[fed] -= 1
            if not self._open[fed] and (not self._halted or fed in self._parts):
                self._put(fed)

    def _limited(self, demand: _Amounts) -> _Demand:
        return tuple(sorted((name, min(amount, self._limits[name])) for name, amount in demand.items() if amount))


_SHARED = frozenset({"cpu", "memory"})


def fits(amount: float, free: float) -> bool:
    """Whether an amount may be taken of what is free."""
    return amount <= free + _ROUNDING


def scarce(demand: _Amounts) -> dict[str, float]:
    """What a stage takes of cards and tokens, which nobody else has meanwhile; cores and memory are shared."""
    return {name: amount for name, amount in demand.items() if name not in _SHARED and amount}


def short_of(demand: _Amounts, limits: _Amounts) -> str:
    """A resource of which a stage wants more than there will ever be; empty if there is none."""
    return next((name for name, amount in scarce(demand).items() if amount > limits.get(name, 1.0)), "")
