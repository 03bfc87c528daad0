"""Changes: what differs between two states of tracked data, path by path."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from dvx.model.digest import Digest
from dvx.model.paths import parent, within


class DiffItem(Struct, frozen=True):
    """A tracked file or directory, or a file in such a directory."""

    path: str
    digest: Digest
    executable: bool = False

    @property
    def label(self) -> str:
        """The path, with a slash at the end for a directory."""
        return self.path + "/" if self.digest.is_tree else self.path


class Pair(Struct, frozen=True):
    """One thing before and after: of the same path when modified, of the same digest when renamed."""

    old: DiffItem
    new: DiffItem


class Changes(Struct, frozen=True):
    """What differs, each part in the order of paths. Of `unknown` items nobody can say whether they are new."""

    added: tuple[DiffItem, ...] = ()
    deleted: tuple[DiffItem, ...] = ()
    modified: tuple[Pair, ...] = ()
    renamed: tuple[Pair, ...] = ()
    unknown: tuple[DiffItem, ...] = ()
    unchanged: tuple[DiffItem, ...] = ()


Items = Mapping[str, DiffItem]


def compare(old: Items, new: Items, unlisted: Collection[str] = ()) -> Changes:
    """What changed from `old` to `new`, both by path.

    `unlisted` are directories whose files are not known on one of the sides: what only the other side has there is unknown.
    A file that went and one with the same bytes that came are one renamed file.
    """
    added: list[DiffItem] = []
    unknown: list[DiffItem] = []
    for path, item in new.items():
        if path not in old:
            (unknown if _below(path, unlisted) else added).append(item)
    deleted = [item for path, item in old.items() if path not in new and not _below(path, unlisted)]
    both = [Pair(item, new[path]) for path, item in old.items() if path in new]
    renamed, added, deleted = _pair_up(_sorted(added), _sorted(deleted))
    return Changes(
        added=tuple(added),
        deleted=tuple(deleted),
        modified=tuple(sorted((pair for pair in both if _differs(pair)), key=lambda pair: _parts(pair.old))),
        renamed=tuple(renamed),
        unknown=tuple(_sorted(unknown)),
        unchanged=tuple(_sorted(pair.new for pair in both if not _differs(pair))),
    )


def select(items: Items, scope: Collection[str]) -> dict[str, DiffItem]:
    """Those items that are, or lie below, a path in `scope`; all of them if it is empty."""
    return {path: item for path, item in items.items() if not scope or any(within(path, one) for one in scope)}


def _pair_up(added: list[DiffItem], deleted: list[DiffItem]) -> tuple[list[Pair], list[DiffItem], list[DiffItem]]:
    """Renamed items, and what is left of the others. Of equal ones the first that went becomes the first that came."""
    waiting: dict[Digest, deque[DiffItem]] = {}
    for item in deleted:
        waiting.setdefault(item.digest, deque()).append(item)
    renamed, fresh = [], []
    for item in added:
        if waiting.get(item.digest):
            renamed.append(Pair(waiting[item.digest].popleft(), item))
        else:
            fresh.append(item)
    left = {item.path for queue in waiting.values() for item in queue}
    return renamed, fresh, [item for item in deleted if item.path in left]


def _differs(pair: Pair) -> bool:
    return pair.old.digest != pair.new.digest or pair.old.executable != pair.new.executable


def _below(path: str, folders: Collection[str]) -> bool:
    above = parent(path) if folders else ""
    while above:
        if above in folders:
            return True
        above = parent(above)
    return False


def _sorted(items: Iterable[DiffItem]) -> list[DiffItem]:
    return sorted(items, key=_parts)


def _parts(item: DiffItem) -> list[str]:
    return item.path.split("/")
