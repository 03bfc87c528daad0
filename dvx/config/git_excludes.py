"""The user's own ignore file for all of Git's repositories, found without running Git."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dvx.config.places import home_folder
from dvx.git.places import GitPlace
from dvx.model.setup.git_options import read_options
from dvx.store.reading import read_regular

_LARGEST = 1 << 20
_DEEPEST = 10


def excludes_file(place: GitPlace, environ: Mapping[str, str]) -> str:
    """The file that `core.excludesFile` names, or Git's default one; neither has to exist.

    Files that are included under a condition do not count.
    """
    settings = _settings_folder(environ)
    found = os.path.join(settings, "ignore")
    everywhere = environ.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig") if "GIT_CONFIG_NOSYSTEM" not in environ else ""
    own = environ.get("GIT_CONFIG_GLOBAL")
    files = [own] if own is not None else [os.path.join(settings, "config"), os.path.join(home_folder(environ), ".gitconfig")]
    known: dict[str, str | None] = {}
    for file in (everywhere, *files, os.path.join(place.common, "config"), os.path.join(place.folder, "config.worktree")):
        named = _named(file, environ, known, 0) if file else None
        if named is not None:
            found = os.path.join(place.top, _expanded(named, environ)) if named else ""
    return found


def _named(file: str, environ: Mapping[str, str], known: dict[str, str | None], depth: int) -> str | None:
    """What a file, or what it includes, names last; None if nothing. Files that include each other in a circle stop Git itself.

    What is `known` is not read again: a few files that include each other many times would take forever.
    """
    file = os.path.realpath(file)
    if file in known or depth > _DEEPEST:
        return known.get(file)
    known[file] = found = None
    try:
        data = read_regular(file, _LARGEST)[0]
    except OSError:
        return None
    words = data.lower()
    # most files have neither, and reading them takes longer than all else here
    if b"excludesfile" not in words and b"[include]" not in words:
        return None
    try:
        options = list(read_options(data.decode("utf-8", "surrogateescape")))
    except ValueError:
        return None
    for option in options:
        if option.name == "core.excludesfile":
            found = option.value
        elif option.name == "include.path":
            inner = _named(os.path.join(os.path.dirname(file), _expanded(option.value, environ)), environ, known, depth + 1)
            found = found if inner is None else inner
    known[file] = found
    return found


def _settings_folder(environ: Mapping[str, str]) -> str:
    return os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home_folder(environ), ".config"), "git")


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return home_folder(environ) + path[1:] if path.startswith("~/") else os.path.expanduser(path)
