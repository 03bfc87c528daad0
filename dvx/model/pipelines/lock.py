"""StageState, Lock: what `dvx.lock` says, and what is observed now; one type, so they compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import SchemaError, nearest
from dvx.model.canonical import ordered
from dvx.model.dialect import Dialect
from dvx.model.imports.dataset import KEY, lock_of
from dvx.model.paths import is_outside, located, parent, relative
from dvx.model.pipelines.definition import DEFAULT_PARAMS
from dvx.model.pipelines.evidence import TOKEN_FIELDS, evidence
from dvx.model.pipelines.stage import Pipeline, Stage
from dvx.model.tracked.pointer import Recorded, decode_entry, encode_lock_entry

SCHEMA = "2.0"
_TOP = ("schema", "datasets", "stages")
_PLACE = ("version_id", "etag", "checksum", "cloud")
_STAGE = ("cmd", "deps", "params", "outs")
_ENV = "env"
_ENTRY = (
    "path", "hash", "size", "nfiles", "isexec", "etag", "checksum", "version_id", "cloud", "files", "fs_config", "repo", "db",
    KEY,
)  # fmt: skip

Where = tuple[str | int, ...]


class StageState(Struct, frozen=True):
    """What was seen of a stage: recorded in the lock, or observed now. Maps are keyed by project-relative path.

    `params` maps a file to its values: {"params.yaml": {"train.lr": 0.1}}. `outside` are outputs that do not lie in the project.
    """

    command: str | tuple[str, ...]
    deps: Mapping[str, Recorded] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outs: Mapping[str, Recorded] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, Recorded] = field(default_factory=dict)


class Lock(Struct, frozen=True):
    """The states of one lock file, by stage name, and what it says of datasets, by their names."""

    stages: Mapping[str, StageState]
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def having(self, name: str, state: StageState) -> Lock:
        """This lock with the state of one stage replaced or added."""
        return replace(self, stages={**self.stages, name: state})


def decode_lock(document: Any, file: str, dialect: Dialect, pipeline: Pipeline | None) -> Lock:
    """Read a loaded lock file; paths are relative to the working folder of their stage.

    Entries of stages that `pipeline` does not have are left out: nobody knows any more where their paths begin. Without
    a pipeline all are read, from the folder of the lock.

    Raises:
        SchemaError: an unknown key, a missing `schema`, or a value of the wrong kind.
    """
    if document is None:
        return Lock({})
    top = _mapping(document, ())
    _known(top, _TOP, ())
    if str(top.get("schema")) != SCHEMA:
        hint = f"remove `{file}` and run the pipeline again"
        raise SchemaError(f"`schema: '{SCHEMA}'` is expected", ("schema",) if "schema" in top else (), hint)
    stages = {}
    found = top.get("stages")
    for name, raw in _mapping({} if found is None else found, ("stages",)).items():
        stage = pipeline.stages.get(name) if pipeline else None
        if stage or not pipeline:
            owner = stage or Stage("", "", "", file, parent(file))
            stages[str(name)] = decode_state(raw, owner, dialect, ("stages", name))
    return Lock(stages, {str(lock["name"]): lock for lock in map(lock_of, _rows(top, "datasets", ())) if lock})


def lock_keys(dialect: Dialect) -> Mapping[str, tuple[str, ...]]:
    """The keys that a lock may have: at the top, in a stage, and in an entry of one."""
    stage = _STAGE if dialect.run_settings_in_meta else (*_STAGE, _ENV)
    return {"top": _TOP, "stage": stage, "entry": (*_ENTRY, *dialect.algorithms)}


def decode_state(raw: Any, stage: Stage, dialect: Dialect, where: Where) -> StageState:
    """Read what a lock, or an entry of the run-cache, has of a stage; raises like `decode_lock`."""
    entry = _mapping(raw, where)
    _known(entry, lock_keys(dialect)["stage"], where)
    command = entry.get("cmd")
    if isinstance(command, list) and all(isinstance(line, str) for line in command):
        command = tuple(command)
    if not isinstance(command, (str, tuple)):
        raise SchemaError("`cmd` is a text or a list of texts", (*where, "cmd") if "cmd" in entry else where)
    params, known = {}, stage.led_back
    for file, values in _mapping(entry.get("params", {}), (*where, "params")).items():
        if not isinstance(file, str):
            raise SchemaError("a file of parameters is called by a text", (*where, "params"))
        params[known.get(file) or located(file, stage.workdir, "")] = dict(_mapping(values or {}, (*where, "params", file)))
    outs = _entries(entry, "outs", stage, dialect, where)
    return StageState(
        command=command,
        deps=_entries(entry, "deps", stage, dialect, where),
        params=params,
        outs={path: recorded for path, recorded in outs.items() if not is_outside(path)},
        outside={path: recorded for path, recorded in outs.items() if is_outside(path)},
        env={str(name): str(value) for name, value in _mapping(entry.get(_ENV) or {}, (*where, _ENV)).items()},
    )


def keeping_versions(state: StageState, before: StageState | None) -> StageState:
    """`state`, with the remote's version of each output file that is as it was `before`."""
    outs = {}
    for path, now in state.outs.items():
        old = before.outs.get(path) if before else None
        kept = {}
        if old and old.content and now.content and old.content.digest == now.content.digest:
            kept = {key: old.extras[key] for key in _PLACE if key in old.extras}
        outs[path] = replace(now, extras={**kept, **now.extras}) if kept else now
    return replace(state, outs=outs)


def encode_state(state: StageState, stage: Stage) -> dict[str, Any]:
    """A stage's entry in the order in which a lock is written; empty parts are left out.

    Entries are sorted by path as written, files of parameters too but for the default one, which comes first.
    """
    entry: dict[str, Any] = {"cmd": list(state.command) if isinstance(state.command, tuple) else state.command}
    if state.env:
        entry[_ENV] = {name: state.env[name] for name in sorted(state.env)}
    deps = _encode_entries(state.deps, stage)
    if deps:
        entry["deps"] = deps
    files = {_text_of(path, stage): values for path, values in state.params.items()}
    params = {}
    for file in sorted(files, key=lambda name: (name != DEFAULT_PARAMS, name)):
        params[file] = {key: files[file][key] for key in ordered(files[file])}
    if params:
        entry["params"] = params
    outs = _encode_entries({**state.outs, **state.outside}, stage)
    if outs:
        entry["outs"] = outs
    return entry


def _encode_entries(entries: Mapping[str, Recorded], stage: Stage) -> list[dict[str, Any]]:
    rows = sorted((_text_of(path, stage), recorded) for path, recorded in entries.items())
    return [encode_lock_entry(text, recorded.content, recorded.extras) for text, recorded in rows]


def _text_of(path: str, stage: Stage) -> str:
    return stage.written.get(path) or (path if path.startswith("/") or "://" in path else relative(path, stage.workdir))


def _entries(entry: Mapping[str, Any], key: str, stage: Stage, dialect: Dialect, where: Where) -> dict[str, Recorded]:
    known, led_back = lock_keys(dialect)["entry"], stage.led_back
    found = {}
    for index, raw in enumerate(_rows(entry, key, where)):
        place = (*where, key, index)
        _known(_mapping(raw, place), known, place)
        recorded = decode_entry(raw, stage.workdir, dialect, place, outside=True)
        if recorded.content is None and evidence(recorded):
            fields = {name: raw[name] for name in TOKEN_FIELDS if name in raw}
            recorded = replace(recorded, extras={**fields, **recorded.extras})
        if is_outside(recorded.path):
            path = led_back.get(recorded.path) or located(recorded.path, stage.workdir, "")
            recorded = replace(recorded, path=path)
        found[recorded.path] = recorded
    return found


def _rows(entry: Mapping[str, Any], key: str, where: Where) -> list[Any]:
    rows = entry.get(key, [])
    if not isinstance(rows, list):
        raise SchemaError("a list is expected", (*where, key))
    return rows


def _mapping(value: Any, where: Where) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SchemaError("a mapping is expected", where)
    return value


def _known(entry: Mapping[str, Any], known: tuple[str, ...], where: Where) -> None:
    for key in entry:
        if key not in known:
            raise SchemaError(f"unknown key `{key}`", (*where, key), nearest(str(key), known))
