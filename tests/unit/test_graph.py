"""Facts about the graph of stages."""

from __future__ import annotations

import time

import pytest

from dvx.errors import GraphError
from dvx.model.pipelines.graph import Graph, Node, build_graph
from dvx.model.pipelines.schedule import Schedule, short_of
from tests.patience import within


def graph(**nodes: tuple[str, str]) -> Graph:
    """`name=("deps", "outs")`, separated by blanks."""
    return build_graph([Node(name, tuple(deps.split()), tuple(outs.split())) for name, (deps, outs) in nodes.items()])


DIAMOND = graph(
    last=("b.out c.out", "end"), a=("raw", "a.out"), b=("a.out", "b.out"), c=("a.out", "c.out"), other=("x", "y")
)  # fmt: skip


def test_edges_follow_paths_that_are_equal_inside_or_around() -> None:
    found = graph(
        make=("", "data"), whole=("data", "1"), inside=("data/sub/file", "2"), file=("", "deep/er/file"), around=("deep", "3"),
        near=("data2 dat", "4"),
    )  # fmt: skip
    assert found.needs == {"make": (), "whole": ("make",), "inside": ("make",), "file": (), "around": ("file",), "near": ()}
    assert found.feeds["make"] == ("whole", "inside")


def test_the_order_is_depth_first_in_the_order_of_the_file() -> None:
    assert DIAMOND.order() == ("a", "b", "c", "last", "other")
    assert DIAMOND.order(["c"]) == ("a", "c")
    assert DIAMOND.order(["other", "b"]) == ("other", "a", "b")


def test_frozen_stages_need_nothing_and_follow_from_nothing() -> None:
    active = DIAMOND.active({"b"})
    assert active.order(["last"]) == ("b", "a", "c", "last")
    assert active.order(["b"]) == ("b",)
    assert active.downstream(["a"]) == {"a", "c", "last"}
    assert active.connected(["b"]) == {"a", "b", "c", "last"}
    assert DIAMOND.active({"b", "c"}).connected(["a"]) == {"a"}


def test_reach() -> None:
    assert DIAMOND.upstream(["b"]) == {"a", "b"}
    assert DIAMOND.downstream(["b"]) == {"b", "last"}
    assert DIAMOND.connected(["b"]) == {"a", "b", "c", "last"}


def test_an_output_has_one_owner() -> None:
    with pytest.raises(GraphError, match="the output `o` belongs to both `a` and `b`"):
        graph(a=("", "o"), b=("", "o"))


def test_outputs_do_not_nest() -> None:
    with pytest.raises(GraphError, match="the output `d/x/y` of `b` lies in the output `d` of `a`"):
        graph(a=("", "d"), b=("", "d/x/y"))


def test_a_circle_is_told_with_its_names() -> None:
    with pytest.raises(GraphError, match="in a circle: `b` -> `d` -> `c` -> `b`"):
        graph(a=("", "1"), b=("1 4", "2"), c=("2", "3"), d=("3", "4"))


def test_a_stage_cannot_read_its_own_output() -> None:
    with pytest.raises(GraphError, match="the stage `a` depends on its own output"):
        graph(a=("d/x", "d"))


def test_thousands_of_stages_in_a_row_are_quick_and_need_no_deep_stack() -> None:
    with within(5, time.process_time):
        nodes = [Node(f"s{i}", (f"f{i}",), (f"f{i + 1}",)) for i in range(20_000)]
        built = build_graph(nodes[::-1])
        assert built.order(["s19999"])[:2] == ("s0", "s1")
        assert len(built.downstream(["s0"])) == 20_000


def schedule(*order: str, jobs: int = 2, **amounts: object) -> Schedule:
    demand: dict[str, dict[str, float]] = amounts.get("demand", {})  # type: ignore[assignment]
    limits: dict[str, float] = amounts.get("limits", {})  # type: ignore[assignment]
    return Schedule(order, {**DIAMOND.needs, "x": (), "y": ()}, jobs, demand, limits)


def one_second(stage: str) -> float:
    return 1.0


def test_a_schedule_starts_what_is_ready_and_no_more_than_may_run() -> None:
    made = schedule("a", "b", "c", "last")
    made.begin(one_second)
    assert tuple(made.start()) == ("a",)
    assert tuple(made.start()) == ()
    made.end("a")
    assert tuple(made.start()) == ("b", "c")
    made.end("b")
    assert tuple(made.start()) == ()
    made.end("c")
    assert tuple(made.start()) == ("last",)
    assert made.unfinished
    made.end("last")
    assert not made.unfinished


def test_a_schedule_does_not_wait_for_what_is_not_in_it() -> None:
    made = schedule("last")
    made.begin(one_second)
    assert tuple(made.start()) == ("last",)


def test_the_longest_way_to_the_end_goes_first() -> None:
    made = schedule("x", "y", "a", "last", jobs=1)
    made.begin(lambda stage: 1.0)
    assert tuple(made.start()) == ("x",)
    made = schedule("x", "y", "a", "b", "last", jobs=1)
    made.begin(lambda stage: {"y": 2.5}.get(stage, 1.0))
    assert tuple(made.start()) == ("a",)
    made.end("a")
    assert tuple(made.start()) == ("y",)


def test_what_runs_at_once_fits_into_what_there_is() -> None:
    made = schedule("x", "y", "a", jobs=3, demand={"x": {"gpu": 1}, "y": {"gpu": 1}}, limits={"gpu": 1.0, "cpu": 2.0})
    made.begin(one_second)
    assert tuple(made.start()) == ("x", "a")
    made.end("x")
    assert tuple(made.start()) == ("y",)


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_a_stage_that_wants_more_than_there_is_gets_all(name: str) -> None:
    made = schedule("x", "y", jobs=2, demand={"x": {name: 64}, "y": {name: 1}}, limits={name: 2.0})
    made.begin(one_second)
    assert tuple(made.start()) == ("x",)
    made.end("x")
    assert tuple(made.start()) == ("y",)


def test_a_stage_that_wants_what_will_never_be_there_is_named() -> None:
    assert short_of({"cpu": 64, "gpu": 2}, {"cpu": 2, "gpu": 1}) == "gpu"
    assert short_of({"license": 2}, {}) == "license"
    assert short_of({"license": 1, "memory": 1e15}, {"memory": 1.0}) == ""


def test_parts_of_a_node_take_their_turns_and_then_it_goes_on() -> None:
    made = schedule("x", "y", jobs=2, demand={"y": {"gpu": 1}}, limits={"gpu": 1.0})
    made.begin(one_second)
    assert tuple(made.start()) == ("x", "y")
    made.split("x", ("x1", "x2", "x3"), {"gpu": 1})
    assert tuple(made.start()) == (), "the card is taken"
    made.end("y")
    assert tuple(made.start()) == ("x1",)
    made.end("x1")
    assert tuple(made.start()) == ("x2",)
    made.drop("x")
    made.end("x2")
    assert tuple(made.start()) == ("x",)
    made.end("x")
    assert not made.unfinished


def test_a_node_without_parts_goes_on_at_once() -> None:
    made = schedule("x")
    made.begin(one_second)
    assert tuple(made.start()) == ("x",)
    made.split("x", (), {})
    assert tuple(made.start()) == ("x",)


def test_after_a_halt_only_what_was_split_goes_on() -> None:
    made = schedule("a", "b", "x", "y", jobs=3)
    made.begin(one_second)
    assert tuple(made.start()) == ("a", "x", "y")
    made.split("x", ("x1", "x2"), {})
    assert tuple(made.start()) == ("x1",)
    made.halt()
    made.end("a")
    assert tuple(made.start()) == ()
    made.end("x1")
    assert tuple(made.start()) == ("x",)
    made.split("y", ("y1",), {})
    assert tuple(made.start()) == ("y",)
    made.end("x")
    made.end("y")
    assert not made.unfinished


def test_thousands_that_wait_for_a_resource_cost_no_more_than_without() -> None:
    names = tuple(f"s{i}" for i in range(20_000))
    with within(5, time.process_time):
        made = Schedule(names, dict.fromkeys(names, ()), 2, {name: {"license": 1} for name in names}, {"license": 1.0})
        made.begin(one_second)
        for name in names:
            assert tuple(made.start()) == (name,)
            made.end(name)
    assert not made.unfinished


def test_of_two_that_need_each_other_the_one_that_stands_first_goes_first() -> None:
    made = schedule("last", "b", "a", "x", jobs=4)
    made.begin(one_second)
    assert tuple(made.start()) == ("last", "x")
    made.end("last")
    assert tuple(made.start()) == ("b",)
    made.end("b")
    assert tuple(made.start()) == ("a",)
