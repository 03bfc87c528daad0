"""Observer: what stages look like now, each path looked at once until something ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dvx.errors import Corrupted, MissingData, SchemaError, UnknownTarget, nearest
from dvx.formats import load_data
from dvx.model.compare.params import select
from dvx.model.digest import Digest
from dvx.model.events import Tell
from dvx.model.imports.dataset import KEY, Dataset, is_dataset, name_of
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import ParamFile, Stage, is_url
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content, named_digests
from dvx.ops.tracked.sources import Workspace
from dvx.ops.workspace.observe import observe
from dvx.project import Project

if TYPE_CHECKING:
    from dvx.ops.sources.stage_urls import External


class Observer:
    """Looks at the workspace and the cache of `project`, and remembers what it saw. `datasets` are those that stages may name.

    Links are read wherever they lead: what a stage depends on may lie on another disk. Only what is stored may not.
    """

    def __init__(self, project: Project, datasets: Mapping[str, Dataset], tell: Tell) -> None:
        self._project = project
        self.dialect = project.dialect
        self._datasets = datasets
        self._tell = tell
        self._seen: dict[tuple[str, str], Content | None] = {}
        self._values: dict[str, Any] = {}
        self._parsed: dict[str, tuple[bytes | None, Any]] = {}
        self._complete: set[Digest] = set()
        self._assumed: dict[str, Content | None] = {}

    def preload(self, stages: Iterable[tuple[Stage, StageState | None]]) -> None:
        """Look at all paths of these stages, in the hashes in which the states have them."""
        wanted: dict[str, dict[str, None]] = {}
        far: dict[tuple[str, str], None] = {}
        for stage, locked in stages:
            for place, algorithm in self._places(stage, locked):
                if is_url(place):
                    far[place, algorithm] = None
                elif (place, algorithm) not in self._seen:
                    wanted.setdefault(algorithm, {})[place] = None
        if far:
            self._far.preload(far)
        for algorithm, places in wanted.items():
            found = observe(self._project, places, self._tell, dict.fromkeys(places, algorithm), outside=True)
            self._seen.update({(place, algorithm): content for place, content in found.items()})

    def state(self, stage: Stage, locked: StageState | None = None) -> StageState:
        """The stage as it is now. Contents are named in the hashes in which `locked` has them, otherwise in the project's.

        Raises:
            UnknownTarget: the stage depends on a dataset that no pipeline file has.
        """
        self.preload([(stage, locked)])
        recorded = {**locked.deps, **locked.outs, **locked.outside} if locked else {}
        return StageState(
            command=stage.command,
            deps={dep: self._recorded(stage, dep, recorded) for dep in stage.deps},
            params={file.path: values for file in stage.params if (values := self._params(file.path, file.keys)) is not None},
            outs={output.path: self._recorded(stage, output.path, recorded) for output in stage.outs},
            env=stage.run.env,
            outside={output.path: self._recorded(stage, output.path, recorded) for output in stage.outside},
        )

    def content(self, path: str, like: Content | None = None) -> Content | None:
        """What a path holds now, in the hash of `like`."""
        algorithm = like.digest.algorithm if like else self._project.algorithm
        if path in self._assumed:
            return self._assumed[path]
        if (path, algorithm) not in self._seen:
            self._seen[path, algorithm] = observe(self._project, [path], self._tell, {path: algorithm}, outside=True)[path]
        return self._seen[path, algorithm]

    def params(self, file: ParamFile) -> dict[str, Any] | None:
        """What a file says of parameters at this moment; None if all of a file are meant that does not exist."""
        self._values.pop(file.path, None)
        return self._params(file.path, file.keys)

    def far(self, url: str, like: Recorded) -> Recorded:
        """What is at a URL at this moment, in the hash of `like`."""
        self._far.forget()
        return self.recorded(url, like)

    def missing(self, stage: Stage, locked: StageState | None) -> frozenset[Digest]:
        """What the cache lacks of the recorded outputs: the object, or for a directory any of its files."""
        recorded = [locked.outs.get(output.path) for output in stage.outs if output.cached] if locked else []
        contents = [entry.content for entry in recorded if entry and entry.content]
        return frozenset(content.digest for content in contents if not self.in_cache(content))

    def in_cache(self, content: Content) -> bool:
        """Whether the cache holds all of it."""
        if content.digest not in self._complete and self._holds(content):
            self._complete.add(content.digest)
        return content.digest in self._complete

    def forget(self) -> None:
        """Something ran, or another process may have worked: look again. The statistics make that cheap."""
        self._seen.clear()
        self._values.clear()
        if "_far" in self.__dict__:
            self._far.forget()

    def assume(self, contents: Mapping[str, Content | None]) -> None:
        """Take paths for what they would hold; for a dry run."""
        self._assumed.update(contents)

    def _places(self, stage: Stage, locked: StageState | None) -> Iterable[tuple[str, str]]:
        for dep in stage.deps:
            if not is_dataset(dep):
                yield dep, self._algorithm(locked.deps.get(dep) if locked else None)
        known = {**locked.outs, **locked.outside} if locked else {}
        for output in stage.all_outs:
            yield output.path, self._algorithm(known.get(output.path))

    def _algorithm(self, recorded: Recorded | None) -> str:
        return recorded.content.digest.algorithm if recorded and recorded.content else self._project.algorithm

    def _recorded(self, stage: Stage, path: str, locked: Mapping[str, Recorded]) -> Recorded:
        if is_dataset(path):
            return self._dataset(stage, path)
        return self.recorded(path, locked.get(path))

    def recorded(self, path: str, before: Recorded | None = None) -> Recorded:
        """What is at a path or URL now, in the hash of what was there `before`."""
        if is_url(path):
            return self._far.look(path, self._algorithm(before))
        return Recorded(path, self.content(path, before.content if before else None))

    @cached_property
    def _far(self) -> External:
        # few stages read or write at URLs, and what asks there is slow to load
        from dvx.ops.sources.stage_urls import External

        return External(self._project, self._tell)

    def _dataset(self, stage: Stage, dep: str) -> Recorded:
        dataset = self._datasets.get(name_of(dep))
        if dataset is None:
            hint = nearest(name_of(dep), self._datasets) or "run `dvx dataset add`, or mend the name"
            raise UnknownTarget(f"there is no dataset `{name_of(dep)}`, which the stage `{stage.address}` depends on", hint)
        return Recorded(dep, None, {KEY: dict(dataset.state)} if dataset.state else {})

    def _params(self, path: str, keys: tuple[str, ...] | None) -> dict[str, Any] | None:
        if path not in self._values:
            data = Workspace(self._project).read(path)
            known = self._parsed.get(path)
            if known is None or known[0] != data:
                # nothing changes the values, so that they are read again only if the file says something else
                self._parsed[path] = known = data, None if data is None else load_data(data, path)
            self._values[path] = known[1]
        value = self._values[path]
        if keys is None and self._parsed[path][0] is None:
            return None
        if keys is None:
            return dict(value) if isinstance(value, Mapping) else {}
        return select(value, keys) if isinstance(value, Mapping) else {}

    def _holds(self, content: Content) -> bool:
        cache = self._project.cache
        if not cache.has(content.digest, content.size):
            return False
        if not content.digest.is_tree:
            return True
        try:
            names = named_digests(cache.read(content.digest), content.digest.algorithm)
            return cache.holds_all(content.digest.algorithm, names)
        except (MissingData, Corrupted, SchemaError):
            return False
