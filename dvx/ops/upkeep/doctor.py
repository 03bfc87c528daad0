"""doctor: what is wrong in the set-up of a project."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping

from dvx.config import environment, find_root
from dvx.errors import DvxError
from dvx.git import Git, hooks
from dvx.model.dialect import NATIVE, Dialect
from dvx.model.lines import lines_of
from dvx.model.paths import ancestors, parent
from dvx.model.setup import hooks as texts
from dvx.model.setup.settings import Level
from dvx.model.setup.unused_options import why_unused
from dvx.model.upkeep.doctor import Diagnosis, Problem, ProblemKind, fall_back, is_no_pattern
from dvx.ops.setup.git_hooks import asks_for_driver
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.sources import Workspace
from dvx.ops.upkeep import doctor_places
from dvx.ops.upkeep.environment import describe, working_links
from dvx.ops.workspace.observe import links
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.support import installed, missing_package

# `git worktree list -z` and `core.fsync` came with it
OLDEST_GIT = (2, 36)


def diagnose(start: str, spoken: Dialect = NATIVE) -> Diagnosis:
    """Look at the project that the folder `start` lies in, or only at what dvx runs on where there is none. Nothing is mended."""
    if find_root(start) is None:
        return Diagnosis(describe(None, spoken))
    try:
        project = Project.find(start, spoken)
    except DvxError as error:
        return Diagnosis(describe(None, spoken), (_told(error),))
    try:
        stale = list(doctor_places.leftovers(project))
        found = describe(project)
        problems = [*_links(project), *_file_systems(project), *_places(project), *_remotes(project), *_extras(project)]
        return Diagnosis(found, (*problems, *_unused(project), *_git(project), *stale, *_tracked(project)))
    finally:
        project.close()


def _links(project: Project) -> Iterator[Problem]:
    try:
        problem = fall_back(tuple(link.value for link in links(project)), working_links(project))
    except DvxError as error:
        problem = _told(error)
    except OSError as error:
        problem = Problem(ProblemKind.NOT_WRITABLE, str(error.filename or project.cache.root), (error.strerror or "").lower())
    if problem is not None:
        yield problem


def _file_systems(project: Project) -> Iterator[Problem]:
    place = project.cache.root
    if os.path.isdir(place) and os.stat(place).st_dev != os.stat(project.root).st_dev:
        yield Problem(ProblemKind.OTHER_FILE_SYSTEM, place)


def _places(project: Project) -> Iterator[Problem]:
    yield from doctor_places.shared_cache(project)
    yield from doctor_places.secrets(project.config)
    # where no file can be made, that is told already
    with contextlib.suppress(OSError):
        yield from doctor_places.clocks(project)


def _extras(project: Project) -> Iterator[Problem]:
    if project.algorithm == "blake3" and not installed("blake3"):
        yield Problem(ProblemKind.EXTRA_MISSING, "core.hash = blake3", "dvx-vc[blake3]")
    if project.config.flag("hydra.enabled", False) and not installed("hydra-core"):
        yield Problem(ProblemKind.EXTRA_MISSING, "hydra.enabled = true", "dvx-vc[hydra]")


def _unused(project: Project) -> Iterator[Problem]:
    for setting in project.config.settings.values():
        if setting.level is not Level.ENVIRONMENT and (why := why_unused(setting.name, setting.text)):
            yield Problem(ProblemKind.OPTION_UNUSED, str(setting.name), why)


def _remotes(project: Project) -> Iterator[Problem]:
    named = {setting.name.name for setting in project.config.settings.values() if setting.name.section == "remote"}
    for name in sorted(named):
        try:
            package = missing_package(project.config.remote(name).url)
        except DvxError as error:
            yield _told(error)
            continue
        if package:
            yield Problem(ProblemKind.PACKAGE_MISSING, name, package)
    default = project.config.get("core.remote")
    if default and default.lower() not in named:
        hint = "run `dvx remote default NAME`, or `dvx remote add` it"
        yield Problem(ProblemKind.ERROR, f"there is no remote `{default}`, which `core.remote` names", hint)


def _git(project: Project) -> Iterator[Problem]:
    try:
        git = project.git
        if git is None:
            return
        found = hooks.version(git)
        if found < OLDEST_GIT:
            yield Problem(ProblemKind.GIT_OLD, *(".".join(str(number) for number in version) for version in (found, OLDEST_GIT)))
        yield from _hooks(git)
        yield from _driver(project, git)
        yield from doctor_places.ignored(project)
    except DvxError as error:
        yield _told(error)


def _hooks(git: Git) -> Iterator[Problem]:
    folder = hooks.find_folder(git)
    there = {name: _read(os.path.join(folder, name)) for name in texts.HOOKS}
    calling = {name for name, text in there.items() if texts.calls_dvx(text, name) or texts.calls_dvc(text, name)}
    if not calling and _tool_calls(git):
        return
    missing = [name for name, text in there.items() if not text and name not in calling]
    if missing:
        yield Problem(ProblemKind.HOOK_MISSING, ", ".join(missing))
    for name, text in there.items():
        if calling and text and name not in calling:
            yield Problem(ProblemKind.HOOK_FOREIGN, name, texts.call(name, git.prefix.rstrip("/")))
        if name in calling and not os.access(os.path.join(folder, name), os.X_OK):
            yield Problem(ProblemKind.HOOK_NOT_EXECUTABLE, os.path.join(folder, name))
    called = {"dvx" if texts.calls_dvx(there[name], name) else "dvc" for name in calling}
    yield from (Problem(ProblemKind.PROGRAM_MISSING, program) for program in sorted(called) if not _is_on_path(program))


def _driver(project: Project, git: Git) -> Iterator[Problem]:
    name = project.dialect.name
    if asks_for_driver(git, name) and not git.config(f"merge.{name}.driver"):
        yield Problem(ProblemKind.DRIVER_MISSING, name)


def _tracked(project: Project) -> Iterator[Problem]:
    try:
        index = load_index(project)
        names = [*index.pointers, *index.pipelines, *index.locks]
        yield from _ignore_files(project, {"", *(parent(name) for name in names)})
        yield from _hidden(project, index)
        if project.git is not None:
            yield from (Problem(ProblemKind.POINTER_IGNORED, path) for path in _ignored(project, project.git, index))
    except DvxError as error:
        yield _told(error)


def _ignored(project: Project, git: Git, index: Index) -> list[str]:
    """Files of dvx that Git ignores, but for what lies in folders that it ignores as a whole: those are not the project's."""
    found: list[str] = []

    def inside(folder: str, named: Mapping[str, bytes]) -> set[str]:
        found.extend(f"{folder}/{name}" if folder else name for name in named)
        return set(index.by_path)

    Workspace(project, everything=True).machinery(inside)
    ignored = git.ignored(found) if found else set()
    folders = {above for path in ignored for above in ancestors(path)}
    whole = git.ignored(folders) if folders else set()
    return sorted(path for path in ignored if whole.isdisjoint(ancestors(path)))


def _ignore_files(project: Project, folders: Iterable[str]) -> Iterator[Problem]:
    """Lines that match nothing, in the ignore files of these folders."""
    for folder in sorted(folders):
        name = f"{folder}/{project.dialect.ignore}" if folder else project.dialect.ignore
        for number, line in enumerate(lines_of(_read(project.abs(name)).removeprefix("\ufeff")), 1):
            if is_no_pattern(line):
                yield Problem(ProblemKind.IGNORE_WRONG, f"{name}:{number}:{line}")


def _hidden(project: Project, index: Index) -> Iterator[Problem]:
    """Tracked paths that an ignore file names, so that commands pass them over."""
    ignore = Ignore(project)
    for path, tracked in index.by_path.items():
        content = tracked.recorded.content if tracked.recorded else None
        is_folder = os.path.isdir(project.abs(path)) or (content is not None and content.digest.is_tree)
        rule = ignore.ruling(path, is_folder)
        if rule is not None:
            yield Problem(ProblemKind.OUTPUT_HIDDEN, path, f"{rule.file}:{rule.line}:{rule.text}")


def _tool_calls(git: Git) -> bool:
    """Whether the tool pre-commit is configured to call dvx."""
    return any(texts.calls_dvx(_read(os.path.join(git.top, ".pre-commit-config.yaml")), name) for name in texts.HOOKS)


def _is_on_path(program: str) -> bool:
    folders = environment().get("PATH", os.defpath).split(os.pathsep)
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in folders)


def _read(place: str) -> str:
    try:
        return os.fsdecode(files.read(place))
    except OSError:
        return ""


def _told(error: DvxError) -> Problem:
    return Problem(ProblemKind.ERROR, error.message, error.hint)
