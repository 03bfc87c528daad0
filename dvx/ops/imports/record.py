"""import, import-url: data from elsewhere, recorded with where it came from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.config import environment
from dvx.config.git_options import powerful
from dvx.errors import GitError, UsageError
from dvx.git import Git
from dvx.git.worktree import examine
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import parent, printable, within
from dvx.model.pipelines.stage import is_url
from dvx.model.setup.power import may_be_recorded
from dvx.model.setup.settings import OptionName, is_secret, redact
from dvx.model.tracked.origin import Origin, encode_origin, is_elsewhere, settings_of
from dvx.model.tracked.pointer import encode_content
from dvx.ops.data.add import AddOptions
from dvx.ops.data.copy_in import BringOptions, add_to_remote
from dvx.ops.imports.records import Arrived, Imported, is_left, observed, take, taken, write_import
from dvx.ops.sources.downloads import downloaded
from dvx.ops.sources.repositories import Sources
from dvx.ops.sources.urls import UrlSource
from dvx.ops.tracked.index import load_index
from dvx.ops.tracked.trackable import check_git, check_owners, check_place
from dvx.ops.transfer.fetch import bring
from dvx.ops.transfer.provenance import note_made, note_source
from dvx.project import Project


class ImportOptions(Struct, frozen=True):
    """Where imported data goes: `out` is as typed. Without `execute` nothing is looked at, without `download` nothing comes.

    With `to_remote` it goes to a remote (`remote`, or the default one), and not into the cache. `version_aware` records which
    version of each file a bucket has, and leaves the data to it.
    """

    out: str = ""
    force: bool = False
    execute: bool = True
    download: bool = True
    to_remote: bool = False
    remote: str = ""
    jobs: int = 0
    version_aware: bool = False
    fs_config: Mapping[str, str] = field(default_factory=dict)


def import_repo(project: Project, origin: Origin, options: ImportOptions, tell: Tell = silent) -> Imported:
    """Import a path of another repository, as it is in the revision that `origin` names.

    Raises:
        GitError: the repository cannot be read.
        UnknownTarget: it has no such revision, path or remote.
        DvxError: the place is taken, or cannot be tracked.
    """
    _refuse_private({option.option: value for option, value in settings_of(origin).items()}, "--remote-config")
    refuse_password(origin.url, "let Git ask a credential helper, or use SSH")
    name = os.path.basename(origin.path.rstrip("/"))
    if not origin.path.strip("/."):
        name, origin = os.path.basename(origin.url.rstrip("/")).removesuffix(".git"), replace(origin, path=".")
    path = place_for(project, name, options, tell)
    origin = _seen_from(project, origin, parent(path))
    pointer = path + project.dialect.pointer_suffix
    with Sources(project, jobs=options.jobs) as sources:
        if not options.execute:
            return write_import(project, path, Arrived(None, encode_origin(origin)), bare=True)
        there = sources.open(origin, pointer)
        there.demand_remote(origin.path)
        _warn(there.original, origin.url, tell)
        note_source(project, origin.url)
        dep = encode_origin(replace(origin, commit=there.commit))
        if not options.download:
            return write_import(project, path, Arrived(None, dep))
        room, inner = bring(there, origin.path, sources, tell)
        content = take(project, room, inner, path, tell, force=options.force)
    return write_import(project, path, Arrived(content, dep))


def import_url(project: Project, url: str, options: ImportOptions, tell: Tell = silent) -> Imported:
    """Import what is at a URL, or at a path of this machine.

    Raises:
        MissingData: nothing is there.
        RemoteError: it cannot be reached.
        DvxError: the place is taken, or cannot be tracked.
    """
    if options.to_remote and not (options.execute and options.download):
        raise UsageError("`--to-remote` needs the data", "leave out `--no-exec` and `--no-download`")
    if options.remote and not options.to_remote:
        raise UsageError("`--remote` says where `--to-remote` sends data", "add `--to-remote`, or use `push -r` later")
    _refuse_private(options.fs_config, "--fs-config")
    refuse_password(url, "make it a remote of your own, and import `remote://NAME/PATH`")
    aware = {"version_aware": "true"} if options.version_aware else {}
    source = UrlSource(project, url, project.cwd, {**options.fs_config, **aware}, options.jobs)
    if options.to_remote and source.demanded:
        raise UsageError("what a bucket keeps in versions goes to no other remote", "leave `--to-remote` out")
    path = place_for(project, source.name, options, tell)
    if source.local and within(project.abs(path), source.local):
        raise UsageError(f"`{printable(url)}` holds the place that it would go to", "name a part of it")
    written = url if is_url(url) or (os.path.isabs(url) and not within(source.local, project.root)) else ""
    fs_config = {**options.fs_config, **({"version_aware": True} if options.version_aware else {})}
    config = {"fs_config": fs_config} if fs_config else {}
    where = {"path": written or _relative_to(project, source.local, parent(path)), **config}
    if not options.execute:
        bare = Arrived(None, {"hash": project.algorithm, **where})
        return write_import(project, path, bare, bare=True, push=not source.demanded)
    there = source.look()
    push = options.to_remote or not source.keeps(there)
    said = there.entry(project.algorithm)
    if said and not options.download:
        return write_import(project, path, Arrived(None, _entry(said, where)), push=push)
    with Sources(project) as sources:
        room, inner = downloaded(project, source, there, path, sources, tell)
        if not options.download:
            return write_import(project, path, Arrived(None, {**encode_content(observed(project, room, inner, tell)), **where}))
        if options.to_remote:
            sent = BringOptions(project.abs(path), options.remote, options.jobs, options.force)
            content = add_to_remote(project, room.abs(inner), sent, AddOptions(), tell).added[0].content
        else:
            content = take(project, room, inner, path, tell, force=options.force)
        note_made(project, [content.digest])
    return write_import(project, path, Arrived(content, _entry(said or encode_content(content), where)), push=push)


def _entry(said: Mapping[str, Any], where: Mapping[str, Any]) -> dict[str, Any]:
    """What is there, then where it is, then one by one the files in it."""
    entry = {**said, **where}
    if "files" in entry:
        entry["files"] = entry.pop("files")
    return entry


def place_for(project: Project, name: str, options: ImportOptions, tell: Tell) -> str:
    """The project path that an import goes to: `options.out`, a name in it if that is a folder, or `name` where the user stands.

    A pointer without its data is replaced, if it tracks nothing else.

    Raises:
        DvxError: something else is there, or nothing can be tracked there.
    """
    typed = options.out or name
    if options.out and os.path.isdir(os.path.join(project.cwd, options.out)):
        typed = os.path.join(options.out, name)
    path = project.relative(typed)
    index = load_index(project)
    check_place(project, path, is_folder=False)
    check_owners(project, index, path)
    check_git(project, [path])
    pointer = path + project.dialect.pointer_suffix
    if not os.path.lexists(project.abs(path)):
        before = index.pointers.get(pointer)
        if before is not None and not options.force and any(output.path != path for output, _ in before.outs):
            raise taken(pointer)
        if before is not None and not before.deps and any(recorded.content for _, recorded in before.outs):
            tell(Notice(f"`{printable(pointer)}` records other data, which the import replaces", "`dvx undo` brings it back"))
        return path
    # what an interrupted import left is compared
    if os.path.lexists(project.abs(pointer)) and not options.force and not is_left(project, index, path, tell):
        raise taken(pointer)
    if not options.force and not (options.execute and options.download):
        raise taken(path)
    return path


def refuse_password(url: str, hint: str) -> None:
    """Refuse a URL with a secret in it, which would stand in a file that Git tracks; raises UsageError."""
    if redact(url) != url:
        raise UsageError(f"the secret in `{redact(url)}` would stand in a file that Git tracks", hint)


def _seen_from(project: Project, origin: Origin, folder: str) -> Origin:
    """An origin as typed, with relative paths as they are seen from the folder of its pointer."""
    is_path = not (is_url(origin.url) or is_elsewhere(origin.url) or os.path.isabs(origin.url) or origin.url.startswith("~"))
    url = _relative_to(project, origin.url, folder) if is_path else origin.url
    config = origin.config
    if isinstance(config, str) and config and not os.path.isabs(config):
        config = _relative_to(project, config, folder)
    return replace(origin, url=url, config=config)


def _relative_to(project: Project, typed: str, folder: str) -> str:
    """A path as typed, as it is seen from a folder of the project."""
    place = os.path.normpath(os.path.join(project.cwd, typed))
    return os.path.relpath(place, project.abs(folder)).replace(os.sep, "/")


def _refuse_private(options: Mapping[str, str], word: str) -> None:
    """Refuse what everybody could read, or would have to run, who has the repository."""
    private = (name for name in options if is_secret(OptionName("remote", "x", name), options[name]) or not may_be_recorded(name))
    found = next((name for name in private if name != "url"), "")
    if found:
        hint = "set it for a remote of your own with `dvx remote modify --local`, and import `remote://NAME/PATH`"
        raise UsageError(f"`{word} {found}=...` would stand in a file that Git tracks", hint)


def _warn(original: str, url: str, tell: Tell) -> None:
    """Tell that what is in no commit of a repository on this machine is not imported: nobody could get it again."""
    # to compare files, Git may run what that repository's configuration names
    git = Git.find(original) if original and not powerful(original, environment()) else None
    # what keeps Git from looking there keeps nobody from what is committed
    with contextlib.suppress(GitError):
        if git is not None and examine(git, untracked=False).is_dirty:
            text = f"`{printable(url)}` has changes that are in no commit; they are not imported"
            tell(Notice(text, "commit them, then run `dvx update`"))
