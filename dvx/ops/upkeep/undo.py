"""What `undo` would take back, and what of it changed since."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.model.digest import Digest, digest_bytes
from dvx.model.events import Tell, silent
from dvx.model.experiments.refs import EXPERIMENTS, ExpRef
from dvx.model.paths import printable
from dvx.model.pipelines.run import Run, State, decode_run, refuse_running
from dvx.model.tree import Entry
from dvx.model.upkeep.undo_facts import Began, Forgot, Left, Moved, Placed, Queued, Ref, Returns
from dvx.model.upkeep.undo_log import History, Undoable, decode_facts, history
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.refs import git_of
from dvx.ops.workspace.observe import look
from dvx.project import Project
from dvx.store import files
from dvx.store.trash import Trashed


class UndoPlan(Struct, frozen=True):
    """What will be taken back: `entry`; `began` is the command that it means. `passed` are later ones that nobody can take back.

    `touched` names what will change, `changed` what is not as the command left it. `left` is an `undo` to be finished.
    """

    entry: Undoable
    began: Began
    again: bool
    passed: tuple[Undoable, ...]
    touched: tuple[str, ...]
    changed: tuple[str, ...]
    left: Undoable | None = None


def known(project: Project) -> tuple[History, Mapping[str, Began]]:
    """What can be undone and redone, and the command that each entry means."""
    entries = []
    for run, data in project.undo.read():
        # what nobody can read is passed over
        with contextlib.suppress(ValueError):
            entry = decode_facts(run, data)
            entries += [entry] if entry is not None else []
    by_run = {entry.run: entry for entry in entries}
    meant = {}
    for entry in entries:
        one = entry
        while one.began.of in by_run:
            one = by_run[one.began.of]
        meant[entry.run] = one.began
    return history(entries), meant


def plan_undo(project: Project, *, again: bool = False, tell: Tell = silent) -> UndoPlan:
    """What `undo` (with `again`: redo) would do.

    Raises:
        DvxError: there is nothing to undo, or the command, or an experiment that it queued, still works.
    """
    past, meant = known(project)
    stack = list(past.undone if again else past.done)
    left = past.open
    if left is not None and left.began.again != again:
        word = "undo --redo" if left.began.again else "undo"
        raise DvxError(f"a `dvx {word}` was interrupted", f"finish it first: run `dvx {word}`")
    passed: list[Undoable] = []
    while left is None and stack and stack[-1].stays:
        passed.append(stack.pop())
    if not stack:
        hint = "files that Git tracks come back with `git restore`, what commands removed with `dvx trash restore`"
        if passed:
            raise DvxError(f"{_cannot(passed, meant)}, and nothing before it is known", hint)
        raise DvxError("there is nothing to redo" if again else "there is nothing to undo", hint)
    entry = stack[-1] if left is None else next(one for one in stack if one.run == left.began.of)
    if any(project.undo.is_busy(one.run) for one in (entry, *passed, *([left] if left else []))):
        raise DvxError(f"`{entry.began.command}` is still running", "let it end, or stop it first")
    lost = _lost(project, entry)
    if lost:
        shown = ", ".join(f"`{printable(name)}`" for name in lost[:5])
        raise DvxError(f"Git does not have {shown} any more, which `{meant[entry.run].command}` removed", "`git gc` took it")
    queued = tasks_of(project, [one.ident for one in entry.all(Queued)])
    refuse_running(queued)
    items = returning(project, entry, left)
    changed = () if left is not None else tuple(dict.fromkeys(_changed(project, entry, items, queued, tell)))
    touched = tuple(dict.fromkeys(_touched(entry, items, queued)))
    return UndoPlan(entry, meant[entry.run], again, tuple(passed), touched, changed, left)


def _lost(project: Project, entry: Undoable) -> list[str]:
    """The refs whose old commits are gone."""
    old = {one.old: shown_ref(name) for name, one in refs_of(entry).items() if one.old}
    there = git_of(project).info(old) if old else {}
    return [name for commit, name in old.items() if commit not in there]


def _cannot(passed: Sequence[Undoable], meant: Mapping[str, Began]) -> str:
    one = passed[0]
    return f"`{meant[one.run].command}` cannot be undone: {one.stays}"


def reasons_to_ask(planned: UndoPlan) -> tuple[str, ...]:
    """Why a command that came later is passed over."""
    return tuple(f"`{one.began.command}` cannot be undone: {one.stays}" for one in planned.passed[:1])


def returning(project: Project, entry: Undoable, left: Undoable | None) -> list[Trashed]:
    """What the command put into the trash, of each path the oldest; for one that was cut short what is still to come back."""
    items = project.trash.items()
    chosen = left.all(Returns) if left is not None else []
    if chosen:
        return [item for item in items if item.id in chosen[0].items]
    return list({item.path: item for item in items if item.run == entry.run}.values())


def _touched(entry: Undoable, items: Iterable[Trashed], queued: Iterable[Run]) -> Iterable[str]:
    yield from (one.path for one in items)
    yield from entry.written()
    yield from (f"{one.source} -> {one.target}" for one in entry.all(Moved))
    yield from placed_by(entry)
    yield from (shown_ref(one.name) for one in refs_of(entry).values())
    yield from (f"queue: {one.name}" for one in (*(decode_run(each.task) for each in entry.all(Forgot)), *queued))


def shown_ref(name: str) -> str:
    """What people call a ref."""
    ref = ExpRef.parse(name)
    return f"experiment {ref.name}" if ref is not None else f"branch {name.removeprefix('refs/heads/')}"


def _changed(project: Project, entry: Undoable, items: Sequence[Trashed], queued: Iterable[Run], tell: Tell) -> Iterable[str]:
    """What is neither as the command left it nor as it was before."""
    written = entry.written()
    for path, one in written.items():
        if sum_of(bytes_at(project, path)) not in (one.new, sum_of(one.old)):
            yield path
    index, left = index_of(project), {one.path: one.new.digest for one in entry.all(Left)}
    back = {item.path for item in items} - written.keys()
    for path in dict.fromkeys((*back, *placed_by(entry))):
        seen = look(project, path, tell, project.algorithm)
        if seen is None or seen.content.digest in (_recorded(index, path), left.get(path)):
            continue
        inner = seen.tree.entries if seen.tree is not None else (Entry("", seen.content.digest, seen.content.size),)
        named = {f"{path}/{each.path}" if each.path else path: each for each in inner}
        for name, each in named.items():
            if left.get(name) != each.digest and not project.cache.has(each.digest, each.size):
                yield name
    for move in entry.all(Moved):
        if os.path.lexists(project.abs(move.source)) and os.path.lexists(project.abs(move.target)):
            yield move.source
    yield from (f"queue: {task.name}" for task in queued if task.state is not State.QUEUED)
    refs = refs_of(entry)
    if refs:
        now = git_of(project).refs(EXPERIMENTS, "refs/heads/")
        yield from (shown_ref(name) for name, one in refs.items() if now.get(name, "") not in (one.old, one.new))


def _recorded(index: Index | None, path: str) -> Digest | None:
    tracked = index.by_path.get(path) if index is not None else None
    content = tracked.recorded.content if tracked is not None and tracked.recorded is not None else None
    return content.digest if content is not None else None


def index_of(project: Project) -> Index | None:
    """What is tracked; None where a file that says so is broken."""
    try:
        return load_index(project)
    except DvxError:
        return None


def placed_by(entry: Undoable) -> dict[str, Placed]:
    """The data that a command replaced, by path."""
    found: dict[str, Placed] = {}
    for one in entry.all(Placed):
        found.setdefault(one.path, one)
    return found


def refs_of(entry: Undoable) -> dict[str, Ref]:
    """Each ref with its first old and its last new value; what was tried in vain does not count."""
    found: dict[str, Ref] = {}
    for one in entry.all(Ref):
        before = found.get(one.name)
        found[one.name] = replace(one, old=before.old) if before is not None and before.new == one.old else one
    return found


def bytes_at(project: Project, path: str) -> bytes | None:
    """The text at a path; empty for what is no file, None where nothing is."""
    place = project.abs(path)
    if os.path.isfile(place):
        return files.read(place)
    return b"" if os.path.lexists(place) else None


def sum_of(data: bytes | None) -> str:
    """What the log calls these bytes."""
    return "" if data is None else digest_bytes(data, "md5").hex


def tasks_of(project: Project, idents: Collection[str]) -> list[Run]:
    """Those of the tasks that are in the list."""
    from dvx.ops.pipelines.run_record import known_experiments

    return [task for task in known_experiments(project) if task.ident in idents] if idents else []
