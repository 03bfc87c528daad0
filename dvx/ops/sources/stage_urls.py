"""What stages read and write at URLs: looked at where it is, and never copied into the cache.

A URL in a pipeline file is a stranger's word. It is opened as every remote is, so that credentials go where the user gave them.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from dvx.errors import DvxError, MissingData
from dvx.model.dialect import Dialect
from dvx.model.digest import Digest, new_hasher
from dvx.model.events import Tell
from dvx.model.paths import check_paths, located
from dvx.model.pipelines.evidence import TOKEN_FIELDS
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content, Entry, Tree, tree_content
from dvx.ops.sources.urls import There, UrlSource
from dvx.ops.workspace.observe import observe
from dvx.project import Project
from dvx.store.remotes.crowd import each

_AT_ONCE = 16
_Wanted = tuple[str, str]
"""A URL, and the algorithm in which to name what is there."""


class External:
    """Looks at URLs. Each is asked once, until `forget`; what had to be read is read again only if its time or size changed."""

    def __init__(self, project: Project, tell: Tell) -> None:
        self._project = project
        self._tell = tell
        self._sources: dict[str, UrlSource] = {}
        self._seen: dict[_Wanted, Recorded | DvxError] = {}
        self._hashed: dict[_Wanted, tuple[There, Content]] = {}

    def look(self, url: str, algorithm: str) -> Recorded:
        """What is there, as an entry of a lock; one without content and tokens if nothing is.

        Raises:
            ConfigError: its scheme or an option is wrong, or the remote that it names needs the user's trust.
            UnknownTarget: it names a remote that does not exist.
            RemoteError: the store cannot be reached, or refuses.
        """
        self.preload([(url, algorithm)])
        found = self._seen[url, algorithm]
        if isinstance(found, DvxError):
            raise found
        return found

    def preload(self, wanted: Iterable[_Wanted]) -> None:
        """Ask for many at once."""
        far = []
        for one in dict.fromkeys(wanted):
            if one in self._seen:
                continue
            if self._is_far(one[0]):
                far.append(one)
            else:
                self._seen[one] = self._answer(one)
        if far:
            self._seen |= zip(far, each(self._answer, far, _AT_ONCE), strict=True)

    def forget(self) -> None:
        """Something ran: ask again."""
        self._seen.clear()

    def _is_far(self, url: str) -> bool:
        try:
            return not self._source(url).local
        except DvxError:
            return False

    def _answer(self, wanted: _Wanted) -> Recorded | DvxError:
        try:
            return self._look(*wanted)
        except DvxError as error:
            return error

    def _source(self, url: str) -> UrlSource:
        if url not in self._sources:
            self._sources[url] = UrlSource(self._project, url, self._project.root, {})
        return self._sources[url]

    def _look(self, url: str, algorithm: str) -> Recorded:
        project, source = self._project, self._source(url)
        if source.local:
            place = located(source.local, "", project.root)
            return Recorded(url, observe(project, [place], self._tell, {place: algorithm}, outside=True)[place])
        try:
            there = source.look(for_stage=True)
        except MissingData:
            return Recorded(url, None)
        # a folder is known by the tokens of all that is in it, whichever versions those are
        entry = (replace(there, versions={}) if there.is_folder else there).entry(algorithm)
        if not entry:
            return Recorded(url, self._content(url, source, there, algorithm))
        if there.is_folder:
            return Recorded(url, Content(Digest(algorithm, entry[algorithm]), entry.get("size"), entry["nfiles"]))
        return Recorded(url, None, {key: entry[key] for key in TOKEN_FIELDS if key in entry})

    def _content(self, url: str, source: UrlSource, there: There, algorithm: str) -> Content:
        """What is at a store that tells nothing of the content, such as an SSH server."""
        known = self._hashed.get((url, algorithm))
        if known is None or not there.times or known[0] != there:
            known = self._hashed[url, algorithm] = (there, _read(source, there, self._project.dialect, algorithm))
        return known[1]


def _read(source: UrlSource, there: There, dialect: Dialect, algorithm: str) -> Content:
    files = {path: _hashed(source, path, algorithm) for path in there.sizes}
    if not there.is_folder:
        digest, size = files[""]
        return Content(digest, size)
    check_paths(list(files))
    entries = (Entry(path, *files[path]) for path in sorted(files))
    return tree_content(Tree(tuple(entries)), dialect, algorithm)[0]


def _hashed(source: UrlSource, path: str, algorithm: str) -> tuple[Digest, int]:
    hasher, size = new_hasher(algorithm), 0
    for block in source.blocks(path):
        hasher.update(block)
        size += len(block)
    return Digest(algorithm, hasher.hexdigest()), size
