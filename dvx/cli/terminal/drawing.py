"""Graphs as text, as boxes and lines in text, as Graphviz, Mermaid and a page for a browser."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from itertools import pairwise

from dvx.cli.terminal import pages
from dvx.cli.terminal.layout import Part, lay_out
from dvx.model.paths import printable

Needs = Mapping[str, tuple[str, ...]]


def text(needs: Needs) -> str:
    """A line for each node, after the lines of what it needs: its name, an arrow, its needs."""
    needs = {printable(name): tuple(map(printable, needed)) for name, needed in needs.items()}
    width = max(map(len, needs), default=0)
    return "\n".join(f"{name:<{width}}  <-  {', '.join(needed)}" if needed else name for name, needed in needs.items())


def boxes(needs: Needs) -> str:
    """Boxes from top to bottom, each below what it needs, with lines of stars between them."""
    shown = {name: printable(name) for name in needs}
    parts = lay_out(needs, lambda name: (len(shown[name]) + 4, 3), (3, 3))
    return "\n".join(line for part in parts for line in _canvas(part, shown))


def _canvas(part: Part, shown: Mapping[str, str]) -> list[str]:
    rows = [[" "] * (round(part.width) + 2) for _ in range(round(part.height) + 1)]
    for line in part.lines:
        for (x0, y0), (x1, y1) in pairwise(line.points):
            steps = max(round(abs(x1 - x0)), round(abs(y1 - y0)), 1)
            for step in range(steps + 1):
                x, y = x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps
                rows[min(max(_cell(y), 0), len(rows) - 1)][min(max(_cell(x), 0), len(rows[0]) - 1)] = "*"
    for box in part.boxes:
        left, top, inside = _cell(box.x - box.width / 2), _cell(box.y - box.height / 2), f"| {shown[box.name]} |"
        edge = f"+{'-' * (len(inside) - 2)}+"
        for row, text in zip(range(top, top + 3), (edge, inside, edge), strict=True):
            while len(rows) <= row:
                rows.append([" "] * len(rows[0]))
            rows[row][left : left + len(text)] = text
    return ["".join(row).rstrip() for row in rows if "".join(row).strip()]


def _cell(position: float) -> int:
    # `round` goes to the even neighbour of a half, which leaves holes in lines
    return math.floor(position + 0.5)


def page(needs: Needs, details: Mapping[str, str]) -> str:
    """A page for a browser that needs nothing else: boxes and lines, `details` of a node when the mouse is over it, a field to
    find nodes by their names.
    """
    parts = lay_out(needs, lambda name: (7.5 * len(printable(name)) + 24, 30), (24, 44))
    body: list[str] = []
    top, width = 20.0, 0.0
    for part in parts:
        body.append(f'<g transform="translate(20 {top:.0f})">')
        for line in part.lines:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
            ends = f'data-a="{html.escape(line.start)}" data-b="{html.escape(line.end)}"'
            body.append(f'<polyline points="{points}" {ends} marker-end="url(#tip)"/>')
        for box in part.boxes:
            name, detail = html.escape(printable(box.name)), html.escape(details.get(box.name, ""))
            left, above = box.x - box.width / 2, box.y - box.height / 2
            rect = f'<rect x="{left:.1f}" y="{above:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="5"/>'
            text = f'<text x="{box.x:.1f}" y="{box.y + 4:.1f}">{name}</text>'
            body.append(f'<g class="node" data-name="{html.escape(box.name)}"><title>{detail or name}</title>{rect}{text}</g>')
        body.append("</g>")
        top, width = top + part.height + 50, max(width, part.width)
    size = f'width="{width + 40:.0f}" height="{top:.0f}"'
    body_text = _BODY.replace("SIZE", size, 1).replace("BODY", "\n".join(body), 1)
    return pages.page("Pipeline", body_text, _SCRIPT, draws=False, style=_STYLE).rstrip("\n")


_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --box: #eef3f8; --line: #7b8794; --hit: #ffd166; --back: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --box: #27313b; --line: #9aa5b1; --hit: #8a6d1d; --back: #14191f } }
body { margin: 0; background: var(--back); color: var(--ink); font: 13px/1.4 system-ui, sans-serif }
svg { display: block }
input { display: block; position: sticky; top: 8px; left: 20px; margin: 8px 20px; padding: 4px 8px; font: inherit }
rect { fill: var(--box); stroke: var(--line) } text { fill: var(--ink); text-anchor: middle; font: 12px ui-monospace, monospace }
polyline { fill: none; stroke: var(--line) } .hit rect { fill: var(--hit) } .near { stroke: var(--ink); stroke-width: 2 }
"""
_BODY = """<input type="search" placeholder="find a stage" aria-label="find a stage">
<svg SIZE xmlns="http://www.w3.org/2000/svg"><defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="3"
 orient="auto"><path d="M0,0 L7,3 L0,6" fill="none" stroke="currentColor"/></marker></defs>
BODY
</svg>"""
_SCRIPT = """
const nodes = [...document.querySelectorAll(".node")], lines = [...document.querySelectorAll("polyline")];
document.querySelector("input").addEventListener("input", event => {
  const word = event.target.value.toLowerCase();
  const found = nodes.filter(node => {
    const hit = word !== "" && node.dataset.name.toLowerCase().includes(word);
    node.classList.toggle("hit", hit);
    return hit;
  });
  if (found.length) found[0].scrollIntoView({block: "center", inline: "center"});
});
for (const node of nodes) {
  const mark = on => lines.forEach(line =>
    line.classList.toggle("near", on && [line.dataset.a, line.dataset.b].includes(node.dataset.name)));
  node.addEventListener("mouseenter", () => mark(true));
  node.addEventListener("mouseleave", () => mark(false));
}
"""


def dot(needs: Needs) -> str:
    """Graphviz; edges lead from what is needed to what needs it."""
    nodes = [f"{_quoted(name)};" for name in needs]
    edges = [f"{_quoted(one)} -> {_quoted(name)};" for name, needed in needs.items() for one in needed]
    return "\n".join(["strict digraph {", *nodes, *edges, "}"])


def mermaid(needs: Needs) -> str:
    """A Mermaid flow chart from top to bottom."""
    numbers = {name: f"node{number}" for number, name in enumerate(needs, 1)}
    labels = [f'\t{numbers[name]}["{printable(name).replace(chr(34), "#quot;")}"]' for name in needs]
    edges = [f"\t{numbers[one]}-->{numbers[name]}" for name, needed in needs.items() for one in needed]
    return "\n".join(["flowchart TD", *labels, *edges])


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
