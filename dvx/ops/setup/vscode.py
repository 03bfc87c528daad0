"""vscode: set up VS Code for a project, and say what of that is out of date."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dvx.errors import FormatError
from dvx.formats import ListItem, decoded, load_jsonc, put, put_item
from dvx.model.setup.json_schema import schema_of
from dvx.model.setup.vscode import EXTENSIONS, SCHEMAS, SETTINGS, TASKS, Facts, wanted
from dvx.ops.tracked.index import load_index
from dvx.project import Project
from dvx.store import files


class Outdated(Struct, frozen=True):
    """A file that should be another: its path in the project, the text it should have, and what of it changes."""

    file: str
    text: str
    changes: tuple[str, ...]


def find_outdated(project: Project) -> tuple[Outdated, ...]:
    """The files below `.vscode` that do not say what they should.

    Raises:
        FormatError: one of them cannot be read, or cannot hold what it should.
    """
    before = {file: _read(project, file) for file in (TASKS, SETTINGS, EXTENSIONS)}
    found = {file: _document(text, file) for file, text in before.items()}
    texts = dict(before)
    changes: dict[str, list[str]] = {}
    for want in wanted(Facts(project.dialect, _stages(project), _command(project), _cache(project), found)):
        text = texts[want.file]
        if want.key is None:
            texts[want.file] = put(text, want.path, want.value, want.file)
        else:
            texts[want.file] = put_item(text, want.path, ListItem(want.value, want.key, want.kept), want.file)
        if texts[want.file] != text:
            changes.setdefault(want.file, []).append(want.name)
    for kind, file in SCHEMAS.items():
        texts[file] = json.dumps(schema_of(kind, project.dialect), indent=2, ensure_ascii=False) + "\n"
        if _read(project, file) != texts[file]:
            changes[file] = [f"the schema of `{kind}`"]
    return tuple(Outdated(file, texts[file], tuple(what)) for file, what in changes.items())


def write(project: Project, outdated: tuple[Outdated, ...]) -> None:
    """Bring the files up to date."""
    for each in outdated:
        project.write(each.file, each.text)


def _read(project: Project, file: str) -> str:
    try:
        # the mark that some editors begin files with stays
        data = files.read(project.abs(file))
    except FileNotFoundError:
        return ""
    mark = "\ufeff" if data.startswith(b"\xef\xbb\xbf") else ""
    return mark + decoded(data, file)


def _document(text: str, file: str) -> Mapping[str, Any]:
    document = load_jsonc(text, file)
    if document is not None and not isinstance(document, Mapping):
        raise FormatError("an object is expected", "mend it, or remove it", f"{file}:1:1")
    return document or {}


def _stages(project: Project) -> list[str]:
    return list(load_index(project).stages)


def _command(project: Project) -> str:
    """How tasks call dvx: they do not know of an environment in the project that is active in a terminal."""
    place = os.path.join(sys.prefix, "bin", "dvx")
    inside = os.path.relpath(place, project.root)
    return f"${{workspaceFolder}}/{inside}" if not inside.startswith("..") and os.path.exists(place) else "dvx"


def _cache(project: Project) -> str:
    """Where the cache is below the project, if it is somewhere else than usual."""
    inside = os.path.relpath(project.cache.root, project.root).replace(os.sep, "/")
    usual = f"{project.dialect.folder}/cache"
    return "" if inside == usual or inside.split("/")[0] in ("..", ".") else inside
