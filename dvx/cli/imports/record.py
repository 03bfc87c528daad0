"""The commands that record data from elsewhere: import, import-url, update."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from dvx.cli.common import JobsOption, JsonOption, RemoteOption, find_project, tell_git
from dvx.cli.imports.origins import ConfigOption, RemoteConfigOption, SourceRemoteOption, origin_of
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render
from dvx.errors import Partial
from dvx.model.paths import printable

UrlArgument = Annotated[
    str,
    typer.Argument(help="The other repository: a Git URL or a folder.", autocompletion=complete.folders, show_default=False),
]
SourceArgument = Annotated[
    str,
    typer.Argument(help="URL, path, or `remote://NAME/PATH`.", autocompletion=complete_values.sources, show_default=False),
]
PathArgument = Annotated[str, typer.Argument(help="File or folder, relative to the root of that repository.", show_default=False)]
OutOption = Annotated[str, typer.Option("--out", "-o", help="Destination (default: the same name in the current folder).")]
RevOption = Annotated[str, typer.Option("--rev", help="Branch, tag or commit of the other repository.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing destination.")]
NoExecOption = Annotated[bool, typer.Option("--no-exec", help="Write only the pointer file; download and check nothing.")]
NoDownloadOption = Annotated[bool, typer.Option("--no-download", help="Record the current version without downloading the data.")]
ToRemoteOption = Annotated[bool, typer.Option("--to-remote", help="Upload the data to a remote without keeping a local copy.")]
FsConfigOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fs-config", metavar="NAME=VALUE", help="Connection option, named as for remotes; can be repeated.", show_default=False
    ),
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
    """Import data from another repository and track its source.

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
    out: Annotated[
        str, typer.Argument(help="Destination (default: the same name in the current folder).", show_default=False)
    ] = "",
    *,
    to_remote: ToRemoteOption = False,
    remote: RemoteOption = "",
    force: ForceOption = False,
    no_exec: NoExecOption = False,
    no_download: NoDownloadOption = False,
    jobs: JobsOption = 0,
    version_aware: Annotated[
        bool,
        typer.Option(
            "--version-aware", help="Record the versions of a bucket with versioning; the data is not copied to remotes."
        ),
    ] = False,
    fs_config: FsConfigOption = None,
) -> None:
    """Import data from a URL and track its source.

    The URL can be a path outside the repository, too. `dvx update` later downloads newer versions from there.

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
        list[str],
        typer.Argument(help="Imports or other tracked data, by path or pointer file; stages.", autocompletion=complete.targets),
    ],
    *,
    rev: RevOption = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="Update all imports below target folders.")] = False,
    no_download: NoDownloadOption = False,
    to_remote: ToRemoteOption = False,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    json: JsonOption = False,
) -> None:
    """Update imported data to the newest version of its source.

    Tracked data on a `worktree` remote is updated to what the remote holds now.

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
