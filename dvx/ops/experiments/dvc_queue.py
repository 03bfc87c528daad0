"""The queue that DVC itself keeps in a repository: only DVC can work on it, so dvx says that something is there."""

from __future__ import annotations

import os

from dvx.git.commits.absent import stacked
from dvx.model.events import Notice, Tell
from dvx.project import Project

_STASH = "refs/exps/celery/stash"


def tell_others(project: Project, tell: Tell) -> None:
    """Say how many experiments wait in DVC's own queue."""
    if not os.path.isdir(os.path.join(project.root, project.dialect.folder, "tmp", "exps", "celery")) or project.git is None:
        return
    count = stacked(project.git, _STASH)
    if count:
        what = "an experiment" if count == 1 else f"{count} experiments"
        tell(Notice(f"DVC's own queue holds {what}, which dvx neither lists nor runs", "run `dvc queue status` to see the queue"))
