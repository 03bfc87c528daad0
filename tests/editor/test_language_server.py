"""The schemas in the language server that editors use: what it marks, explains and offers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.editor.conftest import MODULES
from tests.helpers import ROOT, dvx, run_process, write

HELD = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    outs:
      - model.bin:
          cache: false
"""


@pytest.fixture
def ask(native: Path, node: Path) -> Any:
    """Asks about a document of a project that `dvx vscode` has set up."""
    dvx(native, "vscode")
    schemas = json.loads((native / ".vscode/settings.json").read_text())["yaml.schemas"]
    found = {(native / file).as_uri(): names for file, names in schemas.items()}

    def ask(name: str, text: str, hover: tuple[int, int] | None = None, complete: tuple[int, int] | None = None) -> Any:
        write(native / name, text)
        places = [None if at is None else {"line": at[0], "character": at[1]} for at in (hover, complete)]
        asked = {"uri": (native / name).as_uri(), "text": text, "schemas": found, "hover": places[0], "complete": places[1]}
        script = ROOT / "tests/editor/language_server.js"
        result = run_process(native, node, script, env={"NODE_PATH": os.fspath(MODULES)}, stdin=json.dumps(asked))
        assert result.code == 0, result.err
        return result.json

    return ask


def test_a_good_pipeline_has_no_marks_and_its_keys_are_explained(ask: Any) -> None:
    answer = ask("dvx.yaml", HELD, hover=(6, 12), complete=(3, 4))
    assert answer["diagnostics"] == []
    assert "Whether the cache keeps it" in answer["hover"]


def test_keys_are_offered_where_they_may_stand(ask: Any) -> None:
    answer = ask("dvx.yaml", "stages:\n  train:\n    cmd: x\n    \n", complete=(3, 4))
    assert {"deps", "outs", "params", "run", "always_changed"} <= set(answer["completions"])


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        ("dvx.yaml", HELD.replace("deps:", "dps:"), 4, "Property dps is not allowed."),
        ("dvx.yaml", HELD.replace("cmd: python train.py", "desc: x"), 2, 'Missing property "cmd".'),
        ("dvx.yaml", HELD.replace("cache: false", "cache: 3"), 7, 'Incorrect type. Expected "boolean".'),
        ("sub/dvx.yaml", "stages:\n  a: {cmd: x, run: {retry: {attempts: 3}}}\n", 2, "Property attempts is not allowed."),
        ("data.csv.dvx", "outs:\n- xxh128: zz\n  path: data.csv\n", 2, "String does not match the pattern"),
        ("dvx.lock", "schema: '2.0'\nstages:\n  a: {cmd: x, out: []}\n", 3, "Property out is not allowed."),
    ],
)
def test_what_is_wrong_is_marked_where_it_stands(ask: Any, name: str, text: str, line: int, message: str) -> None:
    diagnostics = ask(name, text)["diagnostics"]
    assert any(each[0] == line and each[1].startswith(message) for each in diagnostics), diagnostics
