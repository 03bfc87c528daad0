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
    name: Annotated[str, typer.Argument(help="What stages will call it: `ds://NAME`.", show_default=False)],
    *,
    dvc: Annotated[
        str, typer.Option("--dvc", metavar="URL", help="Another repository: a URL, or a folder.", autocompletion=complete.folders)
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            "--url", help="A place that keeps versions: `s3://...`, `remote://NAME/PATH`.", autocompletion=complete_values.sources
        ),
    ] = "",
    dc: Annotated[str, typer.Option("--dc", metavar="NAME", help="A dataset of DataChain. Only DVC can add one.")] = "",
    rev: Annotated[str, typer.Option("--rev", help="With `--dvc`: a branch, tag or commit of it.")] = "",
    path: Annotated[str, typer.Option("--path", help="With `--dvc`: a file or folder of it.")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the dataset of that name.")] = False,
    json: JsonOption = False,
) -> None:
    """Give data of another place a name that stages can depend on, and record what it is now. Nothing is copied.

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
    name: Annotated[str, typer.Argument(help="A dataset.", autocompletion=complete.datasets, show_default=False)],
    *,
    rev: Annotated[str, typer.Option("--rev", "--version", help="Follow this branch, tag or commit from now on.")] = "",
    json: JsonOption = False,
) -> None:
    """Record what a dataset is now: the stages that depend on it are run again if it changed.

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
