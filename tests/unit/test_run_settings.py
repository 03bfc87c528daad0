"""Facts about the settings of runs."""

from __future__ import annotations

from typing import Any

import pytest

from dvx.errors import SchemaError
from dvx.model.pipelines.run_settings import PLAIN, Retry, decode_run
from dvx.model.quantities import seconds, size


def test_everything_has_a_default() -> None:
    assert decode_run(None, (), records_env=True) == PLAIN
    assert decode_run({}, (), records_env=True) == PLAIN
    assert decode_run({"timeout": None}, (), records_env=True) == PLAIN
    assert PLAIN.retry.pause(1, 1) is None


def test_settings_are_read() -> None:
    raw = {
        "retry": {"maximum_attempts": 3, "initial_interval": "2s", "maximum_interval": "1m", "non_retryable_exit_codes": [2]},
        "timeout": "1h",
        "heartbeat": 30,
        "resources": {"cpu": 2, "memory": "4GiB", "gpu": 1, "license": 1},
        "env": {"SEED": 7, "FAST": True, "NAME": "x"},
        "shell": "bash",
    }
    run = decode_run(raw, (), records_env=True)
    assert (run.timeout, run.heartbeat, run.shell) == (3600.0, 30.0, "bash")
    assert run.resources == {"cpu": 2.0, "memory": 4 << 30, "gpu": 1.0, "license": 1.0}
    assert run.env == {"SEED": "7", "FAST": "true", "NAME": "x"}
    assert run.retry == Retry(3, 2.0, 2.0, 60.0, (2,))
    assert decode_run({"retry": 4}, (), records_env=True).retry.maximum_attempts == 4


def test_pauses_grow_up_to_a_limit() -> None:
    retry = Retry(maximum_attempts=6, initial_interval=1.0, backoff_coefficient=3.0, maximum_interval=5.0)
    assert [retry.pause(attempt, 1) for attempt in range(1, 7)] == [1.0, 3.0, 5.0, 5.0, 5.0, None]
    assert Retry(maximum_attempts=10**9, backoff_coefficient=1e6).pause(10**6, 1) == 100.0
    assert Retry(3, non_retryable_exit_codes=(2, 3)).pause(1, 3) is None


@pytest.mark.parametrize(
    ("raw", "where", "message"),
    [
        ({"timout": 5}, ("timout",), "unknown key `timout`"),
        ({"retry": {"attempts": 5}}, ("retry", "attempts"), "unknown key `attempts`"),
        ({"retry": 0}, ("retry", "maximum_attempts"), "a whole number of at least 1"),
        ({"retry": {"backoff_coefficient": 0.5}}, ("retry", "backoff_coefficient"), "at least 1"),
        ({"retry": {"non_retryable_exit_codes": [0]}}, ("retry", "non_retryable_exit_codes"), "exit codes from 1 to 255"),
        ({"timeout": "soon"}, ("timeout",), "a duration, as `30s`"),
        ({"timeout": 0}, ("timeout",), "above 0"),
        ({"timeout": -1}, ("timeout",), "a duration"),
        ({"heartbeat": [1]}, ("heartbeat",), "a duration"),
        ({"resources": {"gpu": 0.5}}, ("resources", "gpu"), "whole number of devices"),
        ({"resources": {"memory": "much"}}, ("resources", "memory"), "a size, as `500MB`"),
        ({"resources": {"cpu": True}}, ("resources", "cpu"), "a number"),
        ({"resources": 3}, ("resources",), "a mapping of names to amounts"),
        ({"env": {"A=B": 1}}, ("env",), "no name of a variable"),
        ({"env": {"A": None}}, ("env", "A"), "a text is expected, not nothing"),
        ({"shell": ""}, ("shell",), "a shell"),
        ("fast", (), "a mapping is expected, not `fast`"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(raw: Any, where: tuple[str, ...], message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        decode_run(raw, ("s", "run"), records_env=True)
    assert message in caught.value.message
    assert caught.value.where == ("s", "run", *where)


def test_without_a_place_for_it_in_the_lock_env_is_refused() -> None:
    with pytest.raises(SchemaError, match="no place for `env`"):
        decode_run({"env": {"A": "1"}}, (), records_env=False)


@pytest.mark.parametrize(
    ("written", "value"),
    [(90, 90.0), ("90", 90.0), ("1.5m", 90.0), ("200ms", 0.2), ("2h", 7200.0), ("1d", 86400.0), ("3 min", 180.0)],
)
def test_durations(written: Any, value: float) -> None:
    assert seconds(written) == value


@pytest.mark.parametrize(
    ("written", "value"), [(5, 5), ("5", 5), ("1kB", 1000), ("1 KiB", 1024), ("1.5G", 1_500_000_000), ("2TiB", 2 << 40)]
)
def test_sizes(written: Any, value: int) -> None:
    assert size(written) == value


@pytest.mark.parametrize("written", ["", "x", "1e3", "-1", "1 2", None, True, float("inf"), float("nan"), -1])
def test_no_quantity(written: Any) -> None:
    with pytest.raises(ValueError, match="is expected"):
        seconds(written)
    with pytest.raises(ValueError, match="is expected"):
        size(written)
