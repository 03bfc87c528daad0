"""JSON Schemas of dvx's files, for editors: made of the tables that the parser goes by.

They are of draft 7, which is what editors know. A schema is stricter than the parser where that helps who writes (a digest that
is no text), and never refuses what dvx writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

from dvx.model.dialect import Dialect
from dvx.model.imports.database import FORMATS
from dvx.model.pipelines.lock import SCHEMA, lock_keys
from dvx.model.pipelines.run_settings import RETRY, RUN
from dvx.model.pipelines.schema import KINDS, TABLES
from dvx.model.setup.option_words import option_word, section_word
from dvx.model.setup.options import ANY_REMOTE, DATABASE, SECTIONS, Option, Options, ValueKind
from dvx.model.setup.schema_words import Word, entry_word, file_word, pipeline_word, query_word, run_word
from dvx.model.setup.settings import options_of
from dvx.model.tracked.pointer import pointer_keys

Schema = dict[str, Any]


class FileKind(StrEnum):
    """A kind of file that dvx reads."""

    PIPELINE = "pipeline"
    POINTER = "pointer"
    LOCK = "lock"
    CONFIG = "config"


def schema_of(kind: FileKind, dialect: Dialect) -> Schema:
    """The JSON Schema of a kind of file."""
    makers = {FileKind.PIPELINE: _pipeline, FileKind.POINTER: _pointer, FileKind.LOCK: _lock, FileKind.CONFIG: _config}
    titles = {
        FileKind.PIPELINE: dialect.pipeline,
        FileKind.POINTER: f"*{dialect.pointer_suffix}",
        FileKind.LOCK: dialect.lock,
        FileKind.CONFIG: f"{dialect.folder}/config",
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": titles[kind], **makers[kind](dialect)}


def _object(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": [*required], "additionalProperties": False}


def _named(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _told(schema: Schema, word: Word) -> Schema:
    """A schema with what is said of its key."""
    told: Schema = {"description": word.text, **schema}
    if word.default is not None:
        told["default"] = word.default
    if word.examples:
        told["examples"] = list(word.examples)
    return told


_ANYTHING: Schema = {}
_TEXT: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_MAPPING: Schema = {"type": "object"}
_DIGEST: Schema = {"type": "string", "pattern": r"^[0-9A-Fa-f]+(\.dir)?$"}


def _pipeline(dialect: Dialect) -> Schema:
    stage = _table("stage")
    if not dialect.run_settings_in_meta:
        stage |= _table("native")
        stage["run"] |= _run()
        stage["map"] |= _map()
    each = {key: value for key, value in stage.items() if key != "matrix"}
    group = _table("group")
    group["do"] |= _object(each, ["cmd"])
    grouped = {"anyOf": [{"required": ["foreach"]}, {"required": ["do"]}]}
    entry: Schema = {"if": grouped, "then": _object(group, group), "else": _object(stage, ["cmd"])}
    top = _table("top")
    top["stages"] |= _named({"type": "object", **entry})
    return {**_object(top), "type": ["object", "null"]}


def _table(name: str) -> dict[str, Schema]:
    """The keys of one table of the parser."""
    return {key: _told(_FORMS[KINDS[check]](), pipeline_word(name, key)) for key, check in TABLES[name].items()}


def _outputs(table: str) -> Schema:
    settings = _object(_table(table))
    each = _either(settings, _list(settings)) if table == "plot output" else settings
    return _list(_either(_TEXT, _named(each)))


def _plots() -> Schema:
    named = _named(_either({"type": "null"}, _object(_table("plot"))))
    return _list(_either(_TEXT, {**named, "minProperties": 1}))


_FORMS: Mapping[str, Callable[[], Schema]] = {
    "anything": lambda: _ANYTHING,
    "mapping": lambda: _MAPPING,
    "names": lambda: _MAPPING,
    "text": lambda: _TEXT,
    "boolean": lambda: _BOOLEAN,
    "texts": lambda: _list(_TEXT),
    "text or nothing": lambda: _or_nothing(_TEXT),
    "text or texts": lambda: _either(_TEXT, _list(_TEXT)),
    "vars": lambda: _list({"type": ["string", "object"]}),
    "foreach": lambda: {"type": ["string", "array", "object"]},
    "matrix": lambda: _named({"type": ["string", "array"]}),
    "params": lambda: _list(_either(_TEXT, _named(_either({"type": "null"}, _list(_TEXT))))),
    "outputs": lambda: _outputs("output"),
    "plot outputs": lambda: _outputs("plot output"),
    "plots": _plots,
    "text by file": lambda: _either(_TEXT, _named(_TEXT)),
    "texts by file": lambda: _either(_TEXT, _list(_TEXT), _named(_either(_TEXT, _list(_TEXT)))),
    "artifacts": lambda: _named(_object(_table("artifact"), ["path"])),
    "datasets": lambda: _list({**_object(_table("dataset"), ["name", "url", "type"]), "additionalProperties": True}),
}


def _run() -> Schema:
    written = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]*\s*$"}
    duration = _either({"type": "number", "minimum": 0}, written)
    limit = _either({"type": "number", "exclusiveMinimum": 0}, written)
    code = {"type": "integer", "minimum": 1, "maximum": 255}
    amounts = {"gpu": _COUNT, "memory": duration}
    forms: dict[str, Schema] = {
        "maximum_attempts": {"type": "integer", "minimum": 1},
        "initial_interval": duration,
        "backoff_coefficient": {"type": "number", "minimum": 1},
        "maximum_interval": duration,
        "non_retryable_exit_codes": _either(code, _list(code)),
        "timeout": limit,
        "heartbeat": limit,
        "resources": {"type": "object", "properties": amounts, "additionalProperties": {"type": "number", "minimum": 0}},
        "env": _named({"type": ["string", "number", "boolean"]}),
        "shell": {"type": "string", "pattern": r"\S"},
        "snapshot": {"enum": [True, False, "copy"]},
    }

    def settings(keys: Iterable[str]) -> Schema:
        return _object({key: _told(_or_nothing(forms[key]), run_word(key)) for key in keys})

    # an editor says more of what is wrong in a branch that is chosen than in one of several
    forms["retry"] = {"if": _MAPPING, "then": settings(RETRY), "else": _or_nothing(forms["maximum_attempts"])}
    return settings(RUN)


def _map() -> Schema:
    over = _either(_TEXT, _list({"type": ["string", "number", "boolean"]}))
    what = {"description": "A folder, each file of which is an item, or a list.", **over}
    where = {"description": "Where in the output folder the output of an item lies.", "type": "string", "default": "{key}"}
    apart = _object({"over": what, "to": where}, ["over"])
    return {"if": _MAPPING, "then": apart, "else": over}


def _or_nothing(schema: Schema) -> Schema:
    return _either(schema, {"type": "null"})


def _entry(keys: Iterable[str], dialect: Dialect) -> Schema:
    forms = {
        "path": _TEXT,
        "hash": {"enum": [*dialect.algorithms]},
        "size": _COUNT,
        "nfiles": _COUNT,
        "labels": _list(_TEXT),
        "files": _list(_MAPPING),
        "db": _query(),
        **dict.fromkeys(("cloud", "repo", "dataset", "fs_config"), _MAPPING),
        **dict.fromkeys(("cache", "persist", "push", "isexec"), _BOOLEAN),
        **dict.fromkeys(("etag", "checksum", "version_id", "desc", "type", "remote"), _TEXT),
        **dict.fromkeys(dialect.algorithms, _DIGEST),
    }
    nullable = ("etag", "checksum", "version_id", "remote", "size", "nfiles", "db")
    properties = {key: forms.get(key, _ANYTHING) for key in keys}
    told = {key: _told(_or_nothing(form) if key in nullable else form, entry_word(key)) for key, form in properties.items()}
    if "db" not in properties:
        return _object(told, ["path"])
    # what comes from a database has no path
    return {**_object(told), **_either({"required": ["path"]}, {"required": ["db"]})}


def _query() -> Schema:
    forms = {"connection": _TEXT, "query": _TEXT, "table": _TEXT, "file_format": {"enum": [*FORMATS]}}
    return _object({key: _told(form, query_word(key)) for key, form in forms.items()}, ["connection"])


def _pointer(dialect: Dialect) -> Schema:
    keys = pointer_keys(dialect)
    forms = {
        "md5": _TEXT, "wdir": _TEXT, "frozen": _BOOLEAN, "locked": _BOOLEAN, "always_changed": _BOOLEAN, "desc": _TEXT,
        "deps": _list(_entry(keys["dep"], dialect)), "outs": _list(_entry(keys["out"], dialect)), "meta": _ANYTHING,
    }  # fmt: skip
    return _object({key: _told(forms[key], file_word(key)) for key in keys["top"]})


def _lock(dialect: Dialect) -> Schema:
    keys = lock_keys(dialect)
    entries = _list(_entry(keys["entry"], dialect))
    forms = {
        "cmd": _FORMS["text or texts"](), "deps": entries, "outs": entries,
        "params": _named(_or_nothing(_MAPPING)), "env": _named({"type": ["string", "number", "boolean"]}),
    }  # fmt: skip
    stage = _object({key: _told(forms[key], file_word(key)) for key in keys["stage"]}, ["cmd"])
    top = {"schema": {"enum": [SCHEMA]}, "datasets": _list(_MAPPING), "stages": _or_nothing(_named(stage))}
    return _object({key: _told(top[key], file_word(key)) for key in keys["top"]}, ["schema"])


def _config(dialect: Dialect) -> Schema:
    """Sections as objects: `core`, `remote "NAME"`... Values are texts, as in the file."""

    def section(name: str, options: Options) -> Schema:
        known = {option: _told(_option(one), option_word(name, option)) for option, one in options.items()}
        return _told(_object(known), section_word(name))

    sections = {name: section(name, options_of(name, dialect.algorithms)) for name in SECTIONS}
    named = {f'^{name}\\s+".+"$': section(name, options) for name, options in (("remote", ANY_REMOTE), ("db", DATABASE))}
    return {**_object(sections), "patternProperties": {**named, "^(machine|feature)": _MAPPING}}


def _option(option: Option) -> Schema:
    if option.kind is ValueKind.FLAG:
        return _either(_BOOLEAN, {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"})
    if option.kind in (ValueKind.WHOLE, ValueKind.NUMBER):
        number: Schema = {"type": "integer" if option.kind is ValueKind.WHOLE else "number"}
        if option.minimum is not None:
            number["minimum"] = option.minimum
        return _either(number, {"type": "string", "pattern": f"^{_DIGITS[option.minimum, option.kind]}$"})
    if option.kind is ValueKind.CHOICE:
        return {"enum": list(option.choices)}
    if option.kind is ValueKind.LINKS:
        link = "(reflink|hardlink|symlink|copy)"
        words = _list({"type": "string", "pattern": f"^{link}$"})
        return _either({"type": "string", "pattern": rf"^\s*{link}\s*(,\s*{link}\s*)*$"}, words)
    return _TEXT


_DIGITS = {
    (None, ValueKind.WHOLE): "-?[0-9]+",
    (1, ValueKind.WHOLE): "0*[1-9][0-9]*",
    (0, ValueKind.NUMBER): r"[0-9]+(\.[0-9]*)?",
}
