"""The commands about plots: plots show, diff, modify, templates."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer
from msgspec import Struct

from dvx.cli.common import find_files, find_project, on_demand
from dvx.cli.compare.troubles import tell as tell_troubles
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import colour, render, screen
from dvx.cli.terminal.live import width_of
from dvx.errors import DvxError, UsageError, nearest
from dvx.project import Project

TargetsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Plots, by file or name (default: all).", autocompletion=complete_values.plots, show_default=False),
]
TemplateOption = Annotated[
    str,
    typer.Option(
        "--template", "-t", help="Template: the name of a built-in one, or a file.", autocompletion=complete_values.templates
    ),
]
XOption = Annotated[str, typer.Option("-x", help="Field on the x axis.", autocompletion=complete_values.plot_fields)]
YOption = Annotated[str, typer.Option("-y", help="Field on the y axis.", autocompletion=complete_values.plot_fields)]
NoHeaderOption = Annotated[bool, typer.Option("--no-header", help="CSV and TSV files have no header line.")]
TitleOption = Annotated[str, typer.Option("--title", help="Title of the plot.")]
XLabelOption = Annotated[str, typer.Option("--x-label", help="Label of the x axis.")]
YLabelOption = Annotated[str, typer.Option("--y-label", help="Label of the y axis.")]
OutOption = Annotated[str, typer.Option("--out", "-o", help="Folder to write the page to (default: `dvx_plots`).")]
ShowVegaOption = Annotated[bool, typer.Option("--show-vega", help="Print the Vega-Lite specification of one plot.")]
SplitOption = Annotated[bool, typer.Option("--split", help="With --json: leave the style anchors of the template unfilled.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]
TextOption = Annotated[bool, typer.Option("--text", help="Draw charts in the terminal instead of writing a page.")]
PageOption = Annotated[str, typer.Option("--html-template", help="HTML file to use as the page; it must contain `{plot_divs}`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, in DVC's format.")]


def plots_show(
    targets: TargetsArgument = None,
    *,
    template: TemplateOption = "",
    x: XOption = "",
    y: YOption = "",
    no_header: NoHeaderOption = False,
    title: TitleOption = "",
    x_label: XLabelOption = "",
    y_label: YLabelOption = "",
    out: OutOption = "",
    show_vega: ShowVegaOption = False,
    split: SplitOption = False,
    open: OpenOption = False,
    text: TextOption = False,
    html_template: PageOption = "",
    json: JsonOption = False,
) -> None:
    """Draw plots of the workspace or of revisions.

    Writes an HTML page that works without a network.

    Example: dvx plots show logs/loss.csv -y loss --open
    """
    properties = _properties(template, x, y, title, x_label, y_label, no_header=no_header)
    how = _How(out, show_vega, split, open, text, html_template, json)
    _draw(find_files(), ("workspace",), tuple(targets or ()), properties, how)


def plots_diff(
    revisions: Annotated[
        list[str] | None,
        typer.Argument(
            help="Revisions or experiments; with fewer than two, the workspace is added.",
            autocompletion=complete.revisions,
            show_default=False,
        ),
    ] = None,
    *,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--targets", help="Draw only these plots; can be repeated.", autocompletion=complete_values.plots, show_default=False
        ),
    ] = None,
    experiment: Annotated[
        bool, typer.Option("--experiment", "-e", help="With one experiment: add the commit that it started from.")
    ] = False,
    template: TemplateOption = "",
    x: XOption = "",
    y: YOption = "",
    no_header: NoHeaderOption = False,
    title: TitleOption = "",
    x_label: XLabelOption = "",
    y_label: YLabelOption = "",
    out: OutOption = "",
    show_vega: ShowVegaOption = False,
    split: SplitOption = False,
    open: OpenOption = False,
    text: TextOption = False,
    html_template: PageOption = "",
    json: JsonOption = False,
) -> None:
    """Draw plots that compare several revisions.

    Curves are drawn over each other, images side by side.

    Example: dvx plots diff main small-steps --open
    """
    from dvx.ops.compare.plots import compared

    project = find_files()
    properties = _properties(template, x, y, title, x_label, y_label, no_header=no_header)
    how = _How(out, show_vega, split, open, text, html_template, json)
    _draw(project, compared(project, revisions or (), experiment=experiment), tuple(targets or ()), properties, how)


def plots_modify(
    target: Annotated[str, typer.Argument(help="Output of a stage.", autocompletion=complete.targets, show_default=False)],
    *,
    template: TemplateOption = "",
    x: XOption = "",
    y: YOption = "",
    no_header: NoHeaderOption = False,
    title: TitleOption = "",
    x_label: XLabelOption = "",
    y_label: YLabelOption = "",
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset", help="Plot properties to remove.", autocompletion=complete_values.plot_properties, show_default=False
        ),
    ] = None,
) -> None:
    """Change how the plot of an output is drawn.

    The change is written to the pipeline file. An output that was not a plot becomes one.

    Example: dvx plots modify logs/loss.csv -x epoch -y loss --title Loss
    """
    from dvx.ops.compare.modify_plots import modify

    properties = _properties(template, x, y, title, x_label, y_label, no_header=no_header)
    if not properties and not unset:
        raise UsageError("nothing to change is named", "give for example `-y loss`, or `--unset title`")
    project = find_project()
    file = modify(project, target, properties, [name.replace("-", "_") for name in unset or ()])
    render.note(f"Written: {project.shown(file)}")


def plots_templates(
    template: Annotated[
        str,
        typer.Argument(
            help="Template to print (default: list all).", autocompletion=complete_values.own_templates, show_default=False
        ),
    ] = "",
) -> None:
    """List the available plot templates, or print one.

    Example: dvx plots templates confusion
    """
    from dvx.model.compare.plot_templates import TEMPLATES

    if not template:
        for name in TEMPLATES:
            render.data(name)
    elif template in TEMPLATES:
        render.json(TEMPLATES[template]())
    else:
        raise UsageError(f"there is no template `{template}`", nearest(template, TEMPLATES) or "`dvx plots templates` lists them")


class _How(Struct, frozen=True):
    """What becomes of the plots."""

    out: str
    vega: bool
    split: bool
    opens: bool
    text: bool
    template: str
    json: bool


def _properties(template: str, x: str, y: str, title: str, x_label: str, y_label: str, *, no_header: bool) -> dict[str, Any]:
    given = {"template": template, "x": x, "y": y, "x_label": x_label, "y_label": y_label, "title": title}
    return {name: value for name, value in given.items() if value} | ({"header": False} if no_header else {})


def _draw(project: Project, revisions: Sequence[str], targets: tuple[str, ...], properties: dict[str, Any], how: _How) -> None:
    from dvx.ops.compare.page_places import page_folder
    from dvx.ops.compare.plot_definitions import PlotOptions
    from dvx.ops.compare.plots import failed, show

    if how.vega and how.json:
        raise UsageError("`--show-vega` and `--json` exclude each other", "leave one out")
    if how.vega and len(targets) != 1:
        raise UsageError("`--show-vega` is about one plot", "name it")
    plots, troubles = show(project, revisions, PlotOptions(targets, properties), on_demand(project))
    if wrong := failed(troubles):
        render.note(f"Some plots of these revisions could not be drawn: {', '.join(wrong)}")
        tell_troubles((one.revision, one.error.message) for one in troubles)
    out = "" if how.text or how.vega else page_folder(project, how.out)
    if how.json:
        render.json(_document(project, plots, troubles, out, split=how.split))
    elif how.vega:
        from dvx.model.compare.plot_fill import fill

        for plot in plots:
            if plot.chart is not None and plot.template is not None:
                render.json(fill(plot.template, plot.chart).content)
                return
        raise DvxError(f"`{targets[0]}` is no plot with data", "`dvx plots show` draws all that there are")
    elif how.text:
        _print_charts(plots)
    elif any(plot.chart or plot.images for plot in plots):
        _write_page(project, plots, out, how)
    else:
        render.note("No plots were loaded, visualization file will not be created.")


def _document(project: Project, plots: Sequence[Any], troubles: Sequence[Any], out: str, *, split: bool) -> dict[str, Any]:
    from dvx.model.compare.plot_fill import fill
    from dvx.ops.compare.page_files import write_images
    from dvx.ops.compare.plots import kind_of, message_of

    data: dict[str, Any] = {}
    for plot in plots:
        found: list[dict[str, Any]] = []
        if plot.chart is not None:
            filled = fill(plot.template, plot.chart, split=split)
            revisions = list(plot.chart.revisions)
            found.append({"type": "vega", "revisions": revisions, "content": filled.content})
            if split:
                found[0]["anchor_definitions"] = dict(filled.anchors)
        for revision, place in write_images(project, plot, out):
            found.append({"type": "image", "revisions": [revision], "url": place})
        data[plot.name] = found
    errors = []
    for one in troubles:
        belongs = {"name": one.plot, "rev": one.revision, "source": one.source}
        errors.append(
            {key: value for key, value in belongs.items() if value} | {"type": kind_of(one.error), "msg": message_of(one)}
        )
    return {key: value for key, value in (("errors", errors), ("data", data)) if value}


def _print_charts(plots: Sequence[Any]) -> None:
    from dvx.cli.compare.plot_text import BRAILLE, chart_text

    width = width_of(sys.stdout.fileno()) if sys.stdout.isatty() else 80
    colours, plain = colour.wanted(sys.stdout), not screen.can_print(BRAILLE)
    for plot in plots:
        if plot.chart is None:
            render.note(f"`{plot.name}` is a picture, which a page shows: leave `--text` out.")
        elif found := chart_text(plot.name, plot.chart, width, colours=colours, plain=plain):
            screen.block(found)
        else:
            render.note(f"`{plot.name}` has no numbers to draw; a page shows it: leave `--text` out.")


def _write_page(project: Project, plots: Sequence[Any], out: str, how: _How) -> None:
    from dvx.cli.compare.plot_page import plots_page
    from dvx.ops.compare.page_files import page_parts
    from dvx.ops.compare.page_places import check_page, read_template, write_page

    index = os.path.join(out, "index.html")
    check_page(project, index)
    charts, pictures = page_parts(project, plots, out)
    write_page(project, index, plots_page(charts, pictures, read_template(project, how.template)))
    page_is_at(project, index, opens=how.opens)


def page_is_at(project: Project, place: str, *, opens: bool) -> None:
    """Say where a page is, and open it in a browser if asked to, or if the user's configuration says so."""
    from dvx.config.trust import opens_pages

    url = "file://" + quote(os.path.realpath(place))
    render.data(url)
    if opens or opens_pages(project.config):
        import webbrowser

        if not webbrowser.open(url):
            render.note("no browser could be opened; open the page yourself")
