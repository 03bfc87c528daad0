"""Overrides done to the files of parameters."""

from __future__ import annotations

from collections.abc import Sequence

from dvx.errors import DvxError
from dvx.formats import edit_data
from dvx.model.override import Override
from dvx.model.paths import printable
from dvx.project import Project
from dvx.store import files

DEFAULT_PARAMS = "params.yaml"


def edits_of(project: Project, overrides: Sequence[Override]) -> dict[str, bytes]:
    """The new bytes of each parameter file that the overrides change."""
    by_path: dict[str, list[Override]] = {}
    for override in overrides:
        by_path.setdefault(project.relative(override.path), []).append(override)
    edits = {}
    for path, named in by_path.items():
        try:
            old = files.read(project.abs(path))
        except FileNotFoundError:
            raise DvxError(
                f"there is no parameter file `{printable(path)}`", "give the file before the key: `FILE:KEY=VALUE`"
            ) from None
        new = edit_data(old, path, named)
        if new != old:
            edits[path] = new
    return edits
