"""Many commits read together: what one asks for is read for all of them by one process of Git."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dvx.git import Git
from dvx.git.commits.trees import present
from dvx.git.commits.versions import blob_above
from dvx.model.dialect import DIALECTS
from dvx.model.paths import is_outside
from dvx.ops.tracked.ignore import Ignore
from dvx.project import Project


class RevisionFiles:
    """The files of some commits; hand `source(commit)` to whatever takes a Source."""

    def __init__(self, project: Project, git: Git, commits: Sequence[str]) -> None:
        self._project = project
        self._git = git
        self._commits = tuple(commits)
        self._trees = git.trees(commits, project.dialect.is_machinery)
        self._blobs: dict[str, bytes] = {}

    def source(self, commit: str) -> Member:
        """The files of one of the commits."""
        return Member(self, commit)

    def read(self, commit: str, path: str) -> bytes | None:
        """The bytes of a file in a commit; None when there is no such file."""
        if is_outside(path):
            blob = blob_above(self._git, commit, path)
            return None if blob is None else self._git.blobs([blob])[blob]
        blob = self._trees.blob(commit, path)
        if blob is None:
            return None
        if blob not in self._blobs:
            wanted = {found for one in self._commits if (found := self._trees.blob(one, path)) is not None}
            self._blobs |= self._git.blobs(wanted - self._blobs.keys())
        return self._blobs[blob]

    def below(self, commit: str, path: str) -> list[str]:
        """The files of a commit below a folder, sorted."""
        return sorted(self._trees.below(commit, path))

    def named(self, commit: str) -> dict[str, str]:
        """The pointer, pipeline and lock files of a commit: path -> id of the blob."""
        return self._trees.named(commit)

    def is_project(self, commit: str, path: str) -> bool:
        """Whether the folder `path` of a commit holds another project."""
        return any(self._trees.has_folder(commit, f"{path}/{dialect.folder}") for dialect in DIALECTS)

    def machinery(self, source: Member) -> dict[str, dict[str, bytes]]:
        """The pointer, pipeline and lock files of a commit: folder -> name -> bytes."""
        named = self.named(source.commit)
        if not self._blobs.keys() >= set(named.values()):
            wanted = {blob for one in self._commits for blob in self.named(one).values()}
            wanted |= {blob for one in self._commits if (blob := self._trees.blob(one, self._project.dialect.ignore)) is not None}
            # one that is lost is no matter to commits without it
            self._blobs |= present(self._git.place, wanted - self._blobs.keys())
        found: dict[str, dict[str, str]] = {}
        for path in named:
            folder, _, name = path.rpartition("/")
            found.setdefault(folder, {})[name] = path
        kept = Ignore(self._project, source).kept(found)
        return {folder: {name: source.read(path) or b"" for name, path in named.items()} for folder, named in kept.items()}


class Member:
    """One commit among others; a Source."""

    def __init__(self, revisions: RevisionFiles, commit: str) -> None:
        self._revisions = revisions
        self.commit = commit

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is no such file."""
        return self._revisions.read(self.commit, path)

    def below(self, path: str) -> list[str]:
        """See `Source`."""
        return self._revisions.below(self.commit, path)

    def machinery(self, inside: Callable[[str, dict[str, bytes]], set[str]]) -> None:
        """See `Source`."""
        for folder, named in self._revisions.machinery(self).items():
            inside(folder, named)

    def is_project(self, path: str) -> bool:
        """Whether the folder `path` holds another project."""
        return self._revisions.is_project(self.commit, path)
