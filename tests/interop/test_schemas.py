"""The schemas for editors hold what both tools write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from dvx.formats import load_yaml
from dvx.model.dialect import DVC
from dvx.model.setup.json_schema import FileKind, schema_of


@pytest.mark.parametrize("tool", ["dvc", "dvx"])
def test_what_a_tool_wrote_is_valid(made: Callable[[str], Path], tool: str) -> None:
    seen = set()
    for path in sorted((made(tool) / "work").rglob("*")):
        kinds = {DVC.pipeline: FileKind.PIPELINE, DVC.lock: FileKind.LOCK}
        kind = FileKind.POINTER if path.suffix == DVC.pointer_suffix and path.is_file() else kinds.get(path.name)
        if kind is not None and ".dvc" not in path.parts:
            seen.add(kind)
            document = load_yaml(path.read_text(), path.name)
            assert [error.message for error in Draft7Validator(schema_of(kind, DVC)).iter_errors(document)] == [], path
    assert seen == {FileKind.PIPELINE, FileKind.POINTER, FileKind.LOCK}
