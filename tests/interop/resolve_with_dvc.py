"""What the real DVC makes of documents with templates. Run by DVC's Python, in an empty folder; JSON in, JSON out.

In: a list of {"document", "files", "style"}. Out: for each, its fields without the empty ones, or null when DVC refuses.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from dvc.dvcfile import load_file
from dvc.parsing import DataResolver
from dvc.repo import Repo


def main() -> None:
    logging.disable(logging.CRITICAL)
    repo = Repo.init(".", no_scm=True)
    json.dump([resolve(repo, case) for case in json.load(sys.stdin)], sys.stdout)


def resolve(repo: Repo, case: dict[str, Any]) -> dict[str, Any] | None:
    root = Path(repo.root_dir)
    written = [root / name for name in ("dvc.yaml", *case["files"])]
    for path, value in zip(written, (case["document"], *case["files"].values()), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value))
    with repo.config.edit() as config:
        config["parsing"] = case["style"]
    try:
        return said(DataResolver(repo, repo.root_dir, load_file(repo, str(written[0]))._load()[0]))
    except Exception:  # noqa: BLE001
        # a crash of DVC is a refusal too
        return None
    finally:
        for path in written:
            path.unlink()


def said(resolver: DataResolver) -> dict[str, Any] | None:
    used: dict[str, set[str]] = {}
    result = {
        "stages": resolver.resolve()["stages"],
        "params": resolver.resolve_params(),
        "metrics": resolver.resolve_metrics(),
        "plots": resolver.resolve_plots(),
        "artifacts": resolver.resolve_artifacts(),
    }
    for files in resolver.tracked_vars.values():
        for name, keys in files.items():
            used.setdefault(name, set()).update(keys)
    result["used"] = {name: sorted(keys) for name, keys in sorted(used.items()) if keys}
    commands = [stage["cmd"] for stage in (result["stages"] or {}).values()]
    if any(isinstance(part, dict) for command in commands for part in (command if isinstance(command, list) else [command])):
        # the resolver lets it pass, and DVC crashes on the stage
        return None
    return {name: value for name, value in result.items() if value}


main()
