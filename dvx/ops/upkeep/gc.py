"""gc: remove objects that nothing needs, from the cache and from remotes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import ConfigError, DvxError, UnknownTarget, UsageError
from dvx.model.digest import Digest
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import printable
from dvx.model.tracked.named import Named
from dvx.model.upkeep.gc import GcPlan, Used, plan_gc
from dvx.model.upkeep.undo_facts import Stays
from dvx.ops.stages.runcache import outdated_runs, remove_runs
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer.claims import Reliance, claim
from dvx.ops.transfer.plans import Remotes
from dvx.ops.transfer.provenance import refuse_removal, tidy
from dvx.ops.transfer.sync import listed
from dvx.ops.upkeep import gc_remote
from dvx.ops.upkeep.history import check_history
from dvx.ops.upkeep.reachable import Finder, HistoryScope, Roots
from dvx.ops.workspace.observe import links
from dvx.project import Project
from dvx.store.durable import barrier
from dvx.store.intake import Link
from dvx.store.objects import horizon_of, lying, remove_objects, stored_in
from dvx.store.remotes.remote_objects import RemoteObjects
from dvx.store.remotes.versioned import is_versioned


class GcOptions(Struct, frozen=True):
    """What to keep. `grace` is how long (seconds) something unneeded stays after it was last touched; `projects` are the folders
    of others that share the cache. With `cloud` the remote is cleaned too; with `not_in_remote` what it has may go here."""

    scope: HistoryScope = field(default_factory=HistoryScope)
    grace: float = 14 * 86_400.0
    cloud: bool = False
    not_in_remote: bool = False
    remote: str = ""
    jobs: int = 0
    projects: tuple[str, ...] = ()
    skip_failed: bool = False


class GcLook(Struct, frozen=True):
    """What was read and opened to plan, so that a second look costs little and no secret is asked for twice."""

    finder: Finder
    reach: Reach
    remotes: Remotes


class Collection(Struct, frozen=True):
    """What goes from the cache and from each remote by name; `historic` counts what commits outside the scope name of it.

    `elsewhere` is what is needed, by the remote that has it, so that it need not be here.
    """

    cache: GcPlan
    look: GcLook
    remotes: tuple[tuple[str, GcPlan], ...] = ()
    historic: int = 0
    elsewhere: tuple[tuple[str, frozenset[Digest]], ...] = ()

    @property
    def count(self) -> int:
        """How many objects and runs go in all, and packs change."""
        plans = (self.cache, *(plan for _, plan in self.remotes))
        return sum(len(plan.objects) + len(plan.packs) + len(plan.runs) for plan in plans)


def plan(project: Project, options: GcOptions, tell: Tell, look: GcLook | None = None) -> Collection:
    """Find out what nothing needs. What an unreadable tree may name stays, unless `skip_failed` says otherwise.

    Raises:
        DvxError: a pointer or lock cannot be read, the cache is shared with nobody knows whom, or the clock jumped.
        RemoteError: the remote cannot be listed.
    """
    _check(project, options)
    if options.grace:
        project.trash.clock.check(project.root)
    if look is None:
        reach = Reach(project.cache, lenient=options.skip_failed)
        look = GcLook(Finder(tell, options.skip_failed), reach, Remotes(project, options.remote, options.jobs))
    others = [Project.find_other(os.path.normpath(os.path.join(project.cwd, typed))) for typed in options.projects]
    for owner in (project, *others):
        check_history(owner, options.scope, look.finder, at_remotes=options.cloud)
    roots = look.finder.find(project, others, options.scope)
    named = {one.digest for one in roots.all}
    now = time.time()
    horizon = horizon_of(now, options.grace)
    remotes = _remotes(project, options, roots.all, look.remotes)
    stored = stored_in(project.cache, now)
    known = look.reach.closure(named)
    if options.cloud or any(one.modified <= horizon and one.digest not in known for one in stored if not one.digest.is_tree):
        _ask(look, roots, tell)
        _excuse(look, roots, (project, *others), options.scope)
    at_remotes = now - options.grace
    cleaned = tuple((one.remote.name, gc_remote.plan(one, look.reach, named, at_remotes)) for one in remotes if options.cloud)
    needs = look.reach.used(named)
    elsewhere = _at_remotes(project, look.reach, roots, remotes) if options.not_in_remote else {}
    young = [one.digest for one in stored if one.digest.is_tree and one.digest not in needs and one.modified > horizon]
    used = Used(needs.objects - set().union(*elsewhere.values()), needs.unknown) | look.reach.used((), young)
    local = replace(plan_gc(stored, used, horizon), runs=outdated_runs(project))
    _tell_doubts(look.reach, roots, local.unsure + sum(plan.unsure for _, plan in cleaned), tell)
    return Collection(local, look, cleaned, _historic(project, others, options, local, look), tuple(elsewhere.items()))


def collect(project: Project, options: GcOptions, shown: Collection, tell: Tell) -> Collection:
    """Remove what was shown, if it is still unneeded; returns what was removed. Raises like `plan`.

    Interrupted at any point, every tree that is left has all its files, and the same command goes on.
    """
    refuse_removal(project, (name for name, _ in shown.remotes))
    look = shown.look
    with project.lock("gc", lambda: tell(Notice("waiting for another `gc` to end"))):
        now = plan(project, options, silent, look)
        local = replace(now.cache, runs=shown.cache.runs).only({stored.digest for stored in shown.cache.objects})
        local = _without_doubtful(local, now.elsewhere, look, tell)
        project.undo.note(Stays("what it removed is gone"))
        project.cache.new_temp()  # sweeps what an interrupted run left
        gone, spared = remove_objects(project.cache, local.trees, options.grace)
        barrier({os.path.dirname(project.cache.path(digest)) for digest in gone}, project.cache.root)
        kept = look.reach.used((), spared)
        more, _ = remove_objects(project.cache, [one for one in local.files if one.digest not in kept], options.grace)
        remove_runs(project, local.runs)
        project.stats.prune(project.root)
        tidy(project)
        cleaned = []
        fresh = dict(now.remotes)
        for name, old in shown.remotes:
            part = replace(fresh[name], runs=old.runs).only({stored.digest for stored in old.objects}, old.packs)
            cleaned.append((name, gc_remote.remove(look.remotes.open(name), look.reach, part, options.grace, tell)))
    return replace(now, cache=local.only(gone | more), remotes=tuple(cleaned))


def _check(project: Project, options: GcOptions) -> None:
    if options.remote and not (options.cloud or options.not_in_remote):
        raise UsageError("`--remote` needs `--cloud` or `--not-in-remote`", "add `--cloud` to clean that remote, too")
    if options.cloud and options.not_in_remote:
        raise UsageError("`--cloud` and `--not-in-remote` exclude each other", "leave one out")
    if options.scope.number != 1 and not (options.scope.revisions or options.scope.all_branches):
        raise UsageError("`--num` needs `--rev` or `--all-branches`", "add `--rev HEAD`")
    scope = options.scope
    if project.git is None and (scope.revisions or scope.experiments):
        hint = "use `--workspace`, or run `git init` and `dvx config core.no_scm false`"
        raise DvxError("revisions and experiments need Git, and this project is without", hint)
    inside = os.path.realpath(project.root) + os.sep
    if not options.projects and not os.path.realpath(project.cache.root).startswith(inside):
        raise DvxError(
            f"the cache `{printable(project.cache.root)}` may be shared with other projects, which need objects of it",
            "name them all with `-p FOLDER`; if there are none, use `-p .`",
        )


def _ask(look: GcLook, roots: Roots, tell: Tell) -> None:
    """Read the needed trees that the cache cannot give from their remotes."""
    lacking = look.reach.unknown(one.digest for one in roots.all)
    for name in sorted({one.remote for one in roots.all if one.digest in lacking}):
        try:
            objects = look.remotes.open(name)
            look.reach.load((one.digest for one in roots.all if one.digest in lacking and one.remote == name), objects)
        except UnknownTarget:
            continue  # there is no remote
        except DvxError as error:
            tell(Notice(f"dvx could not look up which files lost folders hold: {error.message}", error.hint))


def _excuse(look: GcLook, roots: Roots, projects: Sequence[Project], scope: HistoryScope) -> None:
    """Outputs that are not kept in the cache are in a lock all the same."""
    paths: dict[Digest, set[str]] = {}
    lost = look.reach.unknown(one.digest for one in roots.all)
    for one in roots.all if lost else ():
        if one.digest in lost:
            paths.setdefault(one.digest, set()).add(one.path if one.locked else "")
    uncached = look.finder.uncached(projects, scope) if paths else set()
    look.reach.excuse(digest for digest, named in paths.items() if named <= uncached)


def _tell_doubts(reach: Reach, roots: Roots, unsure: int, tell: Tell) -> None:
    lost = reach.unknown(reach.doubts)
    if not lost or not (unsure or reach.lenient):
        return
    paths = sorted({one.path for one in roots.all if one.digest in lost}) or [str(digest) for digest in sorted(lost)]
    where = f"{listed(paths)}: {reach.doubts[min(lost)].message}"
    if reach.lenient:
        tell(Notice(f"files count as unused even if these folders hold them, whose lists of files cannot be read: {where}"))
        return
    count = "an unused object is" if unsure == 1 else f"{unsure} unused objects are"
    text = f"{count} kept, since dvx cannot read which files these folders hold: {where}"
    hint = "restore the folders with `dvx fsck`, or `dvx fetch` from a remote; if they are lost for good, pass `--skip-failed`"
    tell(Notice(text, hint))


def _remotes(project: Project, options: GcOptions, named: Iterable[Named], opened: Remotes) -> list[RemoteObjects]:
    if not (options.cloud or options.not_in_remote):
        return []
    names = sorted({one.remote for one in named if one.remote in project.config.remotes()} - {""})
    for name in {options.remote, *names}:
        settings = project.config.remote(name)
        if is_versioned(settings.options):
            raise ConfigError(f"the remote `{settings.name}` keeps versions, so nothing there is unused", "leave out `--cloud`")
    first = opened.open("")
    return [first, *(opened.open(name) for name in names if name != first.remote.name and not options.remote)]


def _at_remotes(project: Project, reach: Reach, roots: Roots, remotes: Sequence[RemoteObjects]) -> dict[str, frozenset[Digest]]:
    """What may go because a remote has it, whole; links of the workspace into the cache must not break, though."""
    needed = reach.closure(one.digest for one in roots.all)
    if Link.SYMLINK in links(project):
        needed -= reach.closure(one.digest for one in roots.workspace)
    here = {one.digest: one.size for one in lying(project.cache.root) if one.digest in needed}
    found: dict[str, frozenset[Digest]] = {}
    for remote in remotes:
        sizes = remote.sizes(here)
        found[remote.remote.name] = frozenset(digest for digest, size in here.items() if sizes.get(digest) == size)
    return found


def _without_doubtful(local: GcPlan, elsewhere: Iterable[tuple[str, frozenset[Digest]]], look: GcLook, tell: Tell) -> GcPlan:
    """The plan without what a remote was to have, and has no more when that is claimed there."""
    going = {stored.digest for stored in local.objects}
    doubtful: set[Digest] = set()
    for name, digests in elsewhere:
        objects = look.remotes.open(name)
        looked = objects.look(digests & going, tell)
        doubtful |= looked.absent | claim(objects, Reliance(frozenset(looked.old), frozenset(looked.old)), tell)
    return local.only(going - look.reach.closure(doubtful)) if doubtful else local


def _historic(project: Project, others: Sequence[Project], options: GcOptions, local: GcPlan, look: GcLook) -> int:
    """How many of the objects that go are named by commits that the user left out."""
    if options.scope.everything or not local.objects:
        return 0
    everything = Finder(lambda _: None, skip_failed=True).find(project, others, HistoryScope())
    named = look.reach.closure(one.digest for one in everything.all)
    return sum(stored.digest in named for stored in local.objects)
