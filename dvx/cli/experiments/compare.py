"""The commands that compare experiments: `dvx exp show`, `dvx exp diff`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from dvx.cli.common import JsonOption, MarkdownOption, find_project, on_demand
from dvx.cli.compare import troubles
from dvx.cli.compare.metrics import TableLook, changes_document, demand_revisions, print_changes, tell_failures
from dvx.cli.experiments import table
from dvx.cli.experiments.manage import NumberOption, RevisionsOption, tell_of_others
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import paging, render, screen
from dvx.errors import UsageError
from dvx.ops.compare.metrics import compare
from dvx.ops.compare.value_files import ValueChoice, What
from dvx.ops.experiments.dvc_queue import tell_others
from dvx.ops.experiments.refs import BaselineScope
from dvx.ops.experiments.show import Baseline, Hide, ShowOptions, show
from dvx.ops.tracked.refs import git_of
from dvx.ops.transfer.on_demand import OnDemand
from dvx.project import Project

_PLOTTED = 50
_PRECISION = 5
PrecisionOption = Annotated[int, typer.Option("--precision", min=1, help="Number of significant digits (default: 5).")]
ParamDepsOption = Annotated[bool, typer.Option("--param-deps", help="Show only params that stages depend on.")]


def exp_show(
    *,
    all_commits: Annotated[bool, typer.Option("--all-commits", "-A", help="Show the experiments of all commits.")] = False,
    all_branches: Annotated[
        bool, typer.Option("--all-branches", "-a", help="Include the latest commits of all branches.")
    ] = False,
    all_tags: Annotated[bool, typer.Option("--all-tags", "-T", help="Include all tags.")] = False,
    rev: RevisionsOption = None,
    num: NumberOption = 1,
    only_changed: Annotated[bool, typer.Option("--only-changed", help="Show only columns whose values differ.")] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", help="Hide columns that match this regular expression.", autocompletion=complete_values.columns),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep", help="Always show columns that match this regular expression.", autocompletion=complete_values.columns
        ),
    ] = None,
    param_deps: ParamDepsOption = False,
    sort_by: Annotated[
        str, typer.Option("--sort-by", help="Column to sort experiments by.", autocompletion=complete_values.columns)
    ] = "",
    sort_order: Annotated[
        str,
        typer.Option("--sort-order", help="Sort order: `asc` or `desc` (default: asc).", autocompletion=complete_values.orders),
    ] = "asc",
    sha: Annotated[bool, typer.Option("--sha", help="Show commit hashes instead of branch names.")] = False,
    hide_workspace: Annotated[bool, typer.Option("--hide-workspace", help="Hide the workspace.")] = False,
    hide_queued: Annotated[bool, typer.Option("--hide-queued", help="Hide queued experiments.")] = False,
    hide_failed: Annotated[bool, typer.Option("--hide-failed", help="Hide failed experiments.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Show only experiments that failed or were killed.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")] = False,
    md: MarkdownOption = False,
    precision: Annotated[
        int | None,
        typer.Option("--precision", min=1, help="Number of significant digits (default: 5; all in CSV).", show_default=False),
    ] = None,
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Do not open a pager for a wide table.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Read all commits again instead of using cached results.")] = False,
    no_fetch: Annotated[  # noqa: ARG001  DVC asks other processes for what runs, dvx looks into its registry
        bool,
        typer.Option("--no-fetch", hidden=True, help="Accepted for compatibility with DVC; nothing is asked of running ones."),
    ] = False,
    html: Annotated[bool, typer.Option("--html", help="Write an HTML page to sort, filter and compare experiments.")] = False,
    pcp: Annotated[bool, typer.Option("--pcp", help="Same as --html, which includes a parallel coordinates plot.")] = False,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder to write the page to (default: `dvx_plots`).")] = "",
    open: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json: JsonOption = False,
) -> None:
    """Show experiments with their params and metrics in a table.

    Also shows the workspace and the commits that the experiments started from.

    Example: dvx exp show --only-changed --sort-by accuracy
    """
    if sort_order not in ("asc", "desc"):
        raise UsageError(
            f"`--sort-order` is `asc` or `desc`, not `{sort_order}`", "write `--sort-order desc` for the highest first"
        )
    scope = BaselineScope(tuple(rev or ()), num, all_commits)
    choices = ((Hide.QUEUED, hide_queued), (Hide.FAILED, hide_failed))
    hidden = frozenset(Hide) - {Hide.FAILED} if failed else frozenset(one for one, chosen in choices if chosen)
    project = find_project()
    workspace = not hide_workspace and not failed
    options = ShowOptions(scope, all_branches, all_tags, workspace, param_deps, force, hidden)
    demand = on_demand(project)
    shown = show(project, options, demand)
    if failed:
        shown = tuple(one for one in shown if one.experiments)
    if json:
        render.json(table.as_json(shown))
        return
    if not shown and not failed:
        render.note("There is no commit yet, so there are no experiments.")
        return
    tell_others(project, render.terminal())
    troubles.tell(table.errors(shown))
    if sort_by:
        shown = table.sort(shown, sort_by, descending=sort_order == "desc")
    wanted = table.Columns(only_changed, tuple(drop or ()), tuple(keep or ()))
    columns = table.choose(shown, wanted)
    if html or pcp:
        _write_page(project, shown, columns, out, demand, opens=open)
        return
    style = table.Style(precision or (None if csv else _PRECISION), sha, short_hashes=not csv and not md)
    states = table.STATES if table.has_states(shown) else ()
    if csv:
        rows = [[*table.CSV_HEAD, *states, *columns.values()], *table.csv_rows(shown, columns, style)]
        rows = table.without_fixed(rows, len(table.CSV_HEAD) + len(states), wanted)
        screen.exact(table.csv_text(table.without_parent(rows) if only_changed else rows))
    else:
        rows = [[*table.HEAD, *states, *columns.values()], *table.text_rows(shown, columns, style)]
        head, *rows = table.without_fixed(rows, len(table.HEAD) + len(states), wanted)
        text = render.table_text(rows, head, markdown=md)
        if failed and not rows:
            render.note("No experiment failed.")
        elif no_pager or md:
            screen.block(text)
        else:
            paging.show(git_of(project), text)
        if not failed and not any(one.experiments for one in shown):
            tell_of_others(project)


def _write_page(
    project: Project,
    shown: Sequence[Baseline],
    columns: Mapping[table.Column, str],
    out: str,
    demand: OnDemand,
    *,
    opens: bool,
) -> None:
    from dvx.cli.compare.plots import page_is_at
    from dvx.cli.experiments.page import experiments_page
    from dvx.ops.compare.page_files import page_parts
    from dvx.ops.compare.page_places import check_page, page_folder, write_page
    from dvx.ops.compare.plot_definitions import PlotOptions
    from dvx.ops.compare.plots import show as drawn

    rows = [row for one in shown for row in (one.row, *one.experiments) if row.executor is None]
    plots, _ = drawn(project, [row.revision for row in rows[:_PLOTTED]], PlotOptions(), demand)
    if len(rows) > _PLOTTED:
        render.note(f"The page has the plots of the first {_PLOTTED} of {len(rows)} experiments.")
    folder = page_folder(project, out)
    place = os.path.join(folder, "experiments.html")
    check_page(project, place)
    write_page(project, place, experiments_page(shown, columns, *page_parts(project, plots, folder)))
    page_is_at(project, place, opens=opens)


def exp_diff(
    old: Annotated[
        str,
        typer.Argument(help="Old experiment or revision (default: HEAD).", autocompletion=complete.revisions, show_default=False),
    ] = "",
    new: Annotated[
        str, typer.Argument(help="New revision (default: the workspace).", autocompletion=complete.revisions, show_default=False)
    ] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Show unchanged values, too.")] = False,
    param_deps: ParamDepsOption = False,
    precision: PrecisionOption = 5,
    no_path: Annotated[bool, typer.Option("--no-path", help="Leave out the column with the path.")] = False,
    md: MarkdownOption = False,
    json: JsonOption = False,
) -> None:
    """Compare the params and metrics of two experiments.

    Any two revisions can be compared.

    Example: dvx exp diff baseline-run small-steps
    """
    project = find_project()
    git_of(project)
    demand = on_demand(project)
    metrics = compare(project, ValueChoice(What.METRICS), old, new, demand)
    params = compare(project, ValueChoice(What.PARAMS, param_deps=param_deps), old, new, demand)
    if json:
        pairs = (("metrics", metrics), ("params", params))
        render.json({name: changes_document(project, one.changes(unchanged=everything)) for name, one in pairs})
        tell_failures(metrics, params)
        demand_revisions(metrics, params)
        return
    print_changes(project, metrics, TableLook("Metric", precision, everything, not no_path, markdown=md))
    if metrics.changes(unchanged=everything) and params.changes(unchanged=everything):
        render.data("")
    print_changes(project, params, TableLook("Param", precision, everything, not no_path, markdown=md))
    demand_revisions(metrics, params)
