"""Facts about the JSON Schemas: they say what the parsers say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator

from dvx.errors import ConfigError, DvxError, SchemaError
from dvx.model.dialect import DIALECTS, DVC, NATIVE, Dialect
from dvx.model.pipelines.definition import decode_pipeline
from dvx.model.pipelines.expanded import CommandStyle
from dvx.model.pipelines.lock import decode_lock
from dvx.model.pipelines.run_settings import decode_run
from dvx.model.pipelines.schema import check_document
from dvx.model.setup.ini import parse
from dvx.model.setup.json_schema import FileKind, schema_of
from dvx.model.setup.settings import Level, check, merge, read_settings
from dvx.model.tracked.pointer import decode_pointer

PIPELINE: Any = {
    "vars": ["settings.yaml", {"epochs": 3}],
    "stages": {
        "train": {
            "cmd": ["python train.py", "./sort.sh"],
            "wdir": "sub",
            "deps": ["train.py"],
            "params": ["lr", {"other.yaml": ["a.b"]}, {"whole.yaml": None}],
            "outs": ["model", {"log": {"cache": False, "persist": True, "labels": ["x"], "remote": "r", "meta": 1}}],
            "metrics": [{"m.json": {"cache": False, "push": False, "type": "t", "desc": "d"}}],
            "plots": [{"p.csv": {"x": "step", "y": "loss", "header": False}}, {"q.csv": [{"title": "t"}]}],
            "frozen": True,
            "always_changed": False,
            "desc": "d",
            "meta": {"a": 1},
        },
        "each": {"foreach": {"a": 1}, "do": {"cmd": "echo ${item}"}},
        "grid": {"matrix": {"m": ["a"], "n": [1, 2]}, "cmd": "x ${item.m}"},
    },
    "params": ["p.yaml"],
    "metrics": ["m.json"],
    "plots": [{"loss": {"x": "step", "y": {"p.csv": "loss"}}}, "q.csv", {"named": None}],
    "artifacts": {"net": {"path": "model", "type": "model", "labels": ["a"]}},
    "datasets": [{"name": "d", "url": "u", "type": "dvc", "path": "p", "rev": None}, {"name": "e", "url": "u", "type": "url"}],
}
RUN_SETTINGS: Any = {
    "retry": {"maximum_attempts": 3, "initial_interval": "2s", "backoff_coefficient": 1.5, "non_retryable_exit_codes": [2]},
    "timeout": "1h",
    "heartbeat": 30,
    "resources": {"cpu": 2, "memory": "4GiB", "gpu": 1, "license": 1},
    "env": {"SEED": 7, "FAST": True, "NAME": "x"},
    "shell": "bash",
}
DIGEST = "b1946ac92492d2347c6235b4d2611184"
POINTER: Any = {
    "md5": DIGEST,
    "frozen": True,
    "wdir": ".",
    "deps": [{"path": "data", "repo": {"url": "x", "rev_lock": "y"}, "etag": "e"}],
    "outs": [{"md5": DIGEST, "size": 6, "hash": "md5", "path": "a", "cache": False, "desc": "d", "isexec": True}],
    "desc": "d",
}
LOCK: Any = {
    "schema": "2.0",
    "datasets": [{"name": "d", "url": "u", "type": "url", "meta": {"size": 1}, "files": [{"relpath": "a", "meta": {}}]}],
    "stages": {
        "train": {
            "cmd": "python train.py",
            "deps": [{"path": "a", "hash": "md5", "md5": DIGEST, "size": 6}, {"path": "ds://d", "dataset": {"name": "d"}}],
            "params": {"params.yaml": {"lr": 0.1}},
            "outs": [{"path": "d", "hash": "md5", "md5": DIGEST + ".dir", "size": 6, "nfiles": 2}],
        }
    },
}
OTHERS: tuple[Any, ...] = (None, 1, 2.5, True, "x", [], {}, [1], ["x"], {"unknown": 1}, [{"unknown": {"unknown": 1}}])


def _mutants(document: Any) -> Iterator[Any]:
    """The document with one value replaced, removed, or beside an unknown key."""
    yield from (other for other in OTHERS if other != document)
    if isinstance(document, dict):
        for key, value in document.items():
            rest = {name: other for name, other in document.items() if name != key}
            yield rest
            yield {**document, "unknown": value}
            yield from ({**document, key: mutant} for mutant in _mutants(value))
    elif isinstance(document, list):
        for index, item in enumerate(document):
            yield from ([*document[:index], mutant, *document[index + 1 :]] for mutant in _mutants(item))


def _accepts(read: Callable[[Any], object], document: Any) -> bool:
    try:
        read(document)
    except SchemaError:
        return False
    except (DvxError, KeyError):
        # what a schema cannot say: paths, templates, two owners
        return True
    return True


def _disagreeing(kind: FileKind, dialect: Dialect, document: Any, read: Callable[[Any], object]) -> Iterator[tuple[Any, bool]]:
    validator = Draft7Validator(schema_of(kind, dialect))
    for mutant in [document, *_mutants(document)]:
        valid = validator.is_valid(mutant)
        if valid != _accepts(read, mutant):
            yield mutant, valid


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_pipeline_is_valid_where_the_parser_reads_it(dialect: Dialect) -> None:
    assert decode_pipeline(PIPELINE, dialect.pipeline, dialect, lambda _: {}, CommandStyle()).stages
    found = list(_disagreeing(FileKind.PIPELINE, dialect, PIPELINE, lambda document: check_document(document, dialect)))
    assert found == []


def test_run_settings_are_valid_where_the_parser_reads_them() -> None:
    validator = Draft7Validator(schema_of(FileKind.PIPELINE, NATIVE))
    for mutant in [RUN_SETTINGS, *(each for each in _mutants(RUN_SETTINGS) if each is not None)]:
        valid = validator.is_valid({"stages": {"s": {"cmd": "x", "run": mutant}}})
        assert valid == _accepts(lambda raw: decode_run(raw, (), records_env=True), mutant), mutant
    assert not Draft7Validator(schema_of(FileKind.PIPELINE, DVC)).is_valid({"stages": {"s": {"cmd": "x", "run": {}}}})


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(("kind", "document"), [(FileKind.POINTER, POINTER), (FileKind.LOCK, LOCK)])
def test_what_is_valid_as_a_pointer_or_lock_is_read(dialect: Dialect, kind: FileKind, document: Any) -> None:
    def read(raw: Any) -> object:
        if kind is FileKind.LOCK:
            return decode_lock(raw, dialect.lock, dialect, None)
        return decode_pointer(raw, f"a{dialect.pointer_suffix}", dialect)

    validator = Draft7Validator(schema_of(kind, dialect))
    validator.validate(document)
    read(document)
    wrong = [mutant for mutant, valid in _disagreeing(kind, dialect, document, read) if valid]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("[core]\nremote = s\nautostage = True\nchecksum_jobs = 4\n['remote \"s\"']\nurl = s3://b\nread_timeout = 3\n", True),
        ("[cache]\ntype = reflink,copy\nshared = group\n", True),
        ("[core]\nautostge = true\n", False),
        ("[core]\nautostage = maybe\n", False),
        ("[core]\nchecksum_jobs = 0\n", False),
        ("[cache]\ntype = copy,teleport\n", False),
        ("[nonsense]\na = b\n", False),
    ],
)
def test_a_config_is_valid_where_the_parser_reads_it(text: str, valid: bool) -> None:
    document = parse(text, "config")
    sections = {section.title: {item.key: item.value for item in section.items} for section in document.sections}
    assert Draft7Validator(schema_of(FileKind.CONFIG, NATIVE)).is_valid(json.loads(json.dumps(sections))) is valid
    settings = merge(read_settings(document, Level.REPO, "config"))
    try:
        check(settings, NATIVE.algorithms)
    except ConfigError:
        assert not valid
    else:
        assert valid


def _properties(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"].items()
        for key, value in schema.items():
            if key not in ("default", "examples"):
                yield from _properties(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _properties(item)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("kind", list(FileKind))
def test_every_key_is_described_and_its_examples_are_valid(kind: FileKind, dialect: Dialect) -> None:
    schema = schema_of(kind, dialect)
    Draft7Validator.check_schema(schema)
    found = list(_properties(schema))
    assert len(found) > 8
    for key, each in found:
        assert each.get("description") or key in ("gpu", "memory"), key
        for example in [*each.get("examples", ()), *([each["default"]] if "default" in each else ())]:
            Draft7Validator(each).validate(example)
