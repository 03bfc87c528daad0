"""The commands dataset add, dataset update: data of other places that stages depend on by name."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from dvx.cli.common import JsonOption, find_project, tell_git
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render
from dvx.errors import UsageError
from dvx.model.imports.dataset import file_changes, short
from dvx.model.paths import printable
from dvx.ops.imports.datasets import Changed, NewDataset, add_dataset, update_dataset

_SIGNS = {"~": "M", "+": "A", "-": "D"}


def dataset_add(
    name: Annotated[str, typer.Argument(help="Name of the dataset; stages depend on `ds://NAME`.", show_default=False)],
    *,
    dvc: Annotated[
        str,
        typer.Option(
            "--dvc",
            metavar="URL",
            help="Other repository that holds the dataset: a Git URL or a folder.",
            autocompletion=complete.folders,
        ),
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            "--url",
            help="URL of storage with versions: `s3://...` or `remote://NAME/PATH`.",
            autocompletion=complete_values.sources,
        ),
    ] = "",
    dc: Annotated[str, typer.Option("--dc", metavar="NAME", help="Name of a DataChain dataset (only DVC can add these).")] = "",
    rev: Annotated[str, typer.Option("--rev", help="With `--dvc`: branch, tag or commit.")] = "",
    path: Annotated[str, typer.Option("--path", help="With `--dvc`: file or folder in that repository.")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing dataset of that name.")] = False,
    json: JsonOption = False,
) -> None:
    """Register an external dataset for use in stages.

    Stages can depend on it by its name. Nothing is downloaded.

    Example: dvx dataset add --dvc git@example.com:team/data.git --rev v2 --path images images

    Example: dvx dataset add --url s3://bucket/raw raw
    """
    chosen = [(kind, place) for kind, place in (("dvc", dvc), ("url", url), ("dc", dc)) if place]
    if len(chosen) != 1:
        raise UsageError("a dataset is of one place", "write one of `--dvc URL`, `--url URL` and `--dc NAME`")
    [(kind, place)] = chosen
    if (rev or path) and not dvc:
        raise UsageError("`--rev` and `--path` are of another repository", "leave them out, or name it with `--dvc URL`")
    project = find_project()
    found = add_dataset(project, NewDataset(name, kind, place, rev, path, force))
    if json:
        render.json(to_builtins(found))
        return
    render.note(f"Adding {name} ({_place(found)})")
    tell_git(project, found.for_git)


def dataset_update(
    name: Annotated[str, typer.Argument(help="Name of the dataset.", autocompletion=complete.datasets, show_default=False)],
    *,
    rev: Annotated[str, typer.Option("--rev", "--version", help="Branch, tag or commit to follow from now on.")] = "",
    json: JsonOption = False,
) -> None:
    """Update a registered dataset to its newest version.

    Stages that depend on it run again if it has changed.

    Example: dvx dataset update images --rev v3
    """
    project = find_project()
    found = update_dataset(project, name, rev)
    if json:
        render.json(to_builtins(found))
        return
    if found.old == found.new:
        render.note("Nothing to update")
    elif not found.old:
        render.note(f"Updating {name} ({_place(found)})")
    elif found.new["type"] == "dvc":
        render.note(f"Updating {name} ({short(found.old)} -> {short(found.new)})")
    else:
        render.note(f"Updating {name} ({printable(found.new['url'])})")
        for sign, path in sorted(file_changes(found.old, found.new), key=lambda one: one[1]):
            render.note(f"{_SIGNS[sign]}\t{printable(path)}")
    tell_git(project, found.for_git)


def _place(found: Changed) -> str:
    """Where a dataset is, as DVC shows it."""
    path = f":/{found.new['path'].lstrip('/')}" if found.new.get("path") else ""
    rev = f" @ {found.new['rev']}" if found.new.get("rev") else ""
    return printable(f"{found.new['url']}{path}{rev}")
