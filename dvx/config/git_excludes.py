"""The user's own ignore file for all of Git's repositories, found without running Git."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from dvx.config.places import home_folder
from dvx.git.places import GitPlace
from dvx.model.setup.git_options import GitOption, read_options
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
    for file in (everywhere, *files, os.path.join(place.common, "config"), os.path.join(place.folder, "config.worktree")):
        for option in _options(file, environ, 0):
            found = os.path.join(place.top, _expanded(option.value, environ)) if option.value else ""
    return found


def _options(file: str, environ: Mapping[str, str], depth: int) -> Iterator[GitOption]:
    try:
        data = read_regular(file, _LARGEST)[0] if file else b""
    except OSError:
        return
    known = data.lower()
    # most files have neither, and reading them takes longer than all else here
    if b"excludesfile" not in known and b"[include]" not in known:
        return
    try:
        options = list(read_options(data.decode("utf-8", "surrogateescape")))
    except ValueError:
        return
    for option in options:
        if option.name == "core.excludesfile":
            yield option
        elif option.name == "include.path" and depth < _DEEPEST:
            yield from _options(os.path.join(os.path.dirname(file), _expanded(option.value, environ)), environ, depth + 1)


def _settings_folder(environ: Mapping[str, str]) -> str:
    return os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home_folder(environ), ".config"), "git")


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return home_folder(environ) + path[1:] if path.startswith("~/") else os.path.expanduser(path)
