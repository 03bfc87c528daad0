"""The commands that only copy data from elsewhere: get, artifacts get, get-url, list-url."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from dvx.cli.common import JobsOption, JsonOption, cwd
from dvx.cli.imports.origins import ConfigOption, RemoteConfigOption, SourceRemoteOption, origin_of
from dvx.cli.terminal import render, screen
from dvx.errors import UsageError
from dvx.model.data.listing import down_to, tree_of
from dvx.model.paths import printable
from dvx.model.tracked.origin import Origin

if TYPE_CHECKING:
    from dvx.ops.imports.get import GetOptions
from dvx.cli.imports.record import ForceOption, FsConfigOption, PathArgument, RevOption, SourceArgument, UrlArgument

GetOutOption = Annotated[
    str, typer.Option("--out", "-o", help="Destination, `-` for standard output (default: the same name here).")
]
ShowUrlOption = Annotated[bool, typer.Option("--show-url", help="Print the URL of the data instead of downloading it.")]


def get(
    url: UrlArgument,
    path: PathArgument,
    *,
    out: GetOutOption = "",
    rev: RevOption = "",
    show_url: ShowUrlOption = False,
    jobs: JobsOption = 0,
    force: ForceOption = False,
    config: ConfigOption = "",
    remote: SourceRemoteOption = "",
    remote_config: RemoteConfigOption = None,
) -> None:
    """Download data from another repository without tracking it.

    Example: dvx get https://example.com/team/models.git resnet.pt --rev v2
    """
    from dvx.ops.imports.get import GetOptions

    origin = origin_of(url, path, rev, config, remote, remote_config)
    _get(origin, GetOptions(out, force, jobs), show_url=show_url)


def artifacts_get(
    url: UrlArgument,
    name: Annotated[str, typer.Argument(help="Artifact: `NAME` or `FOLDER/dvc.yaml:NAME`.", show_default=False)],
    *,
    rev: Annotated[str, typer.Option("--rev", help="Version to download (default: the latest).")] = "",
    stage: Annotated[
        str, typer.Option("--stage", help="Download the version that is currently in this stage, such as `prod`.")
    ] = "",
    out: GetOutOption = "",
    show_url: ShowUrlOption = False,
    jobs: JobsOption = 0,
    force: ForceOption = False,
    config: ConfigOption = "",
    remote: SourceRemoteOption = "",
    remote_config: RemoteConfigOption = None,
) -> None:
    """Download a named artifact from another repository.

    Versions and stages of an artifact are Git tags, as GTO creates them.

    Example: dvx artifacts get https://example.com/team/models.git resnet --rev v1.2.0
    """
    from dvx.ops.imports.artifacts import find_artifact, parse_artifact
    from dvx.ops.imports.get import GetOptions

    wanted = parse_artifact(name, rev, stage)
    found = find_artifact(cwd(), origin_of(url, "", "", config, remote, remote_config), wanted)
    _get(found, GetOptions(out, force, jobs), show_url=show_url)


def get_url(
    url: SourceArgument,
    out: Annotated[
        str, typer.Argument(help="Destination, `-` for standard output (default: the same name here).", show_default=False)
    ] = "",
    *,
    jobs: JobsOption = 0,
    force: ForceOption = False,
    fs_config: FsConfigOption = None,
) -> None:
    """Download data from a URL without tracking it.

    Example: dvx get-url remote://storage/raw/2026.csv
    """
    from dvx.ops.imports.get import GetOptions, get_url
    from dvx.ops.sources.urls import parse_options

    options = GetOptions(out, force, jobs, parse_options(fs_config, "--fs-config"))
    _got(options, lambda chosen: get_url(cwd(), url, chosen, render.terminal()))


def list_url(
    url: SourceArgument,
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="Include the contents of subfolders.")] = False,
    tree: Annotated[bool, typer.Option("--tree", "-T", help="Draw folders and their contents as a tree.")] = False,
    level: Annotated[
        int | None,
        typer.Option("--level", "-L", min=1, help="Maximum depth of `-R` or `-T` (default: no limit).", show_default=False),
    ] = None,
    size: Annotated[bool, typer.Option("--size", help="Show the sizes of files, in bytes.")] = False,
    fs_config: FsConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the files and folders at a URL.

    Example: dvx list-url s3://bucket/raw -R --size
    """
    from dvx.ops.imports.get import list_url
    from dvx.ops.sources.urls import parse_options

    there = list_url(cwd(), url, parse_options(fs_config, "--fs-config"))
    if not there.is_folder:
        rows = [(os.path.basename(url.rstrip("/")), there.sizes[""])]
    elif tree and not json:
        from dvx.cli.data.listing import branches

        found = tree_of(there.sizes, level)
        rows = [(".", None), *((line, row.size) for row, line in zip(found, branches(found), strict=True))]
    else:
        rows = down_to(there.sizes, level if recursive or tree else 1)
    if json:
        render.json([{"path": path.rstrip("/"), "isdir": path.endswith("/"), "size": amount} for path, amount in rows])
        return
    wide = max((len(str(amount)) for _, amount in rows if amount is not None), default=0)
    for path, amount in rows:
        shown = "" if amount is None else str(amount)
        render.data(f"{shown:>{wide}}  {printable(path.rstrip('/'))}" if size else printable(path.rstrip("/")))


def _get(origin: Origin, options: GetOptions, *, show_url: bool) -> None:
    from dvx.ops.imports.get import get, url_of

    if show_url:
        render.data(url_of(cwd(), origin))
    else:
        _got(options, lambda chosen: get(cwd(), origin, chosen, render.terminal()))


def _got(options: GetOptions, get: Callable[[GetOptions], str]) -> None:
    """Get something, to stdout if the place is `-`, and say where it is."""
    from dvx.ops.imports.get import nowhere

    if options.out != "-":
        render.note(f"Copied to '{printable(os.path.relpath(get(options), cwd()))}'")
        return
    with nowhere() as folder:
        place = get(replace(options, out=os.path.join(folder, "it")))
        if os.path.isdir(place):
            raise UsageError("a folder cannot go to stdout", "name a file in it")
        with open(place, "rb") as file:
            screen.copy(file)
