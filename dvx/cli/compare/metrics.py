"""The commands that show and compare metrics and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from msgspec import Struct

from dvx.cli.common import JsonOption, MarkdownOption, find_files, on_demand, tell_unread
from dvx.cli.compare import troubles
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render
from dvx.errors import DvxError, Partial
from dvx.model.compare.params import Change
from dvx.ops.compare.metrics import WORKSPACE, Reading, RevisionComparison, Several, Shown, compare, show, table
from dvx.ops.compare.value_files import ValueChoice, What
from dvx.project import Project

PRECISION = 5

FilesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Metrics files (default: all that the pipelines define).",
        autocompletion=complete_values.metric_files,
        show_default=False,
    ),
]
FilesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--targets",
        help="Compare only this file; can be repeated.",
        autocompletion=complete_values.metric_files,
        show_default=False,
    ),
]
ParamFilesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--targets",
        help="Compare only this file; can be repeated.",
        autocompletion=complete_values.param_files,
        show_default=False,
    ),
]
OldArgument = Annotated[
    str,
    typer.Argument(metavar="[OLD]", help="Old revision (default: HEAD).", autocompletion=complete.revisions, show_default=False),
]
NewArgument = Annotated[
    str,
    typer.Argument(
        metavar="[NEW]", help="New revision (default: the workspace).", autocompletion=complete.revisions, show_default=False
    ),
]
BelowOption = Annotated[bool, typer.Option("--recursive", "-R", help="Include all metrics files below target folders.")]
PrecisionOption = Annotated[int, typer.Option("--precision", min=0, help="Number of decimal places (default: 5).")]
AllOption = Annotated[bool, typer.Option("--all", help="Show unchanged values, too.")]
NoPathOption = Annotated[bool, typer.Option("--no-path", help="Leave out the column with the path.")]


def metrics_show(
    targets: FilesArgument = None,
    *,
    all_branches: Annotated[
        bool, typer.Option("--all-branches", "-a", help="Include the latest commits of all branches.")
    ] = False,
    all_tags: Annotated[bool, typer.Option("--all-tags", "-T", help="Include all tags.")] = False,
    all_commits: Annotated[bool, typer.Option("--all-commits", "-A", help="Include all commits.")] = False,
    recursive: BelowOption = False,
    precision: PrecisionOption = PRECISION,
    json: JsonOption = False,
    markdown: MarkdownOption = False,
) -> None:
    """Print the values of metrics by file.

    Shows the workspace, or other revisions.

    Example: dvx metrics show --all-tags
    """
    project = find_files()
    choice = ValueChoice(What.METRICS, tuple(targets or ()), recursive)
    shown = show(project, choice, Several(all_branches, all_tags, all_commits), on_demand(project))
    if json:
        render.json(_shown_document(project, shown))
    else:
        full = table(shown, project.shown)
        listed = full if len(shown) > 1 else full.only(full.columns[1:])
        if listed.rows:
            render.table([[_text(cell, precision) for cell in row] for row in listed.rows], listed.columns, markdown=markdown)
    _tell_failures(shown, unread=True)


def metrics_diff(
    old: OldArgument = "",
    new: NewArgument = "",
    *,
    targets: FilesOption = None,
    recursive: BelowOption = False,
    everything: AllOption = False,
    precision: PrecisionOption = PRECISION,
    no_path: NoPathOption = False,
    json: JsonOption = False,
    markdown: MarkdownOption = False,
) -> None:
    """Compare metrics between revisions.

    By default the workspace is compared with the last commit.

    Example: dvx metrics diff HEAD~1
    """
    project = find_files()
    compared = compare(project, ValueChoice(What.METRICS, tuple(targets or ()), recursive), old, new, on_demand(project))
    print_changes(project, compared, TableLook("Metric", precision, everything, not no_path, json, markdown))
    demand_revisions(compared)


def params_diff(
    old: OldArgument = "",
    new: NewArgument = "",
    *,
    targets: ParamFilesOption = None,
    deps: Annotated[bool, typer.Option("--deps", help="Show only parameters that stages use.")] = False,
    everything: AllOption = False,
    no_path: NoPathOption = False,
    json: JsonOption = False,
    markdown: MarkdownOption = False,
) -> None:
    """Compare parameters between revisions.

    By default the workspace is compared with the last commit.

    Example: dvx params diff HEAD~1
    """
    project = find_files()
    compared = compare(project, ValueChoice(What.PARAMS, tuple(targets or ()), param_deps=deps), old, new, on_demand(project))
    print_changes(project, compared, TableLook("Param", None, everything, not no_path, json, markdown))
    demand_revisions(compared)


class TableLook(Struct, frozen=True):
    """How a comparison is shown. `precision` None leaves numbers as they are, and leaves the changes out."""

    name: str
    precision: int | None
    unchanged: bool = False
    paths: bool = True
    json: bool = False
    markdown: bool = False


def print_changes(project: Project, compared: RevisionComparison, look: TableLook) -> None:
    """Print what differs, as a table (nothing if nothing does) or as DVC's JSON, which is not empty where files were not read."""
    changes = compared.changes(unchanged=look.unchanged)
    if look.json and (changes or not (compared.old.unreadable() or compared.new.unreadable())):
        render.json(changes_document(project, changes))
    elif changes and not look.json:
        last = ["Change"] if look.precision is not None else []
        headers = ["Path", look.name, compared.old.revision, compared.new.revision, *last]
        rows = [
            [project.shown(path), key, *_cells(change, look.precision)]
            for path, changed in changes.items()
            for key, change in changed.items()
        ]
        first = 0 if look.paths else 1
        render.table([row[first:] for row in rows], headers[first:], markdown=look.markdown)
    tell_failures(compared)


def changes_document(project: Project, changes: Mapping[str, Mapping[str, Change]]) -> dict[str, Any]:
    """What changed, as DVC's JSON has it."""
    return {project.shown(path): {key: _document(change) for key, change in changed.items()} for path, changed in changes.items()}


def _document(change: Change) -> dict[str, Any]:
    difference = change.difference
    sides = {"old": change.old, "new": change.new}
    return sides if difference is None else sides | {"diff": difference}


def _cells(change: Change, precision: int | None) -> list[str]:
    sides = [_text(change.old, precision), _text(change.new, precision)]
    return sides if precision is None else [*sides, _text(change.difference, precision)]


def _text(value: Any, precision: int | None) -> str:
    if value is None:
        return "-"
    return str(round(value, precision)) if isinstance(value, float) and precision is not None else str(value)


def _shown_document(project: Project, shown: Sequence[Shown]) -> dict[str, Any]:
    documents = {}
    for one in shown:
        files = {project.shown(path): reading.document() for path, reading in one.files.items()}
        label = one.revision if len(shown) > 1 else ""
        error = Reading(error=DvxError(one.unread[0], "`git show REVISION:FILE` shows it")).document() if one.unread else {}
        documents[label] = error if error and not files else {"data": files, **error}
    return documents


def tell_failures(*compared: RevisionComparison) -> None:
    """Say which files of two revisions could not be read."""
    _tell_failures([side for one in compared for side in (one.old, one.new)])


def _tell_failures(shown: Iterable[Shown], *, unread: bool = False) -> None:
    for one in shown if unread else ():
        render.notes(*one.unread)
    troubles.tell((one.revision, error.message) for one in shown for _, error in one.failures())


def demand_revisions(*compared: RevisionComparison) -> None:
    """Name the files of revisions that could not be read; raises Partial if there are any."""
    sides = [side for one in compared for side in (one.old, one.new)]
    # what is not in order in the workspace is to be seen there; what a revision lacks could not be known otherwise
    render.notes(*dict.fromkeys(text for side in sides if side.revision == WORKSPACE for text in side.unread))
    tell_unread(tuple(dict.fromkeys(text for side in sides if side.revision != WORKSPACE for text in side.unread)))
    unread = dict.fromkeys(path for side in sides for path, _ in side.unreadable())
    if unread:
        path = next(iter(unread))
        more = f" (and {len(unread) - 1} more)" if len(unread) > 1 else ""
        if all(path in unread for side in sides for path in side.files):
            raise DvxError(f"`{path}` could not be compared{more}", "mend the file, or get its data, as said above")
        raise Partial(f"`{path}` could not be compared{more}", "all else was compared")
