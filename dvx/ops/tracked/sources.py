"""Where text files are read from: the workspace, or a revision in Git."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Protocol

from dvx.config.git_options import demand
from dvx.errors import DvxError
from dvx.git.tracking import tracked_below
from dvx.model.paths import ancestors, is_outside
from dvx.ops.tracked.git_ignored import Above, GitIgnored
from dvx.ops.tracked.ignore import Ignore
from dvx.project import Project
from dvx.store import files
from dvx.store.scan import folders

_OWN = re.compile(r"/\.dv[cx]/")


class Source(Protocol):
    """A state of the project's text files. Paths are relative to the project."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is no such file."""

    def below(self, path: str) -> list[str]:
        """The files below a folder, sorted; none if it is a file or nothing."""

    def machinery(self, inside: Callable[[str, dict[str, bytes]], set[str]]) -> None:
        """Give the pointer, pipeline and lock files of each folder, from the top down, to `inside(folder, {name: bytes})`.

        It answers with paths of folders that need not be visited: tracked directories.
        """


class Workspace:
    """The files as they are now, without what dvx's ignore files name, and what Git ignores and does not track: with `everything`
    with that, too.
    """

    def __init__(self, project: Project, *, everything: bool = False) -> None:
        self._project = project
        self._ignore = Ignore(project)
        self._everything = everything

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is no such file."""
        try:
            return files.read(self._project.abs(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            raise DvxError(f"`{path}` is a folder, not a file", "name a file in it") from None

    def below(self, path: str) -> list[str]:
        """See `Source`."""
        top = self._project.abs(path)
        found = [os.path.join(folder, name) for folder, _, names in files.walk_folders(top) for name in names]
        return sorted(f"{path}/{os.path.relpath(one, top).replace(os.sep, '/')}" for one in found)

    def machinery(self, inside: Callable[[str, dict[str, bytes]], set[str]]) -> None:
        """See `Source`."""
        project = self._project
        git = None if self._everything else GitIgnored(project)
        skip = self._ignore.skip_always if self._everything else self._ignore.skip
        ignored: list[str] = []
        pending = [("", git.top if git else Above())]
        while pending:
            folder, above = pending.pop()
            names, below = folders(project.abs(folder), folder)
            prefix = folder + "/" if folder else ""
            wanted = [name for name in names if project.dialect.is_machinery(name)]
            if git:
                above = git.inside(prefix, above, names)
                # without its lock a stage would seem never to have run
                hidden = above.ignored_files(prefix, [name for name in wanted if name != project.dialect.lock])
                ignored += [prefix + name for name in hidden]
                if hidden:
                    wanted = [name for name in wanted if name not in hidden]
                wanted = self._ignore.spared(prefix, wanted)
            tracked = inside(folder, self._texts(prefix, wanted))
            for path in reversed(below):
                if path in tracked or skip(path, True):
                    continue
                if above.ignores_folder(prefix, path[len(prefix) :]):
                    ignored.append(path)
                else:
                    pending.append((path, above))
        for folder, forced in self._forced(ignored).items():
            inside(folder, self._texts(folder + "/" if folder else "", forced))

    def _forced(self, ignored: list[str]) -> dict[str, list[str]]:
        """The files that Git tracks though it ignores them: folder -> names."""
        project, ignore = self._project, self._ignore
        tracked = tracked_below(project.root, ignored, lambda: demand(project.root, project.config.environ)) if ignored else ()
        found: dict[str, list[str]] = {}
        for path in sorted(tracked):
            folder, _, name = path.rpartition("/")
            if not project.dialect.is_machinery(name) or not os.path.isfile(project.abs(path)):
                continue
            if not any(ignore.skip(above, True) for above in ancestors(path)) and not ignore.skip(path, False):
                found.setdefault(folder, []).append(name)
        return found

    def _texts(self, prefix: str, names: Iterable[str]) -> dict[str, bytes]:
        return {name: files.read(self._project.abs(prefix + name)) for name in names}


class Revision:
    """The files of one commit."""

    def __init__(self, project: Project, commit: str) -> None:
        if project.git is None:
            raise DvxError("revisions need Git, and this project is without", "run `git init` and `dvx config core.no_scm false`")
        self._git = project.git
        self._project = project
        self._commit = commit
        self._listing: dict[str, str] | None = None
        self._projects: set[str] | None = None

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is no such file."""
        if is_outside(path):
            # Git is slow to load, which reading the workspace does without
            from dvx.git.commits.versions import blob_above

            blob = blob_above(self._git, self._commit, path)
        else:
            blob = self._files().get(path)
        return None if blob is None else self._git.blobs([blob])[blob]

    def below(self, path: str) -> list[str]:
        """See `Source`."""
        return sorted(found for found in self._files() if found.startswith(path + "/"))

    def machinery(self, inside: Callable[[str, dict[str, bytes]], set[str]]) -> None:
        """See `Source`."""
        by_folder: dict[str, dict[str, str]] = {}
        for path, blob in self._files().items():
            folder, _, name = path.rpartition("/")
            if self._project.dialect.is_machinery(name):
                by_folder.setdefault(folder, {})[name] = blob
        kept = Ignore(self._project, self).kept(by_folder)
        texts = self._git.blobs([blob for named in kept.values() for blob in named.values()])
        for folder, named in kept.items():
            inside(folder, {name: texts[blob] for name, blob in named.items()})

    def is_project(self, path: str) -> bool:
        """Whether the folder `path` holds another project."""
        if self._projects is None:
            # files of folders that are dvx's or DVC's
            own = [found for found in self._files() if "/.dvc/" in found or "/.dvx/" in found]
            self._projects = {found[: at.start()] for found in own if (at := _OWN.search(found))}
        return path in self._projects

    def _files(self) -> dict[str, str]:
        if self._listing is None:
            self._listing = self._git.listing(self._commit)
        return self._listing
