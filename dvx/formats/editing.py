"""Overrides written into the file that holds the parameters: the touched values' text changes, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from dvx.errors import FormatError
from dvx.formats.data import load_data, suffix_of
from dvx.formats.reading import decoded
from dvx.model.compare.params import same
from dvx.model.experiments.override import Edit, Override, apply, edits, put

_BOM = b"\xef\xbb\xbf"
_LONE = re.compile(r"(?<!\r)\n")


def edit_data(data: bytes, path: str, overrides: Sequence[Override]) -> bytes:
    """The bytes of a parameters file with the overrides done.

    Raises:
        FormatError: the file cannot be read, or the change cannot be made in place.
        DvxError: an override names an unknown key.
    """
    mark = _BOM if data.startswith(_BOM) else b""
    text = decoded(data, path)
    try:
        for override in overrides:
            text = _edit_toml(text, path, override) if suffix_of(path) == "toml" else _edit(text, path, override)
        return mark + text.encode()
    except UnicodeEncodeError:
        raise FormatError(f"`{path}` cannot hold that value: it is no text", "write it in UTF-8") from None


def _edit(text: str, path: str, override: Override) -> str:
    operate: Callable[[str, Edit, str], str]
    if suffix_of(path) == "json":
        from dvx.formats.jsonc import operate
    elif suffix_of(path) == "py":
        from dvx.formats.python import operate
    else:
        from dvx.formats.surgery import operate
    for edit in edits(load_data(text.encode(), path), override):
        text = operate(text, edit, path)
    return text


def _edit_toml(text: str, path: str, override: Override) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    before = load_data(text.encode(), path)
    after = apply(before, override)
    if same(before, after):
        return text
    document = tomlkit.parse(text)
    try:
        put(document, override)
        edited = tomlkit.dumps(document)
    except (TOMLKitError, TypeError, ValueError) as error:
        raise FormatError(f"`{path}` cannot hold that value: {error}", "TOML has no null") from None
    except AttributeError:
        # tomlkit cannot write a list of tables in which something else is put
        raise _refused(path) from None
    if "\r\n" in text and not _LONE.search(text):
        edited = _LONE.sub("\r\n", edited)
    if not same(load_data(edited.encode(), path), after):
        raise _refused(path)
    return edited


def _refused(path: str) -> FormatError:
    return FormatError(f"`{path}` is written in a way that cannot be changed in place", "edit the file by hand")
