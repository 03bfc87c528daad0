"""Reads a loaded `dvx.yaml` into a Pipeline.

The document is checked as it is written, so that an error has a place in the file; templates are resolved after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from dvx.errors import GraphError, SchemaError, UnsafePath
from dvx.model.dialect import Dialect
from dvx.model.imports.dataset import spec_of
from dvx.model.paths import check_path, is_outside, join, located, parent, relative
from dvx.model.pipelines.expanded import CommandStyle, Expanded, as_text, is_templated
from dvx.model.pipelines.run_settings import RunSettings, decode_run, has_settings
from dvx.model.pipelines.schema import Where, check_document
from dvx.model.pipelines.stage import ParamFile, Pipeline, Stage, address_of
from dvx.model.tracked.pointer import Output, OutputKind

DEFAULT_PARAMS = "params.yaml"
_GROUPS = frozenset({"foreach", "matrix", "vars"})
_ANNOTATIONS = ("desc", "type", "labels", "meta")
_KINDS = (("outs", OutputKind.DATA), ("metrics", OutputKind.METRIC), ("plots", OutputKind.PLOT))
_PLOT_FLAGS = ("x", "y", "x_label", "y_label", "title", "header", "template")


def decode_pipeline(
    document: Any, file: str, dialect: Dialect, load: Callable[[str], Any], style: CommandStyle, *, root: str = ""
) -> Pipeline:
    """Read a loaded pipeline file; `load` gives the value of a file that its templates use (relative to its folder), or
    raises KeyError. Absolute paths in it are seen from `root`, the folder of the project, if that is given.

    Raises:
        SchemaError: an unknown key, a value of the wrong kind, a template that does not resolve, an unsafe path.
        GraphError: a stage lists an output twice.
    """
    top = check_document(document, dialect)
    if _needs_expansion(top):
        # slow to load, and most files do without
        from dvx.model.pipelines.template import expand

        expanded = expand(top, file, load, style)
    else:
        stages: Mapping[str, Any] = top.get("stages", {})
        places = {name: ("stages", name) for name in stages}
        rest = {key: top.get(key, ()) for key in ("params", "metrics", "plots", "datasets")}
        expanded = Expanded(stages, places, frozenset(), {}, artifacts=top.get("artifacts", {}), used={}, **rest)
    folder = parent(file)
    return Pipeline(
        file=file,
        stages={name: _Reader(file, dialect, expanded, name, root).stage() for name in expanded.stages},
        params_files=tuple(join(folder, _text(name)) for name in expanded.params),
        metrics=tuple(join(folder, _text(name)) for name in expanded.metrics),
        plots=tuple((_plotted(name), plot) for name, plot in _plots(expanded.plots)),
        artifacts=dict(expanded.artifacts),
        datasets=tuple(map(spec_of, expanded.datasets)),
        groups=expanded.groups,
        used={join(folder, name): keys for name, keys in expanded.used.items()},
    )


def _needs_expansion(top: Mapping[str, Any]) -> bool:
    stages = top.get("stages", {}).values()
    return bool(top.get("vars")) or any(not _GROUPS.isdisjoint(raw) for raw in stages) or is_templated(top)


def _plots(raw: Any) -> Iterable[tuple[str, Any]]:
    for item in raw or ():
        if isinstance(item, str):
            yield item, None
        else:
            yield from item.items()


def _plotted(name: Any) -> str:
    if not isinstance(name, str):
        raise SchemaError("a plot is called by a text", ("plots",))
    return name


class _Reader:
    """Reads one resolved stage; `written` grows while its paths are read."""

    def __init__(self, file: str, dialect: Dialect, expanded: Expanded, name: str, root: str) -> None:
        self._file = file
        self._root = root
        self._dialect = dialect
        self._name = name
        self._raw = expanded.stages[name]
        self._where: Where = expanded.places[name]
        self._generated = name in expanded.generated
        self._written: dict[str, str] = {}
        self._workdir = ""

    def stage(self) -> Stage:
        """The stage."""
        raw = self._raw
        workdir = join(parent(self._file), _text(raw.get("wdir", ".")))
        self._workdir = self._checked(workdir, "wdir") if workdir else ""
        deps = tuple(dict.fromkeys(self._dep(_text(item)) for item in raw.get("deps", ())))
        params = self._params()
        outs = tuple(self._outputs())
        inside = tuple(output for output in outs if not is_outside(output.path))
        command, meta = raw["cmd"], raw.get("meta")
        stage = Stage(
            name=self._name,
            address=address_of(self._file, self._name),
            command=tuple(map(_text, command)) if isinstance(command, list) else _text(command),
            file=self._file,
            workdir=self._workdir,
            deps=deps,
            params=params,
            outs=inside,
            outside=tuple(output for output in outs if is_outside(output.path)) if len(inside) < len(outs) else (),
            frozen=raw.get("frozen", False),
            always=raw.get("always_changed", False),
            desc=_text(raw.get("desc", "")),
            meta=meta,
            run=self._run(),
            written=self._written,
            generated=self._generated,
        )
        return self._mapping(stage, raw["map"]) if "map" in raw else stage

    def _mapping(self, stage: Stage, raw: Any) -> Stage:
        # few files have such stages
        from dvx.model.pipelines.map_items import check_mapped, decode_map, in_folder

        where = (*self._where, "map")
        settings = in_folder(decode_map(raw, where), self._workdir)
        if isinstance(settings.over, str):
            self._checked(settings.over, "map")
            self._written.setdefault(settings.over, relative(settings.over, self._workdir))
        return check_mapped(replace(stage, map=settings), where)

    def _run(self) -> RunSettings:
        if not self._dialect.run_settings_in_meta:
            return decode_run(self._raw.get("run"), (*self._where, "run"), records_env=True)
        meta = self._raw.get("meta")
        raw = meta.get("run") if isinstance(meta, Mapping) else None
        # what others keep in `meta` under that name is theirs
        return decode_run(raw if has_settings(raw) else None, (*self._where, "meta", "run"), records_env=False)

    def _dep(self, text: str) -> str:
        return self._place(text, "deps")

    def _params(self) -> tuple[ParamFile, ...]:
        keys: dict[str, list[str] | None] = {}
        for item in self._raw.get("params", ()):
            pairs = item.items() if isinstance(item, Mapping) else [(DEFAULT_PARAMS, [item])]
            for file, names in pairs:
                path = self._place(_text(file), "params")
                known = keys.setdefault(path, [])
                if not names or known is None:
                    keys[path] = None
                else:
                    known.extend(key for key in map(_text, names) if key not in known)
        return tuple(ParamFile(path, None if names is None else tuple(names)) for path, names in keys.items())

    def _outputs(self) -> Iterator[Output]:
        seen: set[str] = set()
        for key, kind in _KINDS:
            for item in self._raw.get(key, ()):
                for text, flags in item.items() if isinstance(item, Mapping) else [(_text(item), {})]:
                    path = self._place(text, key)
                    if path in seen:
                        raise GraphError(f"the stage `{self._name}` lists the output `{path}` twice", f"mend `{self._file}`")
                    seen.add(path)
                    yield _output(path, kind, flags)

    def _place(self, text: str, key: str) -> str:
        """Where a path of the stage leads; what it is in the lock is kept."""
        path = located(text, self._workdir, self._root)
        if not is_outside(path):
            self._checked(path, key)
            # DVC records files of parameters so, but not other paths, if they leave the project and come back
            is_led = text.startswith("/") or (key == "params" and is_outside(join(self._workdir, text)))
            text = relative(path, self._workdir) if is_led else text
        self._written.setdefault(path, text)
        return path

    def _checked(self, path: str, key: str) -> str:
        try:
            return check_path(path)
        except UnsafePath as error:
            raise SchemaError(error.message, (*self._where, key), error.hint) from None


def _output(path: str, kind: OutputKind, flags: Any) -> Output:
    if isinstance(flags, list):
        return Output(path, kind, plot=flags)
    plot = {key: flags[key] for key in _PLOT_FLAGS if key in flags}
    return Output(
        path=path,
        kind=kind,
        cached=flags.get("cache", True),
        persist=flags.get("persist", False),
        push=flags.get("push", True),
        remote=flags.get("remote", ""),
        annotations={key: flags[key] for key in _ANNOTATIONS if flags.get(key)},
        plot=plot or None,
    )


def _text(value: Any) -> str:
    # a template that is the whole text keeps the type of its value
    return value if isinstance(value, str) else as_text(value)
