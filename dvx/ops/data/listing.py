"""ls: what a repository holds, files of Git and tracked data alike, in the workspace or in a revision."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, MissingData, UnknownTarget, quoted
from dvx.git.worktree import committed_files
from dvx.model.data.listing import Listing, ListingRow, laid_out, over, rows_below
from dvx.model.digest import Digest
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import parent, printable
from dvx.model.tree import Tree
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import Tracked, load_index
from dvx.ops.tracked.pointer_text import listed_tree
from dvx.ops.tracked.sources import Revision
from dvx.ops.tracked.unreadable import load_revision
from dvx.ops.transfer.plans import Remotes
from dvx.project import Project


class ListOptions(Struct, frozen=True):
    """What to list: the folder or file `path`, of a revision if `rev` is given.

    `level` is how deep to go: 1 is what the folder itself holds, None all there is. `dvc_only` leaves out what is not tracked.
    `remote` is where lists of files are looked for that the cache lacks, the default remote if it is empty.
    """

    path: str = ""
    rev: str = ""
    level: int | None = 1
    dvc_only: bool = False
    remote: str = ""


def list_files(project: Project, options: ListOptions, tell: Tell = silent) -> Listing:
    """The file or folder at a path with what it holds.

    Raises:
        UnknownTarget: there is no such path, revision or remote.
        MissingData: the path would be in a folder of which nobody knows what it holds.
    """
    if options.remote:
        project.config.remote(options.remote)
    catalog = _Catalog(project, options, tell)
    top = catalog.at(options.path)
    if top is None and catalog.unread:
        message, hint = next(iter(catalog.unread.values()))
        raise MissingData(message, hint)
    if top is None:
        where = f" in `{printable(options.rev)}`" if options.rev else ""
        hint = f"run `dvx ls . {quoted(parent(options.path))}`" if parent(options.path) else "run `dvx ls` to see what is there"
        raise UnknownTarget(f"there is no `{printable(options.path)}`{where}", hint)
    if not top.is_dir or options.level == 0:
        return Listing(top)
    rows = tuple(rows_below(options.path, catalog.children, options.level))
    return Listing(top, rows, tuple(catalog.unread.values()))


class _Files(Protocol):
    def children(self, folder: str) -> Mapping[str, ListingRow]:
        """What a folder holds, by name."""

    def folder(self, path: str) -> ListingRow | None:
        """The row of a folder, even one behind a link; None where there is none."""


class _Catalog:
    """The folders of a project with the tracked data laid over them."""

    def __init__(self, project: Project, options: ListOptions, tell: Tell) -> None:
        self._project = project
        self.unread: dict[str, tuple[str, str]] = {}
        source = None
        self._there: _Files = _Workspace(project)
        if options.rev:
            commit = options.rev if project.git is None else project.git.resolve(options.rev)
            source = Revision(project, commit)
            self._there = _Commit(project, commit, source)
        self._files: _Files = _Nothing() if options.dvc_only else self._there
        index, unread = load_revision(project, source, options.rev) if source else (load_index(project), {})
        for text in unread.values():
            tell(Notice(text))
        self._remotes = Remotes(project, options.remote, 0)
        self._outs = {tracked.output.path: tracked for tracked in index.tracked if tracked.output.cached}
        self._by_folder = laid_out({path: self._row(tracked) for path, tracked in self._outs.items()}, is_out=False)
        self._parts: dict[str, Mapping[str, Mapping[str, ListingRow]]] = {}

    def at(self, path: str) -> ListingRow | None:
        """The row of a path, tracked or not, called by its whole path; None if there is nothing."""
        row = None
        if path:
            name = path.rpartition("/")[2]
            row = self._there.children(parent(path)).get(name)
            tracked = self._tracked(parent(path)).get(name)
            row = row if tracked is None else over(tracked, row)
        if row is None or not row.is_dir:
            row = self._there.folder(path) or row
        return None if row is None else replace(row, path=path or ".")

    def children(self, folder: str) -> dict[str, ListingRow]:
        """What a folder holds, by name."""
        present = self._files.children(folder)
        tracked = {name: over(row, present.get(name)) for name, row in self._tracked(folder).items()}
        return {**present, **tracked}

    def _tracked(self, folder: str) -> Mapping[str, ListingRow]:
        above = folder
        while above:
            if above in self._outs:
                return self._inside(self._outs[above]).get(folder, {})
            above = parent(above)
        return self._by_folder.get(folder, {})

    def _inside(self, tracked: Tracked) -> Mapping[str, Mapping[str, ListingRow]]:
        path = tracked.output.path
        if path not in self._parts:
            self._parts[path] = self._read(tracked)
        return self._parts[path]

    def _read(self, tracked: Tracked) -> Mapping[str, Mapping[str, ListingRow]]:
        path, content = tracked.output.path, tracked.recorded.content if tracked.recorded else None
        if content is None or not content.digest.is_tree:
            return {}
        try:
            tree = listed_tree(tracked.recorded) or self._tree(content.digest, tracked.output.remote)
        except DvxError as error:
            hint = error.hint or "run `dvx push` where the data is"
            self.unread[path] = (f"the files of `{printable(path)}` are not known: {error.message}", hint)
            return {}
        files = {
            f"{path}/{entry.path}": ListingRow("", False, 1, True, entry.executable, entry.size, entry.digest)
            for entry in tree.entries
        }
        for folder in tree.empty_folders:
            files[f"{path}/{folder}"] = ListingRow("", True, 1, True)
        return laid_out(files, is_out=True)

    def _tree(self, digest: Digest, remote: str) -> Tree:
        """A tree from the cache, or from a remote, where it is only read."""
        try:
            return self._project.cache.read_tree(digest)
        except MissingData as error:
            try:
                opened = self._remotes.open(remote)
            except UnknownTarget:
                raise error from None
        return opened.read_tree(digest)[0]

    def _row(self, tracked: Tracked) -> ListingRow:
        content = tracked.recorded.content if tracked.recorded else None
        if content is None:
            return ListingRow("", False, is_out=True, size=0)
        # DVC tells of executable files only where they are
        executable = content.executable and self._project.dialect.rich_trees
        return ListingRow("", content.digest.is_tree, 1, True, executable, content.size, content.digest)


class _Workspace:
    """The files as they are now."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._skip = Ignore(project).skip

    def children(self, folder: str) -> dict[str, ListingRow]:
        found = {}
        try:
            with os.scandir(self._project.abs(folder)) as entries:
                for entry in entries:
                    is_dir = entry.is_dir(follow_symlinks=False)
                    if not self._skip(f"{folder}/{entry.name}" if folder else entry.name, is_dir):
                        found[entry.name] = _present(entry, is_dir)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return found

    def folder(self, path: str) -> ListingRow | None:
        parts = path.split("/") if path else []
        above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        place = self._project.abs(path)
        if not os.path.isdir(place) or any(self._skip(one, True) for one in above):
            return None
        return ListingRow("", True, size=os.stat(place).st_size)


def _present(entry: os.DirEntry[str], is_dir: bool) -> ListingRow:
    is_link = entry.is_symlink()
    try:
        status = entry.stat()
    except OSError:  # a link to nothing
        return ListingRow(entry.name, False, size=0, is_link=is_link)
    executable = not is_dir and not is_link and bool(status.st_mode & stat.S_IXUSR)
    return ListingRow(entry.name, is_dir, executable=executable, size=status.st_size, is_link=is_link)


class _Commit:
    """The files of a commit, without what its ignore files name and other projects in it."""

    def __init__(self, project: Project, commit: str, source: Revision) -> None:
        assert project.git is not None
        found = {file.path: file for file in committed_files(project.git, commit)}
        self._top = found.pop("").size if found else 0
        self._skip = Ignore(project, source).skip
        rows = {path: ListingRow("", file.is_dir, executable=file.executable, size=file.size) for path, file in found.items()}
        self._folders = laid_out(rows, is_out=False)

    def children(self, folder: str) -> Mapping[str, ListingRow]:
        found = {f"{folder}/{name}" if folder else name: row for name, row in self._folders.get(folder, {}).items()}
        return {row.path: row for path, row in found.items() if not self._skip(path, row.is_dir)}

    def folder(self, path: str) -> ListingRow | None:
        return None if path else ListingRow("", True, size=self._top)


class _Nothing:
    """No files, where only tracked data is asked for."""

    def children(self, folder: str) -> Mapping[str, ListingRow]:  # noqa: ARG002  every folder is empty
        return {}

    def folder(self, path: str) -> ListingRow | None:  # noqa: ARG002
        return None
