"""What an experiment changed against its baseline, on top of what HEAD is now."""

from __future__ import annotations

import os
import posixpath

from dvx.errors import DvxError
from dvx.git import Git
from dvx.git.hooks import merge_texts
from dvx.git.merging import Unmerged, begin_merge, distance, end_merge, settle
from dvx.model.events import Notice, Tell
from dvx.model.experiments.refs import Experiment
from dvx.model.paths import printable
from dvx.ops.setup.merge import Versions, merge
from dvx.ops.tracked.index import load_index
from dvx.ops.tracked.sources import Revision
from dvx.project import Project
from dvx.store import files
from dvx.store.scratch import Scratch

_SHOWN = 5


def on_top(project: Project, git: Git, experiment: Experiment, head: str, index: str, tell: Tell) -> str:
    """A commit that holds HEAD with the experiment's changes; the experiment's own where HEAD is its baseline.

    Where both sides ran a stage, the experiment's results count: its lock entry, and its metrics and plots that Git keeps.

    Raises:
        DvxError: both sides changed the same lines of other files, or the baseline is not here.
    """
    baseline = experiment.ref.baseline
    if baseline == head:
        return experiment.commit
    name = experiment.ref.name
    if not git.info([baseline]):
        hint = f"fetch it (`git fetch --unshallow`), or take the experiment's whole tree: `dvx exp apply --theirs {name}`"
        raise DvxError(f"the commit {baseline[:7]}, which `{name}` started from, is not here", hint)
    left = {one.path: one for one in begin_merge(git, index, (baseline, head, experiment.commit))}
    blobs = git.listing(experiment.commit)
    for path in _made(project, baseline, experiment.commit) & blobs.keys():
        full = git.full(path)
        settle(git, index, Unmerged(full, theirs=blobs[path]), None)
        left.pop(full, None)
    kept = [path for path, one in left.items() if not _settled(project, git, index, one)]
    clashes = [project.shown(posixpath.relpath(f"/{path}", f"/{git.prefix}")) for path in kept]
    behind = distance(git, baseline, head)
    commits = "1 commit" if behind == 1 else f"{behind} commits"
    where = f"{commits} before HEAD" if behind is not None else "which is not in the history of HEAD"
    if clashes:
        shown = ", ".join(f"`{printable(path)}`" for path in clashes[:_SHOWN]) + (", ..." if len(clashes) > _SHOWN else "")
        text = f"`{name}` started from {baseline[:7]}, {where}, and both changed {shown}"
        raise DvxError(text, f"nothing was changed; `dvx exp apply --theirs {name}` takes the experiment's whole tree")
    tell(Notice(f"`{name}` started from {baseline[:7]}, {where}: its changes are applied on top of HEAD"))
    return end_merge(git, index, head)


def _made(project: Project, baseline: str, commit: str) -> set[str]:
    """The files of Git that stages wrote which ran in the experiment."""
    before, after = (load_index(project, Revision(project, one)) for one in (baseline, commit))
    known = {address: before.state(stage) for address, stage in before.stages.items()}
    ran = [stage for address, stage in after.stages.items() if after.state(stage) != known.get(address)]
    return {output.path for stage in ran for output in stage.outs if not output.cached}


def _settled(project: Project, git: Git, index: str, one: Unmerged) -> bool:
    path = one.path.removeprefix(git.prefix) if one.path.startswith(git.prefix) else ""
    if not one.is_text:
        return False
    scratch = Scratch(os.path.join(project.state, "exps", "scratch"))
    try:
        blobs = git.blobs({blob for blob in (one.ancestor, one.ours, one.theirs) if blob})
        places = []
        for blob in (one.ancestor, one.ours, one.theirs):
            places.append(scratch.new())
            files.write_new(places[-1], blobs.get(blob, b""), files.NEW_FILE)
        if not _merged(project, git, Versions(places[0], places[1], places[2], path, theirs_win=True)):
            return False
        settle(git, index, one, files.read(places[1]))
    finally:
        scratch.close()
    return True


def _merged(project: Project, git: Git, versions: Versions) -> bool:
    """Merge into the file `ours`; lines that both sides put into an ignore file are kept."""
    dialect, name = project.dialect, os.path.basename(versions.path)
    if not dialect.is_machinery(name):
        union = name in (".gitignore", dialect.ignore)
        return merge_texts(git, versions.ours, versions.ancestor, versions.theirs, union=union)
    try:
        merge(project, versions)
    except DvxError:
        return False
    return True
