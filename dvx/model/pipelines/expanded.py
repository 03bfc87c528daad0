"""Expanded: a pipeline file without templates. What resolves templates is another module, loaded for files that have some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.model.pipelines.schema import Where

OPEN = "${"


class CommandStyle(Struct, frozen=True):
    """How values stand in a command: the settings `parsing.bool` and `parsing.list`.

    `quote` protects texts from the shell unless they are asked for raw, `${name!r}`; DVC never does.
    """

    booleans: str = "store_true"
    lists: str = "nargs"
    quote: bool = False


class Expanded(Struct, frozen=True):
    """A pipeline file without templates.

    `stages` are in the file's order, generated ones as `train@a`; `places` says where each is defined in the document.
    `generated` names those that the file does not hold as they are, so they cannot be rewritten. `groups` maps the name
    of a `foreach` or `matrix` to its stages. `used` maps a file, relative to the pipeline's folder, to the keys that stages
    take from it.
    """

    stages: Mapping[str, Mapping[str, Any]]
    places: Mapping[str, Where]
    generated: frozenset[str]
    groups: Mapping[str, tuple[str, ...]]
    params: Sequence[Any]
    metrics: Sequence[Any]
    plots: Sequence[Any]
    artifacts: Mapping[str, Any]
    datasets: Sequence[Any]
    used: Mapping[str, tuple[str, ...]]


def is_templated(value: Any) -> bool:
    """Whether `${` stands anywhere in it, escaped or not."""
    if isinstance(value, str):
        return OPEN in value
    if isinstance(value, Mapping):
        return any(is_templated(key) or is_templated(item) for key, item in value.items())
    return isinstance(value, list) and any(map(is_templated, value))


def as_text(value: Any) -> str:
    """A scalar as it stands in a text or a name: `true`, `None`, `1e-05`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
