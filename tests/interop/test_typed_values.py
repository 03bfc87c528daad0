"""What is typed after `-S` is what DVC reads, and nothing else changes for it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers import commit_all, dvx, git, write
from tests.interop.steps import Tool
from tests.unit.test_surgery import STYLES, VALUES, edited


def test_dvc_reads_the_typed_value_and_all_else_as_before(dvc: Tool, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    dvx(tmp_path, "init", "--dvc")
    files = {}
    for style, text in STYLES.items():
        for number, (typed, value) in enumerate(VALUES):
            # DVC tells lists as texts, and mappings key by key
            if style != "deep" and not isinstance(value, dict):
                files[f"{style}{number}.yaml"] = (style, typed, value)
                (tmp_path / f"{style}{number}.yaml").write_bytes(text.encode())
    write(tmp_path / "dvc.yaml", json.dumps({"params": list(files)}))
    commit_all(tmp_path)
    for path, (style, typed, _) in files.items():
        (tmp_path / path).write_bytes(edited(STYLES[style], path, f"+new={typed}").encode())
    found = json.loads(dvc(tmp_path, "params", "diff", "--json").out)
    wanted = {
        path: {"new": {"old": None, "new": str(value) if isinstance(value, list) else value}}
        for path, (_, _, value) in files.items()
    }
    # null is like missing
    assert found == {path: change for path, change in wanted.items() if change["new"]["new"] is not None}
