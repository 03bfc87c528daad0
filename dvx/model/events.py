"""What an operation may tell while it works."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Progress(Struct, frozen=True):
    """`done` of `total` `unit`s of `task`; `total` is None while it is unknown."""

    task: str
    done: int
    total: int | None
    unit: str = "files"


class TransferPlanned(Struct, frozen=True):
    """Objects of `bytes` in all (at least, where some sizes are not known) are about to be copied to or from `remote`."""

    task: str
    remote: str
    objects: int
    bytes: int
    requests: int


class Transferred(Struct, frozen=True):
    """What a transfer has copied so far; a total is None while it is unknown."""

    task: str
    objects: int
    bytes: int
    total_objects: int
    total_bytes: int | None


class Interrupted(Struct, frozen=True):
    """A transfer was stopped by the user; what it copied is kept."""

    task: str
    objects: int
    bytes: int


class Notice(Struct, frozen=True):
    """Something the user should know; the work goes on. `place` is where in a file the cause stands, as `FILE:LINE:COLUMN`."""

    message: str
    hint: str = ""
    place: str = ""


class StageStarted(Struct, frozen=True):
    """A stage's command starts; `why` says the reasons in words, `shared` that other commands may run at the same time."""

    stage: str
    command: str
    why: tuple[str, ...]
    shared: bool = False


class StageSkipped(Struct, frozen=True):
    """Nothing changed."""

    stage: str


class StageRestored(Struct, frozen=True):
    """The outputs of an earlier, equal run were restored."""

    stage: str


class StageOutput(Struct, frozen=True):
    """Bytes that a running command wrote, as they came, none when it has failed; `shared` if other commands may write at the
    same time.
    """

    stage: str
    data: bytes
    shared: bool = False


class StageRetrying(Struct, frozen=True):
    """Attempt number `attempt` of at most `attempts` failed; the next one starts after `pause` seconds."""

    stage: str
    attempt: int
    attempts: int
    pause: float
    message: str


class StageEnded(Struct, frozen=True):
    """A stage's command ended and its outputs are recorded; `seconds` is wall time."""

    stage: str
    seconds: float


Event = (
    Progress
    | TransferPlanned
    | Transferred
    | Interrupted
    | Notice
    | StageStarted
    | StageSkipped
    | StageRestored
    | StageOutput
    | StageRetrying
    | StageEnded
)
Tell = Callable[[Event], None]


def is_item(stage: str) -> bool:
    """Whether what an event calls a stage is an item of one that maps: there may be thousands."""
    return stage.endswith("]")


def silent(event: Event) -> None:
    """A listener that does not listen."""
