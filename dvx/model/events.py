"""What an operation may tell while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` `unit`s of `task`; `total` is None while it is unknown."""

    task: str
    done: int
    total: int | None
    unit: str = "files"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know; the work goes on."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage's command starts; `why` says the reasons in words."""

    stage: str
    command: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageSkipped:
    """Nothing changed."""

    stage: str


@dataclass(frozen=True, slots=True)
class StageRestored:
    """The outputs of an earlier, equal run were restored."""

    stage: str


@dataclass(frozen=True, slots=True)
class StageOutput:
    """Bytes that a running command wrote, as they came."""

    stage: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage's command ended and its outputs are recorded; `seconds` is wall time."""

    stage: str
    seconds: float


Event = Progress | Notice | StageStarted | StageSkipped | StageRestored | StageOutput | StageEnded
Tell = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that does not listen."""
