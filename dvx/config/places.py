"""Where configuration comes from: the root of a project, folders of the user and the system, variables of the environment."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping

from dvx.model.dialect import DIALECTS, NATIVE, Dialect
from dvx.model.setup.settings import Level, Setting, parse_name

_ENVIRONMENT = {
    "EXP_AUTO_PUSH": "exp.auto_push",
    "EXP_GIT_REMOTE": "exp.git_remote",
    "STUDIO_OFFLINE": "studio.offline",
    "STUDIO_REPO_URL": "studio.repo_url",
    "STUDIO_TOKEN": "studio.token",
    "STUDIO_URL": "studio.url",
}
_FLAGS = frozenset({"exp.auto_push", "studio.offline"})
_YES = frozenset({"1", "y", "yes", "true", "on"})


def environment() -> Mapping[str, str]:
    """The environment of this process."""
    return os.environ


def find_root(start: str) -> tuple[str, Dialect] | None:
    """The root and dialect of the project that the folder `start` lies in, without reading anything of it."""
    folder = start
    while True:
        dialect = dialect_at(folder)
        if dialect is not None:
            return folder, dialect
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def dialect_at(folder: str) -> Dialect | None:
    """The dialect of a project's root; None where it is none. A folder without configuration may be what a migration left."""
    found = [dialect for dialect in DIALECTS if os.path.isdir(os.path.join(folder, dialect.folder))]
    if len(found) > 1:
        found.sort(key=lambda dialect: not os.path.exists(os.path.join(folder, dialect.folder, "config")))
    return found[0] if found else None


def settings_folder(level: Level, dialect: Dialect, environ: Mapping[str, str]) -> str:
    """The folder of the user's or the system's configuration file."""
    override = environ.get(f"{dialect.environment_prefix}_{level.upper()}_CONFIG_DIR")
    if override:
        return override
    name, author = dialect.config_app
    if sys.platform == "linux":  # what platformdirs answers, without the cost of its import at every start
        if level is Level.GLOBAL:
            base = environ.get("XDG_CONFIG_HOME", "").strip() or os.path.join(home_folder(environ), ".config")
        else:
            base = environ.get("XDG_CONFIG_DIRS", "").strip().split(os.pathsep)[0] or "/etc/xdg"
        return os.path.join(base, name)
    import platformdirs

    place = platformdirs.user_config_dir if level is Level.GLOBAL else platformdirs.site_config_dir
    return place(name, author)


def private_folder(environ: Mapping[str, str]) -> str:
    """The folder, outside of every repository, where dvx keeps what it knows of this user alone."""
    name, author = NATIVE.config_app
    if sys.platform == "linux":
        base = environ.get("XDG_STATE_HOME", "").strip() or os.path.join(home_folder(environ), ".local", "state")
        return os.path.join(base, name)
    import platformdirs

    return platformdirs.user_state_dir(name, author)


def machine_folder(environ: Mapping[str, str]) -> str:
    """The folder of what holds for this machine alone, also where several share the user's home."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())
    return os.path.join(private_folder(environ), "machines", name or "unnamed")


def home_folder(environ: Mapping[str, str]) -> str:
    """The user's home folder."""
    found = environ.get("HOME") or os.path.expanduser("~")
    # of a user that the system does not know it is nothing; containers take the top
    return found if os.path.isabs(found) else os.sep


def settings_of_environment(prefix: str, environ: Mapping[str, str]) -> Iterator[Setting]:
    """The settings that variables give."""
    for word, name in _ENVIRONMENT.items():
        variable = f"{prefix}_{word}"
        text = environ.get(variable)
        if text:
            value = str(text.lower() in _YES).lower() if name in _FLAGS else text
            yield Setting(parse_name(name), value, Level.ENVIRONMENT, variable)
