"""metrics and params: what the files of a source say, and how two sources differ. Both are values in files: one idea."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import DvxError, MissingData, NotCached
from dvx.formats import load_data
from dvx.git import Git
from dvx.model.compare.params import Change, diff, flatten, measured, picked
from dvx.model.paths import printable
from dvx.model.table import Table
from dvx.model.tracked.pointer import OutputKind
from dvx.ops.compare.value_files import ValueChoice, What, bytes_of, narrowed, opened, wanted_params
from dvx.ops.tracked.index import Index, files_of
from dvx.ops.tracked.revisions import RevisionFiles
from dvx.ops.tracked.sources import Source, Workspace
from dvx.ops.tracked.unreadable import load_readable, load_revision
from dvx.ops.tracked.walking import answers
from dvx.ops.transfer.on_demand import OnDemand
from dvx.project import Project

WORKSPACE = "workspace"


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

    def lacking(self) -> list[str]:
        """The files that only a remote may have."""
        return lacking({**self.params, **self.metrics})


class Shown(Struct, frozen=True):
    """What a revision says, by path; `unread` says which of its pipelines, pointers and locks cannot be read."""

    revision: str
    files: Mapping[str, Reading] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def failures(self) -> tuple[tuple[str, DvxError], ...]:
        """The files that could not be read, with the reasons."""
        return tuple((path, reading.error) for path, reading in self.files.items() if reading.error)

    def unreadable(self) -> tuple[tuple[str, DvxError], ...]:
        """Those of them that are there, or at a remote."""
        gone = [path for path, error in self.failures() if isinstance(error, MissingData) and not isinstance(error, NotCached)]
        return tuple(one for one in self.failures() if one[0] not in gone)


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


def show(project: Project, choice: ValueChoice, several: Several, demand: OnDemand | None = None) -> tuple[Shown, ...]:
    """The workspace, then each revision that is asked for; commits that are both branch and tag once, under all their names."""
    labels = _labels(project, several)

    def read(commits: Sequence[str]) -> dict[str, Shown]:
        found = {"": _shown(project, WORKSPACE, Workspace(project), choice)} if "" in commits else {}
        asked = [commit for commit in commits if commit]
        if asked:
            said = answers(
                project, _git(project), asked, lambda source, commit: _attempt(project, labels[commit], source, choice)
            )
            found |= {commit: _as_of(labels[commit], one) for commit, one in said}
        return found

    found = (demand or OnDemand(project)).read_many(("", *labels), read, lambda one: lacking(one.files))
    return tuple(found[commit] for commit in ("", *labels))


def compare(
    project: Project, choice: ValueChoice, old: str = "", new: str = "", demand: OnDemand | None = None
) -> RevisionComparison:
    """Compare two revisions; by default the last commit and the workspace.

    Before the first commit there is nothing to compare.

    Raises:
        UnknownTarget: a revision does not exist.
    """
    names = (old or "HEAD", new or WORKSPACE)
    if set(names) != {WORKSPACE} and _git(project).head() is None:
        return RevisionComparison(*(Shown(name) for name in names))
    commits = {name: "" if name == WORKSPACE else _git(project).resolve(name) for name in names}
    resolved = {commit: name for name, commit in commits.items()}
    chosen = tuple(filter(None, resolved))
    revisions = RevisionFiles(project, _git(project), chosen) if chosen else None

    def read(commit: str) -> Shown:
        source = revisions.source(commit) if revisions and commit else Workspace(project)
        return _shown(project, resolved[commit], source, choice)

    found = (demand or OnDemand(project)).read_all(resolved, read, lambda one: lacking(one.files))
    before, after = (replace(found[commits[name]], revision=name) for name in names)
    return RevisionComparison(before, after)


def lacking(files: Mapping[str, Reading]) -> list[str]:
    """The files that only a remote may have."""
    return [path for path, reading in files.items() if isinstance(reading.error, NotCached)]


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
        return Shown(revision, unread=(f"could not read revision `{printable(revision)}`: {error.message.splitlines()[0]}",))


def _as_of(revision: str, shown: Shown) -> Shown:
    """What is shown of a revision, for another one that says the same."""
    before, now = (f"revision `{printable(name)}`" for name in (shown.revision, revision))
    return replace(shown, revision=revision, unread=tuple(text.replace(before, now, 1) for text in shown.unread))


def _read(project: Project, source: Source, index: Index, choice: ValueChoice) -> dict[str, Reading]:
    is_params = choice.what is What.PARAMS
    wanted = wanted_params(index, source, choice) if is_params else dict.fromkeys(files_of(index, OutputKind.METRIC))
    if choice.targets:
        wanted = narrowed(wanted, [project.relative(target) for target in choice.targets], recursive=choice.recursive)
    found = {}
    for path, keys in opened(project, source, index, wanted, choice.what).items():
        try:
            value = load_data(bytes_of(project, source, index, path), path)
        except DvxError as error:
            found[path] = Reading(error=error)
            continue
        value = {} if value is None else value
        if is_params:
            found[path] = Reading(value if keys is None else picked(value, keys))
        else:
            found[path] = Reading(measured(value) or {})
    return found


def _labels(project: Project, several: Several) -> dict[str, str]:
    """The commits to show, with the names they go by; without Git there are none."""
    if project.git is None:
        return {}
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
