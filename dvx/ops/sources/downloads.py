"""Downloads of what an import came from: into a folder of its own, from which the data is taken into the cache."""

from __future__ import annotations

from collections.abc import Mapping

from dvx.errors import DvxError, MissingData
from dvx.model.dialect import DIALECTS
from dvx.model.events import Tell
from dvx.model.paths import printable
from dvx.model.pipelines.stage import is_url
from dvx.model.setup.power import may_be_recorded
from dvx.model.setup.settings import redact
from dvx.model.tracked.pointer import Pointer
from dvx.ops.sources.repositories import Sources, room_of
from dvx.ops.sources.urls import There, UrlSource, there_of
from dvx.ops.tracked.ignore import BUILT_IN
from dvx.project import Project

_FORBIDDEN = BUILT_IN | {one.ignore for one in DIALECTS}


def source_of(project: Project, pointer: Pointer, jobs: int, more: Mapping[str, str] | None = None) -> UrlSource:
    """The place outside of repositories that an import came from, with `more` options than it recorded.

    Raises:
        DvxError: its options are wrong.
    """
    dep = pointer.deps[0]
    options = dep.extras.get("fs_config") or {}
    if not isinstance(options, Mapping):
        raise DvxError(f"`fs_config` of `{pointer.path}` is no mapping", "write `NAME: VALUE` below it")
    refused = next((str(key) for key in options if not may_be_recorded(str(key))), "")
    if refused:
        text = f"`fs_config` of `{printable(pointer.path)}` sets `{printable(refused)}`, which a pointer cannot set for everybody"
        raise DvxError(text, "set it for a remote of your own, and import from `remote://NAME/PATH`")
    # inside the project it is a project path, else as it is written
    url = dep.path if is_url(dep.path) or dep.path.startswith(("/", "../")) else project.abs(dep.path)
    chosen = {str(key): str(value) for key, value in {**options, **(more or {})}.items()}
    return UrlSource(project, url, project.abs(pointer.workdir), chosen, jobs)


def downloaded(project: Project, source: UrlSource, there: There, path: str, sources: Sources, tell: Tell) -> tuple[Project, str]:
    """Copy what a source has into a folder of its own; returns that, and the path in it.

    Raises:
        DvxError: it holds a repository, or a file that says what to leave out.
    """
    own = next((name for name in there.sizes if not _FORBIDDEN.isdisjoint(name.split("/"))), "")
    if own:
        raise DvxError(f"`{printable(redact(source.url))}` holds `{printable(own)}`", "import the parts of it one by one")
    room, name = room_of(project, sources.new()), path.rpartition("/")[2]
    source.download(there, room.abs(name), tell)
    return room, name


def versions_brought(project: Project, pointer: Pointer, sources: Sources, tell: Tell) -> tuple[Project, str]:
    """Copy the versions that an import names into a folder of its own; returns that, and the path in it.

    Raises:
        MissingData: it names none, or one of them is gone.
        RemoteError: the store cannot be reached.
    """
    there = there_of(pointer.deps[0])
    if there is None:
        text = f"`{printable(pointer.path)}` does not say which version of each file it means"
        raise MissingData(text, "run `dvx update` to take the newest")
    source = source_of(project, pointer, sources.jobs, {"version_aware": "true"})
    return downloaded(project, source, there, pointer.outs[0][0].path, sources, tell)
