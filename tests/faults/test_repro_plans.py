"""Random pipelines, edits, targets and flags: `repro` never breaks, and does what a plain oracle says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count as counter
from pathlib import Path

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.faults.repro_oracle import DATA, Call, Node, Reproduction, World
from tests.helpers import dialect_of, dvx, run_dvx, tree, write

Count = Callable[[str, int], None]
_FOLDERS = ("", "sub")
_MODES = ("", "-s", "-p", "-P", "--downstream")
_FLAGS = (
    *("-f", "-k", "--ignore-errors", "--force-downstream", "--pull", "--allow-missing", "--dry", "--no-commit"),
    *("--no-run-cache", "-R", "-s", "--downstream"),
)
_EDITS = ("source", "data", "remove", "edit", "break", "freeze", "lose cache", "push")


@dataclass(frozen=True)
class Step:
    """Edits (what, and of which stage), then `repro` in a folder: targets by the number and form of a stage, flags, jobs."""

    edits: tuple[tuple[str, int], ...]
    folder: str
    targets: tuple[tuple[int, str], ...]
    flags: frozenset[str]
    jobs: int


@dataclass(frozen=True)
class Plan:
    """Of each stage the folder and the stages before it that it reads (-1 is the data); in which order they are written."""

    stages: tuple[tuple[str, tuple[int, ...]], ...]
    written: tuple[int, ...]
    steps: tuple[Step, ...]


@st.composite
def _plans(draw: st.DrawFn) -> Plan:
    number = draw(st.integers(3, 5))
    stages = tuple(
        (draw(st.sampled_from(_FOLDERS)), tuple(draw(st.lists(st.integers(-1, at - 1), min_size=1, max_size=3, unique=True))))
        for at in range(number)
    )
    which = st.integers(0, number - 1)
    flags = st.tuples(st.sampled_from(_MODES), st.frozensets(st.sampled_from(_FLAGS), max_size=3))
    step = st.builds(
        Step,
        st.lists(st.tuples(st.sampled_from(_EDITS), which), max_size=4).map(tuple),
        st.sampled_from(_FOLDERS),
        st.lists(st.tuples(which, st.sampled_from(["name", "name", "output", "file", "data"])), max_size=3).map(tuple),
        flags.map(lambda drawn: frozenset({drawn[0], *drawn[1]} - {""})),
        st.sampled_from([1, 3]),
    )
    first = Step((), "", (), frozenset({"-P"}), 1)
    steps = draw(st.lists(step, min_size=2, max_size=4))
    return Plan(stages, tuple(draw(st.permutations(range(number)))), (*([first] if draw(st.booleans()) else []), *steps))


class Project:
    """The project of a plan on disk, beside the world that the oracle keeps."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.dialect = dialect_of(folder)
        self.plan = plan
        self.pointer = f"{DATA}{self.dialect.pointer_suffix}"
        self.fresh = counter()
        nodes = {self.pointer: Node(self.pointer, "", (), DATA)}
        for number, (where, reads) in enumerate(plan.stages):
            deps = (f"source{number}", *(DATA if one < 0 else f"out{one}" for one in reads))
            address = self.address(number)
            nodes[address] = Node(address, f"{where}/{self.dialect.pipeline}".lstrip("/"), deps, f"out{number}")
        self.world = World(nodes)
        for number in range(len(plan.stages)):
            self.put(f"source{number}", "0")
        self.put(DATA, "d")
        dvx(folder, "add", DATA)
        self.world.recorded[self.pointer] = ({}, "d")
        self.world.cache.add("d")

    def address(self, number: int) -> str:
        where = self.plan.stages[number][0]
        return f"{where}/{self.dialect.pipeline}:s{number}" if where else f"s{number}"

    def put(self, path: str, text: str) -> None:
        write(self.folder / path, text)
        self.world.files[path] = text

    def edit(self, what: str, number: int) -> None:
        """Do to the disk and to the world what a user may do between two calls."""
        world, address, out = self.world, self.address(number), f"out{number}"
        if what == "source":
            self.put(f"source{number}", str(next(self.fresh) % 2))
        elif what == "data":
            self.put(DATA, f"d{next(self.fresh) % 2}")
        elif what == "remove":
            (self.folder / out).unlink(missing_ok=True)
            world.files.pop(out, None)
        elif what == "edit":
            (self.folder / out).unlink(missing_ok=True)
            self.put(out, f"edit {next(self.fresh)}")
        elif what in ("break", "freeze"):
            (world.broken if what == "break" else world.frozen).symmetric_difference_update({address})
        elif what == "lose cache":
            shutil.rmtree(self.folder / self.dialect.folder / "cache", ignore_errors=True)
            world.cache.clear()
            world.runs.clear()
        else:
            run_dvx(self.folder, "push")
            world.remote |= {made for _, made in world.recorded.values()} & world.cache

    def write_pipelines(self) -> None:
        for where in _FOLDERS:
            lines = [line for number in self.plan.written if self.plan.stages[number][0] == where for line in self._stage(number)]
            write(self.folder / where / self.dialect.pipeline, "\n".join(["stages:" if lines else "stages: {}", *lines, ""]))

    def _stage(self, number: int) -> list[str]:
        node, up = self.world.nodes[self.address(number)], "../" if self.plan.stages[number][0] else ""
        deps = [f"{up}{dep}" for dep in node.deps]
        # whether it breaks is no part of the command, which would be a change
        (self.folder / f"broken{number}").unlink(missing_ok=True)
        if node.address in self.world.broken:
            write(self.folder / f"broken{number}", "")
        make = f"(printf 's{number}<'; cat {' '.join(deps)}; printf '>') > {up}{node.out}"
        return [
            f"  s{number}:",
            f"    cmd: \"echo '{node.address}' >> {up}ran && test ! -e {up}broken{number} && {make}\"",
            f"    deps: [{', '.join(deps)}]",
            f"    outs: [{up}{node.out}]",
            *(["    frozen: true"] if node.address in self.world.frozen else []),
        ]

    def meant(self, step: Step) -> tuple[list[str], tuple[str, ...]]:
        """The targets as they are typed, and the addresses that they mean."""
        typed, addresses = [], []
        up = "../" if step.folder else ""
        for number, form in step.targets:
            where = self.plan.stages[number][0]
            file = os.path.relpath(f"{where}/{self.dialect.pipeline}".lstrip("/"), step.folder or ".")
            if form == "name":
                typed.append(f"s{number}" if where == step.folder else f"{file}:s{number}")
                addresses.append(self.address(number))
            elif form == "output":
                typed.append(f"{up}out{number}")
                addresses.append(self.address(number))
            elif form == "file":
                typed.append(os.path.dirname(file) or "." if "-R" in step.flags and where == "sub" else file)
                addresses += self._in_file(where)
            else:
                typed.append(f"{up}{self.pointer}")
                addresses.append(self.pointer)
        return typed, tuple(addresses if typed else self._in_file(step.folder))

    def _in_file(self, where: str) -> list[str]:
        return [self.address(number) for number in self.plan.written if self.plan.stages[number][0] == where]

    def ran(self) -> list[str]:
        log = self.folder / "ran"
        names = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return names

    def stored(self) -> set[str]:
        return {name for name in tree(self.folder / self.dialect.folder / "cache") if "/tmp/" not in name}


def _play(project: Project, step: Step) -> bool:
    """Do a step and compare; whether the world is still known then."""
    for what, number in step.edits:
        project.edit(what, number)
    project.write_pipelines()
    typed, addresses = project.meant(step)
    call = Call(addresses, step.flags)
    chosen = project.world.chosen(call)
    # each stage stands after what it needs in the list of nodes
    order = chosen if call.has("-s") and not call.has("-p", "-P") else [one for one in project.world.nodes if one in chosen]
    stored, before = project.stored(), tree(project.folder, skip=(".git", project.dialect.folder))
    words = ["repro", *typed, *sorted(step.flags), "-j", str(step.jobs), "--json"]
    result = run_dvx(project.folder / step.folder, *words)
    note(f"{step.edits} {words}\n{result.out}{result.err}")
    assert "bug in dvx" not in result.err
    ran = project.ran()
    expected = Reproduction(project.world, call)
    actions: dict[str, str] = {}
    for address in order:
        actions[address] = expected.visit(address)
        if expected.failed and not call.has("-k", "--ignore-errors"):
            # which others were done before is not said
            assert result.code != 0
            return False
    note(f"expected {actions}")
    assert result.code == (0 if not expected.failed or call.has("--ignore-errors") else result.code or -1)
    if result.code == 0:
        seen = {one["stage"]: one["action"] for one in result.json}
        assert seen == {address: action for address, action in actions.items() if action not in ("fail", "left out")}
        assert _is_order(list(seen), order, project.world)
    assert sorted(ran) == sorted(expected.ran)
    assert _is_order(ran, order, project.world)
    paths = [node.out for node in project.world.nodes.values()]
    now = {path: (project.folder / path).read_text() for path in paths if (project.folder / path).exists()}
    assert now == {path: text for path, text in project.world.files.items() if path in paths}
    if call.has("--dry", "--no-commit") and not call.has("--pull"):
        assert project.stored() <= stored
    if call.has("--dry"):
        assert tree(project.folder, skip=(".git", project.dialect.folder)) == before
    return True


def _is_order(seen: list[str], order: list[str], world: World) -> bool:
    """Whether of two nodes of which one needs the other, the one that stands first in `order` was first."""
    place = {one: number for number, one in enumerate(order)}
    pairs = [(one, need) for one in seen for need in world.needs(one) if need in seen]
    return all((place[one] < place[need]) == (seen.index(one) < seen.index(need)) for one, need in pairs)


def _check_plans(base: Path, examples: int, *, fixed: bool) -> int:
    """Play plans, each in a copy of `base`; returns how many calls were compared."""
    numbers, calls = counter(), 0

    @settings(max_examples=examples, derandomize=fixed, suppress_health_check=list(HealthCheck))
    @given(plan=_plans())
    def check(plan: Plan) -> None:
        nonlocal calls
        folder = base.parent / f"p{next(numbers)}"
        shutil.copytree(base, folder)
        project = Project(folder, plan)
        for step in plan.steps:
            calls += 1
            if not _play(project, step):
                break
        shutil.rmtree(folder)
        shutil.rmtree(base.parent / "store", ignore_errors=True)

    check()
    return calls


def test_repro_does_what_an_oracle_says(dialect_repo: Path, all_points: bool, count: Count):
    dvx(dialect_repo, "remote", "add", "-d", "store", "../store")
    calls = _check_plans(dialect_repo, 1000 if all_points else 25, fixed=not all_points)
    count(f"calls of repro compared with an oracle ({dialect_of(dialect_repo).name})", calls)
