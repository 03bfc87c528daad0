"""Files of a page of plots."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from dvx.model.compare.plot_fill import fill
from dvx.ops.compare.page_places import check_way
from dvx.ops.compare.plots import Plot
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


def page_parts(
    project: Project, plots: Iterable[Plot], folder: str
) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, str, str]]]:
    """What a page in `folder` shows of plots: (name, specification) of charts, and (name, revision, URL) of pictures.

    The pictures are written below the folder.
    """
    charts, pictures = [], []
    for plot in plots:
        if plot.chart is not None and plot.template is not None:
            charts.append((plot.name, fill(plot.template, plot.chart).content))
        for revision, place in write_images(project, plot, os.path.join(folder, "static")):
            pictures.append((plot.name, revision, quote(os.path.relpath(place, folder))))
    return charts, pictures
