"""Names of stages as users type them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dvx.model.paths import join
from dvx.project import Project

if TYPE_CHECKING:
    from dvx.ops.tracked.index import Index


def stages_named(project: Project, index: Index, target: str) -> tuple[str, ...]:
    """The addresses of the stages that `NAME`, `:NAME` or `FILE:NAME` mean to who stands in `project.cwd`; `:` is all there.

    A name may also be that of the template that generates them.
    """
    file, colon, name = target.rpartition(":")
    path = project.relative(file) if file else join(project.relative("."), project.dialect.pipeline)
    pipeline = index.pipelines.get(path)
    if pipeline is None:
        return ()
    names = (name,) if name in pipeline.stages else pipeline.groups.get(name, ())
    return tuple(pipeline.stages[one].address for one in (pipeline.stages if colon and not name else names))
