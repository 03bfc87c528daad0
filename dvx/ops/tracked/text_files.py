"""Pointers, pipelines and other text files that name data: reading, editing and writing them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from dvx.formats import edit_yaml
from dvx.project import Project
from dvx.store import files
from dvx.store.durable import barrier


def text_of(project: Project, path: str) -> str:
    """What a file holds; empty if there is none."""
    try:
        return files.read(project.abs(path)).decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def change_text(project: Project, path: str, edit: Callable[[str], str]) -> bool:
    """Let a file hold what an edit makes of its text; tell whether it changed. The lock of it is the caller's to hold."""
    old = text_of(project, path)
    new = edit(old)
    if new != old:
        project.write(path, new)
    return new != old


def change_yaml(project: Project, path: str, edit: Callable[[Any], None]) -> bool:
    """Let an edit change the document in a YAML file, whose comments and order stay; tell whether it changed."""
    with project.lock(path):
        return change_text(project, path, lambda old: edit_yaml(old, edit, path))


def change_all(project: Project, edits: Mapping[str, Callable[[str], str]]) -> list[str]:
    """Like `change_text` for many files, whose locks it takes; returns the paths of those that changed.

    The new texts of all are durable before the first gets its name. A file that changes meanwhile is edited once more.
    """
    drafts = {}
    try:
        for path, edit in edits.items():
            old = text_of(project, path)
            new = edit(old)
            if new != old:
                drafts[path] = old, files.draft(project.abs(path), new.encode("utf-8", "surrogateescape"))
        changed = list(drafts)
        # a process that has just begun to write there may have swept some
        barrier([temp for _, temp in drafts.values() if os.path.exists(temp)], project.root)
        for path in changed:
            with project.lock(path):
                old, temp = drafts[path]
                if os.path.exists(temp) and text_of(project, path) == old:
                    project.undo.writes(path, project.abs(path), files.read(temp))
                    files.rename(temp, project.abs(path))
                    del drafts[path]
                else:
                    change_text(project, path, edits[path])
        barrier({os.path.dirname(project.abs(path)) for path in changed}, project.root)
    finally:
        for _, temp in drafts.values():
            with contextlib.suppress(OSError):
                files.remove(temp)
    return changed
