"""Overrides written into the file that holds the parameters; what is around them stays where the format allows it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dvx.errors import FormatError
from dvx.formats.data import load_data, suffix_of
from dvx.formats.reading import decoded, load_yaml
from dvx.formats.writing import edit_yaml, replace_scalar
from dvx.model.override import Op, Override, apply, put
from dvx.model.params import lookup, same


def edit_data(data: bytes, path: str, overrides: Sequence[Override]) -> bytes:
    """The bytes of a parameters file with the overrides done.

    Raises:
        FormatError: the file cannot be read, or the change cannot be made in place.
        DvxError: an override names an unknown key.
    """
    before = load_data(data, path)
    after = before
    for override in overrides:
        after = apply(after, override)
    if same(before, after):
        return data
    edit = {"json": _edit_json, "toml": _edit_toml, "py": _edit_python}.get(suffix_of(path), _edit_yaml)
    edited = edit(decoded(data, path), path, after, overrides).encode()
    if not same(load_data(edited, path), after):
        raise FormatError(f"`{path}` is written in a way that cannot be changed in place", "edit the file by hand")
    return edited


def _edit_yaml(text: str, path: str, _: Any, overrides: Sequence[Override]) -> str:
    for override in overrides:
        text = _edit_yaml_once(text, path, override)
    return text


def _edit_yaml_once(text: str, path: str, override: Override) -> str:
    if override.op in (Op.CHANGE, Op.FORCE):
        replaced = replace_scalar(text, override.key, override.value)
        # an alias of the scalar would change with it
        if replaced is not None and same(load_yaml(replaced, path), apply(load_yaml(text, path), override)):
            return replaced
    return edit_yaml(text, lambda document: put(document, override), path)


def _edit_json(text: str, _: str, after: Any, __: Sequence[Override]) -> str:
    indent = re.search(r"[\[{]\n([ \t]+)", text)
    ending = "\n" if text.endswith("\n") else ""
    return json.dumps(after, indent=indent[1] if indent else None, ensure_ascii=text.isascii()) + ending


def _edit_toml(text: str, path: str, _: Any, overrides: Sequence[Override]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    document = tomlkit.parse(text)
    try:
        for override in overrides:
            put(document, override)
        return tomlkit.dumps(document)
    except (TOMLKitError, TypeError, ValueError) as error:
        raise FormatError(f"`{path}` cannot hold that value: {error}", "TOML has no null") from None


def _edit_python(text: str, path: str, after: Any, overrides: Sequence[Override]) -> str:
    from dvx.formats.python import replace_python

    for override in overrides:
        found = lookup(after, override.key)
        if override.op is Op.REMOVE or not found:
            raise FormatError(f"`{override.name}` cannot be added to or removed from `{path}`", "edit the file by hand")
        text = replace_python(text, path, override.key, found[0])
    return text
