"""Node, Graph: who makes what others need; order, upstream, downstream; cycles and double owners.

One node needs another if a path it reads is, holds or lies below a path the other writes. Paths are looked up by their
folders, so building takes time in proportion to the number of paths.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct

from dvx.errors import GraphError, quoted
from dvx.model.paths import parent


class Node(Struct, frozen=True):
    """A stage or a pointer by its `address`, with the paths it reads and writes."""

    address: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    pointer: bool = False


class Graph(Struct, frozen=True):
    """`needs` and `feeds` map each address to its direct neighbours, upstream and downstream."""

    nodes: Mapping[str, Node]
    needs: Mapping[str, tuple[str, ...]]
    feeds: Mapping[str, tuple[str, ...]]

    def active(self, frozen: Collection[str]) -> Graph:
        """The graph in which `frozen` ones need nothing, and are not downstream of anything."""
        if not frozen:
            return self
        needs = {address: () if address in frozen else needed for address, needed in self.needs.items()}
        feeds = {address: tuple(fed for fed in feeding if fed not in frozen) for address, feeding in self.feeds.items()}
        return Graph(self.nodes, needs, feeds)

    def order(self, targets: Iterable[str] | None = None) -> tuple[str, ...]:
        """`targets` (all by default) and what they need, each after what it needs."""
        done: dict[str, None] = {}
        for target in self.nodes if targets is None else targets:
            pending = [(target, iter(self.needs[target]))]
            while pending:
                address, rest = pending[-1]
                following = next((other for other in rest if other not in done), None)
                if following is None:
                    done[address] = None
                    pending.pop()
                else:
                    pending.append((following, iter(self.needs[following])))
        return tuple(done)

    def upstream(self, targets: Iterable[str]) -> frozenset[str]:
        """`targets` and all that they need, directly or not."""
        return _reach(targets, self.needs)

    def downstream(self, targets: Iterable[str]) -> frozenset[str]:
        """`targets` and all that need them, directly or not."""
        return _reach(targets, self.feeds)

    def connected(self, targets: Iterable[str]) -> frozenset[str]:
        """The whole pipelines that `targets` belong to."""
        return _reach(targets, {address: (*self.needs[address], *self.feeds[address]) for address in self.nodes})


def build_graph(nodes: Sequence[Node]) -> Graph:
    """Find the edges between nodes.

    Raises:
        GraphError: an output has two owners, lies in another output, or nodes need each other in a circle.
    """
    owners = _owners(nodes)
    inside = _folders(owners)
    needs = {node.address: _needs(node, owners, inside) for node in nodes}
    feeds: dict[str, list[str]] = {node.address: [] for node in nodes}
    for address, needed in needs.items():
        for other in needed:
            feeds[other].append(address)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        raise _cycle_error(error.args[1][:0:-1]) from None
    return Graph({node.address: node for node in nodes}, needs, {address: tuple(fed) for address, fed in feeds.items()})


def _owners(nodes: Sequence[Node]) -> dict[str, str]:
    owners: dict[str, str] = {}
    for node in nodes:
        for path in node.outs:
            if path in owners:
                one, other = owners[path], node.address
                hint = f"take it out of one of them (`dvx remove {quoted(other)}` drops the second)"
                raise GraphError(f"the output `{path}` belongs to both `{one}` and `{other}`", hint)
            owners[path] = node.address
    for path, owner in owners.items():
        for folder in _above(path):
            if folder in owners:
                hint = "outputs do not nest: track them in separate folders, or only the outer one"
                raise GraphError(f"the output `{path}` of `{owner}` lies in the output `{folder}` of `{owners[folder]}`", hint)
    return owners


def _folders(owners: Mapping[str, str]) -> dict[str, dict[str, None]]:
    """Folder -> those who write something below it."""
    inside: dict[str, dict[str, None]] = {}
    for path, owner in owners.items():
        for folder in _above(path):
            inside.setdefault(folder, {})[owner] = None
    return inside


def _needs(node: Node, owners: Mapping[str, str], inside: Mapping[str, Mapping[str, None]]) -> tuple[str, ...]:
    needed: dict[str, None] = {}
    for dep in node.deps:
        for path in (dep, *_above(dep)):
            if path in owners:
                needed[owners[path]] = None
        needed |= inside.get(dep, {})
    return tuple(needed)


def _above(path: str) -> Iterator[str]:
    while path := parent(path):
        if path == "/" or path.endswith(":/"):
            # what is left of a URL is no folder
            return
        yield path


def _reach(starts: Iterable[str], edges: Mapping[str, Sequence[str]]) -> frozenset[str]:
    seen = set(starts)
    pending = list(seen)
    while pending:
        for other in edges[pending.pop()]:
            if other not in seen:
                seen.add(other)
                pending.append(other)
    return frozenset(seen)


def _cycle_error(circle: Sequence[str]) -> GraphError:
    if len(circle) == 1:
        return GraphError(f"the stage `{circle[0]}` depends on its own output", "take the path out of its deps or its outs")
    chain = " -> ".join(f"`{name}`" for name in (*circle, circle[0]))
    return GraphError(f"the stages depend on each other in a circle: {chain}", "take one of the dependencies out")
