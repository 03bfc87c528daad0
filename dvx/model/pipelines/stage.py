"""ParamFile, Stage, Pipeline: what `dvx.yaml` says, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from dvx.model.paths import join, parent
from dvx.model.pipelines.run_settings import PLAIN, RunSettings
from dvx.model.tracked.pointer import Output


class ParamFile(Struct, frozen=True):
    """Tracked parameters of one file; `keys` is None when the whole file is tracked. `path` is relative to the project."""

    path: str
    keys: tuple[str, ...] | None


class MapSettings(Struct, frozen=True):
    """What a stage maps over: a folder (relative to the project), or a list of texts. `to` is the pattern of an item's output in
    the stage's output folder.
    """

    over: str | tuple[str, ...]
    to: str = "{key}"


class Stage(Struct, frozen=True):
    """What the author wrote of one stage; no hashes.

    `address` names it in the project: `train`, `train@a`, `sub/dvx.yaml:train`. Paths are relative to the project, those of
    dependencies, parameters and `outside` outputs also out of it; or they are URLs. `outs` lie in the project, and only they
    are ever written or removed. `command` is as in the file: a text or a list. `written` maps each path to the text that the
    lock records: the one in the file, or a relative one for an absolute path in the project.
    """

    name: str
    address: str
    command: str | tuple[str, ...]
    file: str
    workdir: str = ""
    deps: tuple[str, ...] = ()
    params: tuple[ParamFile, ...] = ()
    outs: tuple[Output, ...] = ()
    outside: tuple[Output, ...] = ()
    frozen: bool = False
    always: bool = False
    desc: str = ""
    meta: Any = None
    run: RunSettings = PLAIN
    map: MapSettings | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    generated: bool = False

    @property
    def never_fresh(self) -> bool:
        """Whether it runs each time: because it says so, or because nothing could tell that it need not."""
        return self.always or not (self.deps or self.params or self.outs or self.outside)

    @property
    def lines(self) -> tuple[str, ...]:
        """The commands to run, one process each."""
        if isinstance(self.command, str):
            return tuple(line for line in self.command.splitlines() if line.strip())
        return tuple(line for line in self.command if line.strip())

    @property
    def all_outs(self) -> tuple[Output, ...]:
        """The outputs, also those outside, as the file orders them."""
        if not self.outside:
            return self.outs
        order = {path: number for number, path in enumerate(self.written)}
        return tuple(sorted((*self.outs, *self.outside), key=lambda output: order[output.path]))

    @property
    def led_back(self) -> dict[str, str]:
        """The paths that the lock records as absolute, or as leading out of a folder -> what they are here."""
        return {text: path for path, text in self.written.items() if text.startswith(("/", "."))}


class Pipeline(Struct, frozen=True):
    """One pipeline file. `file`, `params_files` and `metrics` are relative to the project; `plots` holds (id, definition) as
    written, `datasets` what the file says of each. `groups` maps the name of a `foreach` or `matrix` to its stages; `used`
    maps a file to the keys of it that `${...}` takes.
    """

    file: str
    stages: Mapping[str, Stage]
    params_files: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[tuple[str, Any], ...] = ()
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[Mapping[str, Any], ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    used: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder of the file."""
        return parent(self.file)

    @property
    def plot_files(self) -> tuple[str, ...]:
        """The files that `plots` draws from, relative to the project: those of its axes, or else the id itself."""
        named: list[str] = []
        for name, definition in self.plots:
            axes = definition if isinstance(definition, Mapping) else {}
            files = [axes[axis] for axis in ("y", "x") if isinstance(axes.get(axis), Mapping)]
            named += [name] if not isinstance(axes.get("y"), Mapping) else [file for axis in files for file in axis]
        return tuple(join(self.folder, name) for name in named)


def address_of(file: str, name: str) -> str:
    """How a stage of a pipeline file is called in the project."""
    return f"{file}:{name}" if "/" in file else name


def is_url(path: str) -> bool:
    """Whether a dependency is not a path of this machine."""
    return "://" in path
