"""The commands that compare tracked data: data status and diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dvx.cli.common import JsonOption, MarkdownOption, RemoteOption, TargetsArgument, find_project, tell_unread
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import colour, render
from dvx.errors import UsageError
from dvx.model.paths import printable

if TYPE_CHECKING:
    from dvx.ops.data.data_status import DataStatus

_SECTIONS = {
    "not_in_cache": ("Not in cache:", ('use "dvx fetch <file>..." to download files',)),
    "not_in_remote": ("Not in remote:", ('use "dvx push <file>..." to upload files',)),
    "committed": ("Committed changes of data:", ("git commit the pointers and locks to keep them",)),
    "uncommitted": (
        "Uncommitted changes of data:",
        ('use "dvx commit <file>..." to track changes', 'use "dvx checkout <file>..." to discard changes'),
    ),
    "untracked": ("Untracked files:", ('use "git add <file>..." or "dvx add <file>..." to track them',)),
    "unchanged": ("Unchanged data:", ()),
}


def data_status(
    targets: TargetsArgument = None,
    *,
    json: JsonOption = False,
    granular: Annotated[bool, typer.Option("--granular", help="Compare the files inside tracked folders, too.")] = False,
    unchanged: Annotated[bool, typer.Option("--unchanged", help="Show unchanged data, too.")] = False,
    untracked_files: Annotated[
        str,
        typer.Option(
            "--untracked-files",
            metavar="[no|all]",
            help="Show untracked files (default without a value: `all`).",
            autocompletion=complete_values.no_or_all,
        ),
    ] = "no",
    remote: RemoteOption = "",
    not_in_remote: Annotated[bool, typer.Option("--not-in-remote", help="Show data that is missing from the remote.")] = False,
    remote_refresh: Annotated[  # noqa: ARG001  DVC remembers what remotes have, dvx asks them
        bool,
        typer.Option(
            "--remote-refresh/--no-remote-refresh", help="Accepted for compatibility with DVC; the remote is always checked."
        ),
    ] = True,
) -> None:
    """Show changes of tracked data, compared with the last commit.

    Lists what changed between the last commit and the pointer and lock files, and between those and the workspace.

    Example: dvx data status --granular
    """
    from dvx.ops.data.data_status import DataStatusOptions, as_json, data_status

    if untracked_files not in ("no", "all"):
        raise UsageError(f"`--untracked-files` is `no` or `all`, not `{untracked_files}`", "leave the value out for `all`")
    options = DataStatusOptions(tuple(targets or ()), granular, untracked_files == "all", not_in_remote, remote)
    project = find_project()
    status = data_status(project, options, render.terminal())
    document = {key: value for key, value in as_json(status).items() if unchanged or key != "unchanged"}
    if json:
        render.json(document)
    else:
        _print_status(status, document)
    tell_unread(status.unread)


def _print_status(status: DataStatus, document: Mapping[str, Any]) -> None:
    for line in _sections(document):
        render.data(line)
    if not document and not status.unread:
        render.data("No changes in an empty Git repository." if status.git_empty else "No changes.")
    if status.git_dirty:
        other = "other " if document else ""
        render.data(f'(there are {other}changes not tracked by dvx, use "git status" to see)')


def diff(
    a_rev: Annotated[
        str, typer.Argument(metavar="[OLD]", help="Old revision (default: HEAD).", autocompletion=complete.revisions)
    ] = "HEAD",
    b_rev: Annotated[
        str,
        typer.Argument(
            metavar="[NEW]", help="New revision (default: the workspace).", autocompletion=complete.revisions, show_default=False
        ),
    ] = "",
    *,
    targets: Annotated[
        list[str] | None,
        typer.Option("--targets", help="Compare only these tracked paths.", autocompletion=complete.targets, show_default=False),
    ] = None,
    json: JsonOption = False,
    show_hash: Annotated[bool, typer.Option("--show-hash", help="Show the hashes of files, too.")] = False,
    markdown: MarkdownOption = False,
    hide_missing: Annotated[bool, typer.Option("--hide-missing", help="Leave out data that is missing from the cache.")] = False,
) -> None:
    """Compare tracked data between revisions or with the workspace.

    Lists the files that were added, modified, deleted or renamed.

    Example: dvx diff v1.0 HEAD --targets data/images
    """
    from dvx.ops.data.diff import as_json, diff

    found = diff(find_project(), a_rev, b_rev, tuple(targets or ()), render.terminal())
    document = as_json(found, hashes=show_hash or not json, missing=not (hide_missing or b_rev))
    if json:
        render.json(document)
    else:
        _print_diff(_diff_rows(document), show_hash=show_hash, markdown=markdown)
    tell_unread(found.unread)


def _print_diff(rows: Sequence[tuple[str, str, str]], *, show_hash: bool, markdown: bool) -> None:
    if markdown:
        headers = ["Status", "Hash", "Path"]
        render.table([row if show_hash else row[::2] for row in rows], headers if show_hash else headers[::2], markdown=True)
        render.data("")
    else:
        for line in _diff_lines(rows, show_hash=show_hash):
            render.data(line)


_STATES = ("added", "deleted", "renamed", "modified", "not in cache")


def _diff_rows(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(state, _digest(row["hash"]), _words(row["path"])) for state in _STATES for row in document.get(state, ())]


def _digest(value: Any) -> str:
    return value[:8] if isinstance(value, str) else f"{value['old'][:8]}..{value['new'][:8]}"


def _diff_lines(rows: Sequence[tuple[str, str, str]], *, show_hash: bool) -> Iterator[str]:
    counts = {}
    for state in dict.fromkeys(row[0] for row in rows):
        yield colour.state(f"{state.capitalize()}:")
        group = [row for row in rows if row[0] == state]
        yield from (f"    {digest}  {path}" if show_hash else f"    {path}" for _, digest, path in group)
        yield ""
        counts[state] = sum(not path.endswith("/") for _, _, path in group)
    if any(counts.values()):
        yield "files summary: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    for number, (key, found) in enumerate(document.items()):
        if number:
            yield ""
        header, hints = _SECTIONS[key]
        yield header
        yield from (f"  ({hint})" for hint in hints)
        if isinstance(found, Mapping):
            yield from (f"        {colour.state(f'{state}:')} {_words(path)}" for state, paths in found.items() for path in paths)
        else:
            yield from (f"        {_words(path)}" for path in found)


def _words(path: Any) -> str:
    return printable(path) if isinstance(path, str) else f"{printable(path['old'])} -> {printable(path['new'])}"
