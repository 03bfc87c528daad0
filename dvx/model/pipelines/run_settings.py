"""RunSettings: how a stage's command is run, whatever it does: retries, limits of time, resources, environment, shell.

They are read by hand: the errors of `msgspec.convert` do not say which name of a mapping they are about (`$.resources[...]`), nor
with what to compare an unknown one for a hint, and it knows neither durations nor sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from dvx.errors import SchemaError, nearest
from dvx.model.quantities import seconds, size

Where = tuple[str | int, ...]
_SHOWN = 40


class Retry(Struct, frozen=True):
    """When a failed command runs again; intervals are seconds. The words are Temporal's."""

    maximum_attempts: int = 1
    initial_interval: float = 1.0
    backoff_coefficient: float = 2.0
    maximum_interval: float | None = None
    non_retryable_exit_codes: tuple[int, ...] = ()

    def pause(self, attempt: int, code: int) -> float | None:
        """How long to wait after an attempt (1, 2...) that ended with `code`; None when there is to be no other."""
        if attempt >= self.maximum_attempts or code in self.non_retryable_exit_codes:
            return None
        # as Temporal has it: a hundred times the first
        most = 100 * self.initial_interval if self.maximum_interval is None else self.maximum_interval
        try:
            return min(most, self.initial_interval * self.backoff_coefficient ** (attempt - 1))
        except OverflowError:
            return most


class RunSettings(Struct, frozen=True):
    """`timeout` and `heartbeat` are seconds, None for no limit. With `snapshot` the command works in a clone of what it needs,
    or a `copy` where nothing can be cloned. `resources` are amounts that a run takes: `cpu` cores,
    `memory` bytes, `gpu` devices, and tokens of any other name. `env` is part of what makes two runs equal; `shell` is not.
    """

    retry: Retry = Retry()
    timeout: float | None = None
    heartbeat: float | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    shell: str = ""
    snapshot: bool | str = False


PLAIN = RunSettings()


def decode_run(raw: Any, where: Where, *, records_env: bool) -> RunSettings:
    """Read the settings as written. Without `records_env` there is no place for `env` in the lock, so it is refused.

    Raises:
        SchemaError: an unknown key or a value that makes no sense.
    """
    if raw is None:
        return PLAIN
    _known(raw, RUN, where)
    if raw.get("env") and not records_env:
        hint = "write the variables into `cmd`: `NAME=value command`"
        raise SchemaError("DVC's lock has no place for `env`, so a change of it would go unseen", (*where, "env"), hint)
    found = {key: decode(raw[key], (*where, key)) for key, decode in RUN.items() if raw.get(key) is not None}
    return RunSettings(**found)


def has_settings(raw: Any) -> bool:
    """Whether a mapping called `run` that may mean something else is meant for us."""
    return isinstance(raw, Mapping) and any(key in RUN for key in raw)


def decode_amounts(raw: Any, where: Where) -> dict[str, float]:
    """Read amounts of resources by name."""
    if not isinstance(raw, Mapping):
        raise SchemaError(f"a mapping of names to amounts is expected, not {_seen(raw)}", where)
    return {str(name): _amount(str(name), value, (*where, name)) for name, value in raw.items()}


def _amount(name: str, value: Any, where: Where) -> float:
    if name == "memory":
        return _quantity(size)(value, where)
    amount = _number(value, where)
    if name == "gpu" and amount != int(amount):
        raise SchemaError(f"a whole number of devices is expected, not {_seen(value)}", where)
    return amount


def _retry(raw: Any, where: Where) -> Retry:
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = {"maximum_attempts": raw}
    _known(raw, RETRY, where)
    return Retry(**{key: decode(raw[key], (*where, key)) for key, decode in RETRY.items() if raw.get(key) is not None})


def _env(raw: Any, where: Where) -> dict[str, str]:
    if not isinstance(raw, Mapping):
        raise SchemaError(f"a mapping of names to values is expected, not {_seen(raw)}", where)
    found = {}
    for name, value in raw.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise SchemaError(f"{_seen(name)} is no name of a variable", where)
        if isinstance(value, (Mapping, list)) or value is None:
            raise SchemaError(f"a text is expected, not {_seen(value)}", (*where, name))
        found[name] = ("false", "true")[value] if isinstance(value, bool) else str(value)
    return found


def _shell(raw: Any, where: Where) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise SchemaError(f"the name or path of a shell is expected, not {_seen(raw)}", where)
    return raw


def _snapshot(raw: Any, where: Where) -> bool | str:
    if raw != "copy" and not isinstance(raw, bool):
        raise SchemaError(f"`true`, `false` or `copy` is expected, not {_seen(raw)}", where)
    return bool(raw) if raw != "copy" else "copy"


def _count(value: Any, where: Where) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SchemaError(f"a whole number of at least 1 is expected, not {_seen(value)}", where)
    return value


def _number(value: Any, where: Where) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise SchemaError(f"a number that is not negative is expected, not {_seen(value)}", where)
    return float(value)


def _factor(value: Any, where: Where) -> float:
    found = _number(value, where)
    if found < 1:
        raise SchemaError(f"a number of at least 1 is expected, not {_seen(value)}", where)
    return found


def _codes(value: Any, where: Where) -> tuple[int, ...]:
    codes = value if isinstance(value, list) else [value]
    if not all(isinstance(code, int) and not isinstance(code, bool) and 0 < code < 256 for code in codes):
        raise SchemaError("exit codes from 1 to 255 are expected", where)
    return tuple(codes)


def _quantity(read: Callable[[Any], float]) -> Callable[[Any, Where], float]:
    def decode(value: Any, where: Where) -> float:
        try:
            return read(value)
        except ValueError as error:
            raise SchemaError(str(error), where) from None

    return decode


def _limit(value: Any, where: Where) -> float:
    found = _quantity(seconds)(value, where)
    if not found:
        raise SchemaError("a duration above 0 is expected", where, "leave it out for no limit")
    return found


def _known(raw: Any, known: Mapping[str, Any], where: Where) -> None:
    if not isinstance(raw, Mapping):
        raise SchemaError(f"a mapping is expected, not {_seen(raw)}", where)
    for key in raw:
        if key not in known:
            raise SchemaError(f"unknown key `{key}`", (*where, key), nearest(str(key), known))


def _seen(value: Any) -> str:
    text = str(value)
    return "nothing" if value is None else f"`{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}`"


RETRY: Mapping[str, Callable[[Any, Where], Any]] = {
    "maximum_attempts": _count, "initial_interval": _quantity(seconds), "backoff_coefficient": _factor,
    "maximum_interval": _quantity(seconds), "non_retryable_exit_codes": _codes,
}  # fmt: skip
RUN: Mapping[str, Callable[[Any, Where], Any]] = {
    "retry": _retry, "timeout": _limit, "heartbeat": _limit, "resources": decode_amounts, "env": _env, "shell": _shell,
    "snapshot": _snapshot,
}  # fmt: skip
