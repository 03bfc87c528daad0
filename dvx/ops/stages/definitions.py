"""What a run stands on from its beginning to its end: the definitions of its stages, and the branch that is checked out."""

from __future__ import annotations

import os

from dvx.errors import DvxError
from dvx.model.events import Notice, Tell
from dvx.model.pipelines.stage import Pipeline, Stage
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.pipeline_files import command_style, parse_pipeline
from dvx.ops.tracked.sources import Workspace
from dvx.project import Project
from dvx.store.stats import is_settled, stamp

_Stamps = dict[str, bytes]


class Definitions:
    """The stages of `index`, which was read from the moment `began` on (ns since the epoch)."""

    def __init__(self, project: Project, index: Index, began: int) -> None:
        self.index = index
        self._project = project
        self._began = began
        self._pipelines = {file: (self._stamps(pipeline), pipeline) for file, pipeline in index.pipelines.items()}
        self._now: dict[str, tuple[_Stamps, Pipeline | None]] = {}
        self._head = _head(project)

    def check_branch(self, stage: Stage) -> None:
        """Refuse to go on when another commit was checked out, as then the files may be of two commits.

        Raises:
            DvxError: that is so.
        """
        if _head(self._project) != self._head:
            text = f"another branch or commit was checked out during the run, so `{stage.address}` was not recorded"
            raise DvxError(
                text, "run `dvx repro` again where you want the results; `git worktree add` makes a folder to work in meanwhile"
            )

    def is_edited(self, stage: Stage) -> bool:
        """Whether the pipeline file defines a stage in another way than when the run began, or not at all.

        An item of a stage is judged with its stage.
        """
        stamps, pipeline = self._pipelines[stage.file]
        if stage.name not in pipeline.stages:
            return False
        if self._stamps(pipeline) == stamps and self._settled(pipeline):
            return False
        now = self._read(stage.file)
        other = now.stages.get(stage.name) if now else None
        return other is None or _essence(other) != _essence(stage)

    def check(self, stage: Stage) -> None:
        """Refuse to begin with a stage that is not what it was.

        Raises:
            DvxError: its definition changed, or another commit was checked out.
        """
        self.check_branch(stage)
        if self.is_edited(stage):
            raise self.edited(stage)

    def edited(self, stage: Stage) -> DvxError:
        """The words for a stage that is defined in another way now."""
        text = f"the definition of the stage `{stage.address}` in `{stage.file}` changed during the run"
        return DvxError(f"{text}, so it was not recorded", "run `dvx repro` again to run it as it is defined now")

    def tell(self, tell: Tell) -> None:
        """Say which pipeline files were edited during the run, for the stages that had no part in it."""
        changed = [file for file, (stamps, pipeline) in self._pipelines.items() if self._stamps(pipeline)[file] != stamps[file]]
        if changed:
            named = ", ".join(f"`{file}`" for file in changed)
            tell(Notice(f"{named} changed during the run, which went on as it had begun", "run it again to take the changes in"))

    def _read(self, file: str) -> Pipeline | None:
        """A pipeline file as it is now; None if it cannot be understood."""
        stamps = self._stamps(self._pipelines[file][1])
        if file not in self._now or self._now[file][0] != stamps:
            self._now[file] = stamps, self._parse(file)
        return self._now[file][1]

    def _parse(self, file: str) -> Pipeline | None:
        read = Workspace(self._project).read
        data = read(file)
        if data is None:
            return None
        try:
            text = data.decode("utf-8", "surrogateescape")
            return parse_pipeline(text, file, self._project.dialect, read, command_style(self._project), root=self._project.root)
        except DvxError:
            return None

    def _settled(self, pipeline: Pipeline) -> bool:
        """Whether no file of it can have changed between the moment when it was read and that when its stamp was taken."""
        found = (_status(self._project, path) for path in _files(pipeline))
        return all(status is None or is_settled(status, self._began) for status in found)

    def _stamps(self, pipeline: Pipeline) -> _Stamps:
        found = ((path, _status(self._project, path)) for path in _files(pipeline))
        return {path: stamp(status) if status else b"" for path, status in found}


def _files(pipeline: Pipeline) -> list[str]:
    """The files that definitions come from: the pipeline file, and what its templates take values from."""
    return list(dict.fromkeys((pipeline.file, *pipeline.params_files, *pipeline.used)))


def _essence(stage: Stage) -> tuple[object, ...]:
    """What of a stage decides what comes out, and what is recorded of it."""
    outs = [(output.path, output.cached, output.persist) for output in stage.all_outs]
    return stage.command, stage.workdir, stage.deps, stage.params, outs, stage.run.env, stage.run.shell, stage.map


def _head(project: Project) -> bytes:
    """What tells one checkout from the next; empty without Git."""
    if project.git is None:
        return b""
    place = os.path.join(project.git.place.folder, "HEAD")
    try:
        with open(place, "rb") as file:
            return stamp(os.fstat(file.fileno())) + file.read()
    except OSError:
        return b""


def _status(project: Project, path: str) -> os.stat_result | None:
    try:
        return os.stat(project.abs(path))
    except OSError:
        return None
