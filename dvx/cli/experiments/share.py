"""The commands that exchange experiments with other repositories: exp push, exp pull; exp clean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from msgspec import Struct

from dvx.cli.common import JobsOption, JsonOption, RemoteOption, find_project
from dvx.cli.experiments.manage import AllCommitsOption, NumberOption, RevisionsOption
from dvx.cli.setup import complete
from dvx.cli.terminal import render
from dvx.model.experiments.refs import ExpRef
from dvx.model.transfer.plan import TransferResult
from dvx.ops.experiments.refs import BaselineScope
from dvx.ops.experiments.share import Shared, ShareOptions
from dvx.ops.transfer.scope import SyncOptions

GitRemoteArgument = Annotated[
    str, typer.Argument(help="Git remote or URL.", autocompletion=complete.git_remotes, show_default=False)
]
NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[EXPERIMENT]...",
        help="Experiments (default: those that started from HEAD).",
        autocompletion=complete.experiments,
        show_default=False,
    ),
]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Transfer only Git refs, not the data.")]
RunCacheOption = Annotated[
    bool, typer.Option("--run-cache/--no-run-cache", help="Include the run-cache: earlier results of stages.")
]
ReplaceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite different experiments of the same name.")]


def exp_push(
    git_remote: GitRemoteArgument,
    experiments: NamesArgument = None,
    *,
    all_commits: AllCommitsOption = False,
    rev: RevisionsOption = None,
    num: NumberOption = 1,
    force: ReplaceOption = False,
    no_cache: NoCacheOption = False,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    run_cache: RunCacheOption = False,
    json: JsonOption = False,
) -> None:
    """Upload experiments and their data.

    The data is uploaded to the remote storage before the experiments are pushed to the Git remote.

    Example: dvx exp push origin small-steps
    """
    from dvx.ops.experiments.share import push

    sync = SyncOptions(remote=remote, jobs=jobs, run_cache=run_cache)
    scope = BaselineScope(tuple(rev or ()), num, all_commits)
    options = ShareOptions(tuple(experiments or ()), scope, force, not no_cache, sync)
    words = _Words("push", f"to Git remote '{git_remote}'", f"up to date on Git remote '{git_remote}'", "pushed")
    _tell(push(find_project(), git_remote, options, render.terminal()), words, json=json)


def exp_pull(
    git_remote: GitRemoteArgument,
    experiments: NamesArgument = None,
    *,
    all_commits: AllCommitsOption = False,
    rev: RevisionsOption = None,
    num: NumberOption = 1,
    force: ReplaceOption = False,
    no_cache: NoCacheOption = False,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    run_cache: RunCacheOption = False,
    json: JsonOption = False,
) -> None:
    """Download experiments and their data.

    The experiments come from a Git remote, their data from the remote storage.

    Example: dvx exp pull origin small-steps
    """
    from dvx.ops.experiments.share import pull

    sync = SyncOptions(remote=remote, jobs=jobs, run_cache=run_cache)
    scope = BaselineScope(tuple(rev or ()), num, all_commits)
    options = ShareOptions(tuple(experiments or ()), scope, force, not no_cache, sync)
    words = _Words("pull", f"from Git remote '{git_remote}'", "here already", "fetched")
    _tell(pull(find_project(), git_remote, options, render.terminal()), words, json=json)


def exp_clean(*, json: JsonOption = False) -> None:
    """Clean up after experiments that were killed.

    Removes their work trees, temporary refs and logs.

    Example: dvx exp clean
    """
    from dvx.ops.experiments.clean import clean

    gone = clean(find_project(), render.terminal())
    if json:
        render.json({"removed": list(gone)})
    else:
        render.note(f"Removed: {', '.join(gone)}" if gone else "Nothing to clean up.")


class _Words(Struct, frozen=True):
    """How an exchange is told: what is done, with whom, what is so already, and what happens to data."""

    verb: str
    where: str
    already: str
    copied: str


def _tell(shared: Shared, words: _Words, *, json: bool) -> None:
    if json:
        render.json(_document(shared))
        return
    if shared.moved:
        render.note(f"{words.verb.capitalize()}ed {_named(shared.moved)} {words.where}.")
    if shared.same:
        render.note(f"E{_named(shared.same)[1:]} {_are(shared.same)} {words.already}.")
    if not (shared.moved or shared.same):
        render.note(f"No experiments to {words.verb}.")
    _tell_data(shared.data, words.copied)


def _named(refs: Sequence[ExpRef]) -> str:
    names = ", ".join(f"'{ref.name}'" for ref in refs)
    return f"experiment {names}" if len(refs) == 1 else f"experiments {names}"


def _are(refs: Sequence[ExpRef]) -> str:
    return "is" if len(refs) == 1 else "are"


def _tell_data(data: TransferResult | None, done: str) -> None:
    if data is not None:
        count = data.copied
        render.note(f"{count} {'file' if count == 1 else 'files'} {done}" if count else f"All data was there: nothing {done}")


def _document(shared: Shared) -> dict[str, object]:
    return {
        "moved": [{"name": ref.name, "baseline": ref.baseline} for ref in shared.moved],
        "same": [{"name": ref.name, "baseline": ref.baseline} for ref in shared.same],
        "objects": shared.data.copied if shared.data else 0,
        "bytes": shared.data.bytes if shared.data else 0,
    }
