"""Roots: everything that names objects, in the workspace, in Git and in other places that share the cache.

What cannot be read could name anything. So it is an error, unless the user says to go on without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from dvx.config import dialect_at
from dvx.errors import DvxError, FormatError, SchemaError
from dvx.formats import decoded, load_yaml, schema_error
from dvx.git import Git
from dvx.git.commits import roots
from dvx.model.events import Notice, Tell
from dvx.model.paths import printable
from dvx.model.tracked.named import Named, declared_in, is_pipeline, is_pointer, named_in, names_objects
from dvx.ops.tracked.sources import Workspace
from dvx.project import Project

# so many versions of files are in memory at once
_PORTION = 500


class HistoryScope(Struct, frozen=True):
    """Which commits count. Without any choice (`everything`) all that Git keeps do, those that only a reflog knows, too.

    With one, those of `revisions` and of branch tips go `number` commits back (all the way when it is negative), and `since` is
    in seconds since the epoch. Unfinished work counts always: workspaces, indexes, stashes, queued and running experiments.
    """

    workspace: bool = False
    revisions: tuple[str, ...] = ()
    number: int = 1
    all_branches: bool = False
    all_tags: bool = False
    all_commits: bool = False
    experiments: bool = False
    since: float | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing was chosen."""
        return self == HistoryScope(number=self.number)


class Roots(Struct, frozen=True):
    """What is named: by workspaces and indexes, and by commits."""

    workspace: frozenset[Named] = frozenset()
    commits: frozenset[Named] = frozenset()

    @property
    def all(self) -> frozenset[Named]:
        """Both."""
        return self.workspace | self.commits


class Failure(Struct, frozen=True):
    """A root that cannot be read; `historic` when it is in the past, where nobody can mend it."""

    what: str
    error: DvxError
    historic: bool


class Finder(Struct, dict=True):
    """Collects what is named. What it has read of Git is not read again, so a second look costs little.

    With `skip_failed`, roots that cannot be read are told of and left out; `failures` has them.
    """

    tell: Tell
    skip_failed: bool = False
    failures: list[Failure] = field(default_factory=list)
    _blobs: dict[tuple[str, str], tuple[Named, ...]] = field(default_factory=dict)

    def find(self, project: Project, others: Sequence[Project], scope: HistoryScope) -> Roots:
        """What is named in the project, its other work trees, and the `others` with theirs.

        Raises:
            DvxError: something cannot be read that may name objects.
        """
        workspaces: set[Named] = set()
        commits: set[Named] = set()
        seen: set[str] = set()
        for owner in (project, *others):
            for home in self._homes(owner):
                if os.path.realpath(home.root) not in seen:
                    seen.add(os.path.realpath(home.root))
                    workspaces |= self._workspace(home)
            if owner.git is not None:
                commits |= self._commits(owner, owner.git, scope)
        return Roots(frozenset(workspaces), frozenset(commits))

    def workspace(self, project: Project) -> set[Named]:
        """What the workspace and the index of one project name."""
        return self._workspace(project)

    def at(self, git: Git, commits: Sequence[str]) -> set[Named]:
        """What some commits name."""
        return self._blobs_of(git, roots.named_blobs(git, commits, names_objects))

    def uncached(self, projects: Sequence[Project], scope: HistoryScope) -> set[str]:
        """Outputs, by their paths in locks, that every version of every pipeline keeps out of the cache."""
        declared: dict[str, bool] = {}

        def hear(path: str, data: bytes) -> None:
            for output, cached in declared_in(load_yaml(decoded(data, path), path), path):
                declared[output] = cached or declared.get(output, False)

        def inside(folder: str, named: Mapping[str, bytes]) -> set[str]:
            for name in filter(is_pipeline, named):
                hear(f"{folder}/{name}" if folder else name, named[name])
            return set()

        try:
            for owner in projects:
                for home in self._homes(owner):
                    Workspace(home, everything=True).machinery(inside)
                if owner.git is not None:
                    blobs = roots.named_blobs(owner.git, chosen_commits(owner.git, scope), is_pipeline)
                    for blob, data in roots.read_blobs(owner.git, blobs)[0].items():
                        for path in blobs[blob]:
                            hear(path, data)
        except DvxError:
            return set()  # what cannot be read may say anything
        return {path for path, cached in declared.items() if not cached}

    def fail(self, what: str, error: DvxError, *, historic: bool = False) -> None:
        """Note a root that cannot be read."""
        if not self.skip_failed:
            hint = error.hint or "mend it, or leave it out with `--skip-failed`"
            raise DvxError(f"what {what} needs cannot be known: {error.message}", hint) from error
        self.failures.append(Failure(what, error, historic))
        self.tell(Notice(f"{what} is left out: {error.message}"))

    def _homes(self, project: Project) -> Iterator[Project]:
        is_bare = project.git is not None and project.git.place.is_bare
        folders = [] if is_bare else _experiment_folders(project)
        if not is_bare:
            yield project
        if project.git is not None:
            folders += [os.path.join(top, project.git.prefix).rstrip("/") for top in roots.work_trees(project.git)]
        for folder in folders:
            dialect = dialect_at(folder) if is_bare else project.dialect
            if dialect is not None and os.path.isdir(os.path.join(folder, dialect.folder)):
                try:
                    yield Project.foreign(folder, dialect)
                except DvxError as error:
                    self.fail(f"`{printable(folder)}`", error)

    def _workspace(self, project: Project) -> set[Named]:
        found: set[Named] = set()

        def inside(folder: str, named: Mapping[str, bytes]) -> set[str]:
            here: set[Named] = set()
            for name in named:
                path = f"{folder}/{name}" if folder else name
                if names_objects(name):
                    try:
                        here |= _read(named[name], path, may_be_empty=not is_pointer(name))
                    except FormatError as error:
                        self.fail(f"`{printable(project.abs(path))}`", error)
            found.update(here)
            return {one.path for one in here if one.digest.is_tree}

        # what an ignore file names by now may have been tracked before
        Workspace(project, everything=True).machinery(inside)
        if project.git is not None:
            found |= self._blobs_of(project.git, roots.indexed(project.git))
        return found

    def _commits(self, project: Project, git: Git, scope: HistoryScope) -> set[Named]:
        try:
            commits = chosen_commits(git, scope)
        except DvxError as error:
            if not self.skip_failed:
                raise
            self.fail(f"the history of `{printable(project.root)}`", error)
            return set()
        return self.at(git, commits)

    def _blobs_of(self, git: Git, blobs: Mapping[str, Iterable[str]]) -> set[Named]:
        asked = [(blob, path) for blob, paths in blobs.items() for path in paths if names_objects(path.rpartition("/")[2])]
        new = [pair for pair in asked if pair not in self._blobs]
        for start in range(0, len(new), _PORTION):
            self._read_versions(git, blobs, new[start : start + _PORTION])
        return {named for pair in asked for named in self._blobs.get(pair, ())}

    def _read_versions(self, git: Git, blobs: Mapping[str, Iterable[str]], new: Sequence[tuple[str, str]]) -> None:
        data, lost = roots.read_blobs(git, [blob for blob, _ in new])
        for blob in lost:
            error = DvxError(
                f"Git cannot read the object `{blob}`", "run `git fsck`, or `git fetch --refetch` in a partial clone"
            )
            self.fail(f"a version of `{printable(min(blobs[blob]))}`", error, historic=True)
        for blob, path in new:
            if blob in data:
                what = f"a version of `{printable(path)}` (`git log --all --find-object={blob[:12]}` shows where)"
                try:
                    self._blobs[blob, path] = tuple(_read(data[blob], path, may_be_empty=True))
                except FormatError as error:
                    self.fail(what, error, historic=True)


def chosen_commits(git: Git, scope: HistoryScope) -> list[str]:
    """The commits that a scope means.

    Raises:
        UnknownTarget: a revision does not exist.
    """
    if scope.everything:
        return roots.every_commit(git)
    found = dict.fromkeys(roots.unfinished_commits(git))
    found |= dict.fromkeys(git.commits(scope.revisions, scope.number))
    if scope.all_branches:
        found |= dict.fromkeys(git.commits(git.tips("refs/heads/"), scope.number))
    if scope.all_tags:
        found |= dict.fromkeys(git.tips("refs/tags/"))
    if scope.experiments:
        found |= dict.fromkeys(git.experiments().values())
    if scope.all_commits or scope.since is not None:
        every = git.all_commits() if git.head() else []
        info = git.info(every) if not scope.all_commits else {}
        found |= dict.fromkeys(one for one in every if scope.all_commits or info[one].time >= (scope.since or 0))
    return list(found)


def _read(data: bytes, path: str, *, may_be_empty: bool) -> set[Named]:
    """What a file names; raises FormatError. An empty pointer names nothing, but something must have broken it."""
    text = decoded(data, path)
    document = load_yaml(text, path)
    if document is None and not may_be_empty:
        raise FormatError(f"{path}: the file is empty", "restore it with `git checkout`, or remove it")
    try:
        return set(named_in(document, path))
    except SchemaError as error:
        raise schema_error(error, text, path) from None


def _experiment_folders(project: Project) -> list[str]:
    """Where experiments run that are not in the workspace, in the places of both dvx and DVC."""
    places = {os.path.join(project.state, "exps"), os.path.join(project.root, project.dialect.folder, "tmp", "exps")}
    found = []
    for place in sorted(places):
        if os.path.isdir(place):
            found += [os.path.join(place, name) for name in sorted(os.listdir(place))]
    return found
