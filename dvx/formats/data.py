"""Parameters and metrics files by their suffix: JSON, TOML, Python, and YAML for everything else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dvx.errors import FormatError
from dvx.formats.mistakes import DEPTH, mistake
from dvx.formats.reading import decoded, load_yaml
from dvx.formats.scalars import writable

_TOML_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def load_data(data: bytes, path: str) -> Any:
    """The value of a parameters or metrics file; None if a YAML file is empty. Dates are texts.

    Raises:
        FormatError: with file, line and column.
    """
    text = decoded(data, path)
    suffix = suffix_of(path)
    if suffix == "py":
        from dvx.formats.python import load_python

        return load_python(text, path)
    if suffix not in ("json", "toml"):
        return load_yaml(text, path)
    try:
        value = _load_json(text, path) if suffix == "json" else _load_toml(text, path)
        # few files hold that many brackets and dots; the others need no walk
        if sum(map(text.count, "[{.")) > DEPTH and _depth(value) > DEPTH:
            raise FormatError(f"`{path}` is nested deeper than {DEPTH} levels")
    except (ValueError, RecursionError) as error:
        raise FormatError(f"`{path}` cannot be read: {str(error) or 'it is nested too deeply'}") from None
    return value


def suffix_of(path: str) -> str:
    """The suffix that decides the format, in lower case."""
    return path.rpartition(".")[2].lower()


def _load_json(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise mistake(text, path, (error.lineno - 1, error.colno - 1), _lower(error.msg)) from None


def _load_toml(text: str, path: str) -> Any:
    import tomllib

    try:
        return _dates_as_text(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.fullmatch(str(error))
        if found is None:
            raise FormatError(f"{path}: {_lower(str(error))}") from None
        lines = text.splitlines() or [""]
        line, column = (int(found[2]), int(found[3])) if found[2] else (len(lines), len(lines[-1]) + 1)
        raise mistake(text, path, (line - 1, column - 1), _lower(found[1])) from None


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(item) for item in value]
    if isinstance(value, int):
        return writable(value)
    return value if isinstance(value, str | float) else value.isoformat()


def _depth(value: Any) -> int:
    if isinstance(value, Mapping):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
