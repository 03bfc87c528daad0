"""What pointer files say of the contents of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvx.errors import Corrupted, DvxError, MissingData, UnsafePath, quoted
from dvx.formats import dump_yaml, edit_yaml
from dvx.formats.mistakes import our_side
from dvx.model.paths import parent, printable
from dvx.model.tracked.pointer import Output, encode_content, encode_output, stage_checksum
from dvx.model.transfer.versioned import rows_of
from dvx.model.tree import Content
from dvx.ops.tracked.pointer_text import read_pointer
from dvx.project import Project

_DIGESTS = ("md5", "xxh128", "sha256", "blake3")
_PLACE = ("etag", "checksum", "version_id", "cloud")
_FIELDS = (*_DIGESTS, "size", "nfiles", "isexec", "hash", *_PLACE, "files")

_DEFAULTS = {"cache": True, "persist": False, "push": True}


def recorded_in(project: Project, pointer: str, output: Output, content: Content, old: str) -> str:
    """The text of a pointer file that records the content of an output, `old` being what it holds.

    Other fields, their order and comments stay; `output` says what a new one declares.

    Raises:
        DvxError: the file tracks something else.
    """
    # what is written now resolves a merge conflict in it
    old = our_side(old)
    data = old.encode("utf-8", "surrogateescape")
    paths = [known.path for known, _ in read_pointer(data, pointer, project.dialect).outs] if old.strip() else []
    if paths and output.path not in paths:
        text = f"`{printable(pointer)}` tracks `{printable(paths[0])}`, so it cannot track `{printable(output.path)}`, too"
        raise DvxError(text, f"rename the pointer file first: `git mv {quoted(pointer)} NAME{project.dialect.pointer_suffix}`")
    if paths:
        at = paths.index(output.path)
        return edit_yaml(old, lambda document: _update(project, document["outs"][at], content, output.annotations), pointer)
    return dump_yaml({"outs": [encode_output(output, content, parent(output.path))]})


def set_content(entry: Any, content: Content) -> None:
    """Change the hash fields of an entry in place and drop those that say what holds anyway; others and their order stay.

    What a remote's version of the file is stays where the digest does.
    """
    same = any(entry.get(key) == content.digest.hex for key in _DIGESTS)
    kept = {key: entry[key] for key in _PLACE if key in entry} if same else {}
    set_fields(entry, encode_content(content) | kept)


def set_fields(entry: Any, fields: Mapping[str, Any]) -> None:
    """Let an entry say this, and nothing else, of what its path holds; the rest of it and the order stay."""
    for key in _FIELDS:
        if key in entry and key not in fields:
            del entry[key]
    _drop_defaults(entry)
    for key, value in fields.items():
        if key not in entry or entry[key] != value:
            entry[key] = value


def record(project: Project, entry: Any, content: Content) -> None:
    """Like `set_content`; but a directory that is listed file by file stays so, and its unchanged files keep their versions."""
    rows = _rows(project, entry, content) if isinstance(entry.get("files"), list) and content.digest.is_tree else None
    if not rows:
        set_content(entry, content)
        return
    _drop_defaults(entry)
    if rows != entry["files"]:
        entry["files"] = rows


def renew_checksum(document: Any) -> None:
    """Write the check sum that an import's pointer carries over itself, after a change of the rest."""
    document["md5"] = stage_checksum(_plain(document))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _rows(project: Project, entry: Any, content: Content) -> list[dict[str, Any]] | None:
    try:
        tree = project.cache.read_tree(content.digest)
    except (MissingData, Corrupted, UnsafePath):
        return None
    return rows_of(tree, entry["files"], project.cache.sizes([each.digest for each in tree.entries]))


def _drop_defaults(entry: Any) -> None:
    for key, default in _DEFAULTS.items():
        if entry.get(key) is default:
            del entry[key]


def _update(project: Project, entry: Any, content: Content, annotations: Mapping[str, Any]) -> None:
    record(project, entry, content)
    for key, value in annotations.items():
        if entry.get(key) != value:
            entry[key] = value
