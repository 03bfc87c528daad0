"""Where text files are read from: the workspace, or a revision in Git."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from dvx.errors import DvxError
from dvx.model.paths import is_outside
from dvx.ops.ignore import Ignore
from dvx.project import Project
from dvx.store import files
from dvx.store.scan import Skip, folders


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
    """The files as they are now; `skip` says which folders are left alone: by default those that the ignore files name."""

    def __init__(self, project: Project, skip: Skip | None = None) -> None:
        self._project = project
        self._skip = skip or Ignore(project).skip

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
        found = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
        return sorted(f"{path}/{os.path.relpath(one, top).replace(os.sep, '/')}" for one in found)

    def machinery(self, inside: Callable[[str, dict[str, bytes]], set[str]]) -> None:
        """See `Source`."""
        dialect = self._project.dialect
        pending = [""]
        while pending:
            folder = pending.pop()
            names, below = folders(self._project.abs(folder), folder)
            texts = {name: files.read(self._project.abs(_path(folder, name))) for name in names if dialect.is_machinery(name)}
            tracked = inside(folder, texts)
            pending += [path for path in reversed(below) if path not in tracked and not self._skip(path, True)]


class Revision:
    """The files of one commit."""

    def __init__(self, project: Project, commit: str) -> None:
        if project.git is None:
            raise DvxError("revisions need Git, and this project is without", "run `git init` and `dvx config core.no_scm false`")
        self._git = project.git
        self._dialect = project.dialect
        self._commit = commit
        self._listing: dict[str, str] | None = None

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is no such file."""
        if is_outside(path):
            # Git is slow to load, which reading the workspace does without
            from dvx.git.versions import blob_above

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
            if self._dialect.is_machinery(name):
                by_folder.setdefault(folder, {})[name] = blob
        texts = self._git.blobs([blob for named in by_folder.values() for blob in named.values()])
        for folder in sorted(by_folder):
            inside(folder, {name: texts[blob] for name, blob in by_folder[folder].items()})

    def _files(self) -> dict[str, str]:
        if self._listing is None:
            self._listing = self._git.listing(self._commit)
        return self._listing


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
