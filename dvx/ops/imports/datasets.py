"""dataset add, dataset update: data of other places that pipeline files name, and what it is now; nothing is copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError, UnknownTarget, UsageError, nearest, quoted
from dvx.formats import dump_yaml, edit_yaml, load_yaml, splice_dataset
from dvx.model.imports.dataset import FIELDS, KINDS, Dataset, is_name, lock_of, spec_of
from dvx.model.paths import join, parent, printable, within
from dvx.model.tracked.origin import Origin
from dvx.ops.imports.record import refuse_password
from dvx.ops.sources.repositories import Elsewhere, Sources, tip_of
from dvx.ops.sources.urls import UrlSource
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.text_files import text_of
from dvx.ops.tracked.trackable import check_text
from dvx.project import Project


class NewDataset(Struct, frozen=True):
    """A dataset to write: of the repository `url` (as typed), the revision and path if they are given; or what a store holds."""

    name: str
    kind: str
    url: str
    rev: str = ""
    path: str = ""
    force: bool = False


class Changed(Struct, frozen=True):
    """A dataset that was written into `file`: what was recorded of it, empty if nothing that held, and what is now."""

    name: str
    file: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    for_git: tuple[str, ...]


def add_dataset(project: Project, new: NewDataset) -> Changed:
    """Write a dataset into the pipeline file of the folder where the user stands, and what it is now into the lock beside it.

    Raises:
        UsageError: its name or URL will not do.
        DvxError: there is one of that name (without `force`), or it is of a kind that dvx cannot look at.
        GitError, RemoteError: the place cannot be reached.
        UnknownTarget, MissingData: the place has no such revision or path.
    """
    if not is_name(new.name):
        raise UsageError(f"a dataset cannot be called `{printable(new.name)}`", "use letters, digits, `-`, `_` and `.`")
    for word in (new.name, new.url, new.rev, new.path):
        check_text(word)
    refuse_password(new.url, "let Git ask a credential helper, or make a remote of your own and name `remote://NAME/PATH`")
    file = join(project.relative("."), project.dialect.pipeline)
    known = {"name": new.name, "url": new.url, "type": new.kind, "path": new.path, "rev": new.rev}
    spec = spec_of({key: value for key, value in known.items() if value})
    _check_new(load_index(project), new, file)
    lock = _look(project, spec, file, {})
    with project.lock(file):
        index = load_index(project)
        _check_new(index, new, file)
        changed = _write(project, index, file, (spec, lock))
    return Changed(new.name, file, {}, lock, for_git(project, changed))


def update_dataset(project: Project, name: str, rev: str = "") -> Changed:
    """Record what a dataset is now; with `rev` it is of that revision from now on.

    Raises:
        UnknownTarget: there is no such dataset; for others see `add_dataset`.
    """
    dataset = find_dataset(load_index(project), name)
    if rev and dataset.kind == "url":
        raise UsageError(f"`--rev` is for other repositories, and `{name}` is not of one", "leave it out")
    check_text(rev)
    spec = spec_of({**dataset.spec, **({"rev": rev} if rev else {})})
    lock = _look(project, spec, dataset.file, dataset.state)
    with project.lock(dataset.file):
        changed = _write(project, load_index(project), dataset.file, (spec, lock))
    return Changed(name, dataset.file, dataset.state, lock, for_git(project, changed))


def find_dataset(index: Index, name: str) -> Dataset:
    """The dataset of that name; raises UnknownTarget."""
    found = index.datasets.get(name)
    if found is None:
        hint = nearest(name, index.datasets) or "run `dvx dataset add` to write it"
        raise UnknownTarget(f"there is no dataset `{printable(name)}`", hint)
    return found


def _check_new(index: Index, new: NewDataset, file: str) -> None:
    known = index.datasets.get(new.name)
    if known is None:
        return
    if known.file != file:
        hint = "choose another name, or run this in the folder of that file"
        raise DvxError(f"the dataset `{new.name}` belongs to `{printable(known.file)}`", hint)
    if not new.force:
        raise DvxError(f"the dataset `{new.name}` exists already in `{printable(file)}`", "write `--force` to replace it")


def _look(project: Project, spec: Mapping[str, Any], file: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What a dataset is now, as a lock records it; `known` is what it was, if that is known."""
    kind, name = spec["type"], spec["name"]
    if kind == "dvc":
        origin = Origin(spec["url"], spec.get("path", ""), spec.get("rev") or "")
        commit = known.get("rev_lock")
        # what did not change is not copied
        if commit is None or tip_of(project, origin, file) != commit:
            commit = _commit_of(project, origin, file)
        return lock_of({**spec, "rev_lock": commit})
    if kind == "url":
        found = UrlSource(project, spec["url"], project.abs(parent(file)), {"version_aware": "true"}).versions()
        if "" in found:
            return lock_of({**spec, "meta": found[""]})
        meta = {"isdir": True, "size": sum(one["size"] for one in found.values()), "nfiles": len(found)}
        return lock_of({**spec, "meta": meta, "files": [{"relpath": path, "meta": one} for path, one in found.items()]})
    if kind == "dc":
        hint = "run this with DVC, where `datachain` is installed; dvx keeps the entry, and stages use what is locked"
        raise DvxError(f"`{printable(name)}` is of DataChain, whose catalogue dvx cannot ask", hint)
    hint = nearest(kind, KINDS) or f"one of {', '.join(KINDS)}"
    raise DvxError(f"the dataset `{printable(name)}` is of the unknown type `{printable(kind)}`", hint)


def _commit_of(project: Project, origin: Origin, file: str) -> str:
    """The commit of another repository, which must have the path that is named."""
    with Sources(project) as sources:
        there = sources.open(origin, file)
        if origin.path:
            _demand(there, origin.path)
    return there.commit


def _demand(there: Elsewhere, path: str) -> None:
    source, inner = there.at(path)
    tracked = load_index(source)
    if tracked.owner_of(inner) is None and not any(within(one, inner) for one in tracked.by_path):
        there.demand(source, inner, path)


def _write(project: Project, index: Index, file: str, entries: tuple[Mapping[str, Any], Mapping[str, Any]]) -> list[str]:
    """Write the entries of the pipeline file and of its lock: the lock first, so that what a killed command left is no dataset
    yet, or one that is not in sync. Returns the files that changed.
    """
    spec, lock = entries
    old = text_of(project, file)
    new = _with_dataset(index, file, old, spec)
    lock_file = join(parent(file), project.dialect.lock)
    with project.lock(lock_file):
        before = text_of(project, lock_file)
        after = splice_dataset(before if before.strip() else None, lock)
        if after != before:
            project.write(lock_file, after)
    if new != old:
        project.write(file, new)
    return [path for path, one, other in ((file, old, new), (lock_file, before, after)) if one != other]


def _with_dataset(index: Index, file: str, text: str, spec: Mapping[str, Any]) -> str:
    """The text of a pipeline file with the entry of a dataset, in its place or at the end."""
    if not text.strip():
        return text + dump_yaml({"datasets": [spec]})
    pipeline = index.pipelines.get(file)
    known = list(pipeline.datasets) if pipeline else []
    place = next((number for number, one in enumerate(known) if one["name"] == spec["name"]), None)
    if place is not None and known[place] != spec:
        document: Any = load_yaml(text, file)
        if spec_of(document["datasets"][place]) != known[place]:
            message = f"the dataset `{printable(spec['name'])}` is written with `${{...}}` in `{printable(file)}`"
            raise DvxError(message, f"change it there, then run `dvx dataset update {quoted(spec['name'])}`")

    def edit(document: Any) -> None:
        if not document.get("datasets"):
            document["datasets"] = []
        if place is None:
            document["datasets"].append(dict(spec))
        elif known[place] != spec:
            _put(document["datasets"][place], spec)

    return edit_yaml(text, edit, file)


def _put(entry: Any, spec: Mapping[str, Any]) -> None:
    """Make an entry say what `spec` does. Fields that it has not go behind those that stand before them; what is none stays."""
    for key in [key for key in FIELDS if key in entry and key not in spec]:
        del entry[key]
    moved = False
    for key, value in spec.items():
        if key not in entry or moved:
            moved = True
            entry.pop(key, None)
            entry[key] = value
        elif entry[key] != value:
            entry[key] = value
