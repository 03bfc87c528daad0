"""What the machine has for stages to run on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from dvx.errors import ConfigError, DvxError, SchemaError
from dvx.model.pipelines.run_settings import decode_amounts
from dvx.model.pipelines.schedule import short_of
from dvx.model.pipelines.stage import Stage
from dvx.model.setup.options import split_words
from dvx.project import Project

_CARD = re.compile(r"nvidia[0-9]+")
_VISIBLE = "CUDA_VISIBLE_DEVICES"


def cards(project: Project, limits: Mapping[str, float]) -> tuple[str, ...]:
    """The names of the graphics cards that stages may have."""
    names = _visible(project)
    count = int(limits.get("gpu", len(names)))
    return (*names, *(str(number) for number in range(len(names), count)))[:count]


def find_limits(project: Project, stages: Mapping[str, Stage]) -> dict[str, float]:
    """How much there is of each resource that stages take. `DVX_RESOURCES` and `core.resources` say more, or other, than the
    machine does; of a name that nobody knows there is one.
    """
    limits = {"cpu": float(_cores()), "memory": float(_memory()), "gpu": float(len(_visible(project)))} | _configured(project)
    for stage in stages.values():
        for name in stage.run.resources:
            limits.setdefault(name, 1.0)
    return limits


def check_resources(stage: Stage, limits: Mapping[str, float]) -> None:
    """Refuse to run a stage that could never get what it takes.

    Raises:
        DvxError: it wants more than there is.
    """
    name = short_of(stage.run.resources, limits)
    if name:
        hint = f"say what there is: `DVX_RESOURCES={name}=N`, or in dvx's own repositories `dvx config core.resources {name}=N`"
        wanted, there = stage.run.resources[name], limits[name]
        raise DvxError(f"the stage `{stage.address}` needs {wanted:g} of `{name}`, and there are {there:g}", hint)


def default_jobs(project: Project) -> int:
    """How many stages run at once if nobody says it: as many as there are cores, and in a DVC repository one, as DVC does."""
    text = project.config.environ.get("DVX_JOBS") or project.config.get("core.jobs")
    if text:
        if not text.isdecimal():
            raise ConfigError(f"`{text}` is no number of jobs", "set `DVX_JOBS` or `core.jobs` to a whole number")
        return int(text) or _cores()
    return _cores() if project.dialect.runs_in_parallel else 1


def all_cores() -> int:
    """How many cores this process may use."""
    return _cores()


def _configured(project: Project) -> dict[str, float]:
    text = project.config.environ.get("DVX_RESOURCES") or project.config.get("core.resources") or ""
    found: dict[str, float | str] = {}
    for word in (part for one in split_words(text) for part in one.split()):
        name, equals, amount = word.partition("=")
        if not equals:
            raise ConfigError(f"`{word}` says nothing about a resource", "write `NAME=AMOUNT`, as in `gpu=2,license=3`")
        found[name] = float(amount) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", amount) else amount
    try:
        return decode_amounts(found, ())
    except SchemaError as error:
        raise ConfigError(f"`{text}` cannot be read as resources: {error.message}", "write `gpu=2,memory=16GiB`") from None


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 62


def _visible(project: Project) -> tuple[str, ...]:
    text = project.config.environ.get(_VISIBLE)
    if text is not None:
        return tuple(word.strip() for word in text.split(",") if word.strip() and word.strip() != "-1")
    try:
        return tuple(str(number) for number, _ in enumerate(filter(_CARD.fullmatch, os.listdir("/dev"))))
    except OSError:
        return ()
