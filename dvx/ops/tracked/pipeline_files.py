"""Reading pipeline and lock files, and the graph of everything that is tracked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from dvx.errors import DvxError, FormatError, SchemaError
from dvx.formats import decoded, load_data, load_yaml, locate, schema_error
from dvx.model.dialect import Dialect
from dvx.model.imports.dataset import is_dataset
from dvx.model.paths import join, located, parent
from dvx.model.pipelines.definition import decode_pipeline
from dvx.model.pipelines.expanded import CommandStyle
from dvx.model.pipelines.graph import Graph, Node, build_graph
from dvx.model.pipelines.lock import Lock, decode_lock
from dvx.model.pipelines.stage import Pipeline, Stage, is_url
from dvx.model.setup.settings import redact
from dvx.project import Project
from dvx.store import files

if TYPE_CHECKING:
    from dvx.ops.tracked.index import Index

Read = Callable[[str], bytes | None]


def command_style(project: Project) -> CommandStyle:
    """How values stand in commands here."""
    plain = CommandStyle(quote=project.dialect.quotes_values)
    config = project.config
    return CommandStyle(config.get("parsing.bool") or plain.booleans, config.get("parsing.list") or plain.lists, plain.quote)


def parse_pipeline(
    text: str, path: str, dialect: Dialect, read: Read, style: CommandStyle | None = None, *, root: str = ""
) -> Pipeline:
    """Read the text of a pipeline file; `read` gives the bytes of files that its templates use (project paths), and `root` is
    where the project is, if absolute paths are to be seen from there.

    Raises:
        FormatError: the text is no YAML, breaks the schema, or a template does not resolve.
        GraphError: a stage lists an output twice.
    """
    folder = parent(path)

    def load(name: str) -> Any:
        place = join(folder, name)
        data = read(place)
        if data is None:
            raise KeyError(name)
        return load_data(data, place)

    try:
        style = style or CommandStyle(quote=dialect.quotes_values)
        return decode_pipeline(load_yaml(text, path), path, dialect, load, style, root=root)
    except SchemaError as error:
        raise schema_error(error, text, path) from None


def parse_lock(text: str, path: str, dialect: Dialect, pipeline: Pipeline | None) -> Lock:
    """Read the text of a lock file; raises FormatError with file, line and column."""
    try:
        return decode_lock(load_yaml(text, path), path, dialect, pipeline)
    except SchemaError as error:
        raise schema_error(error, text, path) from None


@contextlib.contextmanager
def placed(project: Project, stage: Stage) -> Iterator[None]:
    """Say of an error where its stage stands, which is where to mend it."""
    try:
        yield
    except DvxError as error:
        error.place = error.place or place_of(project, stage)
        raise


def place_of(project: Project, stage: Stage) -> str:
    """Where a stage stands in its file, as `FILE:LINE:COLUMN`; empty when the file cannot be read any more."""
    name = stage.name.partition("@")[0] if stage.generated else stage.name
    try:
        text = decoded(files.read(project.abs(stage.file)), stage.file)
    except (OSError, FormatError):
        return ""
    line, column = locate(text, ("stages", name))
    return f"{stage.file}:{line}:{column}"


def name_of_place(project: Project, path: str) -> str:
    """A path of a stage as DVC calls it: one that leads out of the project by its absolute form."""
    return os.path.normpath(project.abs(path)) if path.startswith("../") or path == ".." else path


def check_graph(project: Project, index: Index) -> Graph:
    """The graph of all stages and pointers.

    Raises:
        GraphError: an output has two owners, lies in another one, or the stages form a cycle.
    """
    return graph_of(index, partial(place_of_url, project))


def graph_of(index: Index, place: Callable[[str], str]) -> Graph:
    """Like `check_graph`; `place` gives the one name of a place that goes by several."""
    nodes = [
        Node(pointer.path, (), tuple(output.path for output, _ in pointer.outs), pointer=True)
        for pointer in index.pointers.values()
    ]
    for stage in index.stages.values():
        deps = dict.fromkeys(map(place, [*stage.deps, *(file.path for file in stage.params)]))
        nodes.append(Node(stage.address, tuple(deps), tuple(place(output.path) for output in stage.all_outs)))
    return build_graph(nodes)


def place_of_url(project: Project, path: str) -> str:
    """Where a path of a stage is, whatever it goes by: `remote://NAME/x` is a URL, or a path where that remote is a folder."""
    remotes = project.config.remotes() if path.startswith("remote://") else {}
    while path.startswith("remote://"):
        name, _, below = path.removeprefix("remote://").partition("/")
        # a remote that leads back to itself is an error where it is opened
        url = remotes.pop(name.lower(), "")
        if not url:
            return path
        path = f"{url.rstrip('/')}/{below}" if below else url
        path = path if is_url(path) else located(path, "", project.root)
    if path.startswith("file://"):
        path = located(path.removeprefix("file://"), "", project.root)
    return redact(path).rstrip("/") if is_url(path) and not is_dataset(path) else path
