"""install: let Git call dvx after a checkout, before a commit and a push, and to merge pointers, pipelines and locks."""

from __future__ import annotations

import os
from typing import Any

from msgspec import Struct

from dvx.errors import GitError
from dvx.formats import edit_yaml, load_yaml
from dvx.git import Git, hooks
from dvx.model.dialect import Dialect
from dvx.model.lines import lines_of
from dvx.model.paths import printable
from dvx.model.setup import hooks as texts
from dvx.project import Project
from dvx.store import files
from dvx.store.reading import open_regular

PRE_COMMIT = ".pre-commit-config.yaml"
ATTRIBUTES = ".gitattributes"
_HUSKY = ".husky/_"


class Left(Struct, frozen=True):
    """A hook that is left to the user: why, and what to do."""

    name: str
    reason: str
    cure: str


class Installed(Struct, frozen=True):
    """The files that were written (absolute), the merge driver's name, and what is left; nothing in a project without Git."""

    written: tuple[str, ...] = ()
    driver: str = ""
    left: tuple[Left, ...] = ()


def install(project: Project, *, with_tool: bool) -> Installed:
    """Install the merge driver and hooks; with the tool pre-commit, its configuration gets entries instead of hooks.

    Hooks that somebody else wrote are left alone.
    """
    git = project.git
    if git is None:
        return Installed()
    name = project.dialect.name
    hooks.set_option(git, f"merge.{name}.name", f"{name} merge driver" if name == "dvx" else "DVC merge driver")
    hooks.set_option(git, f"merge.{name}.driver", texts.driver())
    written = _ask_for_driver(git, project.dialect)
    left: list[Left] = []
    if with_tool:
        written += _configure_tool(git)
    else:
        written += _write_hooks(git, left)
    return Installed(tuple(written), name, tuple(left))


def asks_for_driver(git: Git, name: str) -> bool:
    """Whether .gitattributes lets any file be merged by the driver of that name."""
    try:
        lines = lines_of(_attributes(git))
    except OSError:
        return False
    return any(f"merge={name}" in line.split() and not line.startswith("#") for line in lines)


def _attributes(git: Git) -> str:
    try:
        with open_regular(os.path.join(git.top, ATTRIBUTES)) as file:
            return os.fsdecode(file.read())
    except FileNotFoundError:
        return ""


def _ask_for_driver(git: Git, dialect: Dialect) -> list[str]:
    """Let .gitattributes say how pointers, pipelines, locks and ignore files are merged, where it says nothing of that."""
    place = os.path.join(git.top, ATTRIBUTES)
    if os.path.islink(place) or (os.path.lexists(place) and not os.path.isfile(place)):
        return []  # Git does not read it either
    text = _attributes(git)
    wanted = dict.fromkeys((f"*{dialect.pointer_suffix}", dialect.lock, dialect.pipeline), dialect.name) | {".gitignore": "union"}
    lines = [line.split() for line in lines_of(text)]
    said = {words[0] for words in lines if any("merge" in word for word in words[1:])}
    new = [f"{pattern} merge={driver}\n" for pattern, driver in wanted.items() if pattern not in said]
    if not new:
        return []
    text += "" if not text or text.endswith("\n") else "\n"
    files.write_atomic(place, os.fsencode(text + "".join(new)))
    return [place]


def _write_hooks(git: Git, left: list[Left]) -> list[str]:
    below = git.prefix.rstrip("/")
    try:
        folder = hooks.folder(git)
    except GitError as error:
        left += [
            Left(name, error.message, f"let the hook `{name}` there run `{texts.line(name, below)}`") for name in texts.HOOKS
        ]
        return []
    written = []
    own = folder.removesuffix("/_") if folder.endswith(_HUSKY) else folder
    for name in texts.HOOKS:
        place = os.path.join(own, name)
        if not os.path.lexists(place):
            text = texts.script(name, below) if own == folder else f"{texts.line(name, below)}\n"
            files.write_atomic(place, os.fsencode(text), mode=files.NEW_EXECUTABLE)
            written.append(place)
        elif not _calls(place, name, below):
            left.append(_left(place, name, below))
        if own == folder and os.path.lexists(place) and not os.access(place, os.X_OK):
            cure = f"make `{place}` executable, or set `core.hooksPath` to a folder that is not mounted `noexec`"
            left.append(Left(name, "Git passes over a hook that cannot be executed", cure))
    return written


def _calls(place: str, name: str, below: str) -> bool:
    """Whether a hook calls dvx for the project in a folder of the work tree."""
    text = os.fsdecode(files.read(place)) if os.path.isfile(place) else ""
    if below:
        return texts.call(name, below) in text
    return texts.calls_dvx(text, name)


def _left(place: str, name: str, below: str) -> Left:
    tool = texts.tool_of(os.fsdecode(files.read(place)) if os.path.isfile(place) else "")
    line, shown = texts.line(name, below), printable(place)
    match tool:
        case "pre-commit":
            return Left(name, "it belongs to pre-commit", "run `dvx install --use-pre-commit-tool`")
        case "lefthook":
            run = f"{texts.call(name, below)} -- {{0}}"
            return Left(
                name, "it belongs to lefthook", f"put into `lefthook.yml`: `{name}: {{commands: {{dvx: {{run: {run}}}}}}}`"
            )
        case "":
            return Left(name, f"`{shown}` is somebody else's", f"add the line `{line}` to it")
    return Left(name, f"`{shown}` is of {tool}", f"add the line `{line}` at its end; {tool} keeps it")


def _configure_tool(git: Git) -> list[str]:
    place = os.path.join(git.top, PRE_COMMIT)
    try:
        with open_regular(place) as file:
            text = file.read().decode("utf-8", "surrogateescape")
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
