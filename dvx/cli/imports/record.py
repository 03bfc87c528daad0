"""The commands about data from elsewhere: import, import-url, update, get, get-url, list-url."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import to_builtins
from msgspec.structs import replace

from dvx.cli.common import JobsOption, JsonOption, RemoteOption, cwd, find_project, tell_git
from dvx.cli.imports.origins import ConfigOption, RemoteConfigOption, SourceRemoteOption, origin_of
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render, screen
from dvx.errors import Partial, UsageError
from dvx.model.data.listing import down_to, tree_of
from dvx.model.paths import printable
from dvx.model.tracked.origin import Origin

if TYPE_CHECKING:
    from dvx.ops.imports.get import GetOptions

UrlArgument = Annotated[
    str,
    typer.Argument(help="The other repository: a URL, or a folder.", autocompletion=complete.folders, show_default=False),
]
SourceArgument = Annotated[
    str,
    typer.Argument(help="A URL, a path, or `remote://NAME/PATH`.", autocompletion=complete_values.sources, show_default=False),
]
PathArgument = Annotated[str, typer.Argument(help="A file or folder in it, seen from its top.", show_default=False)]
OutOption = Annotated[str, typer.Option("--out", "-o", help="Where to put it; here, by its own name, by default.")]
GetOutOption = Annotated[
    str, typer.Option("--out", "-o", help="Where to put it, `-` for stdout; here, by its own name, by default.")
]
RevOption = Annotated[str, typer.Option("--rev", help="A branch, tag or commit of the other repository.")]
ShowUrlOption = Annotated[bool, typer.Option("--show-url", help="Only print where the data is kept.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Replace what is there.")]
NoExecOption = Annotated[bool, typer.Option("--no-exec", help="Only write down where it would come from.")]
NoDownloadOption = Annotated[bool, typer.Option("--no-download", help="Record what it is now, but get nothing.")]
ToRemoteOption = Annotated[bool, typer.Option("--to-remote", help="Send it to a remote, without a copy here.")]
FsConfigOption = Annotated[
    list[str] | None,
    typer.Option("--fs-config", metavar="NAME=VALUE", help="An option of the place, as of a remote.", show_default=False),
]


def import_(
    url: UrlArgument,
    path: PathArgument,
    *,
    out: OutOption = "",
    rev: RevOption = "",
    force: ForceOption = False,
    no_exec: NoExecOption = False,
    no_download: NoDownloadOption = False,
    jobs: JobsOption = 0,
    config: ConfigOption = "",
    remote: SourceRemoteOption = "",
    remote_config: RemoteConfigOption = None,
) -> None:
    """Get data of another repository and record where it came from, so that `dvx update` can bring it up to date.

    Of a repository on this machine, too, it is what was committed.

    Example: dvx import git@example.com:team/data.git images/train --rev v2
    """
    from dvx.ops.imports.record import ImportOptions, import_repo

    project = find_project()
    origin = origin_of(url, path, rev, config, remote, remote_config)
    options = ImportOptions(out=out, force=force, execute=not no_exec, download=not no_download, jobs=jobs)
    found = import_repo(project, origin, options, render.terminal())
    render.note(f"Imported '{printable(path)} ({printable(url)})' -> '{printable(project.shown(found.path))}'")
    tell_git(project, found.for_git)


def import_url(
    url: SourceArgument,
    out: Annotated[str, typer.Argument(help="Where to put it; here, by its own name, by default.", show_default=False)] = "",
    *,
    to_remote: ToRemoteOption = False,
    remote: RemoteOption = "",
    force: ForceOption = False,
    no_exec: NoExecOption = False,
    no_download: NoDownloadOption = False,
    jobs: JobsOption = 0,
    version_aware: Annotated[
        bool, typer.Option("--version-aware", help="Record which versions a bucket has; it keeps the data.")
    ] = False,
    fs_config: FsConfigOption = None,
) -> None:
    """Get data from a URL or a path outside, and record where it came from, so that `dvx update` can bring it up to date.

    Example: dvx import-url s3://bucket/raw/2026.csv data/raw.csv
    """
    from dvx.ops.imports.record import ImportOptions, import_url
    from dvx.ops.sources.urls import parse_options

    project = find_project()
    options = ImportOptions(
        out=out,
        force=force,
        execute=not no_exec,
        download=not no_download,
        to_remote=to_remote,
        remote=remote,
        jobs=jobs,
        version_aware=version_aware,
        fs_config=parse_options(fs_config, "--fs-config"),
    )
    found = import_url(project, url, options, render.terminal())
    render.note(f"Imported '{printable(url)}' -> '{printable(project.shown(found.path))}'")
    tell_git(project, found.for_git)


def update(
    targets: Annotated[
        list[str], typer.Argument(help="Imports or other data, by path or pointer; stages.", autocompletion=complete.targets)
    ],
    *,
    rev: RevOption = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="All imports in folders, too.")] = False,
    no_download: NoDownloadOption = False,
    to_remote: ToRemoteOption = False,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    json: JsonOption = False,
) -> None:
    """Bring imports up to what their sources hold now, and tracked data up to what a `worktree` remote of it holds.

    What did not change is not copied.

    Example: dvx update images.dvc --rev v3
    """
    from dvx.ops.imports.update import UpdateOptions, update

    project = find_project()
    options = UpdateOptions(rev, recursive, not no_download, to_remote, remote, jobs)
    found = update(project, targets, options, render.terminal())
    failed = [one for one in found if one.error]
    if json:
        render.json([to_builtins(one) for one in found])
    else:
        for one in found:
            # a lock says nothing of which output it was
            shown = one.path if one.pointer.rpartition("/")[2] == project.dialect.lock else one.pointer
            _tell_updated(printable(project.shown(shown)), one.error, changed=one.changed)
        if not found and recursive:
            render.note("There is nothing to update there.")
        tell_git(project, tuple(dict.fromkeys(path for one in found for path in one.for_git)))
    if failed:
        raise Partial(f"{len(failed)} of {len(found)} could not be updated", "the others are; run the command again")


def _tell_updated(shown: str, error: str, *, changed: bool) -> None:
    if error:
        render.note(f"'{shown}' was not updated: {error}")
    else:
        render.note(f"Updated '{shown}'" if changed else f"'{shown}' didn't change, skipping")


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
    """Copy data of another repository, files of Git or tracked data; nothing is recorded, and no repository is needed here.

    Example: dvx get https://example.com/team/models.git resnet.pt --rev v2
    """
    from dvx.ops.imports.get import GetOptions

    origin = origin_of(url, path, rev, config, remote, remote_config)
    _get(origin, GetOptions(out, force, jobs), show_url=show_url)


def artifacts_get(
    url: UrlArgument,
    name: Annotated[str, typer.Argument(help="An artifact: `NAME` or `FOLDER/dvc.yaml:NAME`.", show_default=False)],
    *,
    rev: Annotated[str, typer.Option("--rev", help="A version of it; the latest by default.")] = "",
    stage: Annotated[str, typer.Option("--stage", help="What is in this stage now.")] = "",
    out: GetOutOption = "",
    show_url: ShowUrlOption = False,
    jobs: JobsOption = 0,
    force: ForceOption = False,
    config: ConfigOption = "",
    remote: SourceRemoteOption = "",
    remote_config: RemoteConfigOption = None,
) -> None:
    """Copy what another repository's pipeline file gives a name to; versions and stages are Git tags as GTO makes them.

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
        str, typer.Argument(help="Where to put it, `-` for stdout; here, by its own name, by default.", show_default=False)
    ] = "",
    *,
    jobs: JobsOption = 0,
    force: ForceOption = False,
    fs_config: FsConfigOption = None,
) -> None:
    """Copy what is at a URL, with the credentials and settings that remotes have.

    Example: dvx get-url remote://storage/raw/2026.csv
    """
    from dvx.ops.imports.get import GetOptions, get_url
    from dvx.ops.sources.urls import parse_options

    options = GetOptions(out, force, jobs, parse_options(fs_config, "--fs-config"))
    _got(options, lambda chosen: get_url(cwd(), url, chosen, render.terminal()))


def list_url(
    url: SourceArgument,
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="Files in folders, too.")] = False,
    tree: Annotated[bool, typer.Option("--tree", "-T", help="Draw folders and what is in them as a tree.")] = False,
    level: Annotated[
        int | None, typer.Option("--level", "-L", min=1, help="With `-R` or `-T`: how deep to go.", show_default=False)
    ] = None,
    size: Annotated[bool, typer.Option("--size", help="Show sizes, in bytes.")] = False,
    fs_config: FsConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what a URL holds.

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
