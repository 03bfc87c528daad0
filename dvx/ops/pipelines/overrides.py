"""Overrides done to the files of parameters; where Hydra is enabled, the default file is what Hydra composes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.formats import edit_data
from dvx.model.experiments.override import Override, parse_override
from dvx.model.experiments.sweep import parse_sweep
from dvx.model.paths import printable
from dvx.project import Project
from dvx.store import files

DEFAULT_PARAMS = "params.yaml"


def read_overrides(project: Project, texts: Sequence[str]) -> tuple[Override, ...]:
    """What is typed after `-S`, with paths in the project instead of those that are seen from where the user stands.

    Raises:
        UsageError: an override is malformed, or stands for several values.
        UnsafePath: its file lies outside the project.
    """
    return tuple(_placed(project, parse_override(text, DEFAULT_PARAMS)) for text in texts)


def read_sweeps(project: Project, texts: Sequence[str]) -> list[tuple[Override, ...]]:
    """Like `read_overrides`, where each text may stand for several values."""
    return [tuple(_placed(project, one) for one in parse_sweep(text, DEFAULT_PARAMS)) for text in texts]


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
        by_path.setdefault(override.path, []).append(override)
    edits = {}
    for path, named in by_path.items():
        old = _old(project, path)
        if composed and path == DEFAULT_PARAMS:
            new = _compose(project, named)
        elif old is None:
            raise _no_file(path)
        else:
            new = edit_data(old, path, named)
        if new != old:
            edits[path] = new
    return edits


def _placed(project: Project, override: Override) -> Override:
    path = project.relative(override.path)
    if not path:
        raise _no_file(override.path)
    return replace(override, path=path)


def _no_file(path: str) -> DvxError:
    return DvxError(f"there is no parameter file `{printable(path)}`", "give the file before the key: `FILE:KEY=VALUE`")


def _old(project: Project, path: str) -> bytes | None:
    try:
        return files.read(project.abs(path))
    except (FileNotFoundError, IsADirectoryError):
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
