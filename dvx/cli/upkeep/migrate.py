"""The command migrate."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from dvx.cli.common import DryRunOption, JsonOption, find_project
from dvx.cli.setup import complete
from dvx.cli.terminal import render, units
from dvx.model.paths import printable
from dvx.ops.upkeep.migrate import MigrateOptions, Migration, plan
from dvx.ops.upkeep.migrate import migrate as do


def migrate(
    *,
    hash_name: Annotated[
        str, typer.Option("--hash", help="New hash algorithm: xxh128, blake3, sha256 or md5.", autocompletion=complete.hashes)
    ] = "",
    native: Annotated[bool, typer.Option("--native", help="Convert a DVC repository to a native dvx repository.")] = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Switch to another hash algorithm, or convert a DVC repository.

    Rewrites pointer, lock and pipeline files. `--native` converts a DVC repository.

    Each object is read once and shares its bytes with the old one where the file system can. Commits and experiments stay as
    they are, with the old cache, and old objects at remotes stay there: run `dvx push` to add the new ones. Data that is not
    here keeps its old hash. If it is interrupted, run it again: it goes on.

    Example: dvx migrate --native --hash blake3
    """
    project = find_project()
    options = MigrateOptions(hash_name, native)
    done = plan(project, options) if dry_run else do(project, options, render.terminal())
    if json:
        render.json(to_builtins(done))
        return
    for old, new in done.files:
        render.data(printable(old) if old == new else f"{printable(old)} -> {printable(new)}")
    _tell(done, "to rehash" if dry_run else "rehashed")
    if not dry_run and (done.files or done.stale) and project.git is not None:
        render.note("The changed files are staged; keep them with: git commit -m 'Migrate'")


def _tell(done: Migration, what: str) -> None:
    if not (done.objects or done.files or done.stale):
        render.note(f"Everything is in {done.algorithm} already.")
        return
    absent = f", {done.absent:,} not here" if done.absent else ""
    objects = units.count(done.objects, "object")
    render.note(f"{done.dialect}, {done.algorithm}: {objects} {what} ({units.size(done.bytes)}){absent}")
