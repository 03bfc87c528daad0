"""Reading the text of pointer files."""

from __future__ import annotations

from typing import Any

from dvx.errors import SchemaError
from dvx.formats import decoded, load_yaml, schema_error
from dvx.model.dialect import Dialect
from dvx.model.pointer import Pointer, decode_pointer


def read_pointer(data: bytes, path: str, dialect: Dialect) -> Pointer:
    """Read the text of a pointer file; raises FormatError with file, line and column."""
    text = decoded(data, path)
    document: Any = load_yaml(text, path)
    try:
        return decode_pointer(document, path, dialect)
    except SchemaError as error:
        raise schema_error(error, text, path) from None
