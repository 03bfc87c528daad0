"""YAML, TOML, JSON and Python parameters in and out, with file, line and column in errors.

Reading a file must not cost the loading of what writes one: each part is loaded when one of its names is asked for. There are
several readers and writers of YAML, as one would cost: `flat` reads a pointer ten times as fast as PyYAML's parser does, and
loads none; to load ruamel.yaml, which keeps comments, takes more than twice as long as to load PyYAML.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvx.formats.data import load_data
    from dvx.formats.editing import edit_data
    from dvx.formats.jsonc import ListItem, load_jsonc, put, put_item
    from dvx.formats.locks import only_stage, remove_from_lock, splice_dataset, splice_lock
    from dvx.formats.reading import decoded, load_yaml, locate, schema_error
    from dvx.formats.writing import dump_yaml, edit_yaml

__all__ = [
    "ListItem",
    "decoded",
    "dump_yaml",
    "edit_data",
    "edit_yaml",
    "load_data",
    "load_jsonc",
    "load_yaml",
    "locate",
    "only_stage",
    "put",
    "put_item",
    "remove_from_lock",
    "schema_error",
    "splice_dataset",
    "splice_lock",
]
_PARTS = {
    "data": ("load_data",),
    "editing": ("edit_data",),
    "jsonc": ("ListItem", "load_jsonc", "put", "put_item"),
    "locks": ("only_stage", "remove_from_lock", "splice_dataset", "splice_lock"),
    "reading": ("decoded", "load_yaml", "locate", "schema_error"),
    "writing": ("dump_yaml", "edit_yaml"),
}


def __getattr__(name: str) -> Any:
    for part, names in _PARTS.items():
        if name in names:
            return getattr(import_module(f"dvx.formats.{part}"), name)
    raise AttributeError(f"module `dvx.formats` has no `{name}`")
