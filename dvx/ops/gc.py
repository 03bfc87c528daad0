"""gc: remove objects that nothing needs, from the cache and from remotes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import ConfigError, Corrupted, DvxError, MissingData, UnsafePath, UsageError
from dvx.model.digest import Digest
from dvx.model.events import Notice, Tell
from dvx.model.gc import GcPlan, Stored, plan_gc
from dvx.model.named import Named
from dvx.model.paths import printable
from dvx.model.tree import Tree, decode_tree
from dvx.ops import gc_remote
from dvx.ops.claiming import Reliance, claim
from dvx.ops.history import check_history
from dvx.ops.roots import Finder, Roots, Scope
from dvx.ops.steps import Remotes
from dvx.ops.track import links
from dvx.project import Project
from dvx.store import files
from dvx.store.clock import now_in
from dvx.store.durable import barrier
from dvx.store.intake import Link
from dvx.store.objects import lying, remove_objects
from dvx.store.remote_objects import RemoteObjects
from dvx.store.verify import Check
from dvx.store.versioned import is_versioned


class GcOptions(Struct, frozen=True):
    """What to keep. `grace` is how long (seconds) something unneeded stays after it was last touched; `projects` are the folders
    of others that share the cache. With `cloud` the remote is cleaned too; with `not_in_remote` what it has may go here."""

    scope: Scope = field(default_factory=Scope)
    grace: float = 14 * 86_400.0
    cloud: bool = False
    not_in_remote: bool = False
    remote: str = ""
    jobs: int = 0
    projects: tuple[str, ...] = ()
    skip_failed: bool = False


class Collection(Struct, frozen=True):
    """What goes from the cache and from each remote by name; `historic` counts what commits outside the scope name of it.

    `elsewhere` is what is needed, by the remote that has it, so that it need not be here.
    """

    cache: GcPlan
    remotes: tuple[tuple[str, GcPlan], ...] = ()
    historic: int = 0
    elsewhere: tuple[tuple[str, frozenset[Digest]], ...] = ()

    @property
    def count(self) -> int:
        """How many objects go in all, and packs change."""
        return sum(len(plan.objects) + len(plan.packs) for plan in (self.cache, *(plan for _, plan in self.remotes)))


class _Needs(Struct, frozen=True):
    """What is needed, by workspaces and in all, with the trees that could not be read here, by digest."""

    workspace: set[Digest]
    all: set[Digest]
    lacking: dict[Digest, str]


def plan(project: Project, options: GcOptions, tell: Tell, finder: Finder | None = None) -> Collection:
    """Find out what nothing needs.

    Raises:
        DvxError: something that may name objects cannot be read, the cache is shared with nobody knows whom, or the clock jumped.
        RemoteError: the remote cannot be listed.
    """
    _check(project, options)
    if options.grace:
        project.trash.clock.check(project.root)
    finder = finder or Finder(tell, options.skip_failed)
    others = [Project.find(os.path.normpath(os.path.join(project.cwd, typed))) for typed in options.projects]
    for owner in (project, *others):
        check_history(owner, options.scope, finder, at_remotes=options.cloud)
    roots = finder.find(project, others, options.scope)
    needs = _needs(project, roots, finder)
    horizon = time.time() - options.grace
    remotes = _remotes(project, options, roots.all)
    cleaned = tuple((one.remote.name, gc_remote.plan(one, needs.all, needs.lacking, horizon)) for one in remotes if options.cloud)
    elsewhere = _at_remotes(project, needs, remotes) if options.not_in_remote else {}
    used = needs.all.difference(*elsewhere.values())
    stored = [Stored(one.digest, one.size, one.modified) for one in lying(project.cache.root) if one.digest is not None]
    young = [one.digest for one in stored if one.digest.is_tree and one.digest not in used and one.modified > horizon]
    local = plan_gc(stored, used | _files_of(project, young), horizon)
    return Collection(local, cleaned, _historic(project, others, options, local), tuple(elsewhere.items()))


def collect(project: Project, options: GcOptions, shown: Collection, tell: Tell) -> Collection:
    """Remove what was shown, if it is still unneeded; returns what was removed. Raises like `plan`.

    Interrupted at any point, every tree that is left has all its files, and the same command goes on.
    """
    with project.lock("gc", lambda: tell(Notice("waiting for another `gc` to end"))):
        now = plan(project, options, tell)
        opened = Remotes(project, options.remote, options.jobs)
        local = now.cache.only({stored.digest for stored in shown.cache.objects})
        local = _without_doubtful(project, local, now.elsewhere, opened, tell)
        project.cache.new_temp()  # sweeps what an interrupted run left
        horizon = now_in(project.cache.make_scratch()) - options.grace
        gone, spared = remove_objects(project.cache, [stored.digest for stored in local.trees], horizon)
        barrier({os.path.dirname(project.cache.path(digest)) for digest in gone}, project.cache.root)
        kept = _files_of(project, spared)
        more, _ = remove_objects(project.cache, [one.digest for one in local.files if one.digest not in kept], horizon)
        cleaned = []
        fresh = dict(now.remotes)
        for name, old in shown.remotes:
            part = fresh[name].only({stored.digest for stored in old.objects}, old.packs)
            cleaned.append((name, gc_remote.remove(opened.open(name), part, options.grace, tell)))
    return replace(now, cache=local.only(gone | more), remotes=tuple(cleaned))


def _check(project: Project, options: GcOptions) -> None:
    if options.remote and not (options.cloud or options.not_in_remote):
        raise UsageError("`--remote` needs `--cloud` or `--not-in-remote`", "add `--cloud` to clean that remote, too")
    if options.cloud and options.not_in_remote:
        raise UsageError("`--cloud` and `--not-in-remote` exclude each other", "leave one out")
    if options.scope.number != 1 and not (options.scope.revisions or options.scope.all_branches):
        raise UsageError("`--num` needs `--rev` or `--all-branches`", "add `--rev HEAD`")
    scope = options.scope
    if project.git is None and not scope.everything and scope != Scope(workspace=True):
        hint = "use `--workspace`, or run `git init` and `dvx config core.no_scm false`"
        raise DvxError("branches, tags, commits and experiments need Git, and this project is without", hint)
    inside = os.path.realpath(project.root) + os.sep
    if not options.projects and not os.path.realpath(project.cache.root).startswith(inside):
        raise DvxError(
            f"the cache `{printable(project.cache.root)}` may be shared with other projects, which need objects of it",
            "name them all with `-p FOLDER`; if there are none, use `-p .`",
        )


def _needs(project: Project, roots: Roots, finder: Finder) -> _Needs:
    """All objects that are named, with the files of all trees."""
    lacking: dict[Digest, str] = {}
    workspace = _closure(project, roots.workspace, lacking, finder)
    present = {one.path for one in roots.workspace if one.digest.is_tree and one.digest not in lacking}
    for one in sorted(roots.workspace):
        if one.digest in lacking and one.path not in present:
            hint = "run `dvx fetch` to get it, or use `--skip-failed`: files that only it names count as unneeded then"
            finder.fail(f"`{printable(one.path)}`", MissingData(f"its tree `{one.digest}` is not in the cache", hint))
    return _Needs(workspace, workspace | _closure(project, roots.commits - roots.workspace, lacking, finder), lacking)


def _closure(project: Project, named: Iterable[Named], lacking: dict[Digest, str], finder: Finder) -> set[Digest]:
    found: set[Digest] = set()
    for one in named:
        if one.digest in found or one.digest in lacking:
            continue
        found.add(one.digest)
        if one.digest.is_tree:
            try:
                found |= {entry.digest for entry in read_tree(project, one.digest).entries}
            except MissingData:
                lacking[one.digest] = one.path
            except (Corrupted, UnsafePath) as error:
                finder.fail(f"`{printable(one.path)}`", Corrupted(error.message, "run `dvx fsck` to mend it"))
    return found | lacking.keys()


def read_tree(project: Project, digest: Digest) -> Tree:
    """A verified tree, without putting a wrong one aside; raises MissingData, Corrupted."""
    try:
        data = files.read(project.cache.path(digest))
    except FileNotFoundError:
        raise MissingData(f"the object `{digest}` is not in the cache", "run `dvx fetch` to get it") from None
    check = Check(digest)
    check.feed(data)
    check.finish()
    return decode_tree(data, digest.algorithm)


def _files_of(project: Project, trees: Iterable[Digest]) -> set[Digest]:
    """The files of trees that nothing names yet; one that cannot be read protects nothing."""
    found: set[Digest] = set()
    for digest in trees:
        try:
            found |= {entry.digest for entry in read_tree(project, digest).entries}
        except (MissingData, Corrupted, UnsafePath):
            continue
    return found


def _remotes(project: Project, options: GcOptions, named: Iterable[Named]) -> list[RemoteObjects]:
    if not (options.cloud or options.not_in_remote):
        return []
    opened = Remotes(project, options.remote, options.jobs)
    names = sorted({one.remote for one in named if one.remote in project.config.remotes()} - {""})
    for name in {options.remote, *names}:
        settings = project.config.remote(name)
        if is_versioned(settings.options):
            raise ConfigError(f"the remote `{settings.name}` keeps versions, so nothing there is unused", "leave out `--cloud`")
    first = opened.open("")
    return [first, *(opened.open(name) for name in names if name != first.remote.name and not options.remote)]


def _at_remotes(project: Project, needs: _Needs, remotes: Sequence[RemoteObjects]) -> dict[str, frozenset[Digest]]:
    """What may go because a remote has it, whole; links of the workspace into the cache must not break, though."""
    bound = needs.workspace if Link.SYMLINK in links(project) else set()
    here = {one.digest: one.size for one in lying(project.cache.root) if one.digest in needs.all and one.digest not in bound}
    found: dict[str, frozenset[Digest]] = {}
    for remote in remotes:
        sizes = remote.sizes(here)
        found[remote.remote.name] = frozenset(digest for digest, size in here.items() if sizes.get(digest) == size)
    return found


def _without_doubtful(
    project: Project, local: GcPlan, elsewhere: Iterable[tuple[str, frozenset[Digest]]], opened: Remotes, tell: Tell
) -> GcPlan:
    """The plan without what a remote was to have, and has no more when that is claimed there."""
    going = {stored.digest for stored in local.objects}
    doubtful: set[Digest] = set()
    for name, digests in elsewhere:
        objects = opened.open(name)
        looked = objects.look(digests & going, tell)
        doubtful |= looked.absent | claim(objects, Reliance(frozenset(looked.old), frozenset(looked.old)), tell)
    doubtful |= _files_of(project, [digest for digest in doubtful if digest.is_tree])
    return local.only(going - doubtful) if doubtful else local


def _historic(project: Project, others: Sequence[Project], options: GcOptions, local: GcPlan) -> int:
    """How many of the objects that go are named by commits that the user left out."""
    if options.scope.everything or not local.objects:
        return 0
    everything = Finder(lambda _: None, skip_failed=True).find(project, others, Scope())
    named = _closure(project, everything.all, {}, Finder(lambda _: None, skip_failed=True))
    return sum(stored.digest in named for stored in local.objects)
