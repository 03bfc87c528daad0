"""Writing pointer files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvx.formats import dump_yaml, edit_yaml, load_yaml
from dvx.model.paths import parent
from dvx.model.pointer import Output, encode_content, encode_output
from dvx.model.tree import Content
from dvx.project import Project
from dvx.store import files

_FIELDS = (
    *("md5", "xxh128", "sha256", "blake3", "size", "nfiles", "isexec", "hash"),
    *("etag", "checksum", "version_id", "cloud", "files"),
)

_DEFAULTS = {"cache": True, "persist": False, "push": True}


def write_pointer(project: Project, output: Output, content: Content) -> bool:
    """Let the pointer beside an output record a content; tell whether it changed. The pointer's lock is the caller's to hold.

    In a file that exists other fields, their order and comments stay; `output` says what a new one declares.
    """
    pointer = output.path + project.dialect.pointer_suffix
    try:
        old = files.read(project.abs(pointer)).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        old = ""
    document = load_yaml(old, pointer) if old.strip() else None
    if isinstance(document, dict) and document.get("outs"):
        new = edit_yaml(old, lambda document: _update(document["outs"][0], content, output.annotations), pointer)
    else:
        new = dump_yaml({"outs": [encode_output(output, content, parent(output.path))]})
    if new != old:
        files.write_atomic(project.abs(pointer), new.encode("utf-8", "surrogateescape"))
    return new != old


def set_content(entry: Any, content: Content) -> None:
    """Change the hash fields of an entry in place and drop those that say what holds anyway; others and their order stay."""
    fields = encode_content(content)
    for key in _FIELDS:
        if key in entry and key not in fields:
            del entry[key]
    for key, default in _DEFAULTS.items():
        if entry.get(key) is default:
            del entry[key]
    for key, value in fields.items():
        if key not in entry or entry[key] != value:
            entry[key] = value


def _update(entry: Any, content: Content, annotations: Mapping[str, Any]) -> None:
    set_content(entry, content)
    for key, value in annotations.items():
        if entry.get(key) != value:
            entry[key] = value
