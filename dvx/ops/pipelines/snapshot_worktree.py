"""The room of a stage with `run: {snapshot: true}`: its command works in a copy of the work tree, as it was when it began."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator

from dvx.errors import DvxError, GitError, UnsafePath
from dvx.git.worktree import listed
from dvx.model.events import Tell
from dvx.model.kept import file_name
from dvx.model.paths import parent, printable, within
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import Stage, is_url
from dvx.ops.pipelines.worktrees import create_empty_worktree, existing_worktree, ident_of, remove_worktree, worktree_at
from dvx.ops.stages.inputs import Inputs
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.running_lock import refuse_inside
from dvx.ops.tracked.refs import git_of
from dvx.ops.workspace.detach import is_linked, to_trash
from dvx.project import Project
from dvx.store import files
from dvx.store.stats import TICK, is_settled

_FREE = 64 << 20
"""How many bytes are copied without being asked for, where they cannot be cloned."""


@contextlib.contextmanager
def snapshot_worktree(
    project: Project, stage: Stage, before: StageState, inputs: Inputs, tell: Tell
) -> Iterator[SnapshotWorktree | None]:
    """The room that `stage` asks for; it is gone afterwards. `inputs` are what it reads in the workspace, seen as `before`."""
    if not stage.run.snapshot:
        yield None
        return
    room = SnapshotWorktree(project, stage, before, inputs, tell)
    try:
        yield room
    finally:
        room.close()


class SnapshotWorktree:
    """All files that Git does not ignore, and all that the stage reads. `open` makes it; a killed dvx may have left one."""

    def __init__(self, project: Project, stage: Stage, before: StageState, inputs: Inputs, tell: Tell) -> None:
        if project.git is None or project.git.head() is None:
            text = f"the stage `{stage.address}` has `snapshot`, which needs a Git repository with a commit"
            raise GitError(text, "commit the project first, or leave `snapshot` out")
        for output in stage.outside:
            written = stage.written[output.path]
            if not (written.startswith("/") or is_url(written)):
                text = f"the output `{printable(written)}` of the stage `{stage.address}` would be another place in a snapshot"
                raise UnsafePath(text, "write an absolute path, or leave `snapshot` out")
        refuse_inside(project, stage)
        self._project = project
        self._stage = stage
        self._before = before
        self._inputs = inputs
        self._tell = tell
        self._ident = ident_of(project, file_name(stage.address))
        self._room = worktree_at(project, self._ident)
        self._own: Inputs | None = None
        self._brought: set[str] = set()
        self._copied = 0

    @property
    def root(self) -> str:
        """Where the command finds the project."""
        return self._room.root

    def open(self) -> None:
        """Make it anew.

        Raises:
            DvxError: the inputs can only be copied, and are too large for that; or one leads out of the repository.
        """
        git, project, room = git_of(self._project), self._project, self._room
        create_empty_worktree(project, self._ident, git.head() or "")
        tracked, others = listed(git)
        outs = [git.full(output.path) for output in self._stage.outs]
        top = git_of(room).top
        for number, path in enumerate((*tracked, *others)):
            source = os.path.join(git.top, path)
            if os.path.lexists(source) and not _is_folder(source) and not any(within(path, out) for out in outs):
                self._bring(source, os.path.join(top, path), of_git=True, free=number < len(tracked))
        for path in self._inputs.files():
            self._bring(project.abs(path), room.abs(path))
        work = [parent(output.path) for output in self._stage.outs if os.path.isdir(project.abs(parent(output.path)))]
        for path in (*self._inputs.empty_folders(), self._stage.workdir, *work):
            files.make_folder(self._inside(room.abs(path)))
        for output in self._stage.outs:
            if output.persist and os.path.lexists(project.abs(output.path)):
                files.symlink(project.abs(output.path), room.abs(output.path))

    def begin(self) -> None:
        """Note how the inputs are here, before the first attempt.

        Raises:
            DvxError: they changed while they were brought here, or an attempt that failed changed them.
        """
        if self._own is not None:
            self.settle(self._stage, self._before)
            return
        _, written = self._inputs.compare(self._stage, self._before)
        if written:
            text = f"{written} while the snapshot for the stage `{self._stage.address}` was made, so it was not run"
            raise DvxError(text, "run `dvx repro` again")
        # what is settled need not be read
        time.sleep(2 * TICK / 1e9)
        for path, digest in self._inputs.files().items():
            status = os.stat(self._room.abs(path))
            if digest is not None and is_settled(status, time.time_ns()):
                self._room.stats.remember(path, status, digest)
        self._own = Inputs(self._room, self._stage, Observer(self._room, {}, self._tell))

    def made(self, path: str) -> str:
        """Where an output is: here, or in the workspace if it was moved there already."""
        place = self._room.abs(path)
        return place if os.path.lexists(place) else self._project.abs(path)

    def collect(self) -> None:
        """Move what the command made to the workspace: its outputs, and new files that Git does not ignore."""
        if existing_worktree(self._project, self._ident) is None:
            return
        for output in self._stage.outs:
            made, place = self._room.abs(output.path), self._project.abs(output.path)
            if not os.path.lexists(made) or (output.persist and os.path.islink(made) and os.readlink(made) == place):
                continue
            if os.path.lexists(place):
                to_trash(self._project, output.path)
                self._project.trash.settle()
            files.move(made, place)
        git, own = git_of(self._project), git_of(self._room)
        for path in listed(own)[1]:
            made, place = os.path.join(own.top, path), os.path.join(git.top, path)
            if made not in self._brought and not os.path.lexists(place):
                files.move(made, place)

    def settle(self, stage: Stage, before: StageState) -> StageState:
        """What to record of the stage.

        Raises:
            DvxError: its command changed what it reads.
        """
        if self._own is None:
            return self._inputs.settle(stage, before)
        _, written = self._own.compare(stage, before)
        if written:
            text = f"{written} while the stage `{stage.address}` ran, by its own command, so its result was not recorded"
            raise DvxError(text, "let the command write to an output instead: it must not change what its stage depends on")
        return before

    def close(self) -> None:
        """Remove it."""
        self._room.close()
        remove_worktree(self._project, self._ident)

    def _bring(self, source: str, target: str, *, of_git: bool = False, free: bool = False) -> None:
        """Clone a file, or copy it if it is small, `free`, or to be copied; a link into the cache stays one."""
        folder = self._inside(os.path.dirname(target))
        files.make_folder(folder)
        target = os.path.join(folder, os.path.basename(target))
        files.remove(target)
        self._brought.add(target)
        if os.path.islink(source) and (of_git or is_linked(self._project, source)):
            files.symlink(os.readlink(source), target)
            return
        source = os.path.realpath(source)
        status = os.stat(source)
        if not of_git and status.st_nlink > 1 and not status.st_mode & 0o222:
            # an object of the cache, which nobody writes
            files.hardlink(source, target)
            return
        mode = files.NEW_EXECUTABLE if status.st_mode & stat.S_IXUSR else files.NEW_FILE
        if files.reflink(source, target, mode):
            return
        self._copied += 0 if free else status.st_size
        if self._copied > _FREE and self._stage.run.snapshot != "copy":
            text = f"`{printable(os.path.relpath(source, self._project.root))}` cannot be cloned: its file system has no reflinks"
            hint = f"write `snapshot: copy` in the stage `{self._stage.address}` to have it copied, or leave `snapshot` out"
            raise DvxError(text, hint)
        files.copy_bytes(source, target, mode, len)

    def _inside(self, place: str) -> str:
        """Where that really is; raises UnsafePath if it is not in the room."""
        top = os.path.realpath(git_of(self._room).top)
        real = os.path.realpath(place)
        if real != top and not real.startswith(top + os.sep):
            shown = printable(os.path.relpath(place, self._room.root))
            text = f"`{shown}`, which the stage `{self._stage.address}` needs, leads out of the Git repository"
            raise UnsafePath(text, "copy it there, or leave `snapshot` out")
        return real


def _is_folder(place: str) -> bool:
    return os.path.isdir(place) and not os.path.islink(place)
