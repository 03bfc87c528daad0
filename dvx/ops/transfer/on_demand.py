"""Small files that only a remote has, such as metrics, are fetched when they are to be shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget
from dvx.model.events import Notice, Tell, silent
from dvx.project import Project

LARGEST = 100 * 1000 * 1000
"""Outputs of so many bytes or more are not fetched unless `pull` or `fetch` is called."""

Answer = TypeVar("Answer")


class OnDemand:
    """Fetches for one command; after a failure, which is told, no remote is asked again: the rest can be shown."""

    def __init__(self, project: Project, tell: Tell = silent) -> None:
        self._project = project
        self._tell = tell
        self._gives_up = False

    def read_all(
        self, commits: Iterable[str], read: Callable[[str], Answer], lacking: Callable[[Answer], Collection[str]]
    ) -> dict[str, Answer]:
        """What `read` says of each commit (the empty one is the workspace), after what was `lacking` was fetched: paths in it."""
        return self.read_many(list(commits), lambda wanted: {commit: read(commit) for commit in wanted}, lacking)

    def read_many(
        self,
        commits: Sequence[str],
        read: Callable[[Sequence[str]], dict[str, Answer]],
        lacking: Callable[[Answer], Collection[str]],
    ) -> dict[str, Answer]:
        """The same for a `read` that answers for many commits at once."""
        found = read(commits)
        wanted = {commit: paths for commit, one in found.items() if (paths := lacking(one))}
        if wanted and self._fetch(wanted):
            found |= read(list(wanted))
        return found

    def _fetch(self, wanted: Mapping[str, Collection[str]]) -> bool:
        """Fetch outputs of commits into the cache; tells whether anything came."""
        if self._gives_up:
            return False
        # load what speaks to stores
        from dvx.ops.transfer.fetch import fetch
        from dvx.ops.transfer.scope import ChosenRevisions, SyncOptions
        from dvx.ops.transfer.sync import plan_fetch

        paths = dict.fromkeys(path for found in wanted.values() for path in found)
        revisions = ChosenRevisions(commits=tuple(commit for commit in wanted if commit), workspace="" in wanted)
        options = SyncOptions(tuple(map(self._project.abs, paths)), revisions=revisions, max_size=LARGEST)
        try:
            # to look at a table is no reason to clone the repositories that data was imported from
            plan = replace(plan_fetch(self._project, options), imports=())
            return fetch(self._project, plan, self._tell).copied > 0
        except UnknownTarget:
            # no remote: that the files are missing is told of each
            self._gives_up = True
        except (DvxError, OSError) as error:
            text = error.message if isinstance(error, DvxError) else (error.strerror or str(error)).lower()
            self._tell(Notice(f"what is not in the cache could not be fetched: {text}", getattr(error, "hint", "")))
            self._gives_up = True
        return False
