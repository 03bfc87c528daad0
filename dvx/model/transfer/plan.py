"""TransferPlan: which objects to copy between two stores, in which order, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.model.digest import Digest
from dvx.model.tree import Content, Tree


class ChosenPath(Struct, frozen=True):
    """A path that a user chose: what it holds, and with `inner` the one path inside it that is meant."""

    path: str
    content: Content
    inner: str = ""


class Need(Struct, frozen=True, gc=False):
    """An object and one path that needs it; `size` in bytes, None where nothing records it."""

    digest: Digest
    path: str
    size: int | None = None


class Wanted(Struct, frozen=True):
    """The objects that chosen paths need. `children` has all that each readable tree names, chosen or not; equal digests are one
    object in it, since many versions of a folder name the same files.
    """

    files: Mapping[Digest, Need]
    trees: Mapping[Digest, Need]
    children: Mapping[Digest, tuple[Digest, ...]]

    def objects(self) -> set[Digest]:
        """Every object whose presence matters."""
        return set().union(self.files, self.trees, *self.children.values())


class TransferPlan(Struct, frozen=True):
    """Objects to copy: `files`, then `trees`.

    `missing` are in neither store. `withheld` trees name files that are neither at the target nor about to be.
    """

    files: tuple[Need, ...] = ()
    trees: tuple[Need, ...] = ()
    missing: tuple[Need, ...] = ()
    withheld: tuple[Need, ...] = ()
    children: Mapping[Digest, tuple[Digest, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many objects are to be copied."""
        return len(self.files) + len(self.trees)

    @property
    def bytes(self) -> int:
        """How many bytes that is, as far as sizes are known."""
        return sum(need.size or 0 for need in (*self.files, *self.trees))

    @property
    def is_sized(self) -> bool:
        """Whether all sizes are known."""
        return all(need.size is not None for need in (*self.files, *self.trees))


class TransferResult(Struct, frozen=True):
    """What came of a plan: `copied` objects of `bytes` in all. `failed` are (path, reason), `missing` and `withheld` paths.

    `unread` says of which files of revisions it is not known what they name.
    """

    copied: int = 0
    bytes: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything that was wanted is at the target."""
        return not (self.failed or self.missing or self.withheld or self.unread)

    def __add__(self, other: TransferResult) -> TransferResult:
        return TransferResult(
            copied=self.copied + other.copied,
            bytes=self.bytes + other.bytes,
            failed=self.failed + other.failed,
            missing=self.missing + other.missing,
            withheld=self.withheld + other.withheld,
            unread=self.unread + other.unread,
        )


def gather(items: Iterable[ChosenPath], trees: Iterable[tuple[Digest, Tree]]) -> Wanted:
    """The objects that `items` need; a tree that is not among `trees` could not be read. Those are taken one by one."""
    alone: dict[Digest, Need] = {}
    files: dict[Digest, Need] = {}
    found: dict[Digest, Need] = {}
    children: dict[Digest, tuple[Digest, ...]] = {}
    folders: dict[Digest, list[ChosenPath]] = {}
    same: dict[Digest, Digest] = {}
    for item in items:
        digest = item.content.digest
        if digest.is_tree:
            found.setdefault(digest, Need(digest, item.path))
            folders.setdefault(digest, []).append(item)
        else:
            alone.setdefault(digest, Need(digest, item.path, item.content.size))
    for digest, tree in trees:
        children[digest] = tuple([same.setdefault(entry.digest, entry.digest) for entry in tree.entries])
        for item in folders[digest]:
            for entry in tree.below(item.inner) if item.inner else tree.entries:
                if entry.digest not in files and entry.digest not in alone:
                    files[entry.digest] = Need(same[entry.digest], f"{item.path}/{entry.path}", entry.size)
    return Wanted({**files, **alone}, found, children)


def plan_transfer(wanted: Wanted, absent: AbstractSet[Digest], lost: AbstractSet[Digest]) -> TransferPlan:
    """Plan a copy in two waves: files first, then the trees that name them.

    A tree at the target is a promise that all its files are there too. So a tree waits until its files have arrived, and
    stays behind if one is missing; and the files of a tree that is there already are looked at all the same, since somebody
    may have removed one.

    Args:
        absent: what the target lacks.
        lost: the part of `absent` that the source lacks too.
    """
    lacking = [need for digest, need in wanted.files.items() if digest in absent]
    files = [need for need in lacking if need.digest not in lost]
    missing = [need for need in lacking if need.digest in lost]
    trees: list[Need] = []
    withheld: list[Need] = []
    for digest, need in wanted.trees.items():
        if digest in absent and digest in lost:
            missing.append(need)
        elif digest in absent:
            children = (child for child in wanted.children.get(digest, ()) if child in absent)
            whole = all(child in wanted.files and child not in lost for child in children)
            (trees if whole else withheld).append(need)
    return TransferPlan(tuple(files), tuple(trees), tuple(missing), tuple(withheld), wanted.children)


def without(plan: TransferPlan, lacking: AbstractSet[Digest]) -> TransferPlan:
    """The plan when the target will not have `lacking`: trees that name one of them stay behind."""
    held = [need for need in plan.trees if not lacking.isdisjoint(plan.children.get(need.digest, ()))]
    trees = tuple(need for need in plan.trees if need not in held)
    return replace(plan, trees=trees, withheld=(*plan.withheld, *held))
