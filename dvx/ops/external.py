"""What stages read and write at URLs: looked at where it is, and never copied into the cache.

A URL in a pipeline file is a stranger's word. It is opened as every remote is, so that credentials go where the user gave them.
"""

from __future__ import annotations

import threading

from msgspec.structs import replace

from dvx.errors import MissingData
from dvx.model.digest import Digest, new_hasher
from dvx.model.events import Tell
from dvx.model.evidence import TOKEN_FIELDS
from dvx.model.paths import check_paths, located
from dvx.model.pointer import Recorded, decode_entry
from dvx.model.tree import Content, Entry, Tree, tree_content
from dvx.ops.track import observe
from dvx.ops.url_source import There, UrlSource
from dvx.project import Project


class External:
    """Looks at URLs. Each is asked once, until `forget`; what had to be read is read again only if its time or size changed."""

    def __init__(self, project: Project, tell: Tell) -> None:
        self._project = project
        self._tell = tell
        self._sources: dict[str, UrlSource] = {}
        self._seen: dict[str, Recorded] = {}
        self._hashed: dict[str, tuple[There, Content]] = {}
        self._guard = threading.Lock()

    def look(self, url: str) -> Recorded:
        """What is there, as an entry of a lock; one without content and tokens if nothing is.

        Raises:
            ConfigError: its scheme or an option is wrong, or the remote that it names needs the user's trust.
            UnknownTarget: it names a remote that does not exist.
            RemoteError: the store cannot be reached, or refuses.
        """
        with self._guard:
            if url not in self._seen:
                self._seen[url] = self._look(url)
            return self._seen[url]

    def forget(self) -> None:
        """Something ran: ask again."""
        self._seen.clear()

    def _look(self, url: str) -> Recorded:
        project = self._project
        source = self._sources.get(url)
        if source is None:
            source = self._sources[url] = UrlSource(project, url, project.root, {})
        if source.local:
            place = located(source.local, "", project.root)
            return Recorded(url, observe(project, [place], self._tell, outside=True)[place])
        try:
            there = source.look(weak=True)
        except MissingData:
            return Recorded(url, None)
        # a folder is known by the tokens of all that is in it, whichever versions those are
        entry = (replace(there, versions={}) if there.is_folder else there).entry(project.algorithm)
        if not entry:
            return Recorded(url, self._content(url, source, there))
        found = decode_entry({"path": url, **entry}, "", project.dialect, (), outside=True)
        return found if found.content else replace(found, extras={key: entry[key] for key in TOKEN_FIELDS if key in entry})

    def _content(self, url: str, source: UrlSource, there: There) -> Content:
        """What is at a store that tells nothing of the content, such as an SSH server."""
        known = self._hashed.get(url)
        if known is None or not there.times or known[0] != there:
            known = self._hashed[url] = (there, _read(source, there, self._project))
        return known[1]


def _read(source: UrlSource, there: There, project: Project) -> Content:
    files = {path: _hashed(source, path, project.algorithm) for path in there.sizes}
    if not there.is_folder:
        digest, size = files[""]
        return Content(digest, size)
    check_paths(list(files))
    entries = (Entry(path, *files[path]) for path in sorted(files))
    return tree_content(Tree(tuple(entries)), project.dialect, project.algorithm)[0]


def _hashed(source: UrlSource, path: str, algorithm: str) -> tuple[Digest, int]:
    hasher, size = new_hasher(algorithm), 0
    for block in source.blocks(path):
        hasher.update(block)
        size += len(block)
    return Digest(algorithm, hasher.hexdigest()), size
