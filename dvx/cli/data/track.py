"""The commands that track data: init, add, checkout, status, root, version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from dvx.cli.common import (
    BranchesOption,
    CommitsOption,
    ForceOption,
    JobsOption,
    JsonOption,
    PathsArgument,
    RecursiveOption,
    RemoteOption,
    TagsOption,
    TargetsArgument,
    WithDepsOption,
    cwd,
    find_project,
    tell_git,
)
from dvx.cli.session import SESSION
from dvx.cli.setup import complete
from dvx.cli.terminal import colour, render, units
from dvx.config import find_root
from dvx.errors import UsageError
from dvx.model.dialect import DVC, NATIVE
from dvx.model.events import Tell
from dvx.model.paths import printable
from dvx.model.tracked.pointer import Pointer
from dvx.ops.tracked.index import SelectOptions
from dvx.ops.transfer.scope import ChosenRevisions, SyncOptions
from dvx.project import Project

_COLUMN = 20


def init(
    directory: Annotated[
        str, typer.Argument(help="Folder to initialize (default: the current folder).", show_default=False)
    ] = ".",
    *,
    dvc: Annotated[bool, typer.Option("--dvc", help="Initialize a DVC repository, which DVC can use as well.")] = False,
    no_scm: Annotated[bool, typer.Option("--no-scm", help="Use the repository without Git.")] = False,
    subdir: Annotated[bool, typer.Option("--subdir", help="Initialize in a subfolder of a Git repository.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Reset an existing configuration; the cache is kept.")] = False,
    hash_name: Annotated[
        str,
        typer.Option(
            "--hash", help="Hash algorithm: xxh128, blake3, sha256 or md5 (default: xxh128).", autocompletion=complete.hashes
        ),
    ] = "",
) -> None:
    """Initialize a dvx (or DVC) repository in the current folder.

    With `--dvc`, DVC can use the repository, too. A folder inside a DVC repository becomes a DVC repository as well.

    Example: dvx init --hash blake3
    """
    from dvx.ops.setup.init import InitOptions, init

    place = os.path.normpath(os.path.join(cwd(), directory))
    above = find_root(place) if subdir and not hash_name else None
    spoken = SESSION.get().spoken
    dialect = DVC if dvc else above[1] if above and spoken is NATIVE else spoken
    project = init(place, InitOptions(dialect, hash_name, not no_scm, subdir, force))
    render.note(f"Made a {dialect.name} repository in `{printable(project.root)}` ({project.algorithm}).")
    if project.git is not None:
        render.note(f'Its files are staged; keep them with: git commit -m "Start {dialect.name}"')


def add(
    targets: PathsArgument,
    *,
    glob: Annotated[bool, typer.Option("--glob", help="Treat targets as patterns, such as `data/*.csv`.")] = False,
    out: Annotated[str, typer.Option("--out", "-o", help="Copy the target to PATH first, and track the copy.")] = "",
    to_remote: Annotated[
        bool, typer.Option("--to-remote", help="Upload the data to a remote without keeping a local copy.")
    ] = False,
    remote: RemoteOption = "",
    jobs: Annotated[
        int, typer.Option("--remote-jobs", min=0, help="Number of parallel transfers (default: chosen automatically).")
    ] = 0,
    force: ForceOption = False,
    no_commit: Annotated[
        bool, typer.Option("--no-commit", help="Write the pointer file without copying data to the cache.")
    ] = False,
    relink: Annotated[
        bool, typer.Option("--relink/--no-relink", help="Replace the added files by links to the cache, as `cache.type` says.")
    ] = True,
    desc: Annotated[str, typer.Option("--desc", help="Human-readable description, stored in the pointer file.")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Label, stored in the pointer file; can be repeated.")
    ] = None,
    kind: Annotated[str, typer.Option("--type", help="Type of the data, stored in the pointer file.")] = "",
    meta: Annotated[
        list[str] | None,
        typer.Option("--meta", metavar="KEY=VALUE", help="Custom metadata, stored in the pointer file; can be repeated."),
    ] = None,
) -> None:
    """Track files and folders, and store their contents in the cache.

    Each gets a small pointer file, which you commit to Git; the data itself stays out of Git.

    A target inside a tracked folder renews just that part of it.

    Example: dvx add data/raw.csv images
    """
    from dvx.ops.data.add import AddOptions, add, described
    from dvx.ops.data.copy_in import BringOptions, add_to_remote, bring, check_words

    check_words(targets, out=out, remote=remote, to_remote=to_remote, glob=glob)
    project, tell = find_project(), render.terminal()
    options = AddOptions(glob, not no_commit, relink, described(desc, kind, label or (), meta or ()))
    elsewhere = BringOptions(out, remote, jobs, force)
    if to_remote:
        result = add_to_remote(project, targets[0], elsewhere, options, tell)
    elif out:
        result = add(project, [project.abs(bring(project, targets[0], elsewhere, tell))], tell, options)
    else:
        result = add(project, targets, tell, options)
    for item in result.added:
        size, count = item.content.size or 0, item.content.files
        inside = f", {units.count(count, 'file')}" if count is not None else ""
        state = "" if item.changed else " (unchanged)"
        render.note(f"Added {printable(item.path)} ({units.size(size)}{inside}){state}")
    tell_git(project, result.for_git)


def checkout(
    targets: TargetsArgument = None,
    *,
    force: ForceOption = False,
    with_deps: WithDepsOption = False,
    recursive: RecursiveOption = False,
    relink: Annotated[
        bool, typer.Option("--relink", help="Recreate the links of unchanged files, too, as `cache.type` says.")
    ] = False,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Skip data that is missing from the cache.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Print only the number of changed paths.")] = False,
) -> None:
    """Restore tracked data in the workspace from the cache.

    Tracked paths get the contents that their pointer and lock files record. Local changes are never lost.

    Example: dvx checkout data
    """
    from dvx.ops.workspace.checkout import CheckoutOptions, checkout

    chosen = SelectOptions(with_deps=with_deps, recursive=recursive)
    options = CheckoutOptions(tuple(targets or ()), chosen, force, relink, allow_missing)
    result = checkout(find_project(), options, render.terminal())
    if not summary:
        render.changes({"A": result.added, "M": result.modified, "D": result.deleted})
    render.note(
        f"{units.count(len(result.added), 'path')} added, {len(result.modified)} modified, {len(result.deleted)} deleted"
        if result.added or result.modified or result.deleted
        else "Everything is as recorded."
    )
    if relink:
        render.note(f"{units.count(len(result.relinked), 'file')} linked anew")


def status(
    targets: TargetsArgument = None,
    *,
    cloud: Annotated[bool, typer.Option("--cloud", "-c", help="Compare the cache with the remote instead.")] = False,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    all_branches: BranchesOption = False,
    all_tags: TagsOption = False,
    all_commits: CommitsOption = False,
    with_deps: WithDepsOption = False,
    recursive: RecursiveOption = False,
    updates: Annotated[
        bool | None,
        typer.Option("--updates/--no-updates", help="Check the sources of all imports (default: only those on this machine)."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show which tracked data and pipeline stages have changed.

    Also shows imports whose source has a newer version.

    With `--cloud` or `--remote`, show what of the data is `new` (only in the cache), `deleted` (only at the remote) or
    `missing` (in neither).

    Exits with 0, or under `--quiet`, which prints nothing, with 1 when something changed.

    Example: dvx status train
    """
    chosen = SelectOptions(with_deps=with_deps, recursive=recursive)
    revisions = ChosenRevisions(all_branches, all_tags, all_commits)
    if cloud or remote:
        options = SyncOptions(tuple(targets or ()), remote, jobs, chosen, revisions)
        _cloud_status(options, indent="\t" if cloud else "", json=json)
        return
    if jobs or revisions != ChosenRevisions():
        raise UsageError("`--jobs`, `--all-branches`, `--all-tags` and `--all-commits` need `--cloud`", "add `--cloud`")
    from dvx.ops.data.status import as_json, status

    def compare_sources(project: Project, imports: Sequence[Pointer], tell: Tell) -> Mapping[str, tuple[str, str]]:
        # loads Git, which others do without
        from dvx.ops.imports.status import Ask, source_states

        return source_states(project, imports, {None: Ask.HERE, True: Ask.ALL, False: Ask.NONE}[updates], tell)

    seen = status(find_project(), targets or (), render.terminal(), chosen, compare_sources)
    changed = as_json(seen.changed)
    if json:
        render.json(changed)
        return
    if changed and render.is_quiet():
        raise typer.Exit(1)
    for owner, groups in changed.items():
        render.data(f"{printable(owner)}:")
        for line in status_lines(groups):
            render.data(line)
    if seen.empty:
        render.note("There are no data or pipelines tracked in this project yet.")
        render.note("Run `dvx add` to track data, or `dvx stage add` to make a pipeline.")
    elif not changed:
        render.note("Data and pipelines are up to date.")


def _cloud_status(options: SyncOptions, *, indent: str, json: bool) -> None:
    from dvx.ops.transfer.cloud_status import cloud_status

    project = find_project()
    found = cloud_status(project, options, render.terminal())
    if json:
        render.json(found)
        return
    if found and render.is_quiet():
        raise typer.Exit(1)
    for path, state in found.items():
        render.data(f"{indent}{_state(state)}{printable(path)}")
    if not found:
        render.note(f"The cache and the remote `{project.config.remote(options.remote).name}` hold the same.")


def status_lines(groups: Sequence[Any]) -> Iterator[str]:
    """The changes of one stage or pointer, indented by tabs, a state in a column of 20."""
    for group in groups:
        if isinstance(group, str):
            yield f"\t{group}"
            continue
        for what, subjects in group.items():
            yield f"\t{what}:"
            for subject, state in subjects.items():
                if isinstance(state, str):
                    yield f"\t\t{_state(state)}{printable(subject)}"
                else:
                    yield f"\t\t{printable(subject)}:"
                    yield from (f"\t\t\t{_state(one)}{key}" for key, one in state.items())


def _state(word: str) -> str:
    """A state in its column."""
    return colour.state(f"{word}:", " " * (_COLUMN - 1 - len(word)))


def root() -> None:
    """Print the path of the repository's root folder.

    The path is relative to the current folder.

    Example: dvx root
    """
    project = find_project()
    render.data(os.path.relpath(project.root, project.cwd))
