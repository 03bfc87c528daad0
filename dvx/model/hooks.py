"""What Git is told to call: the text of hooks, the merge driver, and entries for the tool pre-commit."""

from __future__ import annotations

import shlex
from typing import Any

from dvx.model.lines import lines_of

HOOKS = ("post-checkout", "pre-commit", "pre-push")


def script(name: str, folder: str) -> str:
    """A hook, for the project in the `folder` of the work tree (empty: its top)."""
    return f'#!/bin/sh\nexec {call(name, folder)} -- "$@"\n'


def call(name: str, folder: str) -> str:
    """The command that a hook runs."""
    return f"dvx git-hook {name}" + (f" --folder {shlex.quote(folder)}" if folder else "")


def calls_dvx(text: str, name: str) -> bool:
    """Whether a hook, whoever wrote it, calls dvx."""
    return _calls(text, f"dvx git-hook {name}")


def calls_dvc(text: str, name: str) -> bool:
    """Whether a hook calls DVC, which does the same where it is installed."""
    return _calls(text, f"dvc git-hook {name}")


def _calls(text: str, command: str) -> bool:
    return any(command in line and not line.lstrip().startswith("#") for line in lines_of(text))


def driver() -> str:
    """The command that merges two versions of a file; Git puts names for the letters, quoted where need be."""
    return "dvx git-hook merge-driver --ancestor %O --our %A --their %B --path %P"


def entries(folder: str) -> dict[str, Any]:
    """What `.pre-commit-config.yaml` says under `repos`."""
    return {
        "repo": "local",
        "hooks": [
            {
                "id": f"dvx-{name}",
                "name": f"dvx {name}",
                "entry": call(name, folder),
                "language": "system",
                "always_run": True,
                "pass_filenames": False,
                "verbose": True,
                "stages": [name],
            }
            for name in ("pre-commit", "pre-push", "post-checkout")
        ],
    }


def ids(document: Any) -> set[str]:
    """The hooks that a configuration of pre-commit names already."""
    found = set()
    for repo in (document or {}).get("repos") or ():
        found |= {str(hook.get("id")) for hook in repo.get("hooks") or ()}
    return found
