"""The files that a migration writes: pointers, pipelines and locks with new names in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from dvx.formats import dump_yaml, edit_yaml, load_yaml
from dvx.model.dialect import Dialect
from dvx.model.pipelines.lock import StageState, encode_state
from dvx.model.pipelines.stage import Pipeline, Stage
from dvx.model.tracked.pointer import Pointer, Recorded, stage_checksum
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.pipeline_files import command_style, parse_pipeline
from dvx.ops.tracked.pointers import set_content
from dvx.ops.tracked.sources import Workspace
from dvx.ops.workspace.rehash import Rehash
from dvx.project import Project
from dvx.store import files

_ELSEWHERE = ("etag", "checksum", "version_id", "cloud", "files")


def counterpart(path: str, old: Dialect, new: Dialect) -> str:
    """The path of a pointer, pipeline or lock in another dialect."""
    folder, slash, name = path.rpartition("/")
    named = {old.pipeline: new.pipeline, old.lock: new.lock}.get(name)
    return folder + slash + (named or name.removesuffix(old.pointer_suffix) + new.pointer_suffix)


class Rewriter:
    """Texts of `target` made from those of `source`."""

    def __init__(self, source: Project, target: Project, index: Index, rehash: Rehash) -> None:
        self._source = source
        self._target = target
        self._index = index
        self._rehash = rehash
        self._cached = {tracked.output.path for tracked in index.tracked if tracked.output.cached}

    def text(self, path: str) -> bytes:
        """The new bytes of a pointer, pipeline or lock. What names no other hash stays as it is."""
        data = files.read(self._source.abs(path))
        if path in self._index.pipelines:
            return self._pipeline(data.decode(), path).encode()
        if path in self._index.locks:
            return self._lock(data.decode(), path).encode()
        return self._pointer(data.decode(), self._index.pointers[path]).encode()

    def _pointer(self, text: str, pointer: Pointer) -> str:
        def edit(document: Any) -> None:
            for entry, (_, recorded) in zip(document.get("outs") or (), pointer.outs, strict=True):
                self._entry(entry, recorded)
            for entry, recorded in zip(document.get("deps") or (), pointer.deps, strict=True):
                self._entry(entry, recorded)
            if pointer.checksum and pointer.checksum == pointer.computed:
                document["md5"] = stage_checksum(document)

        return edit_yaml(text, edit, pointer.path)

    def _entry(self, entry: Any, recorded: Recorded) -> None:
        if recorded.content is not None and not any(key in entry for key in _ELSEWHERE):
            new = self._rehash.content(recorded.path, recorded.content, cached=recorded.path in self._cached)
            if new != recorded.content or new.digest.algorithm != "md5":
                set_content(entry, new)

    def _pipeline(self, text: str, path: str) -> str:
        if not (self._source.dialect.run_settings_in_meta and not self._target.dialect.run_settings_in_meta):
            return text

        def edit(document: Any) -> None:
            for stage in (document.get("stages") or {}).values():
                body = stage.get("do", stage) if isinstance(stage, Mapping) else {}
                meta = body.get("meta")
                if isinstance(meta, Mapping) and isinstance(meta.get("run"), Mapping):
                    body["run"] = meta["run"]
                    del body["meta"]["run"]
                    if not body["meta"]:
                        del body["meta"]

        return edit_yaml(text, edit, path)

    def _lock(self, text: str, path: str) -> str:
        old = next((one for name, one in self._index.pipelines.items() if self._lock_of(name) == path), None)
        document: Any = load_yaml(text, path)
        if old is None or not isinstance(document, dict):
            return text
        new = self._new_pipeline(old)
        states = self._index.locks[path].stages
        stages = dict(document.get("stages") or {})
        stages |= {name: self._stage(old.stages[name], new, state) for name, state in states.items()}
        return dump_yaml({**document, "stages": stages})

    def _lock_of(self, pipeline: str) -> str:
        return pipeline.removesuffix(self._source.dialect.pipeline) + self._source.dialect.lock

    def _new_pipeline(self, old: Pipeline) -> Pipeline:
        text = self._pipeline(files.read(self._source.abs(old.file)).decode(), old.file)
        path = counterpart(old.file, self._source.dialect, self._target.dialect)
        style = replace(command_style(self._source), quote=self._target.dialect.quotes_values)
        return parse_pipeline(text, path, self._target.dialect, Workspace(self._source).read, style, root=self._source.root)

    def _stage(self, old: Stage, new: Pipeline, state: StageState) -> dict[str, Any]:
        """A stage's entry. A command that was up to date is so in the new dialect, too, which may protect values in it."""
        stage = new.stages.get(old.name, old)
        command = stage.command if state.command == old.command else state.command
        deps = {path: self._recorded(recorded, path) for path, recorded in state.deps.items()}
        outs = {path: self._recorded(recorded, path) for path, recorded in state.outs.items()}
        return encode_state(replace(state, command=command, deps=deps, outs=outs), old)

    def _recorded(self, recorded: Recorded, path: str) -> Recorded:
        if recorded.content is None or "://" in path or path.startswith(("/", "../")):
            return recorded
        return replace(recorded, content=self._rehash.content(path, recorded.content, cached=path in self._cached))
