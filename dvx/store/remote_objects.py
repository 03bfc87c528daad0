"""RemoteObjects: the objects of a remote by digest, whether they lie there one by one or in packs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from collections.abc import Set as AbstractSet

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import Digest
from dvx.model.events import Tell, silent
from dvx.model.tree import Tree, decode_tree
from dvx.store import files
from dvx.store.packs import Packs, read_packed
from dvx.store.remote import Remote
from dvx.store.verify import Check

_READERS = 4


class RemoteObjects:
    """The objects at `remote`. `packs` is None where there are none; `packing` says whether new ones may be made."""

    def __init__(self, remote: Remote, packs: Packs | None = None, *, packing: bool = False) -> None:
        self.remote = remote
        self.packs = packs
        self.packing = packing and packs is not None

    def sizes(self, digests: Iterable[Digest], tell: Tell = silent) -> dict[Digest, int]:
        """The sizes in bytes of those that are there, and are to stay. The remote is asked; raises RemoteError."""
        wanted = set(digests)
        found: dict[Digest, int] = {}
        if self.packs is not None:
            found = {digest: place.size for digest, (_, place) in self.packs.locate(wanted, tell, condemned=False).items()}
        return found | self.alone(wanted - found.keys())

    def unpacked(self, digests: AbstractSet[Digest], tell: Tell = silent) -> set[Digest]:
        """Those that lie in no pack that is to stay and is as long as it should be. The remote is asked; raises RemoteError."""
        return self.packs.lacking(digests, tell) if self.packs is not None else set(digests)

    def alone(self, digests: Iterable[Digest]) -> dict[Digest, int]:
        """The sizes in bytes of those that lie there by themselves. The remote is asked; raises RemoteError."""
        names = {digest.object_name: digest for digest in digests}
        loose = self.remote.sizes(names.keys()) if names else {}
        return {names[name]: size for name, size in loose.items()}

    def missing(self, digests: Iterable[Digest], tell: Tell = silent) -> set[Digest]:
        """Those that are not there."""
        rest = self.unpacked(set(digests), tell)
        return rest - self.alone(rest).keys()

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
