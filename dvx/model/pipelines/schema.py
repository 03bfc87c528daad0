"""The schema of `dvx.yaml` as it is written, before templates are resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dvx.errors import SchemaError, nearest
from dvx.model.dialect import Dialect

Where = tuple[str | int, ...]
Check = Callable[[Any, Where], None]


def check_document(document: Any, dialect: Dialect) -> Mapping[str, Any]:
    """Return the document if it has the right shape; an empty one is a pipeline without stages.

    Raises:
        SchemaError: an unknown key, or a value of the wrong kind; `where` leads to it.
    """
    if document is None:
        return {}
    _fields(document, (), _TOP)
    native: Mapping[str, Check] = {} if dialect.run_settings_in_meta else TABLES["native"]
    for name, raw in (document.get("stages") or {}).items():
        _entry(raw, ("stages", name), {**_STAGE, **native})
    return document  # type: ignore[no-any-return]


def _entry(raw: Any, where: Where, fields: Mapping[str, Check]) -> None:
    _mapping(raw, where)
    if "foreach" not in raw and "do" not in raw:
        _stage(raw, where, {**fields, "matrix": _matrix})
        return
    _fields(raw, where, TABLES["group"])
    for key in ("foreach", "do"):
        if key not in raw:
            raise SchemaError(f"`{key}` is missing", where)
    _stage(raw["do"], (*where, "do"), fields)


def _stage(raw: Any, where: Where, fields: Mapping[str, Check]) -> None:
    _fields(raw, where, fields)
    if "cmd" not in raw:
        raise SchemaError("`cmd` is missing", where)


def _fields(raw: Any, where: Where, fields: Mapping[str, Check]) -> None:
    _mapping(raw, where)
    for key, value in raw.items():
        check = fields.get(key)
        if check is None:
            raise SchemaError(f"unknown key `{key}`", (*where, key), nearest(str(key), fields))
        check(value, (*where, key))


def _anything(value: Any, where: Where) -> None:
    """Whatever it is, it is kept."""


def _mapping(value: Any, where: Where) -> None:
    if not isinstance(value, Mapping):
        raise SchemaError(f"a mapping is expected, not {_seen(value)}", where)


def _names(value: Any, where: Where) -> None:
    _mapping(value, where)
    for key in value:
        _text(key, where)


def _text(value: Any, where: Where) -> None:
    if not isinstance(value, str):
        raise SchemaError(f"a text is expected, not {_seen(value)}", where, "put it in quotes")


def _text_or_nothing(value: Any, where: Where) -> None:
    if value is not None:
        _text(value, where)


def _boolean(value: Any, where: Where) -> None:
    if not isinstance(value, bool):
        raise SchemaError(f"`true` or `false` is expected, not {_seen(value)}", where)


def _list(value: Any, where: Where) -> None:
    if not isinstance(value, list):
        raise SchemaError(f"a list is expected, not {_seen(value)}", where)


def _texts(value: Any, where: Where) -> None:
    _list(value, where)
    for index, item in enumerate(value):
        _text(item, (*where, index))


def _text_or_texts(value: Any, where: Where) -> None:
    if isinstance(value, list):
        _texts(value, where)
    elif not isinstance(value, str):
        hint = "" if isinstance(value, Mapping) else "put it in quotes"
        raise SchemaError(f"a text or a list of texts is expected, not {_seen(value)}", where, hint)


def _vars(value: Any, where: Where) -> None:
    _list(value, where)
    for index, item in enumerate(value):
        if not isinstance(item, str):
            _mapping(item, (*where, index))


def _foreach(value: Any, where: Where) -> None:
    if not isinstance(value, (str, list, Mapping)):
        raise SchemaError(f"a list, a mapping or a text is expected, not {_seen(value)}", where)


def _matrix(value: Any, where: Where) -> None:
    _mapping(value, where)
    for axis, items in value.items():
        if not isinstance(items, (str, list)):
            raise SchemaError(f"a list or a text is expected, not {_seen(items)}", (*where, axis))


def _params(value: Any, where: Where) -> None:
    _list(value, where)
    for index, item in enumerate(value):
        if isinstance(item, str):
            continue
        _mapping(item, (*where, index))
        for file, keys in item.items():
            _text(file, (*where, index))
            if keys is not None:
                _texts(keys, (*where, index, file))


def _outputs(flags: Mapping[str, Check]) -> Check:
    def check(value: Any, where: Where) -> None:
        _list(value, where)
        for index, item in enumerate(value):
            if isinstance(item, str):
                continue
            _mapping(item, (*where, index))
            for path, settings in item.items():
                _text(path, (*where, index))
                _output(settings, (*where, index, path), flags)

    return check


def _output(settings: Any, where: Where, flags: Mapping[str, Check]) -> None:
    if "x" not in flags or not isinstance(settings, list):
        _fields(settings, where, flags)
        return
    for index, item in enumerate(settings):
        _fields(item, (*where, index), flags)


def _by_file(value: Any, where: Where) -> None:
    if isinstance(value, Mapping):
        for file, field in value.items():
            _text(file, where)
            _text(field, (*where, file))
    elif not isinstance(value, str):
        raise SchemaError(f"a text, or a text for each file, is expected, not {_seen(value)}", where)


def _several_by_file(value: Any, where: Where) -> None:
    if isinstance(value, Mapping):
        for file, fields in value.items():
            _text(file, where)
            _text_or_texts(fields, (*where, file))
    else:
        _text_or_texts(value, where)


def _plots(value: Any, where: Where) -> None:
    if isinstance(value, Mapping):
        raise SchemaError("a list is expected, not a mapping", where, "put `- ` before each plot")
    _list(value, where)
    for index, item in enumerate(value):
        if isinstance(item, str):
            continue
        _mapping(item, (*where, index))
        if not item:
            raise SchemaError("a plot is expected, not an empty mapping", (*where, index))
        for name, definition in item.items():
            if definition is not None:
                _fields(definition, (*where, index, name), _DEFINITION)


def _artifacts(value: Any, where: Where) -> None:
    _mapping(value, where)
    for name, artifact in value.items():
        _fields(artifact, (*where, name), _ARTIFACT)
        if "path" not in artifact:
            raise SchemaError("`path` is missing", (*where, name))


def _datasets(value: Any, where: Where) -> None:
    _list(value, where)
    for index, item in enumerate(value):
        place = (*where, index)
        _mapping(item, place)
        for key, check in _DATASET.items():
            if key in item:
                check(item[key], (*place, key))
            elif check is _text:
                raise SchemaError(f"`{key}` is missing", place)


def _seen(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, (Mapping, list)):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    text = str(value)
    return f"`{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}`"


_SHOWN = 60
_FLAGS: Mapping[str, Check] = {
    "cache": _boolean, "persist": _boolean, "remote": _text, "push": _boolean, "desc": _text, "type": _text,
    "labels": _texts, "meta": _anything, "checkpoint": _boolean,
}  # fmt: skip
_PLOT: Mapping[str, Check] = {
    **_FLAGS, "x": _text, "y": _text, "x_label": _text, "y_label": _text, "title": _text, "header": _boolean, "template": _text,
}  # fmt: skip
_STAGE: Mapping[str, Check] = {
    "desc": _text, "cmd": _text_or_texts, "wdir": _text, "vars": _vars, "deps": _texts, "params": _params,
    "outs": _outputs(_FLAGS), "metrics": _outputs(_FLAGS), "plots": _outputs(_PLOT), "frozen": _boolean,
    "always_changed": _boolean, "meta": _anything,
}  # fmt: skip
_DEFINITION: Mapping[str, Check] = {
    "x": _by_file, "y": _several_by_file, "x_label": _text, "y_label": _text, "title": _text, "template": _text,
}  # fmt: skip
_ARTIFACT: Mapping[str, Check] = {"path": _text, "desc": _text, "type": _text, "labels": _texts, "meta": _anything}
_DATASET: Mapping[str, Check] = {
    "name": _text, "url": _text, "type": _text, "path": _text_or_nothing, "rev": _text_or_nothing,
}  # fmt: skip
_TOP: Mapping[str, Check] = {
    "vars": _vars, "stages": _names, "params": _texts, "metrics": _texts, "plots": _plots, "artifacts": _artifacts,
    "datasets": _datasets,
}  # fmt: skip
KINDS: Mapping[Check, str] = {
    _anything: "anything", _mapping: "mapping", _names: "names", _text: "text", _boolean: "boolean", _texts: "texts",
    _text_or_texts: "text or texts", _text_or_nothing: "text or nothing", _vars: "vars",
    _foreach: "foreach", _matrix: "matrix", _params: "params",
    _STAGE["outs"]: "outputs", _STAGE["metrics"]: "outputs", _STAGE["plots"]: "plot outputs", _plots: "plots",
    _by_file: "text by file", _several_by_file: "texts by file",
    _artifacts: "artifacts", _datasets: "datasets",
}  # fmt: skip
"""What each check asks for; with the tables, the schema that editors read is made of it."""
TABLES: Mapping[str, Mapping[str, Check]] = {
    "top": _TOP, "stage": {**_STAGE, "matrix": _matrix}, "native": {"run": _mapping, "map": _anything},
    "group": {"foreach": _foreach, "do": _mapping}, "output": _FLAGS,
    "plot output": _PLOT, "plot": _DEFINITION, "artifact": _ARTIFACT, "dataset": _DATASET,
}  # fmt: skip
