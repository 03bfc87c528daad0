"""Every decoder of foreign bytes as a function of bytes, with the use that is made of its answer, and inputs to break them with.

A decoder answers, or raises what it promises: DvxError, or ValueError where it says so. Seeds lie in `seeds`, one folder each.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from dvx.errors import DvxError
from dvx.formats import (
    decoded,
    edit_data,
    load_data,
    load_jsonc,
    load_yaml,
    locate,
    remove_from_lock,
    splice_dataset,
    splice_lock,
)
from dvx.git.values import parse_commit
from dvx.journal import rows
from dvx.model.compare.params import flatten, measured, parse_key, select
from dvx.model.compare.plot_fill import Chart, check, fill
from dvx.model.compare.plot_points import points_of, sources_of
from dvx.model.compare.plot_templates import TEMPLATES
from dvx.model.dialect import DIALECTS, DVC, NATIVE, Dialect
from dvx.model.digest import Digest
from dvx.model.experiments.override import Op, Override
from dvx.model.experiments.refs import ExpRef, named
from dvx.model.kept import PARTIAL, RUN, WORKER, convert_kept, read_bodies, read_kept
from dvx.model.paths import printable
from dvx.model.pipelines.run import Run, State, encode_run
from dvx.model.pipelines.run_history import fold
from dvx.model.setup import ini
from dvx.model.setup.settings import Level, merge, read_settings
from dvx.model.setup.settings import check as check_settings
from dvx.model.setup.trust import decode_record
from dvx.model.tracked.named import named_in
from dvx.model.transfer.claims import claim_name, decode_claim
from dvx.model.transfer.pack import decode_index, name_of
from dvx.model.tree import decode_tree, encode_tree, named_digests
from dvx.ops.compare import plots
from dvx.ops.experiments import pending
from dvx.ops.stages.leftovers import About
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.pipeline_files import graph_of, parse_lock, parse_pipeline
from dvx.ops.tracked.pointer_text import read_pointer
from dvx.shell.trace import read_trace

SEEDS = Path(__file__).parent / "seeds"
_PARAMS = b"lr: 0.1\nlayers: [1, 2]\nnames: {a: b}\n"
_DEPTHS = (10, 110, 2_000, 20_000)
_TOKENS = (
    b"null", b"true", b"~", b"NaN", b".inf", b"-1", b"0x1f", b"1e999", b"9" * 400, b"9" * 5_000, b"-", b"- ", b": ",
    b"? ", b"{", b"}", b"[", b"]", b"[]", b"{}", b'"', b"'", b"'''", b'"""', b"#", b"|", b">", b"&a ", b"*a", b"<<: ",
    b"!!python/name:os.system ", b"!!binary ", b"!!set ", b"%YAML 1.1\n", b"---\n", b"...\n", b"\0", b"\r", b"\n",
    b"\t", b"\x1b[2J", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\\u0000", b"\\ud800", b"\\",
    b"..", b"../", b"/", b".git", b".dvc", b"${", b"}", b"${lr}", b"$", b"%s", b"@", b",", b"=", b"\xc2\xb2",
    b"2026-01-01", b"1_000", b"0o17", b"1:20:30", b"\xd9\xa3",
)  # fmt: skip


@dataclass(frozen=True)
class Decoder:
    """`use` decodes bytes and uses the answer; `refusals` are what it may raise; `is_slow` ones get fewer inputs."""

    use: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = (DvxError,)
    is_slow: bool = False


def _pointer(data: bytes) -> None:
    for dialect in DIALECTS:
        try:
            pointer = read_pointer(data, f"d/a{dialect.pointer_suffix}", dialect)
        except DvxError as error:
            str(error)
            continue
        graph_of(Index({pointer.path: pointer}, {}, {}, dialect.lock), str)
    set(named_in(load_yaml(decoded(data, "a"), "a"), "d/a.dvc"))


def _lock(data: bytes) -> None:
    text = decoded(data, "dvx.lock")
    for dialect in DIALECTS:
        try:
            lock = parse_lock(text, f"d/{dialect.lock}", dialect, None)
        except DvxError as error:
            str(error)
            continue
        for name, state in lock.stages.items():
            remove_from_lock(text, name)
            splice_lock(text, name, {"cmd": state.command if isinstance(state.command, str) else list(state.command)})
        for dataset in lock.datasets.values():
            splice_dataset(text, dataset)
    set(named_in(load_yaml(text, "a"), "dvc.lock"))


def _run(data: bytes) -> None:
    from dvx.model.pipelines.lock import decode_state
    from dvx.model.pipelines.runcache import run_value
    from dvx.model.pipelines.stage import Stage

    entry = load_yaml(data.decode("utf-8", "replace"), "run")
    decode_state(entry, Stage("s", "s", "x", "dvc.yaml"), DVC, ())
    run_value(entry)


def _pipeline(data: bytes) -> None:
    text = decoded(data, "dvx.yaml")
    for dialect in DIALECTS:
        try:
            _use_pipeline(text, dialect)
        except DvxError as error:
            str(error)


def _use_pipeline(text: str, dialect: Dialect) -> None:
    file = f"d/{dialect.pipeline}"
    pipeline = parse_pipeline(text, file, dialect, lambda path: _PARAMS if path.endswith(".yaml") else None)
    index = Index({}, {file: pipeline}, {}, dialect.lock)
    graph_of(index, str)
    for stage in index.stages.values():
        locate(text, ("stages", stage.name))
    for name, properties in pipeline.plots:
        _draw(name, dict(properties or {}), [{"step": 1, "loss": 0.5, "acc": "x"}])


def _tree(data: bytes) -> None:
    for algorithm in ("md5", "xxh128", "md5-dos2unix", "sha256"):
        try:
            tree = decode_tree(data, algorithm)
        except DvxError:
            continue
        for dialect in DIALECTS:
            encode_tree(tree, dialect)
        named_digests(data, algorithm)


def _config(data: bytes) -> None:
    text = decoded(data, "config")
    document = ini.parse(text, "config")
    ini.parse(ini.render(document), "config")
    check_settings(merge(read_settings(document, Level.REPO, "config")), NATIVE.algorithms)


def _pack(data: bytes) -> None:
    for algorithm in ("xxh128", "blake3", "sha256"):
        try:
            found = list(decode_index(algorithm, name_of(algorithm, data), data))
        except DvxError:
            continue
        for name, _ in found:
            Digest(algorithm, name)


def _claim(data: bytes) -> None:
    decode_claim(claim_name(data), data)


def _journal(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        columns = json.loads(text)
    except (ValueError, RecursionError):
        columns = None
    found = [tuple(row) for row in columns if isinstance(row, list) and len(row) == 6] if isinstance(columns, list) else []
    told = [(*row[:3], row[3] if isinstance(row[3], str) else json.dumps(row[3]), *row[4:]) for row in found]
    facts = rows.read_facts([*told, ("20260101-000000-1", "StageFailed", "a", text, 1.0, 1)])
    run = fold(Run("20260101-000000-1", state=State.KILLED), facts)
    json.dumps(msgspec.to_builtins(run, str_keys=True))


def _task(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    ident = re.search(r'"ident": *"([0-9a-f]*)"', text)
    state = re.search(r'"state": *"([a-z]*)"', text)
    name = re.search(r'"name": *"([^"]*)"', text)
    found = rows.read_run((ident and ident[1], name[1] if name else "", "queue", state and state[1], "", text))
    if found is not None:
        json.dumps(encode_run(found))
        " ".join(map(str, found.options.get("targets", ())))
        body = {"params": {"params.yaml": {"data": {"lr": 1, "layers": [1]}}}, "metrics": {}, "deps": {}, "outs": {}}
        pending._overridden(body, found.overrides)
        _cells(found.seen)


def _cells(body: Any) -> None:
    from dvx.cli.experiments.table import cells
    from dvx.ops.experiments.show import ExperimentRow

    cells(ExperimentRow("a" * 40, "", 0, body, None))


def _body(data: bytes) -> None:
    _cells(read_bodies(data.decode("utf-8", "replace"))["data"])


def _note(data: bytes) -> None:
    from dvx.store.trash import _Note

    note = convert_kept(read_kept(data), _Note)
    printable(note.path)
    json.dumps({"path": note.path, "taken": note.taken})


def _plan(data: bytes) -> None:
    from dvx.ops.workspace.trash import _Plan

    json.dumps(msgspec.to_builtins(convert_kept(read_kept(data), _Plan)))


def _names(data: bytes) -> None:
    for name in data.decode("utf-8", "surrogateescape").split("\n"):
        if PARTIAL.fullmatch(name):
            algorithm, _, rest = name.rpartition("-")
            if len(rest.removesuffix(".dir")) in (32, 64):
                str((algorithm, rest))
        assert not (WORKER.fullmatch(name) or RUN.fullmatch(name)) or "/" not in name
        ref = ExpRef.parse(name)
        assert ref is None or (str(ref) == name and ".." not in name)
        named(name, [(ExpRef("a" * 40, "one"), "b" * 40)])


def _commit(data: bytes) -> None:
    info = parse_commit("a" * 40, data)
    printable(info.subject)


def _trace(data: bytes) -> None:
    first, _, rest = data.decode("utf-8", "replace").partition("\n")
    read_trace(rest)
    convert_kept(read_kept(first.removeprefix("about ")), About)


def _trust(data: bytes) -> None:
    decode_record(data, "/a", 1)


def _template(data: bytes) -> None:
    template = plots.read_template(data, "mine")
    chart = Chart(
        [{"step": 0, "loss": 1, "rev": "a", "filename": "", "field": "loss"}], {"x": "step", "y": "loss"}, (("", "loss"),), ("a",)
    )
    check(template, chart)
    json.dumps(fill(template, chart).content)
    fill(template, chart, split=True)


def _draw(name: str, properties: dict[str, Any], content: Any) -> None:
    contents = dict.fromkeys(sources_of(name, properties), content)
    points = points_of(name, properties, contents, "workspace")
    chart = Chart(list(points.rows), points.properties, points.ys, ("workspace",))
    template = TEMPLATES[properties["template"] if properties.get("template") in TEMPLATES else "linear"]()
    check(template, chart)
    json.dumps(fill(template, chart).content)


def _plot(data: bytes, path: str) -> None:
    content = plots._content(data, path, header=bool(len(data) % 4))
    _draw(path, _DRAWN[len(data) % len(_DRAWN)], content)


_DRAWN: tuple[dict[str, Any], ...] = (
    {},
    {"x": "step", "y": ["loss", "acc"]},
    {"template": "confusion", "x": "loss", "y": "acc"},
)


def _params(data: bytes, path: str) -> None:
    value = load_data(data, path)
    flatten(measured(value))
    select(value, ("lr", "train.lr", "layers[0]", "layers.1"))
    json.dumps(flatten(value))
    edit_data(data, path, [_EDITS[len(data) % len(_EDITS)]])


_EDITS = (
    Override("p", ("lr",), Op.FORCE, 0.5),
    Override("p", ("train", "lr"), Op.CHANGE, "x"),
    Override("p", ("lr",), Op.REMOVE),
    Override("p", ("train", "layers", 1), Op.FORCE, {"a": [None]}),
)


def _key(data: bytes) -> None:
    for line in data.decode("utf-8", "replace").split("\n"):
        select({"a": [1], "b": {"c": 1}}, [line])
        parse_key(line)


def _settings(data: bytes) -> None:
    load_jsonc(decoded(data, "settings.json"), "settings.json")


DECODERS = {
    "pointer": Decoder(_pointer, is_slow=True),
    "lock": Decoder(_lock, is_slow=True),
    "run": Decoder(_run),
    "pipeline": Decoder(_pipeline, is_slow=True),
    "tree": Decoder(_tree),
    "config": Decoder(_config),
    "pack": Decoder(_pack, is_slow=True),
    "claim": Decoder(_claim),
    "journal": Decoder(_journal, ()),
    "task": Decoder(_task, ()),
    "body": Decoder(_body, (ValueError,)),
    "note": Decoder(_note, (ValueError,)),
    "plan": Decoder(_plan, (ValueError,)),
    "names": Decoder(_names, ()),
    "commit": Decoder(_commit, ()),
    "trace": Decoder(_trace, (ValueError,)),
    "trust": Decoder(_trust, ()),
    "template": Decoder(_template, is_slow=True),
    "plot.csv": Decoder(lambda data: _plot(data, "p.csv"), is_slow=True),
    "plot.tsv": Decoder(lambda data: _plot(data, "p.tsv"), is_slow=True),
    "plot.json": Decoder(lambda data: _plot(data, "p.json"), is_slow=True),
    "plot.yaml": Decoder(lambda data: _plot(data, "p.yaml"), is_slow=True),
    "params.yaml": Decoder(lambda data: _params(data, "p.yaml"), is_slow=True),
    "params.json": Decoder(lambda data: _params(data, "p.json")),
    "params.toml": Decoder(lambda data: _params(data, "p.toml"), is_slow=True),
    "params.py": Decoder(lambda data: _params(data, "p.py"), is_slow=True),
    "key": Decoder(_key),
    "settings": Decoder(_settings),
}


@cache
def seeds_of(name: str) -> tuple[bytes, ...]:
    """Inputs to begin with, and those that broke the decoder once."""
    return tuple(path.read_bytes() for path in sorted((SEEDS / name).iterdir()))


def mutated(dice: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with a few changes."""
    data = dice.choice(seeds)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        data = dice.choice(_CHANGES)(dice, data, seeds)
    return data[:200_000]


def _place(dice: random.Random, data: bytes) -> int:
    return dice.randrange(len(data) + 1)


def _flip(dice: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    if not data:
        return b"\x80"
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :]


def _cut(dice: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    start = _place(dice, data)
    end = start + dice.choice((1, 3, 20, len(data)))
    return data[start:] if dice.random() < 0.1 else data[:start] + data[end:]


def _splice(dice: random.Random, data: bytes, seeds: tuple[bytes, ...]) -> bytes:
    other = dice.choice(seeds)
    return data[: _place(dice, data)] + other[_place(dice, other) :]


def _insert(dice: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    at = _place(dice, data)
    return data[:at] + dice.choice(_TOKENS) + data[at:]


def _words(data: bytes) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(rb"[\w.-]+|[^\w\s]", data)]


def _swap(dice: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    words = _words(data)
    if len(words) < 2:
        return data
    (a, b), (c, d) = sorted(dice.sample(words, 2))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _replace(dice: random.Random, data: bytes, seeds: tuple[bytes, ...]) -> bytes:
    words = _words(data)
    if not words:
        return data
    start, end = dice.choice(words)
    return data[:start] + dice.choice(_TOKENS) + data[end:]


def _repeat(dice: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    start = _place(dice, data)
    end = start + dice.choice((1, 5, 40))
    return data[:start] + data[start:end] * dice.choice((2, 10, 300)) + data[end:]


def _nest(dice: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    words = _words(data) or [(0, 0)]
    start, end = dice.choice(words)
    before, after = dice.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"{a: ", b"}"), (b"- ", b""), (b"(", b")"), (b"${", b"}"), (b"-", b""))
    )
    depth = dice.choice(_DEPTHS if dice.random() < 0.1 else _DEPTHS[:2])
    return data[:start] + before * depth + data[start:end] + after * depth + data[end:]


def _revalue(dice: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    """Another value somewhere in a JSON document; any other stays as it is."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    here, key = {"": document}, ""
    while dice.random() < 0.8 and isinstance(here[key], dict | list) and here[key]:  # type: ignore[index]
        here = here[key]  # type: ignore[assignment,index]
        key = dice.choice(list(here) if isinstance(here, dict) else range(len(here)))  # type: ignore[arg-type]
    here[key] = dice.choice(_VALUES)  # type: ignore[index]
    return json.dumps(document).encode()


_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1 << 62, 1 << 64, 10**400, 0.5, -0.5, 1e300, float("nan"), float("inf"), "", "a", "..",
    "../../x", "\0", "\ud800", "a" * 5_000, "9" * 5_000, [], {}, [[]], [None], {"": None}, {"a": {"b": []}}, ["a", 1],
    "\n", "a\n", "\x1b]0;x\x07", "<DVC_METRIC_DATA>",
)  # fmt: skip
_CHANGES = (
    _revalue,
    _revalue,
    _flip,
    _cut,
    _splice,
    _insert,
    _insert,
    _swap,
    _swap,
    _swap,
    _replace,
    _replace,
    _replace,
    _repeat,
    _nest,
)
