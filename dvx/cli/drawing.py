"""Graphs as text, Graphviz and Mermaid."""

from __future__ import annotations

import json
from collections.abc import Mapping

Needs = Mapping[str, tuple[str, ...]]


def text(needs: Needs) -> str:
    """A line for each node, after the lines of what it needs: its name, an arrow, its needs."""
    width = max(map(len, needs), default=0)
    return "\n".join(f"{name:<{width}}  <-  {', '.join(needed)}" if needed else name for name, needed in needs.items())


def dot(needs: Needs) -> str:
    """Graphviz; edges lead from what is needed to what needs it."""
    nodes = [f"{_quoted(name)};" for name in needs]
    edges = [f"{_quoted(one)} -> {_quoted(name)};" for name, needed in needs.items() for one in needed]
    return "\n".join(["strict digraph {", *nodes, *edges, "}"])


def mermaid(needs: Needs) -> str:
    """A Mermaid flow chart from top to bottom."""
    numbers = {name: f"node{number}" for number, name in enumerate(needs, 1)}
    labels = [f'\t{numbers[name]}["{name.replace(chr(34), "#quot;")}"]' for name in needs]
    edges = [f"\t{numbers[one]}-->{numbers[name]}" for name, needed in needs.items() for one in needed]
    return "\n".join(["flowchart TD", *labels, *edges])


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
