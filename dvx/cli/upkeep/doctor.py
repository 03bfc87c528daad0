"""The commands doctor and version: what dvx runs on, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from msgspec import to_builtins

from dvx.cli.common import JsonOption, cwd
from dvx.cli.session import SESSION
from dvx.cli.terminal import colour, render, units
from dvx.cli.terminal.colour import Ink
from dvx.model.paths import printable
from dvx.model.upkeep.doctor import Environment, Problem, ProblemKind
from dvx.ops.upkeep.doctor import diagnose
from dvx.ops.upkeep.environment import describe
from dvx.project import Project

# what is wrong, and the cure; `{0}` is the subject of a problem, `{1}` its detail
_WORDS = {
    ProblemKind.ERROR: ("{0}", "{1}"),
    ProblemKind.LINKS_FALL_BACK: (
        "{0} does not work between cache and workspace, so {1} is used",
        "use a file system with reflinks (XFS, Btrfs, APFS), or run `dvx config cache.type hardlink,symlink,copy`",
    ),
    ProblemKind.NO_LINK_WORKS: ("no configured link type works here: {0}", "run `dvx config cache.type reflink,copy`"),
    ProblemKind.NOT_WRITABLE: ("dvx cannot make files in `{0}`: {1}", "check who owns it, and its permissions"),
    ProblemKind.OTHER_FILE_SYSTEM: (
        "the cache `{0}` is on another file system than the workspace, so all data is copied between them",
        "put the cache onto the same one with `dvx cache dir PATH`, or run `dvx config cache.type symlink`",
    ),
    ProblemKind.PACKAGE_MISSING: ("the remote `{0}` needs a package that is not installed", "run `pip install '{1}'`"),
    ProblemKind.GIT_OLD: ("Git {0} is too old", "install Git {1} or newer"),
    ProblemKind.HOOK_MISSING: ("Git does not call dvx in hooks: {0}", "run `dvx install`, if you want it to"),
    ProblemKind.HOOK_FOREIGN: ("the hook `{0}` does not call dvx, as others do", 'add the line `{1} -- "$@"` to it'),
    ProblemKind.HOOK_NOT_EXECUTABLE: ("Git cannot run the hook `{0}`", "run `chmod +x {0}`"),
    ProblemKind.PROGRAM_MISSING: ("hooks call `{0}`, which is not on the PATH", "install it, or add its folder to the PATH"),
    ProblemKind.DRIVER_MISSING: (".gitattributes asks for the merge driver `{0}`, which is not set up", "run `dvx install`"),
    ProblemKind.STALE: ("commands that were killed left {1} in `{0}`", "the next command that writes there removes it"),
    ProblemKind.WORKER_DEAD: (
        "{0} of runs died",
        "run `dvx repro` or `dvx queue start`, which go on with what they did, or `dvx exp clean`",
    ),
    ProblemKind.GROUP_SHUT_OUT: (
        "the group may not write in {1} of the cache `{0}`, though `cache.shared` is `group`",
        "run `chmod -R g+rX {0} && find {0} -type d -exec chmod g+ws {{}} +`",
    ),
    ProblemKind.PRIVATE_READABLE: ("others can read `{0}`, which holds a secret", "run `chmod 600 {0}`"),
    ProblemKind.PRIVATE_TRACKED: (
        "the secret `{0}` is in a file that Git tracks",
        "run `dvx config --project --unset {0}` and `dvx config --local {0} VALUE`; if it was pushed, get a new one",
    ),
    ProblemKind.OWN_NOT_IGNORED: ("Git does not ignore what is dvx's own: `{0}` lacks `{1}`", "add a line for each to it"),
    ProblemKind.FOLDER_LEFT: (
        "Git does not ignore `{0}`, which holds data of commits in which this is a project of that kind",
        "write `*` into `{0}/.gitignore`",
    ),
    ProblemKind.OPTION_UNUSED: ("the option `{0}` has no effect: {1}", "take it out, unless DVC needs it"),
    ProblemKind.CLOCK_OFF: (
        "the clock of the file system of `{0}` is {1} of that of this machine",
        "set both by a time server; until then dvx may read files again, or miss a change",
    ),
    ProblemKind.EXTRA_MISSING: ("`{0}` needs a package that is not installed", "run `pip install '{1}'`"),
    ProblemKind.OUTPUT_HIDDEN: ("`{0}` is tracked, but the line `{1}` hides it", "change that line, or `dvx remove` the data"),
    ProblemKind.POINTER_IGNORED: (
        "Git ignores `{0}`, so it never gets into a commit",
        "run `git check-ignore -v {0}` to see why",
    ),
    ProblemKind.IGNORE_WRONG: ("the line `{0}` is no pattern", "correct or remove it"),
}


def doctor(*, json: JsonOption = False) -> None:
    """Check the installation and the repository, and suggest fixes.

    Exits with 1 if something does not work.

    Example: dvx doctor
    """
    found = diagnose(cwd(), SESSION.get().spoken)
    if json:
        problems = [
            {"kind": problem.kind.value, "problem": _said(problem), "cure": _cure(problem), "broken": problem.is_broken}
            for problem in found.problems
        ]
        render.json(to_builtins(found.environment) | {"problems": problems})
    else:
        _show(found.environment)
        for problem in found.problems:
            sign = colour.out("broken:", Ink.RED) if problem.is_broken else colour.out("note:", Ink.YELLOW)
            render.data(f"{sign} {_said(problem)}" + (f" -> {cure}" if (cure := _cure(problem)) else ""))
        if not found.problems:
            render.note("Nothing is wrong in the set-up.")
    if found.is_broken:
        raise typer.Exit(1)


def version() -> None:
    """Show the version and details of the environment.

    Example: dvx version
    """
    session = SESSION.get()
    _show(describe(Project.find(session.cwd) if session.here()[0] else None, session.spoken))


def _show(found: Environment) -> None:
    head = f"dvx version: {found.version}"
    for line in (head, "-" * len(head), *_lines(found)):
        render.data(line)


def _lines(found: Environment) -> Iterator[str]:
    """The lines of `dvc doctor`, in its order."""
    yield f"Platform: Python {found.python} on {found.platform} ({printable(found.executable)})"
    if found.git:
        yield f"Git: {found.git}"
    yield "Packages:"
    yield from (f"\t{name} = {number}" for name, number in found.packages.items())
    yield "Supports:"
    for scheme, packages in found.supports.items():
        needed = ", ".join(f"{name} = {number}" for name, number in packages)
        yield f"\t{scheme} ({needed})" if needed else f"\t{scheme}"
    yield "Config:"
    yield from (f"\t{level.capitalize()}: {printable(folder)}" for level, folder in found.config.items())
    if not found.repository:
        return
    yield f"Cache types: {', '.join((*found.links, 'copy'))}"
    if found.file_systems["cache"]:
        yield f"Cache directory: {found.file_systems['cache']}"
    yield f"Remotes: {', '.join(found.remotes) or 'None'}"
    if found.file_systems["workspace"]:
        yield f"Workspace directory: {found.file_systems['workspace']}"
    yield f"Repo: {found.repository}"


def _said(problem: Problem) -> str:
    return _WORDS[problem.kind][0].format(*_parts(problem))


def _cure(problem: Problem) -> str:
    return _WORDS[problem.kind][1].format(*_parts(problem))


def _parts(problem: Problem) -> tuple[str, str]:
    detail = problem.detail
    subject = problem.subject
    if problem.kind is ProblemKind.STALE:
        detail = units.count(int(detail), "thing")
    elif problem.kind is ProblemKind.GROUP_SHUT_OUT:
        detail = units.count(int(detail), "folder")
    elif problem.kind is ProblemKind.WORKER_DEAD:
        subject = units.count(int(subject), "worker")
    return printable(subject), printable(detail)
