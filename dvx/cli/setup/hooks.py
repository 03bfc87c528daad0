"""The commands that tie dvx to Git: install, and git-hook, which Git calls."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from dvx.cli.common import cwd, find_project
from dvx.cli.data import track
from dvx.cli.session import SESSION
from dvx.cli.terminal import render
from dvx.cli.transfer import sync
from dvx.config import environment, find_root
from dvx.errors import DvxError
from dvx.git.hooks import is_rebasing
from dvx.model.paths import printable

ArgsArgument = Annotated[list[str] | None, typer.Argument(help="Arguments that Git passes to the hook.", show_default=False)]
FolderOption = Annotated[
    str, typer.Option("--folder", help="Folder of the project in the work tree (default: its root).", show_default=False)
]


def install(
    *,
    use_pre_commit_tool: Annotated[
        bool, typer.Option("--use-pre-commit-tool", help="Configure the pre-commit tool instead of installing Git hooks.")
    ] = False,
) -> None:
    """Install Git hooks and the merge driver.

    Git then runs `dvx status` before a commit, `dvx push` before a push and `dvx checkout` after a checkout, and merges
    files that dvx writes.

    `.gitattributes` gets lines that let Git merge pointers, pipelines and locks by dvx. A hook that is there and does not call
    dvx is left alone, and dvx says what to add where: to hooks of pre-commit, husky, lefthook and git-lfs, too.

    Example: dvx install
    """
    from dvx.ops.setup.git_hooks import install

    project = find_project()
    result = install(project, with_tool=use_pre_commit_tool)
    for place in result.written:
        render.note(f"Wrote {printable(os.path.relpath(place, cwd()))}")
    if not result.driver:
        render.note("This project is without Git, so there is nothing to install.")
        return
    if not result.written and not result.left:
        render.note("All is installed already.")
    if use_pre_commit_tool:
        render.note("Now run: pre-commit install -t pre-commit -t pre-push -t post-checkout")
    for hook in result.left:
        render.note(f"{hook.name}: {hook.reason}; {hook.cure}")
    if result.left:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(hook.name for hook in result.left))
        raise DvxError(f"not installed: {names}", "do what is said above, then run `dvx install` again")


def git_hook_pre_commit(args: ArgsArgument = None, *, folder: FolderOption = "") -> None:  # noqa: ARG001  Git's to hand
    """Show changes of tracked data before a commit.

    Does nothing outside a repository.

    Example: dvx git-hook pre-commit
    """
    if _enter(folder, "status"):
        track.status()


def git_hook_pre_push(args: ArgsArgument = None, *, folder: FolderOption = "") -> None:  # noqa: ARG001
    """Upload tracked data before a push.

    Does nothing outside a repository.

    Example: dvx git-hook pre-push origin https://example.com/repo.git
    """
    if _enter(folder, "push"):
        sync.push()


def git_hook_post_checkout(args: ArgsArgument = None, *, folder: FolderOption = "") -> None:
    """Restore tracked data after a checkout.

    Does nothing after `git checkout FILE`, during a rebase, and outside a repository. Prints a warning for what cannot be
    restored.

    Example: dvx git-hook post-checkout OLD NEW 1
    """
    # the tool pre-commit hands over in the environment what Git gives as the third argument: whether HEAD changed
    flag = args[2] if args and len(args) > 2 else environment().get("PRE_COMMIT_CHECKOUT_TYPE", "")
    if flag != "1" or not _enter(folder, "checkout"):
        return
    try:
        git = find_project().git
        if git is None or not is_rebasing(git):
            track.checkout()
    except (DvxError, OSError) as error:
        # Git's own work is done; a hook that fails would make `git worktree add` and `git bisect` fail
        render.notes(f"warning: {error}", *([f"hint: {error.hint}"] if isinstance(error, DvxError) and error.hint else ()))


def git_hook_merge_driver(
    *,
    ancestor: Annotated[str, typer.Option("--ancestor", help="File with the common ancestor's version.", show_default=False)],
    our: Annotated[str, typer.Option("--our", help="File with our version; it receives the result.", show_default=False)],
    their: Annotated[str, typer.Option("--their", help="File with their version.", show_default=False)],
    path: Annotated[str, typer.Option("--path", help="Path of the file in the repository.", show_default=False)] = "",
) -> None:
    """Merge two versions of a file that dvx writes.

    Folders are merged file by file, locks and pipelines stage by stage.

    Exits with an error, and leaves Git's conflict marks in the file, where both sides changed the same thing.

    Example: dvx git-hook merge-driver --ancestor base.dvx --our ours.dvx --their theirs.dvx
    """
    from dvx.ops.setup.merge import Versions, merge

    here = cwd()
    ancestor, our, their = (os.path.normpath(os.path.join(here, name)) for name in (ancestor, our, their))
    session = SESSION.get()
    session.cwd = os.path.dirname(os.path.join(here, path)) if path else here
    project = find_project()
    name = os.path.relpath(os.path.join(here, path), project.root).replace(os.sep, "/") if path else ""
    merge(project, Versions(ancestor, our, their, name))


def _enter(folder: str, command: str) -> bool:
    """Go to a folder and act as another command; False if there is no repository, so that the hook has nothing to do."""
    session = SESSION.get()
    place = os.path.normpath(os.path.join(session.cwd, folder))
    found = find_root(place)
    if found is None or (folder and found[0] != place):
        return False
    session.command = command
    session.cwd = place
    return True
