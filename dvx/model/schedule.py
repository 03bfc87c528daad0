"""Plan: which stage may start now, given what runs and what is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct


class Plan(Struct, frozen=True):
    """Stages in an order in which each comes after what it `needs`, and how many `jobs` may run at once."""

    order: tuple[str, ...]
    needs: Mapping[str, frozenset[str]]
    jobs: int = 1

    def ready(self, done: Collection[str], running: Collection[str]) -> tuple[str, ...]:
        """The stages to start now, in order; `done` are those that need no waiting for, failed and skipped ones too."""
        free = self.jobs - len(running)
        waiting = (stage for stage in self.order if stage not in done and stage not in running)
        startable = [stage for stage in waiting if all(need in done for need in self.needs[stage])]
        return tuple(startable[: max(free, 0)])


def plan_runs(order: tuple[str, ...], needs: Mapping[str, Collection[str]], jobs: int = 1) -> Plan:
    """A plan for the stages in `order`; what lies outside of it is not waited for."""
    chosen = frozenset(order)
    return Plan(order, {stage: chosen.intersection(needs[stage]) for stage in order}, jobs)
