"""What all commands share: the project they work on, and the options that mean the same everywhere."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace

from dvx.cli.session import SESSION
from dvx.cli.setup import complete
from dvx.cli.terminal import colour, render, screen
from dvx.errors import quoted

if TYPE_CHECKING:
    from dvx.config import Config
    from dvx.ops.transfer.on_demand import OnDemand
    from dvx.project import Project
    from dvx.store.undo import UndoLog


def find_project() -> Project:
    """The project that the user stands in."""
    from dvx.project import Project

    session = SESSION.get()
    return _opened(Project.find(session.cwd, session.spoken))


def find_files() -> Project:
    """The same for commands that only look at files: where there is no project, at the Git repository, or at the folder."""
    from dvx.project import Project

    session = SESSION.get()
    return _opened(Project.find_or_plain(session.cwd, session.spoken))


def _opened(project: Project) -> Project:
    session = SESSION.get()
    if sys.stdin.isatty() and sys.stderr.isatty():
        project = replace(project, ask=screen.ask_secret)
    session.projects.append(project)
    project.trash.command = project.undo.command = session.command
    project.cache.tell = render.terminal()
    return project


def on_demand(project: Project) -> OnDemand:
    """What fetches small files that are to be shown, and says so."""
    from dvx.ops.transfer.on_demand import OnDemand

    return OnDemand(project, render.terminal())


def undo_log(config: Config) -> UndoLog | None:
    """Where a change of the configuration is written down for `undo`; None where there is no repository."""
    from dvx.store.undo import UndoLog

    if config.root is None:
        return None
    session = SESSION.get()
    log = UndoLog(os.path.join(config.root, config.dialect.folder, config.dialect.state_folder, "undo"))
    log.command = session.command
    session.logs.append(log)
    return log


def cwd() -> str:
    """The folder that the user stands in."""
    return SESSION.get().cwd


def tell_git(project: Project, paths: Sequence[str]) -> None:
    """Say which files belong into the next commit, unless they are staged already."""
    if paths and project.git is not None and not project.config.flag("core.autostage", False):
        render.note("To keep it in Git: git add " + quoted(*map(project.shown, paths)))


def with_verbosity(function: Callable[..., None], name: str) -> Callable[..., None]:
    """The command `name` with `-q`, `-v` and `--color` added, which every command takes."""

    @functools.wraps(function)
    def command(
        *,
        quiet: bool,
        verbose: bool,
        color: colour.When | None,  # noqa: ARG001  its callback acts, before what is wrong with the other words is told
        **values: Any,  # the tunnel is typer's: it calls by keyword
    ) -> None:
        SESSION.get().command = name
        if quiet or verbose:
            render.set_verbosity(quiet=quiet, verbose=verbose)
        function(**values)

    signature = inspect.signature(function, eval_str=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, default, annotation in (
            ("quiet", False, QuietOption),
            ("verbose", False, VerboseOption),
            ("color", None, ColorOption),
        )
    ]
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in signature.parameters.values()]
    command.__signature__ = signature.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*kept, *added]}
    return command


def tell_unread(unread: Sequence[str]) -> None:
    """Name the files of revisions that could not be read; raises Partial if there are any."""
    from dvx.ops.tracked.unreadable import demand_read

    for text in unread if len(unread) > 1 else ():
        render.note(text)
    demand_read(unread)


QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors and results.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Print more details.")]
# `dvx --help` tells it; in the help of every command it would be noise
ColorOption = Annotated[
    colour.When | None,
    typer.Option(
        "--color", hidden=True, is_eager=True, callback=colour.choose, help="When to use colors: auto, always or never."
    ),
]
TargetsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Tracked paths, pointer files or stages (default: all).", autocompletion=complete.targets, show_default=False
    ),
]
PathsArgument = Annotated[list[str], typer.Argument(help="Files and folders to track.", show_default=False)]
RemoteOption = Annotated[
    str, typer.Option("--remote", "-r", help="Remote to use (default: the default remote).", autocompletion=complete.remotes)
]
JobsOption = Annotated[
    int, typer.Option("--jobs", "-j", min=0, help="Number of parallel transfers (default: chosen automatically).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
MarkdownOption = Annotated[bool, typer.Option("--md", help="Print the result as a Markdown table.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite local changes (they are moved to the trash).")]
WithDepsOption = Annotated[bool, typer.Option("--with-deps", "-d", help="Include the stages that the targets depend on.")]
RecursiveOption = Annotated[bool, typer.Option("--recursive", "-R", help="Include everything tracked below target folders.")]
BranchesOption = Annotated[bool, typer.Option("--all-branches", "-a", help="Include the data of all branches.")]
TagsOption = Annotated[bool, typer.Option("--all-tags", "-T", help="Include the data of all tags.")]
CommitsOption = Annotated[bool, typer.Option("--all-commits", "-A", help="Include the data of all commits.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", "--dry", help="Show what would be done without doing it.")]
StagesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Stages, pipeline files or outputs (default: the pipeline file in this folder).",
        autocompletion=complete.stages,
        show_default=False,
    ),
]
