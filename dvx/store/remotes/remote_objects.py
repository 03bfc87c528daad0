"""RemoteObjects: the objects of a remote by digest, whether they lie there one by one or in packs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

from msgspec import Struct

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import Digest
from dvx.model.events import Tell, silent
from dvx.model.transfer.claims import FRESH_SECONDS
from dvx.model.tree import Tree, decode_tree
from dvx.model.upkeep.ages import is_surely_young
from dvx.store import files
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.packs import Packs, read_packed
from dvx.store.remotes.remote import Remote
from dvx.store.verify import Check

_READERS = 4


class Looked(Struct, frozen=True):
    """What a remote has of some objects: which are `absent`, which were there for so long that a `gc` elsewhere may take them
    for unneeded, the `sizes` (bytes) of those that lie there by themselves, and what is told of those whose hash is told.
    """

    absent: set[Digest]
    old: set[Digest]
    sizes: dict[Digest, int]
    told: dict[Digest, Listed]


class RemoteObjects:
    """The objects at `remote`. `packs` is None where there are none; `packing` says whether new ones may be made."""

    def __init__(self, remote: Remote, packs: Packs | None = None, *, packing: bool = False) -> None:
        self.remote = remote
        self.packs = packs
        self.packing = packing and packs is not None

    def sizes(self, digests: Iterable[Digest], tell: Tell = silent) -> dict[Digest, int]:
        """The sizes in bytes of those that are there. The remote is asked; raises RemoteError."""
        wanted = set(digests)
        found: dict[Digest, int] = {}
        if self.packs is not None:
            found = {digest: place.size for digest, (_, place) in self.packs.locate(wanted, tell).items()}
        return found | {digest: one.size for digest, one in self._alone(wanted - found.keys()).items()}

    def look(self, digests: Iterable[Digest], tell: Tell = silent) -> Looked:
        """What is there of some objects. The remote is asked; raises RemoteError."""
        now = time.time()

        def is_young(modified: float) -> bool:
            return is_surely_young(modified, now, FRESH_SECONDS)

        wanted = set(digests)
        packed = self.packs.ages(wanted, tell) if self.packs is not None else {}
        rest = wanted - packed.keys()
        alone = self._alone(rest)
        old = {digest for digest, modified in packed.items() if not is_young(modified)}
        old.update(digest for digest, one in alone.items() if not is_young(one.modified))
        told = {digest: one for digest, one in alone.items() if one.md5}
        return Looked(rest - alone.keys(), old, {digest: one.size for digest, one in alone.items()}, told)

    def missing(self, digests: Iterable[Digest], tell: Tell = silent) -> set[Digest]:
        """Those that are not there."""
        return self.look(digests, tell).absent

    def read_tree(self, digest: Digest) -> tuple[Tree, bytes]:
        """A verified tree and its bytes.

        Raises:
            MissingData: it is not there.
            Corrupted, UnsafePath: it cannot be used.
        """
        data = self.remote.read(digest.object_name)
        check = Check(digest)
        check.feed(data)
        check.finish()
        return decode_tree(data, digest.algorithm), data

    def download(self, digest: Digest, local: str) -> None:
        """Copy an object to the new file `local`, verified; nothing is left there on failure. Raises MissingData, Corrupted."""
        try:
            self.remote.download(digest.object_name, local, Check(digest))
            return
        except (MissingData, Corrupted) as error:
            if not self.unpack([digest], lambda _, data: files.write_new(local, data, files.PROTECTED)):
                raise error from None

    def unpack(self, digests: Collection[Digest], take: Callable[[Digest, bytes], None]) -> set[Digest]:
        """Read those that are packed; `take` is called in threads with each, verified. Returns them; raises RemoteError."""
        if self.packs is None:
            return set()
        found = self.packs.locate(digests, silent)
        return found.keys() - read_packed(self.packs, found, min(_READERS, self.remote.jobs), take).keys()

    def _alone(self, digests: Iterable[Digest]) -> dict[Digest, Listed]:
        """Those that lie there by themselves."""
        names = {digest.object_name: digest for digest in digests}
        return {names[name]: one for name, one in self.remote.found(names.keys()).items()} if names else {}
