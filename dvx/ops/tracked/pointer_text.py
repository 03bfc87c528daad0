"""Reading the text of pointer files, and the lists of files in them."""

from __future__ import annotations

from typing import Any

from dvx.errors import Corrupted, SchemaError, UnsafePath
from dvx.formats import decoded, load_yaml, schema_error
from dvx.model.dialect import Dialect
from dvx.model.tracked.pointer import Pointer, Recorded, decode_pointer
from dvx.model.transfer.versioned import tree_of
from dvx.model.tree import Tree


def read_pointer(data: bytes, path: str, dialect: Dialect) -> Pointer:
    """Read the text of a pointer file; raises FormatError with file, line and column."""
    text = decoded(data, path)
    document: Any = load_yaml(text, path)
    try:
        return decode_pointer(document, path, dialect)
    except SchemaError as error:
        raise schema_error(error, text, path) from None


def listed_tree(recorded: Recorded | None) -> Tree | None:
    """The files of a directory that an entry lists itself (`files`), as it does for data that a remote keeps in versions."""
    if recorded is None or recorded.content is None or not recorded.extras.get("files"):
        return None
    try:
        return tree_of(recorded.extras["files"], recorded.content.digest.algorithm)
    except (Corrupted, UnsafePath):
        return None
