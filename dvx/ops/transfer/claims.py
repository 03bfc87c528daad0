"""Claims of what lies at remotes: a push makes them, `gc` respects them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from msgspec import Struct

from dvx.errors import Corrupted, DvxError, RemoteError
from dvx.model.digest import Digest
from dvx.model.events import Notice, Tell
from dvx.model.transfer.claims import FRESH_SECONDS, brief
from dvx.store.remotes import claims
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.remote_objects import RemoteObjects


class Reliance(Struct, frozen=True):
    """What somebody relies on: the objects that are `old` at a remote; what is `named` by a claim keeps all of them."""

    old: frozenset[Digest] = frozenset()
    named: frozenset[Digest] = frozenset()


def claim(objects: RemoteObjects, reliance: Reliance, tell: Tell) -> set[Digest]:
    """Make a remote keep what somebody relies on; returns what is gone by now, or about to go.

    Raises:
        RemoteError: it cannot be reached.
    """
    if not reliance.named or not objects.remote.lists:
        return set()
    try:
        if not claims.write_claim(objects.remote, reliance.named, partial(wait, objects.remote.name, tell)):
            return set()
    except RemoteError as error:
        objects.remote.discard()
        text = f"dvx could not mark old data at `{objects.remote.name}` as in use: {error.message}"
        tell(Notice(text, f"do not run `dvx gc --cloud` in clones that have not fetched your commits yet ({error.hint})"))
        return set()
    return objects.look(reliance.old, tell).absent


def wait(remote: str, tell: Tell) -> None:
    """Tell that somebody else removes objects at a remote, for which this command waits."""
    tell(Notice(f"waiting for another `gc` at the remote `{remote}`", "if it was killed, this takes a minute"))


class Claimed:
    """What claims at a remote name, as far as they were read."""

    def __init__(self, objects: RemoteObjects) -> None:
        self._objects = objects
        self._seen: set[str] = set()
        self._named: set[str] = set()

    def read(self, horizon: float, listed: Iterable[Listed] | None = None) -> None:
        """Read the claims that count, with `horizon` (seconds since the epoch) for fresh objects, and were not read before.

        They count longer by as much as a claim may be old when somebody relies on it again.

        Raises:
            DvxError: one cannot be read, so that nobody knows what to keep.
        """
        remote = self._objects.remote
        there = claims.listed(remote) if listed is None else listed
        for one in there:
            if one.modified > horizon - FRESH_SECONDS and one.name not in self._seen:
                try:
                    self._named |= claims.read_claim(remote, one)
                except Corrupted as error:
                    hint = (
                        error.hint
                        or f"remove that file from `{remote.name}`, then run `dvx push` in each clone that pushed lately"
                    )
                    raise DvxError(f"what to keep at `{remote.name}` cannot be known: {error.message}", hint) from error
                self._seen.add(one.name)

    def of(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those that are claimed."""
        return {digest for digest in digests if brief(digest) in self._named} if self._named else set()
