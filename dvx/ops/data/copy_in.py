"""Data from elsewhere: copied into the project before it is added, or sent to a remote without being copied at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import Struct

from dvx.errors import DvxError, MissingData, UsageError
from dvx.model.events import Progress, Tell, silent
from dvx.model.paths import ancestors, printable, within
from dvx.model.pipelines.stage import is_url
from dvx.model.tracked.pointer import Output
from dvx.model.transfer.plan import Need, TransferPlan
from dvx.model.tree import Content, Entry, Tree, tree_content
from dvx.ops.data.add import Added, AddOptions, AddResult, add
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.gitignore import ignore
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import load_index
from dvx.ops.tracked.pointers import recorded_in
from dvx.ops.tracked.text_files import change_all
from dvx.ops.tracked.trackable import check_git, check_owners, check_place
from dvx.ops.transfer.claims import Reliance, claim
from dvx.ops.transfer.plans import Remotes
from dvx.ops.transfer.scope import SyncOptions
from dvx.ops.transfer.sync import Direction, demand, plan_push, transfer
from dvx.ops.workspace.checkout import clear
from dvx.project import Project
from dvx.store import files
from dvx.store.intake import hash_file
from dvx.store.remotes import copy
from dvx.store.scan import FoundFile, walk
from dvx.store.scratch import Scratch


class BringOptions(Struct, frozen=True):
    """Where data from elsewhere goes: `out` is a path as typed, `remote` a name (the default one when empty)."""

    out: str = ""
    remote: str = ""
    jobs: int = 0
    force: bool = False


def check_words(targets: Sequence[str], *, out: str, remote: str, to_remote: bool, glob: bool) -> None:
    """Refuse options of `add` that do not go together; raises UsageError."""
    if remote and not to_remote:
        raise UsageError("`--remote` says where `--to-remote` sends data", "add `--to-remote`, or use `push -r` later")
    if (out or to_remote) and len(targets) > 1:
        raise UsageError(f"`{'--out' if out else '--to-remote'}` takes a single target", "add them one by one")
    if (out or to_remote) and glob:
        raise UsageError(f"`{'--out' if out else '--to-remote'}` and `--glob` do not go together", "name the target")


def bring(project: Project, source: str, options: BringOptions, tell: Tell = silent) -> str:
    """Copy a file or folder (as typed, anywhere on this machine) to `options.out`, to be added; returns the project path.

    What is there already is left alone if it is the same.

    Raises:
        DvxError: there is something else at the place, and `force` was not given (it goes to the trash then, if need be).
    """
    place, path = _source(project, source), project.relative(options.out)
    _check(project, path, place)
    target = project.abs(path)
    if os.path.lexists(target):
        if _look(project, place, tell) == _look(project, target, tell):
            return path
        if not options.force:
            raise DvxError(f"`{printable(path)}` already exists", "choose another name, or write `--force` to replace it")
        _check_ignored(project, path, place)
    scratch = Scratch(os.path.join(project.state, "incoming"))
    try:
        temp = scratch.new()
        _copy(place, temp, tell)
        clear(project, [path], tell)
        _move_in(temp, target)
    finally:
        scratch.close()
    return path


def add_to_remote(project: Project, source: str, options: BringOptions, added: AddOptions, tell: Tell = silent) -> AddResult:
    """Send a file or folder to a remote, and write a pointer; neither the workspace nor the cache gets the data.

    Raises:
        RemoteError, UnknownTarget: the remote failed, or does not exist.
        Corrupted: a file changed while it was sent.
    """
    place = _source(project, source)
    if not options.out and (within(place, project.root) and _is_part(project, place)):
        # it is here, and belongs to a folder that is tracked already
        found = add(project, [source], tell, added)
        sync = SyncOptions((source,), options.remote, options.jobs)
        demand(transfer(project, plan_push(project, sync, tell), tell), Direction.PUSH)
        return found
    path = project.relative(options.out or os.path.basename(place))
    _check(project, path, place)
    target = project.abs(path)
    if os.path.lexists(target) and not options.force and not os.path.samefile(target, place):
        raise DvxError(f"`{printable(path)}` already exists", "choose another name, or write `--force`")
    tree = _look(project, place, tell)
    if os.path.isdir(place):
        content, data = tree_content(tree, project.dialect, project.algorithm)
        project.cache.put(data, content.digest)
    else:
        entry = tree.entries[0]
        content = Content(entry.digest, entry.size, executable=entry.executable)
    _send(project, place, tree, content, options, tell)
    project.cache.barrier()
    changed = list(ignore(project, [path]))
    pointer = path + project.dialect.pointer_suffix
    output = Output(path, annotations=added.annotations)
    new = change_all(project, {pointer: partial(recorded_in, project, pointer, output, content)})
    return AddResult((Added(path, pointer, content, bool(new)),), for_git(project, [*changed, *new]))


def _is_part(project: Project, place: str) -> bool:
    tracked = load_index(project).owner_of(project.relative(place))
    return tracked is not None and tracked.owner == tracked.file and project.abs(tracked.output.path) != place


def _source(project: Project, typed: str) -> str:
    if is_url(typed):
        raise UsageError(f"`{typed}` is a URL", "get it first, and add the file")
    place = os.path.normpath(os.path.join(project.cwd, typed))
    if not os.path.exists(place):
        raise MissingData(f"`{printable(typed)}` does not exist", "check the spelling, and the folder that you stand in")
    return place


def _check(project: Project, path: str, source: str) -> None:
    check_place(project, path, is_folder=os.path.isdir(source))
    own = next((one.path for one in _walk(source) if project.dialect.is_machinery(one.path.rpartition("/")[2])), "")
    if own:
        raise DvxError(f"`{printable(own)}` in `{printable(source)}` tracks something already", "add the parts one by one")
    check_owners(project, load_index(project), path)
    check_git(project, [path])


def _check_ignored(project: Project, path: str, source: str) -> None:
    """Refuse to replace a folder in which ignored files, which stay, have the names of new ones."""
    target = project.abs(path)
    if not os.path.isdir(target) or os.path.islink(target):
        return
    tracked = {one.place for one in walk(target, path, project.root, Ignore(project).skip, links=[])}
    ignored = {one.path for one in _walk(target) if one.place not in tracked}
    kept = ignored.union(*map(ancestors, ignored))
    for name in [one.path for one in _walk(source)]:
        found = next((above for above in (name, *ancestors(name)) if above in (kept if above == name else ignored)), None)
        if found is not None:
            text = f"`{printable(path)}/{printable(found)}` is ignored, so it stays; `{printable(source)}` holds that name, too"
            raise DvxError(text, f"move `{printable(path)}/{printable(found)}` away first")


def _walk(place: str, empty: list[str] | None = None) -> Iterator[FoundFile]:
    """The files at `place`; their paths are those in the folder, empty for a single file. Like `store.scan.walk` else."""
    if os.path.isdir(place):
        yield from walk(place, "", place, lambda path, _: path.rpartition("/")[2] in (".git", ".dvx", ".dvc"), empty)
    else:
        yield FoundFile("", place, os.stat(place))


def _look(project: Project, place: str, tell: Tell) -> Tree:
    """What is at `place`, anywhere on this machine; a single file has no name."""
    empty: list[str] = []
    found = []
    for count, one in enumerate(_walk(place, empty), 1):
        hashed = hash_file(FoundFile(one.place, one.place, one.status), project.algorithm)
        found.append(Entry(one.path, hashed.digest, hashed.status.st_size, bool(hashed.status.st_mode & 0o100)))
        if not count % 1000:
            tell(Progress("hashing", count, None))
    found.sort(key=lambda entry: entry.path)
    return Tree(tuple(found), tuple(sorted(empty)) if project.dialect.rich_trees else ())


def _copy(source: str, target: str, tell: Tell) -> None:
    if os.path.isdir(source):
        files.make_folder(target)
    empty: list[str] = []
    for count, one in enumerate(_walk(source, empty), 1):
        place = os.path.join(target, one.path) if one.path else target
        files.make_folder(os.path.dirname(place))
        files.copy_file(one.place, place, files.NEW_EXECUTABLE if one.status.st_mode & 0o100 else files.NEW_FILE)
        if not count % 1000:
            tell(Progress("copying", count, None))
    for folder in empty:
        files.make_folder(os.path.join(target, folder))


def _move_in(source: str, target: str) -> None:
    """Move what `source` holds to `target`, where only files that are ignored may be left."""
    if files.remove_folder(target):
        files.move_new(source, target)
        return
    empty: list[str] = []
    for one in list(_walk(source, empty)):
        files.move_new(one.place, os.path.join(target, one.path))
    for folder in empty:
        files.make_folder(os.path.join(target, folder))


def _send(project: Project, place: str, tree: Tree, content: Content, options: BringOptions, tell: Tell) -> None:
    objects = Remotes(project, options.remote, options.jobs).open("")
    needs = {entry.digest: Need(entry.digest, entry.path, entry.size) for entry in tree.entries}
    places = {entry.digest: os.path.join(place, entry.path) if entry.path else place for entry in tree.entries}
    trees: tuple[Need, ...] = ()
    if content.digest.is_tree:
        trees = (Need(content.digest, "", None),)
        places[content.digest] = project.cache.path(content.digest)
    looked = objects.look(needs, tell)
    absent = looked.absent | claim(objects, Reliance(frozenset(looked.old), frozenset(looked.old)), tell)
    plan = TransferPlan(tuple(need for digest, need in needs.items() if digest in absent), trees)
    demand(copy.upload_from(places, objects.remote, plan, tell), Direction.PUSH)
