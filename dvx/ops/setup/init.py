"""init: make a repository."""

from __future__ import annotations

import os

from msgspec import Struct

from dvx.config import environment
from dvx.config.git_options import demand
from dvx.errors import DvxError, UsageError, nearest, quoted
from dvx.git import Git
from dvx.model.dialect import DIALECTS, NATIVE, Dialect
from dvx.model.digest import new_hasher
from dvx.model.paths import printable
from dvx.project import Project
from dvx.store import files

_UNFINISHED = "init"


class InitOptions(Struct, frozen=True):
    """How to make a repository; an empty `algorithm` is the dialect's own."""

    dialect: Dialect = NATIVE
    algorithm: str = ""
    with_git: bool = True
    subfolder: bool = False
    force: bool = False


def init(root: str, options: InitOptions) -> Project:
    """Make a repository in the folder `root` (absolute) and hand its files to Git.

    With `force`, an existing repository gets a fresh configuration; its old one goes to the trash, its cache stays.

    Raises:
        DvxError: there is one already, or Git's root is elsewhere.
    """
    dialect = options.dialect
    _check_algorithm(options)
    _check_place(root, options)
    folder = os.path.join(root, dialect.folder)
    _check_existing(root, folder, options)
    settings = _settings(options)
    unfinished = os.path.join(folder, "tmp", _UNFINISHED)
    files.write_atomic(unfinished, b"")
    names = [f"{dialect.folder}/config"]
    files.write_atomic(os.path.join(folder, "config"), settings.encode())
    if options.with_git:
        files.write_atomic(os.path.join(folder, ".gitignore"), b"/config.local\n/tmp\n/cache\n")
        names.append(f"{dialect.folder}/.gitignore")
    if not os.path.exists(os.path.join(root, dialect.ignore)):
        files.write_atomic(os.path.join(root, dialect.ignore), dialect.ignore_header.encode())
    names.append(dialect.ignore)
    files.write_atomic(os.path.join(folder, "tmp", "btime"), b"")
    project = Project.open(root, dialect, root)
    if project.git is not None:
        project.git.stage(names)
    files.remove(unfinished)
    return project


def _is_unfinished(folder: str) -> bool:
    """Whether an `init` that was killed left this, so that the next one is to go on."""
    names = set(os.listdir(folder)) if os.path.isdir(folder) else {folder}
    return not names - {"tmp"} or os.path.lexists(os.path.join(folder, "tmp", _UNFINISHED))


def _settings(options: InitOptions) -> str:
    lines = []
    if not options.with_git:
        lines.append("    no_scm = True\n")
    if len(options.dialect.algorithms) > 1:
        lines.append(f"    hash = {options.algorithm or options.dialect.algorithm}\n")
    return "[core]\n" + "".join(lines) if lines else ""


def _check_algorithm(options: InitOptions) -> None:
    known = options.dialect.algorithms
    if options.algorithm and options.algorithm not in known:
        hint = nearest(options.algorithm, known) or f"choose one of {', '.join(known)}"
        raise UsageError(f"a {options.dialect.name} repository cannot use the hash `{options.algorithm}`", hint)
    new_hasher(options.algorithm or options.dialect.algorithm)


def _check_place(root: str, options: InitOptions) -> None:
    if not os.path.isdir(root):
        raise DvxError(f"`{printable(root)}` is not a folder", f"run `mkdir {quoted(root)}` first")
    if not options.with_git:
        return
    demand(root, environment())
    git = Git.find(root)
    if git is None:
        raise DvxError(
            f"`{printable(root)}` is not in a Git repository", "run `git init` first, or use `--no-scm` to work without Git"
        )
    own = options.dialect.folder
    if git.ignored([f"{own}/config"]):
        hint = f"`git check-ignore -v {own}/config` shows the line: take it out, or add `!{own}`"
        raise DvxError(f"`{own}` is ignored by Git, so no clone would have it", hint)
    if git.prefix and not options.subfolder:
        hint = f"run it in `{printable(git.top)}`, or use `--subdir` to make a repository in this folder"
        raise DvxError(f"`{printable(root)}` is not the root of its Git repository", hint)


def _check_existing(root: str, folder: str, options: InitOptions) -> None:
    for other in DIALECTS:
        if other is not options.dialect and os.path.isdir(os.path.join(root, other.folder)):
            hint = "dvx works in it as it is; there is nothing to do"
            raise DvxError(f"this is a {other.name} repository already: `{other.folder}` exists", hint)
    if not os.path.lexists(folder) or _is_unfinished(folder):
        return
    if not options.force:
        name = options.dialect.folder
        raise DvxError(f"`{name}` exists already", "Use `--force` to force. The cache is kept, the configuration starts anew")
    config = os.path.join(folder, "config")
    if os.path.exists(config):
        trash = Project.open(root, options.dialect, root).trash
        trash.take(config, f"{options.dialect.folder}/config")
        trash.settle()
