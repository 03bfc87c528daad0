"""How far a transfer is, as it is shown."""

from __future__ import annotations

import pytest

from dvx.cli.terminal import render
from dvx.cli.terminal.progress import Meter
from dvx.model.events import TransferPlanned, Transferred


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    meter = Meter()
    assert meter.text(Transferred("push", 0, 0, 200, 2_000_000), 10.0, bar=False) == "push 0/200 objects, 0 B/2.0 MB"
    line = meter.text(Transferred("push", 50, 500_000, 200, 2_000_000), 12.0, bar=True)
    assert line == "push [#####...............] 50/200 objects, 500.0 kB/2.0 MB, 250.0 kB/s, 6 s left"


@pytest.mark.parametrize(("seconds", "text"), [(100, "1 min 40 s left"), (4000, "1 h 06 min left")])
def test_long_times_are_in_minutes_and_hours(seconds: int, text: str) -> None:
    meter = Meter()
    meter.text(Transferred("fetch", 0, 0, 2, 20), 0.0, bar=False)
    assert meter.text(Transferred("fetch", 1, 10, 2, 20), float(seconds), bar=False).endswith(text)


def test_without_sizes_objects_count() -> None:
    meter = Meter()
    meter.text(Transferred("fetch", 0, 0, 4, None), 0.0, bar=False)
    line = meter.text(Transferred("fetch", 1, 1000, 4, None), 1.0, bar=True)
    assert line == "fetch [#####...............] 1/4 objects, 1.0 kB, 1.0 kB/s, 3 s left"


def test_each_transfer_is_timed_anew() -> None:
    meter = Meter()
    meter.text(Transferred("push", 0, 0, 4, 4), 0.0, bar=False)
    assert meter.text(Transferred("fetch", 1, 1, 4, 4), 100.0, bar=False) == "fetch 1/4 objects, 1 B/4 B"


def test_only_a_large_transfer_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    tell = render.terminal()
    tell(TransferPlanned("push", "storage", 999, 1000, 3))
    assert capsys.readouterr().err == ""
    tell(TransferPlanned("push", "storage", 1000, 1000, 3))
    tell(TransferPlanned("fetch", "storage", 2, 5 << 30, 2))
    assert capsys.readouterr().err == (
        "1,000 objects to push to `storage` (1.0 kB, about 3 requests)\n"
        "2 objects to fetch from `storage` (5.4 GB, at most 2 requests)\n"
    )


def test_lines_are_few_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr("dvx.cli.terminal.render.time.monotonic", lambda: now[0])
    tell = render.terminal()
    for second in range(25):
        now[0] = float(second)
        tell(Transferred("push", second, second, 30, 30))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["push 10/30 objects", "push 20/30 objects"]


def test_a_terminal_shows_one_line_that_changes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    tell = render.terminal()
    tell(Transferred("push", 1, 1, 2, 2))
    tell(Transferred("push", 2, 2, 2, 2))
    err = capsys.readouterr().err
    assert err.endswith("\r\x1b[Kpush [####################] 2/2 objects, 2 B/2 B\r\x1b[K")
    assert "\n" not in err
