"""status against remotes: what the cache and they lack of each other."""

from __future__ import annotations

from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import printable
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer import plans
from dvx.ops.transfer.plans import Remotes
from dvx.ops.transfer.scope import SyncOptions, find_scope
from dvx.project import Project


def cloud_status(project: Project, options: SyncOptions, tell: Tell = silent) -> dict[str, str]:
    """The paths whose data is not both in the cache and at its remote, sorted.

    The value is `new` for what only the cache has, `deleted` for what only the remote has, and `missing` for what neither
    has. The remotes are asked; nothing is remembered. Several paths with the same bytes count as one.

    Raises:
        UnknownTarget: a target or remote does not exist, or there is no default remote.
        RemoteError: a remote cannot be reached.
    """
    scope = find_scope(project, options)
    for text in scope.unread:
        tell(Notice(text))
    remotes = Remotes(project, options.remote, options.jobs)
    reach = Reach(project.cache, mend=True)
    found: dict[str, str] = {}
    for name, items in (scope.items or {"": []}).items():
        difference = plans.compare(project, reach, remotes.open(name), items, tell)
        for path, reason in difference.spoiled:
            tell(Notice(f"`{printable(path)}` cannot be compared: {reason}"))
        for need in (*difference.wanted.files.values(), *difference.wanted.trees.values()):
            cached = project.cache.has(need.digest, need.size)
            if need.digest in difference.absent:
                found[need.path] = "new" if cached else "missing"
            elif not cached:
                found[need.path] = "deleted"
    return dict(sorted(found.items()))
