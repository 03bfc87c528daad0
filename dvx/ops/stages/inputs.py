"""What a stage reads, as it was right before its command ran, and whether it stayed so until the command had ended.

A file that changed in between, or was changed and put back, may have been read in either state: what came out belongs to
neither, so nobody may record it. Stamps tell that a file was written, also where it holds the same bytes again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, quoted
from dvx.model.canonical import json_sorted
from dvx.model.digest import Digest, new_hasher
from dvx.model.events import silent
from dvx.model.imports.dataset import is_dataset
from dvx.model.paths import printable
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import ParamFile, Stage, is_url
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import diff_trees
from dvx.ops.stages.observation import Observer
from dvx.ops.tracked.sources import Workspace
from dvx.ops.workspace.observe import Seen, look
from dvx.project import Project
from dvx.store.scan import FoundFile
from dvx.store.stats import stamp

_BYTE_CODE = "__pycache__"
_SHOWN = 3
_WHICH = 16
"""How many bytes of a stamp say which file it is: its device and inode."""


class Mark(Struct, frozen=True, gc=False):
    """One state of a file: its times in ns, what else changes the second of them, and what identifies both it and its link."""

    modified: int
    changed: int
    mode: int
    links: int
    stamp: bytes
    link: bytes = b""


class _Glance(Struct, frozen=True):
    """What one dependency was found to be."""

    seen: Seen | None
    marks: dict[str, Mark]


class Inputs:
    """All that `stage` reads, as it is when this is made; `observer` reads what parameters and URLs say now."""

    def __init__(self, project: Project, stage: Stage, observer: Observer) -> None:
        self._project = project
        self._values = observer.params
        self._far = observer.far
        self._glances = {place: _glance(project, place) for place in _places(stage)}
        self._texts = {file.path: Workspace(project).read(file.path) for file in stage.params}
        self._marks = {path: mark for glance in self._glances.values() for path, mark in glance.marks.items()}
        self._marks |= _params_marks(project, stage)

    def fingerprint(self, stage: Stage) -> str:
        """What tells this state of all that `stage`, or an item of it, reads from any other."""
        hasher = new_hasher("xxh128")
        for path in sorted(self._paths(stage)):
            mark = self._marks.get(path)
            hasher.update(os.fsencode(path) + b"\0" + (mark.stamp + mark.link if mark else b""))
        return hasher.hexdigest()

    def files(self) -> dict[str, Digest | None]:
        """The files in the repository, and what those of dependencies hold."""
        found: dict[str, Digest | None] = {path: None for path in self._texts if path in self._marks}
        for place, glance in self._glances.items():
            if glance.seen is not None and not place.startswith("/"):
                entries = glance.seen.tree.entries if glance.seen.tree else ()
                found |= {f"{place}/{entry.path}": entry.digest for entry in entries}
                found |= {} if glance.seen.tree else {place: glance.seen.content.digest}
        return found

    def empty_folders(self) -> list[str]:
        """The folders among the dependencies, and those in them that hold nothing."""
        trees = {place: glance.seen.tree for place, glance in self._glances.items() if glance.seen and glance.seen.tree}
        return [path for place, tree in trees.items() for path in (place, *(f"{place}/{one}" for one in tree.empty_folders))]

    def settle(self, stage: Stage, before: StageState) -> StageState:
        """What to record of `stage`, or an item of it, that read `before`: the same, but for byte code that Python left there.

        Raises:
            DvxError: something of it was written meanwhile.
        """
        state, written = self.compare(stage, before)
        if written:
            raise _refusal(stage, written)
        return state

    def compare(self, stage: Stage, before: StageState) -> tuple[StageState, str]:
        """What `settle` gives, and in words what was written meanwhile; empty for nothing."""
        written: dict[str, str] = {}
        settled = {True: self._same, False: self._settled}
        deps = {dep: settled[is_url(dep)](dep, recorded, written) for dep, recorded in before.deps.items()}
        marks = _params_marks(self._project, stage)
        for file in stage.params:
            self._compare(file, before.params.get(file.path), marks.get(file.path), written)
        return replace(before, deps=deps), _told(written)

    def _paths(self, stage: Stage) -> Iterator[str]:
        for place in _places(stage):
            yield from self._glances[place].marks if place in self._glances else (place,)
        yield from (file.path for file in stage.params)

    def _same(self, url: str, before: Recorded, written: dict[str, str]) -> Recorded:
        """What to record of a dependency at a URL, or of a dataset, which changes by a command of dvx alone."""
        if not is_dataset(url) and evidence(self._far(url, before)) != evidence(before):
            written[url] = "changed"
        return before

    def _settled(self, place: str, before: Recorded, written: dict[str, str]) -> Recorded:
        """What to record of a dependency; what was `written` in it is added there, with how and when."""
        now = _glance(self._project, place)
        if not _is_same(before, now.seen):
            written |= self._changes(place, before, now)
        for path, mark in now.marks.items():
            old = self._marks.get(path)
            if old and path not in written and _BYTE_CODE not in path.split("/") and _was_written(old, mark):
                written[path] = _again(mark)
        return before if now.seen is None or _is_same(before, now.seen) else Recorded(before.path, now.seen.content)

    def _changes(self, place: str, before: Recorded, now: _Glance) -> dict[str, str]:
        """What holds something else than `before`; of byte code in a folder nothing is said."""
        if now.seen is None:
            return {place: "was deleted"}
        then = self._glances[place].seen if place in self._glances else None
        if then is None or then.tree is None or now.seen.tree is None or not _is_same(before, then):
            return {place: _how(now.marks.get(place))}
        found = diff_trees(then.tree, now.seen.tree)
        changed = [*found.added, *found.deleted, *found.modified]
        paths = [f"{place}/{path}" for path in sorted(changed) if _BYTE_CODE not in path.split("/")]
        return {path: _how(now.marks.get(path)) for path in (paths if changed else [place])}

    def _compare(self, file: ParamFile, before: Mapping[str, object] | None, now: Mark | None, written: dict[str, str]) -> None:
        """Other values are a change, and so is a file that was written and says the very same; other parameters are none."""
        then, text = self._texts[file.path], Workspace(self._project).read(file.path)
        old = self._marks.get(file.path)
        try:
            same = json_sorted(self._values(file)) == json_sorted(before)
        except DvxError:
            same = False
        if not same:
            written[file.path] = "was deleted" if text is None else _how(now)
        elif text == then and old is not None and now is not None and _was_written(old, now):
            written[file.path] = _again(now)


def _places(stage: Stage) -> list[str]:
    return [dep for dep in stage.deps if not is_url(dep)]


def _glance(project: Project, place: str) -> _Glance:
    marks: dict[str, Mark] = {}

    def watch(found: FoundFile) -> None:
        marks[found.path] = _mark(found.status, found.link)

    return _Glance(look(project, place, silent, project.algorithm, watch, outside=True), marks)


def _params_marks(project: Project, stage: Stage) -> dict[str, Mark]:
    found = {}
    for file in stage.params:
        place = project.abs(file.path)
        with contextlib.suppress(OSError):
            found[file.path] = _mark(os.stat(place), os.lstat(place) if os.path.islink(place) else None)
    return found


def _mark(status: os.stat_result, link: os.stat_result | None) -> Mark:
    own = stamp(link) if link else b""
    return Mark(status.st_mtime_ns, status.st_ctime_ns, status.st_mode, status.st_nlink, stamp(status), own)


def _is_same(before: Recorded, seen: Seen | None) -> bool:
    return bool(seen and before.content and seen.content.digest == before.content.digest)


def _was_written(old: Mark, now: Mark) -> bool:
    """Whether a file that holds the same bytes was written in between, and not only given other rights, names or owners."""
    if old.link != now.link:
        return True
    if (old.modified, old.changed) == (now.modified, now.changed):
        return False
    if old.modified == now.modified and (old.mode, old.links) != (now.mode, now.links):
        return False
    # nobody writes an object of the cache, but its time is renewed when something else names it
    is_object = not now.mode & 0o222 and (now.links > 1 or bool(now.link))
    return not (is_object and old.stamp[:_WHICH] == now.stamp[:_WHICH])


def _how(mark: Mark | None) -> str:
    return f"changed {_moment(mark)}" if mark else "changed"


def _again(mark: Mark) -> str:
    return f"was written {_moment(mark)} (it holds the same again)"


def _moment(mark: Mark) -> str:
    # programs can set the other time
    return time.strftime("at %H:%M:%S", time.localtime(mark.changed / 1e9))


def _told(written: Mapping[str, str]) -> str:
    told = [f"`{printable(path)}` {how}" for path, how in list(written.items())[:_SHOWN]]
    return ", ".join(told) + (f", and {len(written) - _SHOWN} more files changed" if len(written) > _SHOWN else "")


def _refusal(stage: Stage, written: str) -> DvxError:
    text = f"{written} while the stage `{stage.address}` ran, perhaps by its own command, so its result was not recorded"
    again = quoted(stage.address.partition("[")[0])
    hint = f"run `dvx repro {again}` again; if it ends like this again, let the command write to an output instead; "
    return DvxError(text, hint + f"`dvx commit -f {again}` records the result if you know that it is right")
