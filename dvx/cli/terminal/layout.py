"""Where the boxes and lines of a graph go on a page; the only user of grandalf."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

Point = tuple[float, float]


class Box(Struct, frozen=True):
    """A node: its name, and its middle, width and height."""

    name: str
    x: float
    y: float
    width: float
    height: float


class Line(Struct, frozen=True):
    """The way from one node to another, by the places where it bends."""

    start: str
    end: str
    points: tuple[Point, ...]


class Part(Struct, frozen=True):
    """Nodes that hang together, with the lines between them. The upper left corner is near (0, 0)."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


def lay_out(
    needs: Mapping[str, tuple[str, ...]], size: Callable[[str], tuple[float, float]], space: tuple[float, float]
) -> tuple[Part, ...]:
    """Place nodes in layers, each below what it needs (Sugiyama's way); `size` is the width and height of a node's box,
    `space` what is left between boxes.
    """
    from grandalf.graphs import Edge, Graph, Vertex  # type: ignore[import-untyped]
    from grandalf.layouts import SugiyamaLayout, VertexViewer  # type: ignore[import-untyped]
    from grandalf.routing import route_with_lines  # type: ignore[import-untyped]

    vertices = {name: Vertex(name) for name in needs}
    for name, vertex in vertices.items():
        vertex.view = VertexViewer(*size(name))
    edges = [Edge(vertices[need], vertices[name]) for name, needed in needs.items() for need in needed if need in vertices]
    for edge in edges:
        edge.view = _Way()
    parts = []
    for component in Graph(list(vertices.values()), edges).C:
        layout = SugiyamaLayout(component)
        layout.xspace, layout.yspace = space
        layout.route_edge = route_with_lines
        layout.init_all(roots=[vertex for vertex in component.sV if not vertex.e_in()], optimize=True)
        layout.draw(3)
        boxes = [
            Box(one.data, float(one.view.xy[0]), float(one.view.xy[1]), float(one.view.w), float(one.view.h))
            for one in component.sV
        ]
        lines = [
            Line(one.v[0].data, one.v[1].data, tuple((float(x), float(y)) for x, y in one.view.points)) for one in component.sE
        ]
        parts.append(_moved(boxes, lines))
    return tuple(parts)


class _Way:
    """What grandalf tells the way of a line."""

    points: Sequence[Point] = ()

    def setpath(self, points: Sequence[Point]) -> None:
        """See grandalf."""
        self.points = points


def _moved(boxes: list[Box], lines: list[Line]) -> Part:
    """The same with its upper left corner at (0, 0)."""
    bends = [point for line in lines for point in line.points]
    left = min([box.x - box.width / 2 for box in boxes] + [x for x, _ in bends])
    top = min(box.y - box.height / 2 for box in boxes)
    right = max([box.x + box.width / 2 for box in boxes] + [x for x, _ in bends])
    bottom = max(box.y + box.height / 2 for box in boxes)
    return Part(
        tuple(Box(box.name, box.x - left, box.y - top, box.width, box.height) for box in boxes),
        tuple(Line(line.start, line.end, tuple((x - left, y - top) for x, y in line.points)) for line in lines),
        right - left,
        bottom - top,
    )
