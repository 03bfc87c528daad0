"""Overrides done to the files of parameters; where Hydra is enabled, the default file is what Hydra composes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dvx.errors import DvxError
from dvx.formats import edit_data
from dvx.model.override import Override
from dvx.model.paths import printable
from dvx.project import Project
from dvx.store import files

DEFAULT_PARAMS = "params.yaml"


def edits_of(project: Project, overrides: Sequence[Override], *, hydra: bool = True) -> dict[str, bytes]:
    """The new bytes of each parameter file that the overrides change; without `hydra` they are plain changes even where Hydra is
    enabled.

    Raises:
        DvxError: there is no such file or parameter, or Hydra cannot compose.
    """
    by_path: dict[str, list[Override]] = {}
    composed = hydra and project.config.flag("hydra.enabled", False)
    if composed:
        by_path[DEFAULT_PARAMS] = []
    for override in overrides:
        by_path.setdefault(project.relative(override.path), []).append(override)
    edits = {}
    for path, named in by_path.items():
        old = _old(project, path)
        if composed and path == DEFAULT_PARAMS:
            new = _compose(project, named)
        elif old is None:
            raise DvxError(f"there is no parameter file `{printable(path)}`", "give the file before the key: `FILE:KEY=VALUE`")
        else:
            new = edit_data(old, path, named)
        if new != old:
            edits[path] = new
    return edits


def _old(project: Project, path: str) -> bytes | None:
    try:
        return files.read(project.abs(path))
    except FileNotFoundError:
        return None


def _compose(project: Project, overrides: Sequence[Override]) -> bytes:
    from dvx.formats.hydra import HydraSource, compose

    config = project.config
    module = config.get("hydra.config_module") or ""
    folder = config.get("hydra.config_dir") or ("" if module else "conf")
    source = HydraSource(
        os.path.join(project.root, folder) if folder else "",
        module,
        config.get("hydra.config_name") or "config",
        os.path.join(project.root, config.get("hydra.plugins_path") or ""),
    )
    return compose(source, overrides).encode()
