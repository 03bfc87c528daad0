"""exp run: a run of the pipeline in the workspace, and its record in Git, whole or absent."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, RefMoved
from dvx.formats import load_yaml
from dvx.git import Extra, Git, RefChange
from dvx.model.events import Notice, Tell, silent
from dvx.model.experiments.refs import ExpRef, check_name, draw_name, result_hash
from dvx.model.paths import join, parent, printable
from dvx.model.pipelines.run import Run
from dvx.model.pipelines.staleness import ABSENT_CAUSES, INPUT_CAUSES, Action, changes, exact, loose
from dvx.ops.experiments.contents import extra_of, tell_absent
from dvx.ops.experiments.refs import head_of
from dvx.ops.pipelines.overrides import edits_of, read_overrides
from dvx.ops.pipelines.repro import ReproOptions, ReproResult, repro
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.repro_plan import choose, find_stages
from dvx.ops.tracked.index import Index, Selected, load_index
from dvx.ops.tracked.pipeline_files import check_graph
from dvx.ops.tracked.refs import change_refs, git_of
from dvx.ops.workspace.checkout import recorded, restore
from dvx.project import Project
from dvx.store import files
from dvx.store.scratch import Scratch


class RunOptions(Struct, frozen=True):
    """How to run: `overrides` as `[FILE:]KEY=VALUE`; `name` and `message` are made when empty; `force` replaces a namesake;
    without `hydra` nothing is composed."""

    repro: ReproOptions
    name: str = ""
    overrides: tuple[str, ...] = ()
    message: str = ""
    force: bool = False
    hydra: bool = True


class RecordedExperiment(Struct, frozen=True):
    """An experiment's ref and commit; `ran` is what the pipeline did, `replaced` the commit that had the ref before."""

    ref: ExpRef
    commit: str
    ran: ReproResult | None = None
    replaced: str = ""


class Prepared(Struct, frozen=True):
    """What an experiment will be called, and the new bytes of the files that its overrides change."""

    ref: ExpRef
    edits: Mapping[str, bytes]


class Record(Struct, frozen=True):
    """What an experiment is called in Git, its message, and the `extra` that it holds; `force` replaces a namesake."""

    ref: ExpRef
    message: str
    extra: Extra
    force: bool = False


def prepare(project: Project, options: RunOptions, others: Iterable[str] = ()) -> Prepared:
    """Look at what is asked for before anything is changed or run; a name that is drawn is none of the others.

    Raises:
        DvxError: the name is taken by another result, an override or a target means nothing, or the pipeline is not sound.
    """
    git = git_of(project)
    ref = new_ref(project, options.name, others)
    edits = edits_of(project, read_overrides(project, options.overrides), hydra=options.hydra)
    _check_vacant(project, git, ref, edits, force=options.force or options.repro.dry)
    if edits or options.repro.targets:
        index = load_index(project)
        check_graph(project, index)
        find_stages(project, index, options.repro)
    return Prepared(ref, edits)


def run(project: Project, prepared: Prepared, options: RunOptions, tell: Tell, claimed: Run | None = None) -> RecordedExperiment:
    """Apply the overrides, reproduce the pipeline and record what came out as an experiment on top of HEAD.

    HEAD, index and stash stay as they are; uncommitted changes of tracked files are part of the experiment.

    Raises:
        DvxError: the pipeline fails; the edited parameters and what the stages made so far are then still in the workspace.
    """
    ref, edits = prepared.ref, prepared.edits
    if options.repro.dry:
        return RecordedExperiment(ref, "", repro(project, options.repro, tell))
    for path, data in edits.items():
        project.write(path, data)
    try:
        _restore_absent(project, options.repro, tell)
        return perform(project, ref, options, tell, claimed)
    except BaseException:
        changed = ", ".join(f"`{printable(path)}`" for path in edits)
        kept, hint = (f"; {changed} keeps the values that were set", "`git diff` shows them") if edits else ("", "")
        tell(Notice(f"the experiment `{ref.name}` was not recorded{kept}", hint))
        raise


def perform(project: Project, ref: ExpRef, options: RunOptions, tell: Tell, claimed: Run | None) -> RecordedExperiment:
    """Reproduce the pipeline of a work tree as it is, and record what came out under `ref`; raises like `run`. This process
    `claimed` the run; without one, it is not listed."""
    git = git_of(project)
    environment = {**options.repro.environment, **_environment(project, ref)}
    ran = repro(project, replace(options.repro, environment=environment), tell, claimed)
    index = load_index(project)
    _check_inputs(project, index, ran, allow_missing=options.repro.allow_missing)
    message = options.message or message_of(project, index, [one.address for one in ran.stages if one.action is not Action.SKIP])
    extra = extra_of(project, git, index)
    commit, replaced = record(project, git, Record(ref, message, extra, options.force), tell)
    tell_absent(git, index, extra, tell)
    return RecordedExperiment(ref, commit, ran, replaced)


def _restore_absent(project: Project, options: ReproOptions, tell: Tell) -> None:
    """Take from the cache what the stages need, is not here at all, and none of them makes."""
    index = load_index(project)
    graph = check_graph(project, index)
    order = choose(project, index, graph, options)
    made = {one for one in order if one in index.stages and not index.stages[one].frozen}
    needed = {*order, *(need for one in made for need in graph.needs[one])} - made
    contents, _ = recorded(Selected(one) for one in index.tracked if one.owner in needed)
    absent = {path: content for path, content in contents.items() if not os.path.lexists(project.abs(path))}
    restore(project, absent, tell, allow_missing=True)


@contextlib.contextmanager
def scratch_index(project: Project, git: Git) -> Iterator[str]:
    """A copy of Git's index to work in; what Git knows of unchanged files in it saves reading them."""
    scratch = Scratch(os.path.join(project.state, "exps", "scratch"))
    index = scratch.new()
    try:
        if os.path.exists(git.index):
            # Git reads a file again that is no older than its index; a younger copy would hide edits of the same clock tick
            written = os.stat(git.index).st_mtime_ns
            files.copy_file(git.index, index)
            files.set_time(index, written)
        yield index
    finally:
        scratch.close()


def new_ref(project: Project, name: str, others: Iterable[str] = ()) -> ExpRef:
    """The ref of an experiment to come, on top of HEAD; a name is drawn if there is none, and is none of the others.

    Raises:
        UsageError: the name will not do.
    """
    git = git_of(project)
    baseline = head_of(git)
    if name:
        check_name(name)
    return ExpRef(baseline, name or draw_name(secrets.randbelow(1 << 32), {ref.name for ref in git.experiments()}.union(others)))


def _check_vacant(project: Project, git: Git, ref: ExpRef, edits: Mapping[str, bytes], *, force: bool) -> None:
    """Refuse a name that is taken, but for a repetition of the very run that took it."""
    commit = git.experiments().get(ref)
    if commit is None or force:
        return
    with scratch_index(project, git) as index:
        seen = git.compare(index, commit)
    if edits or seen.changed or seen.absent:
        raise _taken(ref)


def _taken(ref: ExpRef, state: str = "") -> DvxError:
    return DvxError(
        f"experiment `{ref.name}` exists already{state}",
        "run `dvx exp run -f ...` to replace it, or choose another name with `-n`",
    )


def _environment(project: Project, ref: ExpRef) -> dict[str, str]:
    prefix = project.dialect.environment_prefix
    return {f"{prefix}_EXP_NAME": ref.name, f"{prefix}_EXP_BASELINE_REV": ref.baseline}


def _check_inputs(project: Project, index: Index, ran: ReproResult, *, allow_missing: bool) -> None:
    """Refuse an experiment that would show edited inputs beside the results of others.

    Raises:
        DvxError: an input of a stage changed after the stage was done.
    """
    observer = Observer(project, index.datasets, silent)
    same = exact if project.dialect.exact_params else loose
    wanted = INPUT_CAUSES - ABSENT_CAUSES if allow_missing else INPUT_CAUSES
    for stage in (index.stages[one.address] for one in ran.stages if one.address in index.stages):
        locked = index.state(stage)
        if locked is None:
            continue
        found = changes(stage, locked, observer.state(stage, locked), (), same)
        if why := [str(reason) for reason in found if reason.cause in wanted]:
            text = f"the experiment was not recorded, as something changed after the stage `{stage.address}` was done: {why[0]}"
            raise DvxError(text, "run `dvx exp run` again; what is done already is not repeated")


def message_of(project: Project, index: Index, addresses: Sequence[str]) -> str:
    return f"{project.dialect.name}: commit experiment {result_hash(_lock_entries(project, index, addresses))}"


def _lock_entries(project: Project, index: Index, addresses: Sequence[str]) -> dict[str, Any]:
    """What the lock files say of the stages, as written there."""
    documents: dict[str, Any] = {}
    entries = {}
    for address in addresses:
        stage = index.stages.get(address)
        if stage is None:
            continue
        path = join(parent(stage.file), project.dialect.lock)
        if path not in documents:
            documents[path] = load_yaml(files.read(project.abs(path)).decode(), path)["stages"] if path in index.locks else {}
        if stage.name in documents[path]:
            entries[address] = documents[path][stage.name]
    return entries


def knows_user(git: Git, tell: Tell) -> bool:
    """Whether Git can commit in the user's name; if not, that is told."""
    known = git.knows_user()
    if not known:
        hint = 'run `git config --global user.name "Your Name"` and `git config --global user.email you@example.com`'
        tell(Notice("Git does not know who you are, so the experiment's author is `dvx`", hint))
    return known


def record(project: Project, git: Git, what: Record, tell: Tell) -> tuple[str, str]:
    """Commit the workspace and give the commit its ref; an equal experiment of that name is kept as it is.

    Returns the commit, and the one that lost the ref (empty if none did).
    """
    as_nobody = not knows_user(git, tell)
    with scratch_index(project, git) as index:
        commit = git.snapshot(index, what.ref.baseline, what.extra, what.message, as_nobody=as_nobody)
    while True:
        old = git.experiments().get(what.ref)
        if old is not None and git.tree(old) == git.tree(commit):
            return old, ""
        if old is not None and not what.force:
            raise _taken(what.ref, ", with another result; the new one is in the workspace")
        with contextlib.suppress(RefMoved):
            change_refs(git, [RefChange(str(what.ref), commit, old)], project.undo)
            return commit, old or ""
