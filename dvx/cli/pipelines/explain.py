"""The command explain: why stages must run, in words."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import to_builtins

from dvx.cli.common import JsonOption, StagesArgument, find_project
from dvx.cli.terminal import render
from dvx.model.pipelines.staleness import Action
from dvx.ops.pipelines.explain import Explanation, ReasonDetail
from dvx.ops.pipelines.explain import explain as explain_stages
from dvx.ops.stages.repro_plan import ReproOptions


def explain(targets: StagesArgument = None, *, json: JsonOption = False) -> None:
    """Explain why stages are out of date.

    Shows what changed, from what to what, since which commit or experiment, and why no earlier run could be reused.

    Example: dvx explain train
    """
    found = explain_stages(find_project(), ReproOptions(tuple(targets or ()), single=True), render.terminal())
    if json:
        render.json([to_builtins(one, str_keys=True) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            render.data("")
        for line in lines_of(one):
            render.data(line)


def lines_of(one: Explanation) -> Iterator[str]:
    """An explanation as lines of text."""
    if one.action is Action.SKIP:
        yield f"{one.stage}: nothing changed"
        return
    verb = {Action.RUN: "must run", Action.RESTORE: "an earlier run is restored", Action.RECORD: "is recorded as it is"}
    yield f"{one.stage}: {verb[one.action]}"
    for difference in one.differences:
        yield from _difference(difference)
    if one.action is Action.RUN and one.keeps_runs:
        if one.nearest_run is None:
            yield "  no earlier run with these outputs is kept"
        elif [each.reason for each in one.nearest_run] == [each.reason for each in one.differences]:
            yield "  no earlier run that is kept is more like it"
        elif one.nearest_run:
            yield "  the most similar earlier run differs in:"
            for difference in one.nearest_run:
                for line in _difference(difference):
                    yield f"  {line}"
        else:
            yield "  an equal earlier run is kept, but its outputs are gone from the cache (`dvx fetch --run-cache` may get them)"


def _difference(one: ReasonDetail) -> Iterator[str]:
    since = f", recorded by {one.known_from}" if one.known_from else ""
    yield f"  {one.reason}{since}"
    if "\n" not in one.old + one.new and (one.old or one.new):
        yield f"    {one.old or '(nothing)'} -> {one.new or '(nothing)'}"
    for detail in one.details:
        yield f"    {detail}"
