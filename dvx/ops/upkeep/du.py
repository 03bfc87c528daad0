"""du: what the cache holds, by path and by revision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from dvx.errors import GitError
from dvx.model.digest import LEGACY, Digest
from dvx.model.events import Tell
from dvx.model.experiments.refs import ExpRef
from dvx.model.tracked.named import Named
from dvx.model.upkeep.usage import Usage, measure
from dvx.ops.tracked.reach import Reach
from dvx.ops.upkeep.reachable import Finder, HistoryScope
from dvx.project import Project
from dvx.store.objects import lying

WORKSPACE = "workspace"


def usage(project: Project, tell: Tell) -> Usage:
    """Measure the cache of a project. What cannot be read is told of and counts as unnamed."""
    finder = Finder(tell, skip_failed=True)
    stored = {one.digest: one.size for one in lying(project.cache.root) if one.digest is not None}
    every = _sure(finder.find(project, (), HistoryScope()).all, stored)
    revisions: dict[str, Iterable[Named]] = {WORKSPACE: _sure(finder.workspace(project), stored)}
    if project.git is not None:
        for ref in project.git.refs("refs/heads/", "refs/tags/", "refs/remotes/", "refs/exps/"):
            if not ref.startswith("refs/exps/") or ExpRef.parse(ref):
                with contextlib.suppress(GitError):  # a tag of something else than a commit
                    revisions[_short(ref)] = _sure(finder.at(project.git, [ref]), stored)
    reach = Reach(project.cache)
    reach.load(named.digest for named in every)
    return measure(stored, {digest: files for digest, files in reach.named.items() if files}, every, revisions)


def _sure(names: Iterable[Named], stored: dict[Digest, int]) -> set[Named]:
    """An old hash is named twice where its kind is in doubt; the name that stands for nothing is left out."""
    return {named for named in names if named.digest.algorithm != LEGACY or named.digest in stored}


def _short(ref: str) -> str:
    experiment = ExpRef.parse(ref)
    return experiment.name if experiment else ref.split("/", 2)[2]
