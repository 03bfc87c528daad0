"""Dataset: data of other places that stages depend on by name: what a pipeline file says of it, and what its lock recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

SCHEME = "ds://"
KINDS = ("dvc", "dc", "url")
KEY = "dataset"
"""What an entry of a lock calls the dataset that it is about."""
FIELDS = ("name", "url", "type", "path", "rev")
"""What a pipeline file says of a dataset, in the order in which it is written."""
_SPEC = FIELDS[:3]
_LOCK = {"dvc": (*FIELDS, "rev_lock"), "dc": (*_SPEC, "version", "created_at"), "url": (*_SPEC, "meta", "files")}
_NEEDED = {"dvc": ("rev_lock",), "dc": ("version", "created_at"), "url": ("meta",)}
_META = ("isdir", "size", "nfiles", "isexec", "version_id", "etag", "checksum", "md5", "inode", "mtime", "remote")
_SHORT = 9
_BEHIND_NAME = re.compile(r"[/?#]")
_NO_NAME = re.compile(r"[/?#\[\]\s]|\$\{")


class Dataset(Struct, frozen=True):
    """One entry of `datasets` in the pipeline file `file`: what that says, and what the lock beside it recorded (empty if
    nothing). Both hold the fields that count, in the order in which they are written.
    """

    file: str
    spec: Mapping[str, Any]
    lock: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What stages call it."""
        return str(self.spec["name"])

    @property
    def kind(self) -> str:
        """What it is of: another repository (`dvc`), a store that keeps versions (`url`), the catalogue of DataChain (`dc`)."""
        return str(self.spec["type"])

    @property
    def state(self) -> Mapping[str, Any]:
        """What stages see of it: what was recorded, empty if that is of something else than what the pipeline file names."""
        in_sync = bool(self.lock) and all(self.lock.get(key) == self.spec.get(key) for key in FIELDS)
        return self.lock if in_sync else {}


def is_dataset(dep: str) -> bool:
    """Whether a dependency is a dataset, `ds://NAME`."""
    return dep.startswith(SCHEME)


def name_of(dep: str) -> str:
    """The name of the dataset that a dependency means."""
    return _BEHIND_NAME.split(dep.removeprefix(SCHEME), maxsplit=1)[0]


def is_name(word: str) -> bool:
    """Whether a dependency can name a dataset so."""
    return bool(word) and word.isprintable() and not word.startswith("-") and not _NO_NAME.search(word)


def spec_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an entry of a pipeline file that count."""
    fields = FIELDS if entry.get("type") == "dvc" else _SPEC
    # an empty path is the whole repository
    return {key: entry[key] for key in fields if entry.get(key) is not None and (key, entry[key]) != ("path", "")}


def lock_of(entry: Any) -> dict[str, Any]:
    """The fields of what a lock says of a dataset that count; empty if it says not all that is needed."""
    kind = entry.get("type") if isinstance(entry, Mapping) else None
    if kind not in KINDS or any(entry.get(key) is None for key in (*_SPEC, *_NEEDED[kind])):
        return {}
    found = {key: entry[key] for key in _LOCK[kind] if entry.get(key) is not None and (key, entry[key]) != ("path", "")}
    if kind != "url":
        return found
    rows = found.pop("files", [])
    if not isinstance(found["meta"], Mapping) or not isinstance(rows, list) or not all(map(_is_row, rows)):
        return {}
    found["meta"] = _meta_of(found["meta"])
    files = [{"relpath": row["relpath"], "meta": _meta_of(row["meta"])} for row in rows]
    return {**found, "files": sorted(files, key=lambda row: str(row["relpath"]))} if files else found


def summary(lock: Mapping[str, Any]) -> str:
    """What was recorded, in a few words; empty for nothing."""
    if not lock:
        return ""
    url = str(lock["url"])
    if lock["type"] == "dvc":
        path = f":/{str(lock['path']).lstrip('/')}" if "path" in lock else ""
        rev = f"{lock['rev']}, " if lock.get("rev") else ""
        return f"{url}{path} ({rev}{short(lock)})"
    if lock["type"] == "dc":
        return f"{url} (v{lock['version']})"
    if "files" in lock:
        return f"{url} ({len(lock['files'])} files)"
    return f"{url} ({lock['meta'].get('version_id') or lock['meta'].get('etag') or 'no version'})"


def short(lock: Mapping[str, Any]) -> str:
    """The commit of another repository that was recorded, as people write it."""
    return str(lock["rev_lock"])[:_SHORT]


def file_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each file that changed between two records, with a sign: `~` modified, `+` added, `-` deleted."""
    before, now = ({row["relpath"]: row["meta"] for row in lock.get("files", ())} for lock in (old, new))
    yield from (("~", path) for path in now if path in before and before[path] != now[path])
    yield from (("+", path) for path in now if path not in before)
    yield from (("-", path) for path in before if path not in now)


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping) and isinstance(row.get("relpath"), str) and isinstance(row.get("meta"), Mapping)


def _meta_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {key: meta[key] for key in _META if meta.get(key) is not None and meta[key] is not False}
