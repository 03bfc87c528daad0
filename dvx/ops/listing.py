"""ls: what a repository holds, files of Git and tracked data alike, in the workspace or in a revision."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import Corrupted, MissingData, UnknownTarget, UnsafePath
from dvx.git.worktree import committed_files
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import parent, printable
from dvx.model.tree import Content
from dvx.ops.ignore import Ignore
from dvx.ops.index import Tracked, load_index
from dvx.ops.source import Revision
from dvx.project import Project


class ListOptions(Struct, frozen=True):
    """What to list: the folder or file `path`, of a revision if `rev` is given.

    `deep` goes into folders, `level` of them deep (0 is no limit).
    """

    path: str = ""
    rev: str = ""
    deep: bool = False
    level: int = 0
    dvc_only: bool = False


class Row(Struct, frozen=True):
    """One file or folder; `path` is relative to what is listed, `depth` counts from 1. `size` in bytes, if known.

    `is_out` for tracked data; its `digest` is empty for folders that are only a part of it.
    """

    path: str
    is_dir: bool
    depth: int = 1
    is_out: bool = False
    executable: bool = False
    size: int | None = None
    digest: str = ""


class _Files(Protocol):
    def children(self, folder: str) -> dict[str, Row]:
        """What a folder holds, by name."""


def list_files(project: Project, options: ListOptions, tell: Tell = silent) -> tuple[Row, ...]:
    """The files and folders at a path: those in a folder, each folder before what it holds, or a single file.

    Raises:
        UnknownTarget: there is no such path or revision.
    """
    catalog = _Catalog(project, options, tell)
    if options.path and not catalog.is_folder(options.path):
        row = catalog.children(parent(options.path)).get(options.path.rpartition("/")[2])
        if row is None:
            raise UnknownTarget(f"there is no `{printable(options.path)}`" + (f" in `{options.rev}`" if options.rev else ""))
        return (row,)
    return tuple(_walk(catalog, options, options.path, "", 1))


def as_json(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    """The shape that DVC prints."""
    return [
        {
            "isout": row.is_out,
            "isdir": row.is_dir,
            "isexec": row.executable,
            "size": row.size,
            "md5": row.digest or None,
            "path": row.path,
        }
        for row in rows
    ]


def _walk(catalog: _Catalog, options: ListOptions, folder: str, prefix: str, depth: int) -> Iterator[Row]:
    for name, row in sorted(catalog.children(folder).items()):
        yield replace(row, path=prefix + name, depth=depth)
        if row.is_dir and options.deep and depth != options.level:
            yield from _walk(catalog, options, f"{folder}/{name}" if folder else name, f"{prefix}{name}/", depth + 1)


class _Catalog:
    """The folders of a project with the tracked data laid over them."""

    def __init__(self, project: Project, options: ListOptions, tell: Tell) -> None:
        self._project = project
        self._tell = tell
        source = None
        self._files: _Files = _Workspace(project)
        if options.rev:
            source = Revision(project, options.rev)
            self._files = _Commit(project, options.rev)
        if options.dvc_only:
            self._files = _Nothing()
        self._outs = {tracked.output.path: tracked for tracked in load_index(project, source).tracked if tracked.output.cached}
        self._by_folder = _grouped(self._outs)
        self._parts: dict[str, Mapping[str, Mapping[str, Row]]] = {}

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder of that path."""
        row = self.children(parent(path)).get(path.rpartition("/")[2])
        return row is not None and row.is_dir

    def children(self, folder: str) -> dict[str, Row]:
        """What a folder holds, by name."""
        present = self._files.children(folder)
        found = dict(present)
        for name, row in self._tracked(folder).items():
            here = present.get(name)
            found[name] = row if here is None else replace(row, size=here.size, is_dir=row.is_dir or here.is_dir)
        return found

    def _tracked(self, folder: str) -> Mapping[str, Row]:
        above = folder
        while above:
            if above in self._outs:
                return self._inside(self._outs[above]).get(folder, {})
            above = parent(above)
        return self._by_folder.get(folder, {})

    def _inside(self, tracked: Tracked) -> Mapping[str, Mapping[str, Row]]:
        path = tracked.output.path
        if path not in self._parts:
            self._parts[path] = self._read(path, tracked.recorded.content if tracked.recorded else None)
        return self._parts[path]

    def _read(self, path: str, content: Content | None) -> Mapping[str, Mapping[str, Row]]:
        if content is None or not content.digest.is_tree:
            return {}
        try:
            tree = self._project.cache.read_tree(content.digest)
        except (MissingData, Corrupted, UnsafePath):
            hint = f"run `dvx fetch {printable(path)}`"
            self._tell(Notice(f"the files of `{printable(path)}` are not known, as the cache lacks their list", hint))
            return {}
        files = {
            f"{path}/{entry.path}": Row("", False, 1, True, entry.executable, entry.size, entry.digest.hex)
            for entry in tree.entries
        }
        return _laid_out(files, is_out=True)


class _Workspace:
    """The files as they are now."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._skip = Ignore(project).skip

    def children(self, folder: str) -> dict[str, Row]:
        found = {}
        try:
            with os.scandir(self._project.abs(folder)) as entries:
                for entry in entries:
                    is_dir = entry.is_dir(follow_symlinks=False)
                    if not self._skip(f"{folder}/{entry.name}" if folder else entry.name, is_dir):
                        status = entry.stat(follow_symlinks=not os.path.islink(entry.path) or os.path.exists(entry.path))
                        executable = not is_dir and bool(status.st_mode & stat.S_IXUSR)
                        found[entry.name] = Row(entry.name, is_dir, executable=executable, size=status.st_size)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return found


class _Commit:
    """The files of a commit."""

    def __init__(self, project: Project, commit: str) -> None:
        assert project.git is not None
        files = {
            file.path: Row("", False, executable=file.executable, size=file.size) for file in committed_files(project.git, commit)
        }
        self._folders = _laid_out(files, is_out=False)

    def children(self, folder: str) -> dict[str, Row]:
        return dict(self._folders.get(folder, {}))


class _Nothing:
    """No files, where only tracked data is asked for."""

    def children(self, folder: str) -> dict[str, Row]:  # noqa: ARG002  every folder is empty
        return {}


def _grouped(outs: Mapping[str, Tracked]) -> dict[str, dict[str, Row]]:
    files = {}
    for path, tracked in outs.items():
        content = tracked.recorded.content if tracked.recorded else None
        row = Row("", False, is_out=True)
        if content is not None:
            row = Row("", content.digest.is_tree, 1, True, content.executable, content.size, content.digest.hex)
        files[path] = row
    return _laid_out(files, is_out=False)


def _laid_out(files: Mapping[str, Row], *, is_out: bool) -> dict[str, dict[str, Row]]:
    """Rows by folder and name, with rows for the folders above them, which are part of tracked data or not."""
    found: dict[str, dict[str, Row]] = {}
    for path, row in files.items():
        name = path.rpartition("/")[2]
        folder = parent(path)
        found.setdefault(folder, {})[name] = replace(row, path=name)
        while folder:
            folder, _, name = folder.rpartition("/")
            known = found.setdefault(folder, {})
            if name in known:
                break
            known[name] = Row(name, True, is_out=is_out)
    return found
