"""Documents with templates, and what the real DVC makes of each; recorded, and compared anew in `tests/interop`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dvx.errors import SchemaError
from dvx.model.dialect import DVC
from dvx.model.pipelines.expanded import CommandStyle
from dvx.model.pipelines.schema import check_document
from dvx.model.pipelines.template import expand
from tests.helpers import ROOT

FIELDS = ("stages", "params", "metrics", "plots", "artifacts", "used")
_RECORDED = json.loads((ROOT / "tests/unit/template_facts.json").read_text(encoding="utf-8"))
DEFAULT_PARAMS: Mapping[str, Any] = _RECORDED["params.yaml"]


@dataclass(frozen=True)
class Fact:
    """A pipeline file, the files beside it, DVC's settings `parsing.*`, and the outcome: None when DVC refuses."""

    name: str
    document: Mapping[str, Any]
    files: Mapping[str, Any]
    style: Mapping[str, str] = field(default_factory=dict)
    dvc: Mapping[str, Any] | None = None


FACTS = tuple(
    Fact(
        f"{index}: {json.dumps(raw['document'].get('stages', raw['document']))[:60]}",
        raw["document"],
        {"params.yaml": DEFAULT_PARAMS, **raw.get("files", {})},
        raw.get("style", {}),
        raw["dvc"],
    )
    for index, raw in enumerate(_RECORDED["facts"])
)


def strict(outcome: Mapping[str, Any] | None) -> str:
    """An outcome as a text, in which `1`, `1.0` and `true` differ, and so do orders."""
    return json.dumps(outcome, ensure_ascii=False)


def outcome(fact: Fact) -> Mapping[str, Any] | None:
    """What dvx makes of the document; None when it refuses. Empty fields are left out."""
    style = CommandStyle(fact.style.get("bool", "store_true"), fact.style.get("list", "nargs"))
    try:
        expanded = expand(check_document(fact.document, DVC), "dvc.yaml", fact.files.__getitem__, style)
    except SchemaError:
        return None
    said = {name: getattr(expanded, name) for name in FIELDS}
    return {name: value for name, value in json.loads(json.dumps(said)).items() if value}
