"""The commands that run, record, list, restore and remove experiments: `dvx exp ...`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from dvx.cli.common import JsonOption, RecursiveOption, TargetsArgument, find_project
from dvx.cli.setup import complete
from dvx.cli.terminal import render
from dvx.errors import quoted
from dvx.model.experiments.refs import Experiment, ExpRef
from dvx.model.pipelines.run import State
from dvx.ops.experiments.refs import BaselineScope, Group
from dvx.ops.tracked.refs import git_of
from dvx.project import Project

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Experiments, by name or commit hash.", autocompletion=complete.experiments, show_default=False),
]
NameArgument = Annotated[
    str, typer.Argument(help="Experiment, by name or commit hash.", autocompletion=complete.experiments, show_default=False)
]
AllCommitsOption = Annotated[bool, typer.Option("--all-commits", "-A", help="Include the experiments of all commits.")]
RevisionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rev",
        help="Baseline commit of the experiments (default: HEAD); can be repeated.",
        autocompletion=complete.commits,
        show_default=False,
    ),
]
NumberOption = Annotated[int, typer.Option("--num", "-n", help="Number of commits to go back from there (negative: no limit).")]
NameOption = Annotated[str, typer.Option("--name", "-n", help="Experiment name (default: generated).")]
MessageOption = Annotated[str, typer.Option("--message", "-m", "-M", help="Message of the experiment's commit.")]
GitRemoteOption = Annotated[
    str,
    typer.Option(
        "--git-remote", "-g", help="Git remote or URL to change instead of this repository.", autocompletion=complete.git_remotes
    ),
]
ReplaceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing experiment of that name.")]


def exp_save(
    targets: TargetsArgument = None,
    *,
    name: NameOption = "",
    message: MessageOption = "",
    force: ReplaceOption = False,
    include_untracked: Annotated[
        list[str] | None,
        typer.Option(
            "--include-untracked", "-I", help="Untracked or ignored path to include; can be repeated.", show_default=False
        ),
    ] = None,
    recursive: RecursiveOption = False,
    json: JsonOption = False,
) -> None:
    """Save the workspace as an experiment without running anything.

    Changed data is stored in the cache first, or only that of the targets if you name any.

    Example: dvx exp save -n by-hand
    """
    from dvx.ops.experiments.save import SaveOptions, save

    include = tuple(include_untracked or ())
    options = SaveOptions(name, message, force, include, tuple(targets or ()), recursive)
    recorded = save(find_project(), options, render.terminal())
    if json:
        render.json({"ref": recorded.commit})
    else:
        render.note(f"Experiment has been saved as: {recorded.ref.name}")
    tell_way_back(recorded.ref, recorded.replaced)


def exp_list(
    git_remote: Annotated[
        str,
        typer.Argument(
            help="Git remote or URL to list (default: this repository).", autocompletion=complete.git_remotes, show_default=False
        ),
    ] = "",
    *,
    all_commits: AllCommitsOption = False,
    rev: RevisionsOption = None,
    num: NumberOption = 1,
    name_only: Annotated[bool, typer.Option("--name-only", "--names-only", help="Print only the names.")] = False,
    sha_only: Annotated[bool, typer.Option("--sha-only", "--shas-only", help="Print only the commit hashes.")] = False,
    json: JsonOption = False,
) -> None:
    """List experiments by name and baseline.

    By default those that started from HEAD.

    Example: dvx exp list --all-commits
    """
    from dvx.ops.experiments.refs import listing, remote_listing

    scope = BaselineScope(tuple(rev or ()), num, all_commits)
    project = find_project()
    groups = remote_listing(project, git_remote, scope) if git_remote else listing(project, scope)
    if json:
        render.json([_group(group) for group in groups])
        return
    if not groups and not git_remote:
        tell_of_others(project)
    for group in groups:
        if not name_only and not sha_only:
            render.data(f"{group.name or group.baseline[:7]}:")
        for one in group.experiments:
            shown = one.ref.name if git_remote else f"{one.commit[:7]} [{one.ref.name}]"
            render.data(one.ref.name if name_only else one.commit if sha_only else f"\t{shown}")


def exp_apply(
    experiment: NameArgument,
    *,
    no_force: Annotated[bool, typer.Option("--no-force", help="Fail instead of overwriting uncommitted changes.")] = False,
    theirs: Annotated[
        bool, typer.Option("--theirs", help="Use the experiment's files exactly, without changes from later commits.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Apply an experiment to the workspace.

    HEAD stays where it is. Unsaved changes are moved to the trash.

    If HEAD is not the commit that the experiment started from, its changes are merged with those of later commits. If both
    changed the same lines, nothing is applied and the files are named.

    Example: dvx exp apply small-steps
    """
    from dvx.ops.experiments.apply import apply

    applied = apply(find_project(), experiment, render.terminal(), force=not no_force, theirs=theirs)
    if json:
        outs = [*applied.outputs.added, *applied.outputs.modified]
        render.json({"name": applied.experiment.ref.name, "files": applied.files, "outputs": outs})
    else:
        render.note(f"Changes for experiment '{experiment}' have been applied to your current workspace.")


def exp_remove(
    experiments: NamesArgument = None,
    *,
    all_commits: AllCommitsOption = False,
    rev: RevisionsOption = None,
    num: Annotated[int, typer.Option("--num", "-n", help="Number of commits to go back from there.", show_default=False)] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the chosen experiments and remove all others.")] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="Remove all queued experiments, as `dvx queue remove --queued` does.")
    ] = False,
    git_remote: GitRemoteOption = "",
    json: JsonOption = False,
) -> None:
    """Remove experiments, or failed ones from the queue.

    Choose them by name, or by the commit that they started from.

    Example: dvx exp remove small-steps
    """
    from dvx.ops.experiments.queue import remove_tasks, remove_unfinished
    from dvx.ops.experiments.refs import remove

    if queue:
        waiting = remove_tasks(find_project(), experiments or (), () if experiments else (State.QUEUED,))
        render.note(f"Removed experiments: {_listed([one.name for one in waiting])}" if waiting else "No experiments to remove.")
        return
    scope = BaselineScope(tuple(rev or ()), num or 1, all_commits) if all_commits or rev or num else None
    if git_remote:
        from dvx.ops.experiments.share import remove_at

        left = remove_at(find_project(), git_remote, experiments or (), scope, keep=keep)
        render.note(f"Removed experiments: {_listed([ref.name for ref in left])}" if left else "No experiments to remove.")
        return
    project = find_project()
    unfinished, recorded = ([], experiments or []) if keep else remove_unfinished(project, experiments or [])
    gone = remove(project, recorded, scope, keep=keep) if recorded or scope or not unfinished else ()
    if json:
        render.json([_experiment(one) for one in gone])
    elif unfinished or gone:
        render.note(f"Removed experiments: {_listed([*unfinished, *(one.ref.name for one in gone)])}")
        for one in gone:
            render.note(f"To get it back: git update-ref {quoted(str(one.ref))} {one.commit}")
    else:
        render.note("No experiments to remove.")


def exp_rename(
    experiment: NameArgument,
    name: Annotated[str, typer.Argument(help="New name of the experiment.", show_default=False)],
    *,
    git_remote: GitRemoteOption = "",
    force: ReplaceOption = False,
) -> None:
    """Rename an experiment, keeping its data.

    Example: dvx exp rename brave-otter small-steps
    """
    from dvx.ops.experiments.refs import rename

    if git_remote:
        from dvx.ops.experiments.share import rename_at

        render.note(f"Renamed experiments: '{rename_at(find_project(), git_remote, experiment, name, force=force).name}'")
        return

    renamed, replaced = rename(find_project(), experiment, name, force=force)
    render.note(f"Renamed experiments: '{renamed.ref.name}'")
    tell_way_back(renamed.ref, replaced)


def exp_branch(
    experiment: NameArgument,
    branch: Annotated[str, typer.Argument(help="Name of the branch (default: `<experiment>-branch`).", show_default=False)] = "",
) -> None:
    """Create a Git branch from an experiment.

    Example: dvx exp branch small-steps better-model
    """
    from dvx.ops.experiments.refs import branch as make_branch

    made, found = make_branch(find_project(), experiment, branch)
    render.note(f"Git branch '{made}' has been created from experiment '{found.ref.name}'.")
    render.note(f"To switch to it, run: git checkout {quoted(made)}")


def _group(group: Group) -> dict[str, object]:
    return {
        "baseline": group.baseline,
        "name": group.name or None,
        "experiments": [_experiment(one) for one in group.experiments],
    }


def _experiment(one: Experiment) -> dict[str, object]:
    return {"name": one.ref.name, "commit": one.commit, "created": one.created or None}


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


def tell_of_others(project: Project) -> None:
    """Where no experiment is shown, say whether there are some elsewhere."""
    count = len(git_of(project).experiments())
    if count:
        render.note(f"No experiment started from here; `-A` shows {count} of other commits.")


def tell_way_back(ref: ExpRef, commit: str) -> None:
    if commit:
        render.note(f"To get the one before back: git update-ref {quoted(str(ref))} {commit}")
