"""Files of a page of plots."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from dvx.model.plot_fill import fill
from dvx.ops.page_places import check_way
from dvx.ops.plot_definitions import PlotOptions
from dvx.ops.plots import Plot, show
from dvx.project import Project
from dvx.store import files


def write_images(project: Project, plot: Plot, folder: str) -> list[tuple[str, str]]:
    """Write the pictures of a plot into a folder; returns for each its revision and its absolute path."""
    written = []
    for image in plot.images:
        name = f"{image.revision}_{plot.name}".replace(os.sep, "_").replace("/", "_")
        place = os.path.join(os.path.abspath(folder), name)
        check_way(project, place)
        files.write_atomic(place, image.data)
        written.append((image.revision, place))
    return written


def charts_of(project: Project, revisions: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Name and specification of each chart that could be drawn of the revisions."""
    plots, _ = show(project, revisions, PlotOptions())
    return [(plot.name, fill(plot.template, plot.chart).content) for plot in plots if plot.chart and plot.template]
