"""metrics and params: what the files of a source say, and how two sources differ. Both are values in files: one idea."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from dvx.errors import DvxError, MissingData, quoted
from dvx.formats import load_data
from dvx.formats.data import suffix_of
from dvx.git import Git
from dvx.model.digest import Digest
from dvx.model.params import Change, diff, flatten, measured, nested, select
from dvx.model.paths import within
from dvx.model.pointer import OutputKind
from dvx.model.table import Table
from dvx.model.tree import Tree
from dvx.ops.index import Index, files_of
from dvx.ops.revisions import RevisionFiles
from dvx.ops.source import Source, Workspace
from dvx.ops.unread import load_readable, load_revision
from dvx.project import Project
from dvx.store.cache import Cache

WORKSPACE = "workspace"
_DEFAULT_PARAMS = "params.yaml"

_SHARED = ("json", "toml", "yaml", "yml")

Wanted = dict[str, tuple[str, ...] | None]
"""The keys that are wanted of each file; None is the whole file."""


class What(Enum):
    """Which values."""

    PARAMS = "params"
    METRICS = "metrics"


_SUFFIXES = {What.PARAMS: (*_SHARED, "py"), What.METRICS: _SHARED}
"""What counts in a folder."""


class ValueChoice(Struct, frozen=True):
    """Which values of which files: those that the pipelines name, or only `targets` (with `recursive` all named below them).

    `param_deps` leaves out parameters that no stage uses.
    """

    what: What
    targets: tuple[str, ...] = ()
    recursive: bool = False
    param_deps: bool = False


class Several(Struct, frozen=True):
    """Which revisions are shown beside the workspace: the tips of branches, of tags, all commits."""

    branches: bool = False
    tags: bool = False
    commits: bool = False


class Reading(Struct, frozen=True):
    """What one file says, or why it says nothing."""

    value: Any = None
    error: DvxError | None = None

    def document(self) -> dict[str, Any]:
        """As DVC's JSON has it."""
        if self.error is None:
            return {"data": self.value}
        kind = "FileNotFoundError" if isinstance(self.error, MissingData) else type(self.error).__name__
        return {"error": {"type": kind, "msg": self.error.message}}


class SourceValues(Struct, frozen=True):
    """All params and metrics of one source, by path."""

    params: Mapping[str, Reading]
    metrics: Mapping[str, Reading]


class Shown(Struct, frozen=True):
    """What a revision says, by path; `unread` says which of its pipelines, pointers and locks cannot be read."""

    revision: str
    files: Mapping[str, Reading] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def failures(self) -> tuple[tuple[str, DvxError], ...]:
        """The files that could not be read, with the reasons."""
        return tuple((path, reading.error) for path, reading in self.files.items() if reading.error)


class RevisionComparison(Struct, frozen=True):
    """Two revisions."""

    old: Shown
    new: Shown

    def changes(self, *, unchanged: bool = False) -> dict[str, dict[str, Change]]:
        """What differs (with `unchanged` everything), by path and key, both sorted."""
        found = {
            path: diff(_leaves(self.old.files.get(path)), _leaves(self.new.files.get(path)), unchanged=unchanged)
            for path in sorted({*self.old.files, *self.new.files})
        }
        return {path: changes for path, changes in found.items() if changes}


def observed(project: Project, source: Source, index: Index, *, param_deps: bool = False) -> SourceValues:
    """All params and metrics of a source whose index is known."""
    return SourceValues(
        _read(project, source, index, ValueChoice(What.PARAMS, param_deps=param_deps)),
        _read(project, source, index, ValueChoice(What.METRICS)),
    )


def show(project: Project, choice: ValueChoice, several: Several) -> tuple[Shown, ...]:
    """The workspace, then each revision that is asked for; commits that are both branch and tag once, under all their names."""
    labels = _labels(project, several)
    shown = [_shown(project, WORKSPACE, Workspace(project), choice)]
    if labels:
        revisions = RevisionFiles(project, _git(project), tuple(labels))
        shown += [_attempt(project, label, revisions.source(commit), choice) for commit, label in labels.items()]
    return tuple(shown)


def compare(project: Project, choice: ValueChoice, old: str = "", new: str = "") -> RevisionComparison:
    """Compare two revisions; by default the last commit and the workspace.

    Raises:
        UnknownTarget: a revision does not exist.
    """
    names = (old or "HEAD", new or WORKSPACE)
    commits = {name: _git(project).resolve(name) for name in names if name != WORKSPACE}
    revisions = RevisionFiles(project, _git(project), tuple(set(commits.values()))) if commits else None
    before, after = (
        _shown(project, name, revisions.source(commits[name]) if revisions and name in commits else Workspace(project), choice)
        for name in names
    )
    return RevisionComparison(before, after)


def table(shown: Iterable[Shown], written: Callable[[str], str]) -> Table:
    """A row for each file of each revision: `Revision`, `Path` as `written` gives it, then the keys."""
    rows = [
        {**_leaves(reading), "Revision": one.revision, "Path": written(path)}
        for one in shown
        for path, reading in one.files.items()
    ]
    return Table.of(("Revision", "Path"), rows)


def _leaves(reading: Reading | None) -> dict[str, Any]:
    """Flat values, in which lists are text, as DVC compares and shows them."""
    if reading is None or reading.value is None:
        return {}
    flat = flatten(reading.value)
    return {key: str(leaf) if isinstance(leaf, list) else leaf for key, leaf in flat.items()}


def _shown(project: Project, revision: str, source: Source, choice: ValueChoice) -> Shown:
    index, unread = load_revision(project, source, revision) if revision != WORKSPACE else load_readable(project)
    return Shown(revision, _read(project, source, index, choice), tuple(unread.values()))


def _attempt(project: Project, revision: str, source: Source, choice: ValueChoice) -> Shown:
    try:
        return _shown(project, revision, source, choice)
    except DvxError as error:
        return Shown(revision, unread=(f"could not read revision `{revision}`: {error.message.splitlines()[0]}",))


def _read(project: Project, source: Source, index: Index, choice: ValueChoice) -> dict[str, Reading]:
    is_params = choice.what is What.PARAMS
    wanted = wanted_params(index, source, choice) if is_params else dict.fromkeys(files_of(index, OutputKind.METRIC))
    if choice.targets:
        wanted = _narrowed(wanted, [project.relative(target) for target in choice.targets], recursive=choice.recursive)
    found = {}
    for path, keys in opened(project, source, index, wanted, choice.what).items():
        try:
            value = load_data(bytes_of(project, source, index, path), path)
        except DvxError as error:
            found[path] = Reading(error=error)
            continue
        value = {} if value is None else value
        if is_params:
            found[path] = Reading(value if keys is None else nested(select(value, keys)))
        else:
            found[path] = Reading(measured(value) or {})
    return found


def wanted_params(index: Index, source: Source, choice: ValueChoice) -> Wanted:
    """The parameters that pipelines name, and the default file if there is one."""
    wanted: Wanted = {}
    used = [(file.path, file.keys) for stage in index.stages.values() for file in stage.params]
    if not choice.param_deps:
        used += [(path, None) for pipeline in index.pipelines.values() for path in pipeline.params_files]
        if source.read(_DEFAULT_PARAMS) is not None:
            used.append((_DEFAULT_PARAMS, None))
    used += [item for pipeline in index.pipelines.values() for item in pipeline.used.items()]
    for path, keys in used:
        known = wanted.get(path, ())
        wanted[path] = None if keys is None or known is None else tuple(dict.fromkeys((*known, *keys)))
    return wanted


def opened(project: Project, source: Source, index: Index, wanted: Wanted, what: What) -> Wanted:
    """The files that are wanted, and for folders those in them whose suffix says that they hold values."""
    found: Wanted = {}
    for path, keys in wanted.items():
        for inner in unpacked(project, index, source, path):
            if inner == path or suffix_of(inner) in _SUFFIXES[what]:
                found[inner] = None if keys is None or found.get(inner, ()) is None else keys
    return found


def _narrowed(wanted: Wanted, targets: Iterable[str], *, recursive: bool) -> Wanted:
    """Targets are shown whole, and whether or not a pipeline names them."""
    narrowed: Wanted = {}
    for target in targets:
        below = [path for path in wanted if within(path, target)] if recursive else []
        narrowed |= {path: wanted[path] for path in below} or {target: None}
    return narrowed


def unpacked(project: Project, index: Index, source: Source, path: str) -> list[str]:
    """The files of a folder, in the source or else as it is recorded; or the path itself."""
    below = source.below(path)
    owner = index.owner_of(path)
    content = owner.recorded.content if owner and owner.recorded and owner.output.cached else None
    if not below and owner is not None and content is not None and content.digest.is_tree:
        try:
            entries = _tree(project.cache, content.digest).entries
        except DvxError:
            return [path]
        whole = [f"{owner.output.path}/{entry.path}" for entry in entries]
        below = sorted(one for one in whole if one.startswith(path + "/"))
    return below or [path]


def bytes_of(project: Project, source: Source, index: Index, path: str) -> bytes:
    """The file in the source, or else what the cache has of it.

    Raises:
        MissingData: it is in neither.
        DvxError: it cannot be read; a pipe or device is not.
    """
    try:
        data = source.read(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DvxError(f"`{path}` cannot be read: {why}", f"see what it is: `ls -l {quoted(path)}`") from error
    if data is not None:
        return data
    owner = index.owner_of(path)
    content = owner.recorded.content if owner and owner.recorded and owner.output.cached else None
    if owner is None or content is None:
        raise MissingData(f"`{path}` does not exist")
    if content.files is None:
        return project.cache.read(content.digest)
    inner = path[len(owner.output.path) + 1 :]
    entry = _tree(project.cache, content.digest).by_path.get(inner)
    if entry is None:
        raise MissingData(f"`{path}` does not exist")
    return project.cache.read(entry.digest)


@lru_cache(maxsize=1)
def _tree(cache: Cache, digest: Digest) -> Tree:
    """One file of a folder is asked for after another."""
    return cache.read_tree(digest)


def _labels(project: Project, several: Several) -> dict[str, str]:
    """The commits to show, with the names they go by."""
    names: dict[str, list[str]] = {}
    for wanted, prefix in ((several.branches, "refs/heads/"), (several.tags, "refs/tags/")):
        for ref in sorted(_git(project).refs(prefix)) if wanted else ():
            names.setdefault(_git(project).resolve(ref), []).append(ref.removeprefix(prefix))
    if several.commits:
        for commit in _git(project).all_commits():
            names.setdefault(commit, [commit])
    return {commit: ",".join(known) for commit, known in names.items()}


def _git(project: Project) -> Git:
    if project.git is None:
        raise DvxError("revisions need Git, and this project is without", "run `git init` and `dvx config core.no_scm false`")
    return project.git
