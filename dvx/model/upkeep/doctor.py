"""What dvx runs on, and what can be wrong with that."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct, field


class ProblemKind(Enum):
    """What is wrong; the comment says what `subject` and `detail` of such a problem are."""

    ERROR = "error"  # a message and its hint
    LINKS_FALL_BACK = "links-fall-back"  # the link types that do not work; the one that is used
    NO_LINK_WORKS = "no-link-works"  # the configured link types
    NOT_WRITABLE = "not-writable"  # where no file can be made; what the system says
    OTHER_FILE_SYSTEM = "other-file-system"  # where the cache is
    PACKAGE_MISSING = "package-missing"  # a remote; what to install
    GIT_OLD = "git-old"  # the version that there is; the one that is needed
    HOOK_MISSING = "hook-missing"  # hooks
    HOOK_FOREIGN = "hook-foreign"  # a hook that does not call dvx; the call
    HOOK_NOT_EXECUTABLE = "hook-not-executable"  # a file
    PROGRAM_MISSING = "program-missing"  # a program that hooks call
    DRIVER_MISSING = "driver-missing"  # the merge driver that .gitattributes asks for
    STALE = "stale"  # a folder; how many things in it
    WORKER_DEAD = "worker-dead"  # how many
    GROUP_SHUT_OUT = "group-shut-out"  # where the cache is; how many folders
    PRIVATE_READABLE = "private-readable"  # a configuration file
    PRIVATE_TRACKED = "private-tracked"  # an option
    OWN_NOT_IGNORED = "own-not-ignored"  # an ignore file of Git; the lines that it lacks
    FOLDER_LEFT = "folder-left"  # the folder of the other dialect
    CLOCK_OFF = "clock-off"  # a folder; by how much the clock of its file system is wrong
    OPTION_UNUSED = "option-unused"  # an option; why dvx does not use it
    EXTRA_MISSING = "extra-missing"  # an option with its value; what to install
    OUTPUT_HIDDEN = "output-hidden"  # a tracked path; the rule that hides it
    POINTER_IGNORED = "pointer-ignored"  # a file that belongs into Git
    IGNORE_WRONG = "ignore-wrong"  # the line of an ignore file, with its place


BROKEN = frozenset({
    ProblemKind.ERROR, ProblemKind.NO_LINK_WORKS, ProblemKind.NOT_WRITABLE, ProblemKind.PACKAGE_MISSING,
    ProblemKind.GIT_OLD, ProblemKind.HOOK_NOT_EXECUTABLE, ProblemKind.PROGRAM_MISSING, ProblemKind.DRIVER_MISSING,
    ProblemKind.OUTPUT_HIDDEN, ProblemKind.POINTER_IGNORED, ProblemKind.IGNORE_WRONG, ProblemKind.EXTRA_MISSING,
    ProblemKind.GROUP_SHUT_OUT, ProblemKind.OWN_NOT_IGNORED, ProblemKind.FOLDER_LEFT,
})  # fmt: skip

_SECONDS_APART = 3.0


class Problem(Struct, frozen=True):
    """One thing that is wrong."""

    kind: ProblemKind
    subject: str
    detail: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether something does not work because of it; else it only costs time or space, or may be meant."""
        return self.kind in BROKEN


class Environment(Struct, frozen=True):
    """What dvx runs on. What belongs to a repository is empty outside of one.

    `supports` are schemes of remotes with packages and their versions; `links` are the link types that work between cache and
    workspace; `file_systems` says where the cache and the workspace are.
    """

    version: str
    python: str
    platform: str
    executable: str
    git: str
    packages: Mapping[str, str]
    supports: Mapping[str, tuple[tuple[str, str], ...]]
    config: Mapping[str, str]
    links: tuple[str, ...] = ()
    file_systems: Mapping[str, str] = field(default_factory=dict)
    remotes: tuple[str, ...] = ()
    repository: str = ""


class Diagnosis(Struct, frozen=True):
    """The environment and what is wrong in it."""

    environment: Environment
    problems: tuple[Problem, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether something does not work."""
        return any(problem.is_broken for problem in self.problems)


def fall_back(configured: tuple[str, ...], working: tuple[str, ...]) -> Problem | None:
    """What is to be said of the link types that are configured, of which some work; copying always does."""
    works = (*working, "copy")
    used = next((link for link in configured if link in works), "")
    if not used:
        return Problem(ProblemKind.NO_LINK_WORKS, ", ".join(configured))
    idle = configured[: configured.index(used)]
    return Problem(ProblemKind.LINKS_FALL_BACK, ", ".join(idle), used) if idle else None


def clock_is_off(ahead: float) -> bool:
    """Whether clocks that are so many seconds apart do harm; file systems round times, to two seconds at worst."""
    return abs(ahead) > _SECONDS_APART


def is_no_pattern(line: str) -> bool:
    """Whether a line of an ignore file matches nothing: only `!` and slashes, or a mark of a conflict."""
    text = line.strip()
    return bool(text) and (not text.lstrip("!").strip("/") or text.startswith(("<<<<<<<", "=======", ">>>>>>>")))
