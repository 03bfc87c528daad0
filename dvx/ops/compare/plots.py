"""plots: what pipelines define as plots, in one or several revisions, with the data to draw them from."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import DvxError, FormatError, MissingData, NotCached, UsageError, nearest
from dvx.formats import load_data
from dvx.formats.sheets import load_sheet
from dvx.git.worktree import examine
from dvx.model.compare.plot_fill import Chart, check
from dvx.model.compare.plot_points import points_of, sources_of
from dvx.model.compare.plot_templates import DEFAULT, TEMPLATES, Spec
from dvx.model.tracked.pointer import OutputKind
from dvx.ops.compare.plot_definitions import Definitions, PlotOptions, define
from dvx.ops.compare.value_files import bytes_of
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.refs import git_of
from dvx.ops.tracked.revisions import RevisionFiles
from dvx.ops.tracked.sources import Source, Workspace
from dvx.ops.transfer.on_demand import OnDemand
from dvx.project import Project
from dvx.store import files

WORKSPACE = "workspace"
IMAGES = frozenset({".jpg", ".jpeg", ".gif", ".png", ".svg"})
_SHEETS = frozenset({".csv", ".tsv"})
_DATA = frozenset({".json", ".yaml", ".yml", ".toml", ".py"})


class Trouble(Struct, frozen=True):
    """Why something could not be drawn: at a revision, of a plot and a file of it, as far as it belongs to one."""

    revision: str
    error: DvxError
    plot: str = ""
    source: str = ""


class Image(Struct, frozen=True):
    """A picture at a revision."""

    revision: str
    data: bytes


class Plot(Struct, frozen=True):
    """One plot over all revisions: a chart with its template, or images."""

    name: str
    chart: Chart | None = None
    template: Spec | None = None
    images: tuple[Image, ...] = ()


class _Seen(Struct):
    """What one revision defines, and what its files hold: values, bytes of images, or errors; or why it cannot be read."""

    definitions: Definitions
    contents: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, DvxError] = field(default_factory=dict)
    unread: DvxError | None = None


def show(
    project: Project, revisions: Sequence[str], options: PlotOptions, demand: OnDemand | None = None
) -> tuple[tuple[Plot, ...], tuple[Trouble, ...]]:
    """The plots of revisions (`workspace` among them), and what is wrong with some.

    Raises:
        UnknownTarget: a revision does not exist.
        UsageError: a template does not.
    """
    # as DVC orders them
    names = sorted(dict.fromkeys(revisions), key=lambda one: one != WORKSPACE)
    commits = {name: "" if name == WORKSPACE else git_of(project).resolve(name) for name in names}
    chosen = list(dict.fromkeys(filter(None, commits.values())))
    several = RevisionFiles(project, git_of(project), chosen) if chosen else None

    def read(commit: str) -> _Seen:
        return _look(project, several.source(commit) if several and commit else Workspace(project), options)

    def lacking(one: _Seen) -> list[str]:
        return [project.relative(path) for path, error in one.errors.items() if isinstance(error, NotCached)]

    found = (demand or OnDemand(project)).read_all(dict.fromkeys(commits.values()), read, lacking)
    troubles = [Trouble(name, error) for name in names if (error := found[commits[name]].unread) is not None]
    seen = {name: found[commits[name]] for name in names if found[commits[name]].unread is None}
    plots = []
    for name, group in _groups(seen).items():
        plot, wrong = _plot(project, name, group, seen)
        troubles += wrong
        plots.append(plot)
    return tuple(plots), tuple(troubles)


def compared(project: Project, revisions: Sequence[str], *, experiment: bool) -> tuple[str, ...]:
    """The revisions that `plots diff` compares: with one or none, the workspace too, and HEAD if it differs.

    Before the first commit there is nothing to compare.
    """
    chosen = list(revisions)
    git = git_of(project)
    if git.head() is None:
        return ()
    if experiment and len(chosen) == 1:
        commit = git.resolve(chosen[0])
        chosen += [ref.baseline[:7] for ref, one in git.experiments().items() if one == commit][:1]
    if len(chosen) <= 1:
        if not chosen and examine(git, untracked=False).is_dirty:
            chosen.append("HEAD")
        chosen.append(WORKSPACE)
    return tuple(dict.fromkeys(chosen))


_A_TEMPLATE = "`dvx plots templates linear` prints one to begin with"


def template_of(project: Project, name: str) -> Spec:
    """A template: one of dvx's own by name, or a file, maybe in the project's folder for them.

    Raises:
        UsageError: there is none, or it is no JSON object.
    """
    folder = os.path.join(project.root, project.dialect.folder, "plots")
    for place in (os.path.join(folder, name), os.path.join(folder, f"{name}.json"), os.path.join(project.cwd, name)):
        if os.path.isfile(place):
            return read_template(files.read(place), name)
    if name in TEMPLATES:
        return TEMPLATES[name]()
    raise UsageError(f"there is no template `{name}`", nearest(name, TEMPLATES) or "`dvx plots templates` lists those of dvx")


def read_template(data: bytes, name: str) -> Spec:
    """The template that a file holds; raises UsageError."""
    try:
        found = load_data(data, "template.json")
    except FormatError as error:
        raise UsageError(f"the template `{name}` is no JSON: {error.message}", _A_TEMPLATE) from None
    if not isinstance(found, dict):
        raise UsageError(f"the template `{name}` is no JSON object", _A_TEMPLATE)
    return found


def _look(project: Project, source: Source, options: PlotOptions) -> _Seen:
    try:
        index = load_index(project, source)
        seen = _Seen(define(project, index, source, options))
    except DvxError as error:
        return _Seen({}, unread=error)
    _load(project, index, source, seen)
    return seen


def _load(project: Project, index: Index, source: Source, seen: _Seen) -> None:
    """Read the files that the definitions name."""
    headers = {
        project.shown(tracked.output.path): (tracked.output.plot or {}).get("header", True)
        for tracked in index.tracked
        if tracked.output.kind is OutputKind.PLOT and not isinstance(tracked.output.plot, list)
    }
    wanted: dict[str, bool] = {}
    for defined in seen.definitions.values():
        for name, properties in defined.items():
            for path in sources_of(name, properties):
                wanted[path] = bool(properties.get("header", headers.get(path, True)))
    for path, header in wanted.items():
        try:
            data = bytes_of(project, source, index, project.relative(path))
            seen.contents[path] = _content(data, path, header=header)
        except DvxError as error:
            seen.errors[path] = error


def _content(data: bytes, path: str, *, header: bool) -> Any:
    suffix = posixpath.splitext(path)[1].lower()
    if suffix in IMAGES:
        return data
    if suffix in _SHEETS:
        return load_sheet(data, path, header=header)
    if suffix in _DATA:
        return load_data(data, path)
    raise DvxError(f"`{path}` is no plot: its suffix is unknown", "use JSON, YAML, TOML, CSV, TSV, or an image")


def _groups(seen: Mapping[str, _Seen]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """By name of the plot: revision, name in its file, properties. A name that several files have is told apart by the file."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for revision, one in seen.items():
        by_name: dict[str, dict[str, dict[str, Any]]] = {}
        for config, defined in one.definitions.items():
            for name, properties in defined.items():
                by_name.setdefault(name, {})[config] = properties
        for name, configs in by_name.items():
            for config, properties in configs.items():
                full = name if len(configs) == 1 or not config else f"{config}::{name}"
                groups.setdefault(full, []).append((revision, name, properties))
    return groups


def _plot(
    project: Project, name: str, group: Sequence[tuple[str, str, dict[str, Any]]], seen: Mapping[str, _Seen]
) -> tuple[Plot, list[Trouble]]:
    properties: dict[str, Any] = {}
    for _, _, own in reversed(group):
        properties |= own
    troubles: list[Trouble] = []
    images: list[Image] = []
    chart = Chart([], {}, (), ())
    title = name
    for revision, inner, own in group:
        here = seen[revision]
        wanted = sources_of(inner, own)
        troubles += [Trouble(revision, here.errors[path], name, path) for path in wanted if path in here.errors]
        contents = {path: here.contents[path] for path in wanted if here.contents.get(path)}
        if posixpath.splitext(inner)[1].lower() in IMAGES:
            title = inner
            images += [Image(revision, data) for data in contents.values()]
            continue
        try:
            points = points_of(inner, properties, contents, revision)
        except DvxError as error:
            troubles.append(Trouble(revision, error, name))
            continue
        if points.rows:
            known, ys = (chart.properties, chart.ys) if chart.rows else (points.properties, points.ys)
            chart = Chart([*chart.rows, *points.rows], known, ys, tuple(dict.fromkeys((*chart.revisions, revision))))
    if images or not chart.rows:
        return Plot(title if images else name, images=tuple(images)), troubles
    chart = replace(chart, properties={"title": name, **chart.properties})
    template = template_of(project, str(properties.get("template") or DEFAULT))
    try:
        check(template, chart)
    except DvxError as error:
        return Plot(name), [*troubles, *(Trouble(revision, error, name) for revision in chart.revisions)]
    return Plot(name, chart, template), troubles


def failed(troubles: Iterable[Trouble]) -> tuple[str, ...]:
    """The revisions in which something could not be drawn."""
    return tuple(dict.fromkeys(one.revision for one in troubles))


def kind_of(error: DvxError) -> str:
    """What an error is called in DVC's JSON."""
    return "FileNotFoundError" if isinstance(error, MissingData) else type(error).__name__


def message_of(trouble: Trouble) -> str:
    """What DVC's JSON says of it."""
    if isinstance(trouble.error, NotCached) and trouble.source:
        return f"[Errno 2] No storage files available: '{trouble.source}'"
    if isinstance(trouble.error, MissingData) and trouble.source:
        return f"[Errno 2] No such file or directory: '{trouble.source}'"
    return trouble.error.message
