"""Template: `vars`, `${...}`, `foreach` and `matrix` of a pipeline file: raw document -> stages.

Source of the rules: DVC's format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from msgspec import Struct

from dvx.errors import SchemaError, nearest
from dvx.model.paths import join
from dvx.model.pipelines.expanded import CommandStyle, Expanded, as_text, is_templated
from dvx.model.pipelines.interpolate import Interpolator, Ledger, Use, kind, names_variables
from dvx.model.pipelines.variables import FoundValue, Layer, VariableScope, Where, dotted, is_composite

DEFAULT_FILE = "params.yaml"
# what a list, mapping or scalar counts, and what a stage does beside that, in characters
_NODE = 50
_STAGE = 500


def expand(
    document: Mapping[str, Any], file_name: str, load: Callable[[str], Any], style: CommandStyle | None = None
) -> Expanded:
    """Resolve a loaded pipeline file whose shape is checked; messages call it `file_name`.

    `load` returns what a parameters file holds, by its path relative to the pipeline's folder, or raises KeyError when there is
    no such file. Nothing is loaded when nothing is templated.

    Raises:
        SchemaError: an undefined variable, one defined twice, a value that cannot stand where it is used.
    """
    return _Expansion(document, file_name, load, style or CommandStyle()).run()


class _Body(Struct, frozen=True):
    """What one or more stages are made from."""

    definition: Mapping[str, Any]
    place: Where
    templated: bool
    weight: int


class _Expansion:
    def __init__(self, document: Mapping[str, Any], file_name: str, load: Callable[[str], Any], style: CommandStyle) -> None:
        self._document = document
        self._file_name = file_name
        self._load = load
        self._style = style
        self._ledger = Ledger()
        self._files: dict[str, Mapping[str, Any]] = {}
        self._base: VariableScope | None = None
        self._stages: dict[str, Mapping[str, Any]] = {}
        self._places: dict[str, Where] = {}
        self._generated: set[str] = set()
        self._groups: dict[str, tuple[str, ...]] = {}

    def run(self) -> Expanded:
        if self._document.get("vars"):
            self._scope()
        for name, definition in (self._document.get("stages") or {}).items():
            self._define(name, definition, ("stages", name))
        return Expanded(
            stages=self._stages,
            places=self._places,
            generated=frozenset(self._generated),
            groups=self._groups,
            params=self._top("params", ()),
            metrics=self._top("metrics", ()),
            plots=self._top("plots", ()),
            artifacts=self._top("artifacts", {}),
            datasets=self._top("datasets", ()),
            used={file: tuple(sorted(keys)) for file, keys in sorted(self._ledger.used.items())},
        )

    def _top(self, key: str, empty: Any) -> Any:
        value = self._document.get(key, empty)
        return self._resolved(self._scope(), value, (key,), Use.DATA) if is_templated(value) else value

    def _resolved(self, scope: VariableScope, value: Any, where: Where, use: Use) -> Any:
        return Interpolator(scope, self._style, self._ledger).resolve(value, where, use)

    def _define(self, name: str, definition: Mapping[str, Any], place: Where) -> None:
        if "matrix" in definition:
            body = _body({key: value for key, value in definition.items() if key != "matrix"}, place)
            self._group(name, body, _combinations(self._items(definition, "matrix", place), (*place, "matrix")))
        elif "foreach" in definition:
            body = _body(definition["do"], (*place, "do"))
            self._group(name, body, _elements(self._items(definition, "foreach", place), (*place, "foreach")))
        else:
            self._add(name, _body(definition, place), {})

    def _items(self, definition: Mapping[str, Any], key: str, place: Where) -> Any:
        values = definition[key]
        return self._resolved(self._scope(), values, (*place, key), Use.ITEMS) if is_templated(values) else values

    def _group(self, name: str, body: _Body, rows: Iterator[tuple[str, dict[str, Any]]]) -> None:
        items = {}
        for suffix, own in rows:
            self._ledger.spend(body.weight, body.place)
            # of rows with equal names the last counts
            items[f"{name}@{suffix}"] = own
        for full, own in items.items():
            self._add(full, body, own)
        self._generated.update(items)
        self._groups[name] = tuple(items)

    def _add(self, name: str, body: _Body, own: Mapping[str, Any]) -> None:
        if name in self._stages:
            raise SchemaError(f"two stages are called `{name}`", body.place, "rename one of them")
        stage = body.definition
        if body.templated or "vars" in stage:
            scope = self._stage_scope(stage, body.place, own)
            stage = {
                key: self._resolved(scope, value, (*body.place, key), Use.COMMAND if key == "cmd" else Use.FIELD)
                for key, value in stage.items()
                if key != "vars"
            }
        self._stages[name] = stage
        self._places[name] = body.place
        if body.templated:
            self._generated.add(name)

    def _stage_scope(self, definition: Mapping[str, Any], place: Where, own: Mapping[str, Any]) -> VariableScope:
        scope = self._scope().of_item(own)
        if not definition.get("vars"):
            return scope
        folder = Interpolator(scope, self._style, Ledger()).resolve(definition.get("wdir", ""), (*place, "wdir"), Use.FIELD)
        return self._with_vars(scope, definition["vars"], as_text(folder), (*place, "vars"))

    def _scope(self) -> VariableScope:
        if self._base is None:
            base = VariableScope()
            values = self._file(DEFAULT_FILE, ("vars",))
            if values is not None:
                base = base.having(Layer(DEFAULT_FILE, values, is_file=True), ("vars",))
            self._base = self._with_vars(base, self._document.get("vars", []), "", ("vars",))
        return self._base

    def _with_vars(self, scope: VariableScope, items: Any, folder: str, where: Where) -> VariableScope:
        for index, item in enumerate(items):
            place = (*where, index)
            if names_variables(item):
                raise SchemaError("`${...}` cannot stand in `vars`", place)
            if isinstance(item, str):
                scope = self._with_file(scope, item, folder, place)
            else:
                name = f"{dotted(where)}[{index}]"
                scope = scope.having(Layer(name, item), place)
        return scope

    def _with_file(self, scope: VariableScope, item: str, folder: str, where: Where) -> VariableScope:
        name, _, listed = item.partition(":")
        path = join(folder, name)
        keys = tuple(filter(None, listed.split(","))) or None
        for layer in scope.layers:
            if layer.is_file and layer.name == path:
                if layer.keys is None and keys is None:
                    return scope
                if layer.keys is None or keys is None or set(keys) & set(layer.keys):
                    raise SchemaError(f"`{path}` is loaded twice", where, "load it whole once, or different keys of it")
        values = self._file(path, where)
        if values is None:
            raise SchemaError(f"`{path}`, which `{self._file_name}` loads, does not exist", where)
        for key in keys or ():
            if key not in values:
                raise SchemaError(f"`{path}` has no `{key}`", where, nearest(key, map(str, values)))
        return scope.having(Layer(path, {key: values[key] for key in keys} if keys else values, True, keys), where)

    def _file(self, path: str, where: Where) -> Mapping[str, Any] | None:
        if path not in self._files:
            try:
                values = self._load(path)
            except KeyError:
                return None
            values = {} if values is None else values
            if not isinstance(values, Mapping):
                raise SchemaError(f"`{path}` holds {kind(values)}, not a mapping of variables", where)
            self._files[path] = values
        return self._files[path]


def _elements(items: Any, where: Where) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each stage of a `foreach` is called after its `@`, and its own variables."""
    found = items if isinstance(items, FoundValue) else FoundValue(items)
    if isinstance(found.value, Mapping):
        for key in found.value:
            yield _suffix(as_text(key), where), {"item": _own(found.child(key)), "key": as_text(key)}
    elif isinstance(found.value, list):
        children = [found.child(index) for index in range(len(found.value))]
        by_index = any(is_composite(child.value) for child in children)
        for index, child in enumerate(children):
            yield str(index) if by_index else _suffix(_name(child), where), {"item": _own(child)}
    else:
        raise SchemaError(f"`foreach` needs a list or a mapping, not {kind(found.value)}", where)


def _combinations(axes: Any, where: Where) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same for a `matrix`: each combination of one value per axis."""
    choices = []
    for axis, values in axes.items():
        found = values if isinstance(values, FoundValue) else FoundValue(values)
        if not is_composite(found.value):
            raise SchemaError(f"the values of `{axis}` need to be a list, not {kind(found.value)}", (*where, axis))
        is_list = isinstance(found.value, list)
        children = [found.child(index) for index in range(len(found.value))] if is_list else list(map(FoundValue, found.value))
        names = [f"{axis}{index}" if is_composite(child.value) else _name(child) for index, child in enumerate(children)]
        choices.append([(axis, *choice) for choice in zip(names, children, strict=True)])
    for combination in product(*choices):
        suffix = _suffix("-".join(name for _, name, _ in combination), where)
        yield suffix, {"item": {axis: _own(child) for axis, _, child in combination}, "key": suffix}


def _name(child: FoundValue) -> str:
    # DVC writes a boolean that comes from a variable `True`, and one that stands in the list itself `true`
    return as_text(child.value) if child.trail is None else str(child.value)


def _suffix(name: str, where: Where) -> str:
    if not name:
        raise SchemaError("a value is empty, and stages are named after their values", where)
    return name


def _own(child: FoundValue) -> Any:
    return child if child.trail is not None else child.value


def _body(definition: Mapping[str, Any], place: Where) -> _Body:
    return _Body(definition, place, is_templated(definition), _STAGE + _weight(definition))


def _weight(value: Any) -> int:
    if isinstance(value, Mapping):
        return _NODE + sum(_weight(key) + _weight(item) for key, item in value.items())
    if isinstance(value, list):
        return _NODE + sum(map(_weight, value))
    return _NODE + (len(value) if isinstance(value, str) else 0)
