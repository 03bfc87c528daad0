"""Reach: what trees name, or why that is unknown. One for a command, which reads each tree once.

A tree that cannot be read is of unknown content: whoever removes objects keeps what it may name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from dvx.errors import Corrupted, DvxError, MissingData, UnsafePath
from dvx.model.digest import Digest
from dvx.model.tree import Tree
from dvx.model.upkeep.gc import Used
from dvx.store.cache import Cache
from dvx.store.remotes.crowd import each
from dvx.store.remotes.remote_objects import RemoteObjects


class Reach:
    """Reads trees from the cache; with `mend`, it puts wrong bytes aside there, so that good ones can come in.

    `doubts` says why trees cannot be read that somebody asked for. `named` are the files of those that were read for `closure`;
    equal digests are one object there, however many trees name them. With `lenient`, trees in doubt keep nothing.
    """

    def __init__(self, cache: Cache, *, mend: bool = False, lenient: bool = False) -> None:
        self.lenient = lenient
        self.doubts: dict[Digest, DvxError] = {}
        self.named: dict[Digest, tuple[Digest, ...]] = {}
        self._cache = cache
        self._read = cache.read_tree if mend else cache.peek_tree
        self._same: dict[Digest, Digest] = {}

    def here(self, digests: Iterable[Digest]) -> Iterator[tuple[Digest, Tree]]:
        """The trees among some objects that the cache has; the others are in doubt from now on."""
        for digest in dict.fromkeys(digests):
            if not digest.is_tree:
                continue
            try:
                tree = self._read(digest)
            except (MissingData, Corrupted, UnsafePath) as error:
                self._doubt(digest, error if self._cache.has(digest) else MissingData(error.message, error.hint))
            except OSError as error:
                text = f"the object `{digest}` cannot be read: {error.strerror or error}"
                self._doubt(digest, DvxError(text, "check the permissions of the cache"))
            else:
                self.doubts.pop(digest, None)
                yield digest, tree

    def tree(self, digest: Digest) -> Tree:
        """The tree that the cache has, or what `doubts` says of it, raised."""
        for _, tree in self.here([digest]):
            return tree
        raise self.doubts[digest]

    def there(self, objects: RemoteObjects, digests: Iterable[Digest]) -> Iterator[tuple[Digest, Tree, bytes]]:
        """Those of the trees in doubt that a remote has, and their bytes; raises RemoteError. Unsafe ones are the same there."""
        asked = [digest for digest in dict.fromkeys(digests) if digest in self.doubts]
        lacking = [digest for digest in asked if not isinstance(self.doubts[digest], UnsafePath)]
        answers = each(partial(_read_there, objects), lacking, objects.remote.jobs) if lacking else ()
        for digest, answer in zip(lacking, answers, strict=True):
            if not isinstance(answer, DvxError):
                del self.doubts[digest]
                yield digest, *answer
            elif not isinstance(answer, MissingData):
                self._doubt(digest, answer)

    def load(self, digests: Iterable[Digest], objects: RemoteObjects | None = None) -> set[Digest]:
        """Read the trees among some objects, also from a remote if one is given. Returns the objects; raises RemoteError."""
        tops = set(digests)
        trees = [digest for digest in tops if digest.is_tree and digest not in self.named]
        for digest, tree in self.here(digest for digest in trees if digest not in self.doubts):
            self._keep(digest, tree)
        for digest, tree, _ in self.there(objects, trees) if objects is not None else ():
            self._keep(digest, tree)
        return tops

    def closure(self, digests: Iterable[Digest]) -> set[Digest]:
        """The objects and the files of the trees among them, as far as the cache, or what a remote told, says."""
        tops = self.load(digests)
        return tops.union(*(self.named.get(digest, ()) for digest in tops))

    def used(self, named: Iterable[Digest], loose: Iterable[Digest] = ()) -> Used:
        """What must stay where something names `named`; the files of `loose` trees do, too, which stay themselves for now."""
        found = self.load(named)
        others = self.load(loose)
        gone = {digest for digest in others - found if isinstance(self.doubts.get(digest), MissingData)}
        lost = set() if self.lenient else self.unknown(found | others) - gone
        files = set().union(*(self.named.get(digest, ()) for digest in others))
        return Used(self.closure(found) | files, frozenset(digest.algorithm for digest in lost))

    def unknown(self, digests: Iterable[Digest]) -> set[Digest]:
        """The trees in doubt among some. An old hash is named twice where its kind is in doubt: to know one is enough."""
        lost = {digest for digest in digests if digest in self.doubts}
        return lost and {digest for digest in lost if digest.hex not in {one.hex for one in self.named}}

    def excuse(self, digests: Iterable[Digest]) -> None:
        """Take missing trees for empty: no cache ever had them."""
        for digest in digests:
            if isinstance(self.doubts.get(digest), MissingData):
                self.named[digest] = ()
                del self.doubts[digest]

    def _keep(self, digest: Digest, tree: Tree) -> None:
        self.named[digest] = tuple(self._same.setdefault(entry.digest, entry.digest) for entry in tree.entries)

    def _doubt(self, digest: Digest, error: DvxError) -> None:
        # its frames hold the bytes
        self.doubts[digest] = error.with_traceback(None)


def _read_there(objects: RemoteObjects, digest: Digest) -> tuple[Tree, bytes] | DvxError:
    try:
        return objects.read_tree(digest)
    except (MissingData, Corrupted, UnsafePath) as error:
        return error
