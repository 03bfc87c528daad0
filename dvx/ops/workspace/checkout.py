"""checkout: make workspace paths hold what is recorded, destroying nothing that no store has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import AtRisk, DvxError, MissingData, quoted
from dvx.model.events import Notice, Progress, Tell, silent
from dvx.model.paths import listed, parent, printable, within
from dvx.model.tree import Content, Entry, holds
from dvx.model.workspace.checkout import CheckoutPlan, plan_checkout
from dvx.ops.tracked.conflicts import Conflicts
from dvx.ops.tracked.index import Selected, SelectOptions, select
from dvx.ops.tracked.trackable import check_inside
from dvx.ops.tracked.unreadable import select_for
from dvx.ops.workspace.detach import to_trash
from dvx.ops.workspace.kept_in_cache import is_kept
from dvx.ops.workspace.links import Placer, contents_of
from dvx.ops.workspace.observe import Seen, look
from dvx.ops.workspace.overwrites import Sparing, note_placed
from dvx.ops.workspace.unmade import demand_made, find_unmade
from dvx.project import Project
from dvx.store import files
from dvx.store.scan import is_stale


class CheckoutResult(Struct, frozen=True):
    """Output paths that appeared, changed and went away; `relinked` are single files."""

    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    relinked: tuple[str, ...] = ()


class _Job(Struct, frozen=True):
    path: str
    seen: Seen | None
    plan: CheckoutPlan
    folders: tuple[str, ...]


class CheckoutOptions(Struct, frozen=True):
    """What to restore (all without targets), and how. With `relink`, files that are as recorded are linked anew, too.

    With `allow_missing`, what the cache lacks is passed over.
    """

    targets: tuple[str, ...] = ()
    select: SelectOptions = field(default_factory=SelectOptions)
    force: bool = False
    relink: bool = False
    allow_missing: bool = False


def checkout(project: Project, options: CheckoutOptions, tell: Tell = silent) -> CheckoutResult:
    """Restore tracked paths from the cache, without targets all; what is `left_behind` goes then. Raises like `restore`."""
    contents, only = recorded(chosen := _chosen(project, options, tell))
    result = restore(project, contents, tell, only=only, force=options.force, allow_missing=options.allow_missing)
    if not options.targets:
        from dvx.ops.workspace.left_behind import left_behind

        result = replace(result, deleted=left_behind(project, tell))
        clear(project, result.deleted, tell)
    if options.relink:
        from dvx.ops.workspace.relinking import renew_links

        result = replace(result, relinked=renew_links(project, contents, only, tell))
    if options.targets and not options.allow_missing:
        demand_made(find_unmade(project, chosen))
    return result


def _chosen(project: Project, options: CheckoutOptions, tell: Tell) -> tuple[Selected, ...]:
    """What the targets mean; a file beside them that cannot be read is no matter."""
    if not options.targets or options.select == SelectOptions():
        return select_for(project, options.targets, options.select, tell)
    # what folders, patterns and needs mean depends on all files; of those with a merge conflict it is known what they track
    conflicts = Conflicts(project)
    conflicts.demand_clear(project.relative(target) for target in options.targets)
    chosen = select(project, conflicts.index, options.targets, options.select)
    conflicts.demand_clear_locks(chosen)
    return chosen


def recorded(chosen: Iterable[Selected]) -> tuple[dict[str, Content], dict[str, tuple[str, ...]]]:
    """The known contents of cached outputs, by path, and the parts of them that are meant where not all is."""
    contents: dict[str, Content] = {}
    only: dict[str, tuple[str, ...]] = {}
    for selected in chosen:
        output, entry = selected.tracked.output, selected.tracked.recorded
        if not output.cached or entry is None or entry.content is None:
            continue
        contents[output.path] = entry.content
        if selected.inner:
            only[output.path] = (*only.get(output.path, ()), selected.inner)
    return contents, only


def restore(
    project: Project,
    contents: Mapping[str, Content],
    tell: Tell = silent,
    *,
    only: Mapping[str, tuple[str, ...]] | None = None,
    force: bool = False,
    allow_missing: bool = False,
) -> CheckoutResult:
    """Make each path hold its content. What lacks objects stays untouched and is reported after the rest is done.

    Raises:
        AtRisk: files would be lost whose bytes no store has (before anything is changed; with `force` they go to the trash).
        MissingData: some objects are not in the cache, and `allow_missing` was not given.
    """
    jobs, lacking = [], []
    for path, content in contents.items():
        try:
            job = _plan(project, path, content, (only or {}).get(path, ()), tell)
        except MissingData:
            lacking.append(path)
            continue
        if job is not None:
            jobs.append(job)
    _save_suspects(project, jobs, tell, force=force)
    _execute(project, jobs, tell)
    if lacking and not allow_missing:
        raise MissingData(
            f"the cache lacks the data of {len(lacking)} of {len(contents)} paths: {listed(lacking)}",
            "run `dvx pull` to get it from a remote",
        )
    return CheckoutResult(
        added=tuple(job.path for job in jobs if job.seen is None),
        modified=tuple(job.path for job in jobs if job.seen is not None),
    )


def clear(project: Project, paths: Iterable[str], tell: Tell = silent) -> None:
    """Remove outputs before their stage runs; bytes that no store has, and links to nothing, go to the trash."""
    jobs = []
    for path in (paths := list(paths)):
        seen = look(project, path, tell, project.algorithm)
        note_placed(project, path, seen)
        if seen is not None:
            jobs.append(_Job(path, seen, plan_checkout(_present(path, seen), {}), ()))
    _save_suspects(project, jobs, tell, force=True)
    _execute(project, jobs, tell)
    for path in paths:
        _remove_rest(project, path)


def _remove_rest(project: Project, path: str) -> None:
    """Remove empty folders, and what a command would write through: a link to nothing, or inside to objects that are gone."""
    place = project.abs(path)
    if os.path.islink(place) and not os.path.exists(place) and not is_stale(place):
        to_trash(project, path)
        project.trash.settle()
    for folder, _, names in () if os.path.islink(place) else files.walk_upward(place):
        for stale in filter(is_stale, (f"{folder}/{name}" for name in names)):
            files.remove(stale)
        files.remove_folder(folder)
    if is_stale(place):
        files.remove(place)


def arrange(project: Project, path: str, entries: Iterable[Entry], tell: Tell = silent) -> None:
    """Make a folder hold these files, which are in the cache, and no others; bytes that no store has go to the trash."""
    seen = look(project, path, tell, project.algorithm)
    present = _present(path, seen)
    wanted = {f"{path}/{entry.path}": replace(entry, path=f"{path}/{entry.path}") for entry in entries}
    jobs = [_Job(path, seen, plan_checkout(present, wanted), (path,))]
    _save_suspects(project, jobs, tell, force=True)
    _execute(project, jobs, tell)


def _plan(project: Project, path: str, content: Content, only: tuple[str, ...], tell: Tell) -> _Job | None:
    seen = look(project, path, tell, content.digest.algorithm)
    bare = content.executable and seen is not None and not seen.content.executable
    if seen is not None and holds(seen.content, content, project.dialect) and not bare:
        return None
    entries, empty = contents_of(project, path, content)
    wanted = {entry.path: entry for entry in entries}
    present = _present(path, seen)
    if only:
        chosen = tuple(f"{path}/{inner}" for inner in only)
        wanted = {name: entry for name, entry in wanted.items() if any(within(name, one) for one in chosen)}
        present = {name: entry for name, entry in present.items() if any(within(name, one) for one in chosen)}
    plan = plan_checkout(present, wanted)
    new = [entry.digest.hex for entry in (*plan.create, *plan.replace)]
    if not project.cache.holds_all(content.digest.algorithm, new):
        raise MissingData(
            f"the cache lacks files of `{printable(path)}`", f"run `dvx pull {quoted(path)}` to get them from a remote"
        )
    folders = () if only else empty
    if plan.is_empty and not folders and seen is not None:
        return None
    return _Job(path, seen, plan, (path, *folders) if content.digest.is_tree else ())


def _present(path: str, seen: Seen | None) -> dict[str, Entry]:
    if seen is None:
        return {}
    if seen.tree is None:
        return {path: Entry(path, seen.content.digest, seen.content.size, seen.content.executable)}
    return {f"{path}/{entry.path}": replace(entry, path=f"{path}/{entry.path}") for entry in seen.tree.entries}


def _save_suspects(project: Project, jobs: list[_Job], tell: Tell, *, force: bool) -> None:
    """Make sure that what the jobs destroy exists elsewhere."""
    lost = tuple(path for job in jobs for path, digest in job.plan.suspects if not is_kept(project, path, digest))
    lost += tuple(path for job in jobs for path in _in_the_way(project, job, tell))
    if not lost:
        return
    if not force:
        raise AtRisk(
            f"these files hold changes that no store has: {listed(lost)}",
            lost,
            "run `dvx add` to keep them. Use `--force` to force.",
        )
    for path in lost:
        check_inside(project, path)
    for path in lost:
        to_trash(project, path)
    project.trash.settle()
    what = f"{len(lost)} files" if len(lost) > 1 else f"`{printable(lost[0])}`"
    place = os.path.relpath(project.trash.root, project.root)
    tell(Notice(f"unsaved changes of {what} went to the trash", f"they are kept there for 14 days, in `{place}`"))


def _in_the_way(project: Project, job: _Job, tell: Tell) -> Iterator[str]:
    """What stands where files will be created, was not seen as part of the output, and is in no store.

    That is, what the ignore file names, and links where folders should be: what is behind them is somebody else's.
    """
    if not os.path.lexists(project.abs(job.path)) or is_stale(project.abs(job.path)):
        return
    folders = {parent(entry.path) for entry in (*job.plan.create, *job.plan.replace)}
    links = {link for folder in folders if (link := _link_above(project, folder, job.path))}
    yield from links
    real = {folder for folder in folders if os.path.isdir(project.abs(folder)) and not _link_above(project, folder, job.path)}
    for entry in job.plan.create:
        place = project.abs(entry.path)
        if parent(entry.path) not in real or not os.path.lexists(place) or is_stale(place):
            continue
        if os.path.islink(place) or not os.path.isdir(place):
            seen = None if os.path.islink(place) else look(project, entry.path, tell, entry.digest.algorithm)
            if seen is None or not is_kept(project, entry.path, seen.content.digest):
                yield entry.path


def _link_above(project: Project, folder: str, top: str) -> str:
    """The first link among the folders that lie in `top` and lead to `folder`; empty if there is none."""
    found = ""
    while within(folder, top) and folder not in ("", top):
        found = folder if os.path.islink(project.abs(folder)) else found
        folder = parent(folder)
    return found


def _execute(project: Project, jobs: list[_Job], tell: Tell) -> None:
    if not jobs:
        return
    total = sum(len(job.plan.create) + len(job.plan.replace) + len(job.plan.delete) for job in jobs)
    done = 0
    with Placer(project) as placer:
        for job in jobs:
            note_placed(project, job.path, job.seen)
            sparing = Sparing(project, job.plan, tell)
            for path in job.plan.delete:
                placer.check(path)
                sparing.look(path)
                files.remove(project.abs(path))
            _remove_empty_folders(project, job)
            for folder in job.folders:
                placer.check(folder)
                if os.path.lexists(project.abs(folder)) and not os.path.isdir(project.abs(folder)):
                    raise DvxError(f"`{printable(folder)}` is a file where a folder belongs", "move it away")
            for count in placer.place_all((*job.plan.create, *job.plan.replace), sparing.look):
                done += count
                tell(Progress("checking out", done, total))
            for folder in job.folders:
                files.make_folder(project.abs(folder))
            sparing.finish()
    project.stats.flush()


def _remove_empty_folders(project: Project, job: _Job) -> None:
    """Folders that the deletions emptied go, the deepest first, up to the output itself."""
    folders = set()
    for path in job.plan.delete:
        folder = path.rpartition("/")[0]
        while within(folder, job.path) and folder:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    for folder in sorted(folders, key=len, reverse=True):
        files.remove_folder(project.abs(folder))
