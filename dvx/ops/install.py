"""install: let Git call dvx after a checkout, before a commit and a push, and to merge pointers and locks."""

from __future__ import annotations

import os
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError
from dvx.formats import edit_yaml, load_yaml
from dvx.git import Git, hooks
from dvx.model import hooks as texts
from dvx.model.lines import lines_of
from dvx.model.paths import printable
from dvx.project import Project
from dvx.store import files

PRE_COMMIT = ".pre-commit-config.yaml"


class Installed(Struct, frozen=True):
    """The files that were written (absolute), and the name of the merge driver; nothing in a project without Git.

    `in_use` when .gitattributes asks for the driver.
    """

    written: tuple[str, ...] = ()
    driver: str = ""
    in_use: bool = False


def install(project: Project, *, with_tool: bool) -> Installed:
    """Install hooks and the merge driver; with the tool pre-commit, its configuration gets entries instead of hooks.

    Raises:
        DvxError: there is a hook that somebody else wrote. Nothing was changed then.
        GitError: the hooks of this repository serve others, too.
    """
    git = project.git
    if git is None:
        return Installed()
    written = _configure_tool(git) if with_tool else _write_hooks(git)
    name = project.dialect.name
    hooks.set_option(git, f"merge.{name}.name", f"{name} merge driver" if name == "dvx" else "DVC merge driver")
    hooks.set_option(git, f"merge.{name}.driver", texts.driver())
    return Installed(tuple(written), name, asks_for_driver(git, name))


def asks_for_driver(git: Git, name: str) -> bool:
    """Whether .gitattributes lets any file be merged by the driver of that name."""
    try:
        text = os.fsdecode(files.read(os.path.join(git.top, ".gitattributes")))
    except FileNotFoundError:
        return False
    return any(f"merge={name}" in line.split() and not line.startswith("#") for line in lines_of(text))


def _write_hooks(git: Git) -> list[str]:
    folder = hooks.folder(git)
    wanted = {}
    for name in texts.HOOKS:
        place = os.path.join(folder, name)
        if not _stands(place, name, git):
            wanted[place] = texts.script(name, git.prefix.rstrip("/"))
    for place, text in wanted.items():
        files.write_atomic(place, os.fsencode(text), mode=files.NEW_EXECUTABLE)
    return list(wanted)


def _stands(place: str, name: str, git: Git) -> bool:
    """Whether a hook calls dvx already; raises DvxError for one that does not."""
    if not os.path.lexists(place):
        return False
    text = os.fsdecode(files.read(place)) if os.path.isfile(place) else ""
    if text == texts.script(name, git.prefix.rstrip("/")) or (not git.prefix and texts.calls_dvx(text, name)):
        return True
    if git.prefix and texts.call(name, git.prefix.rstrip("/")) in text:
        return True
    call = texts.call(name, git.prefix.rstrip("/"))
    hint = f'add the line `{call} -- "$@"` to `{printable(place)}`, or remove it, then run this again'
    raise DvxError(f"the hook `{name}` already exists", hint)


def _configure_tool(git: Git) -> list[str]:
    place = os.path.join(git.top, PRE_COMMIT)
    try:
        text = files.read(place).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        text = ""
    wanted = texts.entries(git.prefix.rstrip("/"))
    known = texts.ids(load_yaml(text, PRE_COMMIT))
    wanted["hooks"] = [hook for hook in wanted["hooks"] if hook["id"] not in known]
    if not wanted["hooks"]:
        return []

    def add(document: Any) -> None:
        document["repos"] = [*(document.get("repos") or ()), wanted]

    files.write_atomic(place, edit_yaml(text, add, PRE_COMMIT).encode("utf-8", "surrogateescape"))
    return [place]
