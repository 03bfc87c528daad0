"""Scope of a transfer: the paths that targets and revisions mean, by the remote that they go to."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import UnknownTarget
from dvx.model.events import Tell, silent
from dvx.model.paths import within
from dvx.model.tracked.origin import Origin, import_of, versions_named
from dvx.model.tracked.pointer import OutputKind, Pointer, Recorded
from dvx.model.transfer.plan import ChosenPath
from dvx.model.tree import Content
from dvx.ops.tracked.index import Index, Selected, SelectOptions, files_of, select
from dvx.ops.tracked.sources import Source
from dvx.ops.tracked.unreadable import load_for, load_revision
from dvx.project import Project


class ChosenRevisions(Struct, frozen=True):
    """Whose data is meant beside the workspace's: that of branch tips, tags, every commit, or of some `commits`. Without
    `workspace` only theirs.
    """

    all_branches: bool = False
    all_tags: bool = False
    all_commits: bool = False
    commits: tuple[str, ...] = ()
    workspace: bool = True


class SyncOptions(Struct, frozen=True):
    """What to transfer and how. `remote` is a name or empty for the default one; `jobs` 0 leaves the choice to dvx.

    `max_size` (bytes, 0 for none) leaves out what is recorded as that large or larger; `kinds`, where there are any, what
    is none of them: outputs that are, hold or lie in a metrics or plots file. `verify` lets a push read back what it relies on.
    `force` and `allow_missing` are for the checkout of a pull.
    """

    targets: tuple[str, ...] = ()
    remote: str = ""
    jobs: int = 0
    select: SelectOptions = field(default_factory=SelectOptions)
    revisions: ChosenRevisions = field(default_factory=ChosenRevisions)
    run_cache: bool = False
    max_size: int = 0
    kinds: tuple[OutputKind, ...] = ()
    force: bool = False
    allow_missing: bool = False
    verify: bool = False


class Import(Struct, frozen=True):
    """What a pointer records of data that its source keeps: where it goes, what it holds.

    `origin` is in another repository; it is None for versions in a bucket, which the pointer names.
    """

    pointer: Pointer
    origin: Origin | None
    path: str
    content: Content

    @property
    def url(self) -> str:
        """The URL of the source."""
        return self.origin.url if self.origin else self.pointer.deps[0].path


class TransferScope(Struct, frozen=True):
    """Items by remote (empty for the one that the user chose), the selected part of the workspace, what is recorded of items.

    `imports` are not among the items: their data is kept where they come from. `unread` says which files of earlier revisions
    could not be read.
    """

    items: dict[str, list[ChosenPath]]
    selected: tuple[Selected, ...]
    recorded: dict[ChosenPath, Recorded] = field(default_factory=dict)
    imports: tuple[Import, ...] = ()
    unread: tuple[str, ...] = ()


def find_scope(project: Project, options: SyncOptions, tell: Tell = silent) -> TransferScope:
    """Outputs in the cache that are shared through remotes. One with a `remote` of its own goes nowhere else.

    Raises:
        UnknownTarget: a target is in none of the revisions.
    """
    targets = _Targets(project, options)
    recorded: dict[ChosenPath, Recorded] = {}
    imports: dict[tuple[str, str], Import] = {}
    by_remote: dict[str, dict[ChosenPath, None]] = {}
    selected: tuple[Selected, ...] = ()
    if options.revisions.workspace:
        index = _workspace(project, options, tell)
        selected = targets.select(index)
        _add_items(by_remote, _items(index, selected, options, recorded, imports))
    unread: list[str] = []

    def hear(source: Source, commit: str) -> None:
        earlier, lost = load_revision(project, source, commit[:7])
        unread.extend(lost.values())
        _add_items(by_remote, _items(earlier, targets.select(earlier), options, recorded, imports))

    commits = chosen_commits(project, options.revisions)
    # loads Git, which the workspace does without
    if commits and project.git is not None:
        from dvx.ops.tracked.walking import answers

        for _ in answers(project, project.git, commits, hear):
            pass
    targets.check()
    items = {name: list(found) for name, found in by_remote.items()}
    return TransferScope(items, selected, recorded, tuple(imports.values()), tuple(unread))


def _workspace(project: Project, options: SyncOptions, tell: Tell) -> Index:
    """What the workspace tracks; files that do not load and are about other paths than the targets are left out."""

    def search(index: Index) -> list[str]:
        return [one.tracked.owner for one in select(project, index, options.targets, options.select)]

    is_plain = options.select == SelectOptions() and options.revisions == ChosenRevisions()
    return load_for(project, options.targets if is_plain else (), search, tell)


class _Targets:
    """What the user named, looked for in one revision after the other."""

    def __init__(self, project: Project, options: SyncOptions) -> None:
        self._project = project
        self._options = options
        self._known: set[str] = set()
        self._unknown: dict[str, UnknownTarget] = {}

    def select(self, index: Index) -> tuple[Selected, ...]:
        """What the targets mean in a revision, as far as it knows them; everything in it without targets."""
        known = [target for target in self._options.targets if self._is_known(index, target)]
        self._known.update(known)
        return select(self._project, index, known, self._options.select) if known or not self._options.targets else ()

    def _is_known(self, index: Index, target: str) -> bool:
        try:
            return bool(select(self._project, index, [target], replace(self._options.select, with_deps=False)))
        except UnknownTarget as error:
            self._unknown.setdefault(target, error)
            return False

    def check(self) -> None:
        """Raise UnknownTarget for the first one that no revision knows."""
        for target, error in self._unknown.items():
            if target not in self._known:
                raise error


def _add_items(by_remote: dict[str, dict[ChosenPath, None]], found: dict[ChosenPath, str]) -> None:
    """One object may belong to several remotes: each revision says to which its data goes."""
    for item, remote in found.items():
        by_remote.setdefault(remote, {})[item] = None


def _items(
    index: Index,
    selected: tuple[Selected, ...],
    options: SyncOptions,
    records: dict[ChosenPath, Recorded],
    imports: dict[tuple[str, str], Import],
) -> dict[ChosenPath, str]:
    """Items with their remotes; `records` gets what is recorded of each, of several the one that says more.

    `imports` gets what has no remote of ours.
    """
    files = {path for kind in options.kinds for path in files_of(index, kind)}
    found = {}
    for each in selected:
        output, recorded = each.tracked.output, each.tracked.recorded
        if recorded is None or recorded.content is None or not output.cached:
            continue
        pointer = index.pointers.get(each.tracked.file)
        # what a bucket keeps in versions stays there
        kept = pointer is not None and not output.push and len(pointer.deps) == 1 and bool(versions_named(pointer.deps[0]))
        if (not output.push and not kept) or (options.remote and output.remote not in ("", options.remote)):
            continue
        if options.max_size and (recorded.content.size or 0) >= options.max_size:
            continue
        if options.kinds and not any(within(path, output.path) or within(output.path, path) for path in files):
            continue
        origin = import_of(pointer) if pointer is not None else None
        if pointer is not None and (origin is not None or kept):
            imports[pointer.path, str(recorded.content.digest)] = Import(pointer, origin, output.path, recorded.content)
            continue
        item = ChosenPath(output.path, recorded.content, each.inner)
        found[item] = output.remote
        if item not in records or (recorded.extras and not records[item].extras):
            records[item] = recorded
    return found


def chosen_commits(project: Project, revisions: ChosenRevisions) -> list[str]:
    """The commits whose data is meant; without Git there are none."""
    if revisions == ChosenRevisions() or project.git is None:
        return []
    commits: dict[str, None] = {}
    if revisions.all_commits:
        commits |= dict.fromkeys(project.git.all_commits())
    if revisions.all_branches:
        commits |= dict.fromkeys(project.git.tips("refs/heads/"))
    if revisions.all_tags:
        commits |= dict.fromkeys(project.git.tips("refs/tags/"))
    commits |= dict.fromkeys(revisions.commits)
    return list(commits)
