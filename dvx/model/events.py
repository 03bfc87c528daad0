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


class Notice(Struct, frozen=True):
    """Something the user should know; the work goes on."""

    message: str
    hint: str = ""


class StageStarted(Struct, frozen=True):
    """A stage's command starts; `why` says the reasons in words."""

    stage: str
    command: str
    why: tuple[str, ...]


class StageSkipped(Struct, frozen=True):
    """Nothing changed."""

    stage: str


class StageRestored(Struct, frozen=True):
    """The outputs of an earlier, equal run were restored."""

    stage: str


class StageOutput(Struct, frozen=True):
    """Bytes that a running command wrote, as they came."""

    stage: str
    data: bytes


class StageEnded(Struct, frozen=True):
    """A stage's command ended and its outputs are recorded; `seconds` is wall time."""

    stage: str
    seconds: float


Event = Progress | Notice | StageStarted | StageSkipped | StageRestored | StageOutput | StageEnded
Tell = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that does not listen."""
