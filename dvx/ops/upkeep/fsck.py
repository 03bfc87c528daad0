"""fsck: read every object, put wrong ones aside, and heal what is needed from good copies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import Corrupted, DvxError, UnsafePath
from dvx.model.digest import TREE_SUFFIX, Digest, new_hasher
from dvx.model.events import Progress, Tell
from dvx.model.tracked.named import Named
from dvx.model.tree import Tree
from dvx.model.upkeep.fsck import Finding, Flaw, Report
from dvx.ops.tracked.index import load_index
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer.plans import Remotes
from dvx.ops.upkeep import fsck_remote
from dvx.ops.upkeep.heal import Healer
from dvx.ops.upkeep.reachable import Finder, HistoryScope, Roots
from dvx.project import Project
from dvx.store import files
from dvx.store.objects import Lying, lying
from dvx.store.reading import open_regular
from dvx.store.remotes.crowd import Crowd
from dvx.store.scratch import abandoned

_AT_WORK_SECONDS = 3_600


class FsckOptions(Struct, frozen=True):
    """Which remote to read beside the cache, if any; without `heal` nothing is changed."""

    remote: str = ""
    heal: bool = True
    jobs: int = 0


class _Needed:
    """Which path needs an object: in the workspace, or in any commit. Files of trees come in as trees are read."""

    def __init__(self, workspace: Sequence[Named], commits: Sequence[Named]) -> None:
        self.workspace: dict[Digest, str] = {}
        self.all: dict[Digest, str] = {}
        for one in workspace:
            self.workspace.setdefault(one.digest, one.path)
        for one in (*workspace, *commits):
            self.all.setdefault(one.digest, one.path)

    def add(self, trees: Iterable[tuple[Digest, Tree]]) -> None:
        """Take in what trees name, if something needs them."""
        for digest, tree in trees:
            for paths in (self.workspace, self.all):
                if digest in paths:
                    for entry in tree.entries:
                        paths.setdefault(entry.digest, f"{paths[digest]}/{entry.path}")


class _Read(Struct, frozen=True):
    """A file in the cache and what its bytes hash to; None when they cannot be read, or, if it is `denied`, not by this user."""

    one: Lying
    actual: Digest | None
    denied: bool = False

    @property
    def is_right(self) -> bool:
        digest = self.one.digest
        return digest is not None and self.actual is not None and self.actual.hex == digest.hex.removesuffix(TREE_SUFFIX)


def fsck(project: Project, options: FsckOptions, tell: Tell) -> Report:
    """Check the cache, and a remote.

    Raises:
        UnknownTarget: there is no such remote.
        RemoteError: it cannot be read.
    """
    remote = Remotes(project, options.remote, options.jobs).open("") if options.remote else None
    healer = Healer(project, tell)
    read = _read_all(project, options, tell)
    findings = [*_wrong(project, options, read, healer), *_leftovers(project, options)]
    finder = Finder(lambda _: None, skip_failed=True)
    roots = finder.find(project, (), HistoryScope())
    findings += [
        Finding(Flaw.PAST if each.historic else Flaw.FILE, f"{each.what}: {each.error.message}") for each in finder.failures
    ]
    reach = Reach(project.cache)
    right = {each.one.digest for each in read if each.is_right and each.one.digest}
    needed = _Needed(_of_workspace(project, roots), sorted(roots.all))
    needed.add(reach.here((*needed.all, *right)))
    findings += [
        Finding(Flaw.TREE, f"{digest}: {error.message}", digest)
        for digest, error in reach.doubts.items()
        if digest in right and isinstance(error, Corrupted | UnsafePath)
    ]
    if options.heal:
        healed = healer.heal(finding.digest for finding in findings if finding.flaw is Flaw.WRONG and finding.digest)
        findings = [_healed(finding, healed) for finding in findings]
        project.cache.barrier()
    for _ in range(2):
        needed.add(reach.here(list(reach.doubts)))  # trees that were healed, then those that were missing
        findings += _missing(project, options, needed, healer, {finding.digest for finding in findings})
    findings = [_with_need(finding, needed) for finding in findings]
    project.cache.barrier()
    report = Report(len(read), sum(each.one.size for each in read), tuple(findings))
    if remote is None:
        return report
    return report + fsck_remote.check(project, remote, reach, healer if options.heal else None, needed.all, tell)


def _read_all(project: Project, options: FsckOptions, tell: Tell) -> list[_Read]:
    found = list(lying(project.cache.root))
    read: list[_Read] = []
    with Crowd(options.jobs or min(8, (os.cpu_count() or 1) + 1)) as pool:
        for count, each in enumerate(pool.map(_hash, found), 1):
            if each is not None:
                read.append(each)
            if not count % 100 or count == len(found):
                tell(Progress("checking", count, len(found), "objects"))
    return read


def _hash(one: Lying) -> _Read | None:
    """The file as it was read; None where it is gone by now."""
    algorithm = one.digest.algorithm if one.digest else one.algorithm
    try:
        hasher = new_hasher(algorithm)
        with open_regular(one.place) as file:
            while chunk := file.read(files.CHUNK):
                hasher.update(chunk)
    except FileNotFoundError:
        return None
    except PermissionError:
        return _Read(one, None, denied=True)
    except (OSError, DvxError):
        return _Read(one, None)
    return _Read(one, Digest(algorithm, hasher.hexdigest()))


def _wrong(project: Project, options: FsckOptions, read: Iterable[_Read], healer: Healer) -> Iterator[Finding]:
    """What is not what its name says, put aside. Bytes that deserve another name are kept in mind."""
    for each in read:
        if each.is_right:
            continue
        one = each.one
        if each.denied:
            # others who share the cache may read it
            yield Finding(Flaw.DENIED, str(one.digest or os.path.relpath(one.place, project.cache.root)), one.digest)
            continue
        name = os.path.relpath(one.place, project.cache.root)
        young = time.time() - one.modified < _AT_WORK_SECONDS
        if one.digest is None and young and _is_temporary(one):
            yield Finding(Flaw.LEFTOVER, name)  # somebody may be writing it
            continue
        aside = ""
        if options.heal:
            aside = files.move_aside(one.place, _aside(project, one.place))
        if each.actual is not None:
            healer.found[each.actual] = aside or one.place
            healer.found[Digest(each.actual.algorithm, each.actual.hex + TREE_SUFFIX)] = aside or one.place
        if one.digest is None:
            yield Finding(Flaw.LEFTOVER if _is_temporary(one) else Flaw.MISNAMED, name, aside=aside)
        else:
            yield Finding(Flaw.WRONG, str(one.digest), one.digest, aside=aside)


def _aside(project: Project, place: str) -> str:
    """Where a file of the cache is put that is not what its name says."""
    return project.cache.kept(f"quarantine/{os.path.relpath(place, project.cache.root)}")


def _is_temporary(one: Lying) -> bool:
    name = os.path.basename(one.place)
    return name.startswith(".") or "tmp" in name


def _leftovers(project: Project, options: FsckOptions) -> Iterator[Finding]:
    """What dead processes left in the temporary folder."""
    for place in abandoned(os.path.join(project.cache.root, "tmp")):
        if options.heal:
            files.remove_tree(place)
        yield Finding(Flaw.LEFTOVER, f"tmp/{os.path.basename(place)}", healed="removal" if options.heal else "")


def _of_workspace(project: Project, roots: Roots) -> list[Named]:
    try:
        tracked = load_index(project).tracked
    except DvxError:
        return sorted(roots.workspace)
    recorded = ((one.output, one.recorded.content) for one in tracked if one.recorded and one.output.cached)
    return [Named(output.path, content.digest, content.size) for output, content in recorded if content]


def _with_need(finding: Finding, needed: _Needed) -> Finding:
    return replace(finding, path=needed.all.get(finding.digest, "")) if finding.digest else finding


def _healed(finding: Finding, healed: Mapping[Digest, str]) -> Finding:
    if finding.flaw is not Flaw.WRONG or finding.digest is None:
        return finding
    return replace(finding, healed=healed.get(finding.digest, ""))


def _missing(
    project: Project, options: FsckOptions, needed: _Needed, healer: Healer, told: set[Digest | None]
) -> Iterator[Finding]:
    """What the workspace names and the cache has not.

    What a remote has is merely not fetched, unless it was put aside: that was the part of a healing that was cut off.
    """
    absent = {digest: path for digest, path in needed.workspace.items() if digest not in told and not project.cache.has(digest)}
    aside = {digest for digest in absent if os.path.exists(_aside(project, project.cache.path(digest)))}
    healed: dict[Digest, str] = {}
    if options.heal:
        healed = healer.heal(aside) | healer.heal(absent.keys() - aside, remotes=False)
    away = healer.at_remotes(digest for digest in absent if not healed.get(digest))
    for digest, path in absent.items():
        flaw = Flaw.AWAY if digest in away else Flaw.MISSING
        yield Finding(flaw, str(digest), digest, path, healed=healed.get(digest, ""))
