"""Files of a page of plots."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from dvx.errors import UsageError
from dvx.model.plot_fill import fill
from dvx.ops.plot_definitions import PlotOptions
from dvx.ops.plots import Plot, show
from dvx.project import Project
from dvx.store import files


def write_images(plot: Plot, folder: str) -> list[tuple[str, str]]:
    """Write the pictures of a plot into a folder; returns for each its revision and its absolute path."""
    written = []
    for image in plot.images:
        name = f"{image.revision}_{plot.name}".replace(os.sep, "_").replace("/", "_")
        place = os.path.join(os.path.abspath(folder), name)
        files.write_atomic(place, image.data)
        written.append((image.revision, place))
    return written


def charts_of(project: Project, revisions: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Name and specification of each chart that could be drawn of the revisions."""
    plots, _ = show(project, revisions, PlotOptions())
    return [(plot.name, fill(plot.template, plot.chart).content) for plot in plots if plot.chart and plot.template]


def write_page(place: str, text: str) -> None:
    """Write a page."""
    files.write_atomic(place, text.encode("utf-8", "surrogateescape"))


def read_page(project: Project, name: str) -> str:
    """A page of the user's: a path from where they stand, or from the project's own folder.

    Raises:
        UsageError: there is none.
    """
    for folder in (project.cwd, os.path.join(project.root, project.dialect.folder)):
        place = os.path.join(folder, name)
        if os.path.isfile(place):
            return files.read(place).decode("utf-8", "replace")
    raise UsageError(f"there is no page `{name}`", "give the path of an HTML file")
