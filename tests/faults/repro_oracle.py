"""A plain oracle of `repro`: a project of a few stages as dictionaries, and what a call of `repro` makes of it.

It knows contents, not digests: what a stage makes is a text that names the stage and all that it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DATA = "data"
OUTPUT_CAUSES = {"not cached", "deleted output", "modified output"}
ABSENT_CAUSES = {"not cached", "deleted output", "deleted dependency"}


@dataclass(frozen=True)
class Node:
    """A stage: its address, where it stands, and what it reads; it makes `out`. One without a file is the pointer of data."""

    address: str
    file: str
    deps: tuple[str, ...]
    out: str


@dataclass(frozen=True)
class Call:
    """A call of `repro`: the addresses that its targets mean, in their order, and its flags."""

    targets: tuple[str, ...]
    flags: frozenset[str] = frozenset()

    def has(self, *flags: str) -> bool:
        """Whether one of the flags is given."""
        return not self.flags.isdisjoint(flags)


@dataclass
class World:
    """What there is: `files` of the workspace, what is `recorded` of each node (of what it read, and what it made)."""

    nodes: dict[str, Node]
    files: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    cache: set[str] = field(default_factory=set)
    remote: set[str] = field(default_factory=set)
    runs: dict[tuple[str, tuple[str, ...]], list[str]] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    def needs(self, address: str) -> list[str]:
        """What a node waits for: a frozen one for nothing."""
        made = {node.out: node.address for node in self.nodes.values()}
        return [] if address in self.frozen else [made[dep] for dep in self.nodes[address].deps if dep in made]

    def chosen(self, call: Call) -> list[str]:
        """What is looked at; in this order if each is named alone, otherwise in any in which each follows what it needs."""
        feeds = {one: [other for other in self.nodes if one in self.needs(other)] for one in self.nodes}
        needs = {one: self.needs(one) for one in self.nodes}
        if call.has("-P"):
            return _reach([one for one in self.nodes if self.nodes[one].file], needs)
        if call.has("-p"):
            return _reach(call.targets, {one: needs[one] + feeds[one] for one in self.nodes})
        if call.has("-s"):
            return list(dict.fromkeys(call.targets))
        return _reach(call.targets, feeds if call.has("--downstream") else needs)

    def made(self, address: str, files: Mapping[str, str]) -> str:
        """What a stage makes of what it reads."""
        return f"{address.rpartition(':')[2]}<{''.join(files[dep] for dep in self.nodes[address].deps)}>"


def _reach(starts: Iterable[str], edges: Mapping[str, Iterable[str]]) -> list[str]:
    found = dict.fromkeys(starts)
    for one in (pending := list(found)):
        pending += [other for other in edges[one] if other not in found]
        found |= dict.fromkeys(edges[one])
    return list(found)


class Reproduction:
    """One call: visit the nodes in the order in which they were done, and say what must happen to each."""

    def __init__(self, world: World, call: Call) -> None:
        self.world = world
        self.call = call
        self.dry = call.has("--dry")
        self.files = dict(world.files) if self.dry else world.files
        self.changed: set[str] = set()
        self.failed = False
        self.blocked: set[str] = set()
        self.ran: list[str] = []

    def visit(self, address: str) -> str:
        """What happens to a node: skip, restore, run, record or fail; and make it so."""
        if address in self.blocked:
            return "left out"
        node, world = self.world.nodes[address], self.world
        action = self._stage(node) if node.file else self._data(node)
        if action == "fail":
            self.failed = True
            if not self.call.has("--ignore-errors"):
                feeds = {one: [other for other in world.nodes if one in world.needs(other)] for one in world.nodes}
                self.blocked.update(_reach([address], feeds))
        if action == "run" or (action not in ("skip", "fail") and self.call.has("--force-downstream")):
            self.changed.add(address)
        return action

    def _data(self, node: Node) -> str:
        world, pull = self.world, self.call.has("--pull") and not self.call.has("--dry", "--allow-missing")
        if pull:
            self._pull(node.out)
        if self.files.get(node.out) in (None, world.recorded[node.address][1]):
            return "skip"
        if not self.dry:
            world.recorded[node.address] = ({}, self.files[node.out])
            self._keep(self.files[node.out])
        return "record"

    def _stage(self, node: Node) -> str:
        action, found = self._decide(node)
        if self.dry:
            if action == "restore":
                self.files[node.out] = found[1]
            return action
        if action in ("run", "record") and self.call.has("--pull"):
            frozen = node.address in self.world.frozen
            absent = self._causes(node) <= ABSENT_CAUSES and not self._forced(node) and (frozen or not self.call.has("-f"))
            for dep in () if frozen else node.deps:
                self._pull(dep)
            if absent:
                self.world.cache |= {self.world.recorded[node.address][1]} & self.world.remote
            action, found = self._decide(node)
        if action == "run":
            return self._run(node)
        if action == "record" and node.out not in self.files:
            return "fail"
        if action != "skip":
            deps, out = found
            self.files[node.out] = out
            self.world.recorded[node.address] = (deps, out)
            self._save(node, deps, out)
        return action

    def _run(self, node: Node) -> str:
        world = self.world
        if any(dep not in self.files for dep in node.deps):
            return "fail"
        self.ran.append(node.address)
        self.files.pop(node.out, None)
        if node.address in world.broken:
            return "fail"
        deps = {dep: self.files[dep] for dep in node.deps}
        self.files[node.out] = world.made(node.address, self.files)
        world.recorded[node.address] = (deps, self.files[node.out])
        self._save(node, deps, self.files[node.out])
        return "run"

    def _decide(self, node: Node) -> tuple[str, tuple[dict[str, str], str]]:
        """What to do with a stage, and what to record of it then."""
        frozen, known = node.address in self.world.frozen, self.world.recorded.get(node.address)
        nothing: tuple[dict[str, str], str] = ({}, "")
        if self.call.has("-f") and not frozen:
            return "run", nothing
        causes = self._causes(node)
        if self.call.has("--allow-missing"):
            causes = causes - ABSENT_CAUSES
        forced = self._forced(node)
        if not causes and not forced:
            return "skip", nothing
        if not forced:
            edited = "modified output" in causes
            if known and causes <= OUTPUT_CAUSES and not (frozen and edited) and self._obtainable(node, known[1]):
                return "restore", known
            if not frozen and not self.call.has("--no-run-cache") and all(dep in self.files for dep in node.deps):
                deps = {dep: self.files[dep] for dep in node.deps}
                for out in reversed(self.world.runs.get((node.address, tuple(deps.values())), [])):
                    if self._obtainable(node, out):
                        return "restore", (deps, out)
        if frozen:
            deps = known[0] if known else {dep: self.files[dep] for dep in node.deps if dep in self.files}
            return "record", (deps, self.files.get(node.out, ""))
        return "run", nothing

    def _forced(self, node: Node) -> bool:
        """Whether what it needs changed: in a dry run nobody knows what that makes."""
        known = self.dry or self.call.has("--force-downstream")
        return known and any(need in self.changed for need in self.world.needs(node.address))

    def _causes(self, node: Node) -> set[str]:
        known = self.world.recorded.get(node.address)
        if known is None:
            return {"never ran"}
        deps, out = known
        found = set()
        for dep in node.deps if node.address not in self.world.frozen else ():
            now = self.files.get(dep)
            if now is None and self.call.has("--allow-missing"):
                now = self._expected(dep) or deps.get(dep)
            if now != deps.get(dep):
                found.add("modified dependency" if now is not None else "deleted dependency")
        if out not in self.world.cache:
            found.add("not cached")
        elif node.out not in self.files:
            found.add("deleted output")
        elif self.files[node.out] != out:
            found.add("modified output")
        return found

    def _expected(self, dep: str) -> str | None:
        """What an absent dependency is by the last word of who makes it."""
        producer = next((node.address for node in self.world.nodes.values() if node.out == dep), None)
        return self.world.recorded[producer][1] if producer in self.world.recorded else None

    def _obtainable(self, node: Node, out: str) -> bool:
        return out in self.world.cache or self.files.get(node.out) == out

    def _pull(self, path: str) -> None:
        """Get a path that is absent, from the remote or the cache."""
        content = self._expected(path)
        if path not in self.files and content is not None:
            self.world.cache |= {content} & self.world.remote
            if content in self.world.cache:
                self.files[path] = content

    def _save(self, node: Node, deps: Mapping[str, str], out: str) -> None:
        if self.call.has("--no-commit"):
            return
        self._keep(out)
        if len(deps) == len(node.deps):
            runs = self.world.runs.setdefault((node.address, tuple(deps[dep] for dep in node.deps)), [])
            if out in runs:
                runs.remove(out)
            runs.append(out)

    def _keep(self, content: str) -> None:
        if not self.call.has("--no-commit"):
            self.world.cache.add(content)
