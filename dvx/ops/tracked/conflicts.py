"""Pointers and locks that hold a merge conflict: what they are about is refused, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable

from dvx.errors import DvxError
from dvx.formats.mistakes import is_conflicted
from dvx.model.paths import join, parent, within
from dvx.ops.tracked.index import Index, Selected, load_index
from dvx.ops.tracked.text_files import text_of
from dvx.project import Project


class Conflicts:
    """The workspace's `index` without the files that hold a merge conflict, and what is wrong in those.

    Raises:
        FormatError: a file cannot be understood for another reason.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._errors: dict[str, DvxError] = {}
        self.index: Index = load_index(project, doubt=self._note)

    def demand_clear(self, paths: Iterable[str]) -> None:
        """Refuse paths that lie in what a pointer with a conflict tracks, or are that; raises FormatError."""
        suffix = self._project.dialect.pointer_suffix
        inside = {name.removesuffix(suffix): error for name, error in self._errors.items() if name.endswith(suffix)}
        for path in paths if inside else ():
            for data, error in inside.items():
                if within(path.removesuffix(suffix), data):
                    raise error

    def demand_clear_locks(self, chosen: Iterable[Selected]) -> None:
        """Refuse outputs of stages whose lock has a conflict; raises FormatError."""
        for one in chosen if self._errors else ():
            error = self._errors.get(join(parent(one.tracked.file), self.index.lock_name))
            if error is not None and one.tracked.owner not in self.index.pointers:
                raise error

    def _note(self, path: str, error: DvxError) -> None:
        is_record = path.endswith((self._project.dialect.pointer_suffix, self._project.dialect.lock))
        if not (is_record and is_conflicted(text_of(self._project, path))):
            raise error
        self._errors[path] = error
