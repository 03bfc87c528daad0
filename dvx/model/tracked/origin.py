"""Origin: where imported data comes from, as a pointer's dependency records it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dvx.errors import SchemaError
from dvx.model.paths import check_path
from dvx.model.setup.settings import OptionName
from dvx.model.tracked.pointer import Pointer, Recorded

Settings = Mapping[str, Any]
"""Configuration of another repository, as in its file: section -> option -> value, and `remote` -> name -> option -> value."""


class Origin(Struct, frozen=True):
    """A path in another repository: its URL as typed, the revision that was asked for (empty for HEAD), and the commit it was
    then (empty if nobody looked). `config` and `remote` are its configuration where the user said so: a file or settings, and
    the name of a remote or settings of the default one.
    """

    url: str
    path: str
    rev: str = ""
    commit: str = ""
    config: str | Settings = ""
    remote: str | Settings = ""


def is_elsewhere(url: str) -> bool:
    """Whether a repository's URL leads to another machine: `https://...`, `git@host:path`."""
    scheme, sign, _ = url.partition("://")
    return (bool(sign) and scheme != "file") or (not sign and ":" in url.partition("/")[0])


def origin_of(dep: Recorded) -> Origin | None:
    """The origin that a dependency records; None if it is in no other repository.

    Raises:
        SchemaError: a value is of the wrong kind.
    """
    repo = dep.extras.get("repo")
    if repo is None:
        return None
    if not isinstance(repo, Mapping) or not isinstance(repo.get("url"), str):
        raise SchemaError("`repo` is a mapping with a `url`", ("deps", 0, "repo"))
    found = {name: repo.get(name) or "" for name in ("rev", "rev_lock", "config", "remote")}
    for name, value in found.items():
        if not isinstance(value, str) and not (isinstance(value, Mapping) and name in ("config", "remote")):
            raise SchemaError(f"`{name}` cannot be `{value}`", ("deps", 0, "repo", name))
    return Origin(repo["url"], dep.path, found["rev"], found["rev_lock"], found["config"], found["remote"])


def import_of(pointer: Pointer) -> Origin | None:
    """The origin of what a pointer tracks; None if it was not imported from another repository."""
    return next((found for dep in pointer.deps if (found := origin_of(dep)) is not None), None)


def versions_named(dep: Recorded) -> dict[str, Mapping[str, Any]]:
    """What a dependency records of each file of a bucket, by its path in the folder (`""` for a single file), if it names a
    version of each; else nothing.

    Raises:
        UnsafePath: a file lies outside the folder.
    """
    rows = dep.extras.get("files")
    if rows is None:
        found: dict[str, Mapping[str, Any]] = {"": dep.extras}
    else:
        listed = isinstance(rows, list) and all(isinstance(row, Mapping) and isinstance(row.get("relpath"), str) for row in rows)
        found = {check_path(row["relpath"]): row for row in rows} if listed else {}
    return found if "repo" not in dep.extras and all(entry.get("version_id") for entry in found.values()) else {}


def encode_origin(origin: Origin) -> dict[str, Any]:
    """The dependency's entry, in the order in which one is written."""
    values = {
        "url": origin.url,
        "rev": origin.rev,
        "rev_lock": origin.commit,
        "config": origin.config,
        "remote": origin.remote,
    }
    return {"path": origin.path, "repo": {name: value for name, value in values.items() if value}}


def settings_of(origin: Origin) -> dict[OptionName, str]:
    """The options that an origin's `config` and `remote` set; those of the default remote have no name. A file is not read."""
    found: dict[OptionName, str] = {}
    config = origin.config if isinstance(origin.config, Mapping) else {}
    for section, options in config.items():
        for key, value in options.items() if isinstance(options, Mapping) else ():
            if isinstance(value, Mapping):
                found |= {OptionName(section, str(key), str(option)): str(each) for option, each in value.items()}
            else:
                found[OptionName(section, "", str(key))] = str(value)
    if isinstance(origin.remote, Mapping):
        found |= {OptionName("remote", "", str(option)): str(value) for option, value in origin.remote.items()}
    elif origin.remote:
        found[OptionName("core", "", "remote")] = origin.remote
    return found
