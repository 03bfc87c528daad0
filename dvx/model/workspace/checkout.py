"""CheckoutPlan: what must be created, replaced and deleted so that a path holds some content, and what that would destroy."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from dvx.model.digest import Digest
from dvx.model.tree import Entry


class CheckoutPlan(Struct, frozen=True):
    """Paths relative to the project. `suspects` are the deleted and replaced files, whose bytes must be in a store first."""

    create: tuple[Entry, ...] = ()
    replace: tuple[Entry, ...] = ()
    delete: tuple[str, ...] = ()
    suspects: tuple[tuple[str, Digest], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.create or self.replace or self.delete)


def plan_checkout(present: Mapping[str, Entry], wanted: Mapping[str, Entry]) -> CheckoutPlan:
    """Plan the way from the files that are there to those that should be; equal files are left alone."""
    create = tuple(entry for path, entry in wanted.items() if path not in present)
    replace = tuple(entry for path, entry in wanted.items() if path in present and _differs(present[path], entry))
    delete = tuple(path for path in present if path not in wanted)
    lost = (*(entry.path for entry in replace), *delete)
    return CheckoutPlan(create, replace, delete, tuple((path, present[path].digest) for path in lost))


def _differs(present: Entry, wanted: Entry) -> bool:
    return present.digest != wanted.digest or wanted.executable != present.executable
