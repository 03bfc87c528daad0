"""exp save: the workspace as an experiment; nothing is run."""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct

from dvx.model.events import Notice, Tell
from dvx.model.imports.dataset import is_dataset
from dvx.model.paths import listed
from dvx.model.pipelines.stage import is_url
from dvx.ops.data.commit import CommitOptions
from dvx.ops.data.commit import commit as commit_data
from dvx.ops.experiments.auto_push import auto_push
from dvx.ops.experiments.contents import extra_of, tell_absent
from dvx.ops.experiments.run import Record, RecordedExperiment, message_of, new_ref, record
from dvx.ops.tracked.index import Index, SelectOptions, load_index
from dvx.ops.tracked.refs import git_of
from dvx.project import Project


class SaveOptions(Struct, frozen=True):
    """How to record the workspace; `include` are paths that Git does not track, or ignores.

    Of data, only what the `targets` mean is stored, if there are any; those that are folders may mean all `recursive`ly.
    """

    name: str = ""
    message: str = ""
    force: bool = False
    include: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    recursive: bool = False


def save(project: Project, options: SaveOptions, tell: Tell) -> RecordedExperiment:
    """Record the workspace as an experiment, running nothing. What is not here stays as it was recorded.

    Raises:
        MissingData: what a target means does not exist.
    """
    git = git_of(project)
    ref = new_ref(project, options.name)
    if targets := options.targets or _present(project, load_index(project)):
        select = SelectOptions(recursive=options.recursive)
        commit_data(project, CommitOptions(targets, select, force=True, share=False), tell)
    index = load_index(project)
    message = options.message or message_of(project, index, list(index.stages))
    included = [project.relative(path) for path in options.include]
    if absent := [path for path in included if not os.path.lexists(project.abs(path))]:
        tell(Notice(f"{listed(absent)} does not exist, so the experiment does not hold it", "check the spelling after `-I`"))
    extra = extra_of(project, git, index, included)
    commit, replaced = record(project, git, Record(ref, message, extra, options.force), tell)
    tell_absent(git, index, extra, tell)
    auto_push(project, ref, tell)
    return RecordedExperiment(ref, commit, None, replaced)


def _present(project: Project, index: Index) -> tuple[str, ...]:
    """The pointers and stages whose files are all here, as targets."""
    paths = {path: [output.path for output, _ in pointer.outs] for path, pointer in index.pointers.items()}
    found = [project.shown(path) for path, outs in paths.items() if _exist(project, outs)]
    for address, stage in index.stages.items():
        deps = [dep for dep in stage.deps if not is_url(dep) and not is_dataset(dep)]
        if _exist(project, [*deps, *(output.path for output in stage.all_outs if not is_url(output.path))]):
            found.append(address)
    return tuple(found)


def _exist(project: Project, paths: Iterable[str]) -> bool:
    return all(os.path.exists(os.path.join(project.root, path)) for path in paths)
