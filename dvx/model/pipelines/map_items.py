"""MapSettings: a stage over the files of a folder, or over a list, each item of which is run and kept on its own.

Settings are read by hand, for the reason that `model.pipelines.run_settings` gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, SchemaError, UnsafePath, nearest
from dvx.model.canonical import json_sorted
from dvx.model.paths import check_path, join, parent, relative
from dvx.model.pipelines.expanded import as_text
from dvx.model.pipelines.stage import MapSettings, Stage
from dvx.model.tracked.pointer import Output, OutputKind

SETTINGS = "DVX_MAP"
"""The variable that says what is mapped to what: so that a change of it is a reason to run."""
_ITEM, _KEY, _OUT = "DVX_ITEM", "DVX_KEY", "DVX_OUT"
_FIELDS = {"key": "a", "stem": "a"}
_SAME = "{key}"

Where = tuple[str | int, ...]


class MapItem(Struct, frozen=True):
    """One item: its key (a file's path in the folder, or the text of the list), and the path of its output: in the project, and
    `inner` in the stage's output folder.
    """

    key: str
    out: str
    inner: str


def decode_map(raw: Any, where: Where) -> MapSettings:
    """Read what a stage maps over: a folder, a list, or `over` and `to` apart.

    Raises:
        SchemaError: a value of the wrong kind, or a pattern with an unknown field.
    """
    if not isinstance(raw, Mapping):
        return MapSettings(_over(raw, where))
    for key in raw:
        if key not in ("over", "to"):
            raise SchemaError(f"unknown key `{key}`", (*where, key), nearest(str(key), ("over", "to")))
    if "over" not in raw:
        raise SchemaError("`over` is missing", where, "name a folder, or give a list")
    to = raw.get("to", _SAME)
    try:
        if check_path(str(to).format_map(_FIELDS)) and to == str(to):
            return MapSettings(_over(raw["over"], (*where, "over")), to)
    except (KeyError, IndexError, ValueError, UnsafePath):
        pass
    hint = "write the path of an item's output in the output folder, as `{key}` or `{stem}.png`"
    raise SchemaError(f"`{to}` is no pattern of a path", (*where, "to"), hint)


def check_mapped(stage: Stage, where: Where) -> Stage:
    """A stage that maps, with what it maps over among its inputs.

    Raises:
        SchemaError: its output is not one folder in the cache.
    """
    mapped = stage.map
    if mapped is None:
        return stage
    if len(stage.outs) != 1 or stage.outs[0].kind is not OutputKind.DATA or not stage.outs[0].cached or stage.outs[0].persist:
        raise SchemaError("a stage with `map` has one output, a folder in the cache", where, "list one folder under `outs`")
    if stage.always:
        raise SchemaError("a stage with `map` cannot be `always_changed`", where)
    if stage.run.snapshot:
        hint = "leave `snapshot` out: an item whose input changes is run again, the others are not"
        raise SchemaError("a stage with `map` cannot have a `snapshot`", where, hint)
    deps = stage.deps
    if isinstance(mapped.over, str) and mapped.over not in deps:
        deps = (mapped.over, *deps)
    variables = {**stage.run.env, SETTINGS: json_sorted([mapped.over, mapped.to])}
    return replace(stage, deps=deps, run=replace(stage.run, env=variables))


def items_of(stage: Stage, keys: Iterable[str]) -> dict[str, MapItem]:
    """The items of a stage by their keys: `keys` are the files of the folder, if it maps over one.

    Raises:
        DvxError: two items would have one output, or one in the other.
    """
    mapped, folder = stage.map, stage.outs[0].path
    if mapped is None:
        return {}
    found = {}
    taken: dict[str, str] = {}
    for key in mapped.over if not isinstance(mapped.over, str) else keys:
        name = key.rpartition("/")[2]
        stem = key[: len(key) - len(name) + name.rfind(".")] if "." in name[1:] else key
        place = mapped.to.format(key=key, stem=stem)
        try:
            check_path(place)
        except UnsafePath as error:
            raise DvxError(f"the item `{key}` of the stage `{stage.address}` has no output: {error.message}") from None
        if place in taken:
            hint = "use `{key}` in the pattern `to`, which tells them apart"
            raise DvxError(f"`{taken[place]}` and `{key}` of the stage `{stage.address}` have one output, `{place}`", hint)
        taken[place] = key
        found[key] = MapItem(key, f"{folder}/{place}", place)
    for place, key in taken.items():
        above = parent(place)
        while above:
            if above in taken:
                raise DvxError(f"the output of `{key}` lies in that of `{taken[above]}`, in the stage `{stage.address}`")
            above = parent(above)
    return found


def item_stage(stage: Stage, item: MapItem) -> Stage:
    """The stage that one item is: it reads and makes what belongs to the item only."""
    mapped = stage.map
    variables = {name: value for name, value in stage.run.env.items() if name != SETTINGS}
    deps, written = stage.deps, dict(stage.written)
    if mapped is not None and isinstance(mapped.over, str):
        source = f"{mapped.over}/{item.key}"
        deps = tuple(source if dep == mapped.over else dep for dep in deps)
        written[source] = relative(source, stage.workdir)
    else:
        variables[_ITEM] = item.key
    written[item.out] = relative(item.out, stage.workdir)
    return replace(
        stage,
        name=f"{stage.name}[{item.key}]",
        address=f"{stage.address}[{item.key}]",
        deps=deps,
        outs=(Output(item.out),),
        map=None,
        run=replace(stage.run, env=variables),
        written=written,
    )


def variables_of(stage: Stage, item: MapItem) -> dict[str, str]:
    """What the command is told of an item; paths are seen from the working folder."""
    mapped = stage.map
    value = item.key
    if mapped is not None and isinstance(mapped.over, str):
        value = relative(f"{mapped.over}/{item.key}", stage.workdir)
    return {_ITEM: value, _KEY: item.key, _OUT: relative(item.out, stage.workdir)}


def in_folder(settings: MapSettings, workdir: str) -> MapSettings:
    """The settings with the folder seen from the project."""
    return replace(settings, over=join(workdir, settings.over)) if isinstance(settings.over, str) else settings


def _over(raw: Any, where: Where) -> str | tuple[str, ...]:
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, list) or any(isinstance(value, (Mapping, list)) or value is None for value in raw):
        raise SchemaError("the path of a folder, or a list of texts or numbers is expected", where)
    texts = tuple(map(as_text, raw))
    if len(set(texts)) < len(texts):
        raise SchemaError("an item stands twice in the list", where)
    return texts
