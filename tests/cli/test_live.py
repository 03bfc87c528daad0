"""What is shown of stages that run at once."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from dvx.cli.terminal import render
from dvx.cli.terminal.live import Live
from dvx.model.events import Progress, StageOutput
from tests.helpers import dvx, write


def test_each_stage_has_a_line_with_its_time_and_its_last_words() -> None:
    live = Live()
    assert live.lines(0.0, 80) == []
    live.start("train", 10.0)
    live.start("a", 12.0)
    live.hear("train", b"epoch 1\nepoch 2\n\n")
    live.hear("a", b" 10 %\r 20 %\r")
    live.hear("nobody", b"x")
    assert live.lines(75.0, 80) == [
        "running 2",
        "  train   1 min 5 s  epoch 2",
        "  a       1 min 3 s  20 %",
    ]
    live.end("train")
    assert live.lines(75.0, 20) == ["running 1, 1 done", "  a   1 min 3 s  20"]
    live.end("a")
    live.end("a")
    assert live.lines(75.0, 80) == []


def test_of_many_stages_the_longest_are_shown() -> None:
    live = Live()
    for number in range(12):
        live.start(f"s{number}", float(number))
    lines = live.lines(100.0, 80)
    assert (lines[0], lines[1].split()[0], lines[-1], len(lines)) == ("running 12", "s0", "  and 4 more", 10)


def test_endless_lines_are_shown_in_pieces(capsys) -> None:  # type: ignore[no-untyped-def]
    tell = render.terminal()
    for _ in range(3):
        tell(StageOutput("s", b"x" * 60_000, shared=True))
    assert capsys.readouterr().err == f"s | {'x' * 120_000}\n"


def test_on_a_terminal_the_foot_is_drawn_and_taken_away(native: Path) -> None:
    lines = [f"  s{i}: {{cmd: 'echo said {i}; sleep 1.5', deps: [dvx.yaml]}}\n" for i in range(2)]
    write(native / "dvx.yaml", "stages:\n" + "".join(lines))
    master, slave = os.openpty()
    with subprocess.Popen(["dvx", "repro", "-j", "2"], cwd=native, stdin=subprocess.DEVNULL, stderr=slave) as run:
        os.close(slave)
        seen = b""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                data = os.read(master, 4096)
            except OSError:
                break
            if not data:
                break
            seen += data
        assert run.wait(10) == 0
    os.close(master)
    text = seen.decode().replace("\r\n", "\n")
    assert re.search(r"running 2\n  s[01]", text)
    assert re.search(r"  s1 +[12]\.\d s  said 1", text)
    assert re.fullmatch(r"Stages: 2 ran; commands took 3\.\d s", _final(text).splitlines()[-2])
    assert _final(text).splitlines()[-1] == "Use `dvx push` to send your updates to remote storage."
    assert "running" not in _final(text).replace("Running", "")


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_the_items_of_a_stage_have_one_line_of_progress(native: Path, jobs: str) -> None:
    over = ", ".join(f"i{number}" for number in range(12))
    stage = f"  s: {{cmd: 'echo said; echo $DVX_ITEM > $DVX_OUT', map: {{over: [{over}]}}, outs: [made]}}\n"
    write(native / "dvx.yaml", f"stages:\n{stage}")
    err = dvx(native, "repro", "-j", jobs).err
    assert err.count("Running stage") == 1
    assert len(re.findall(r"Stage 's' done in", err)) == 1
    assert err.count("done in") == 1
    assert err.count("said\n") == 12


def test_long_work_tells_how_far_it_is_where_no_line_can_be_written_anew(capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    tell = render.terminal()
    now = time.monotonic()
    for number in range(100):
        monkeypatch.setattr(render.time, "monotonic", lambda number=number: now + number)
        tell(Progress("running 's'", number, 100, "items"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 9
    assert re.fullmatch(r"running 's' \d+/100 items", lines[0])


@pytest.mark.parametrize("variables", [{"JPY_PARENT_PID": "1"}, {"PAGER": "cat", "GIT_PAGER": "cat"}])
def test_in_a_notebook_there_are_plain_lines(native: Path, variables: dict[str, str]) -> None:
    lines = [f"  s{i}: {{cmd: 'echo said {i}; sleep 0.2', deps: [dvx.yaml]}}\n" for i in range(2)]
    write(native / "dvx.yaml", "stages:\n" + "".join(lines))
    master, slave = os.openpty()
    environment = {**os.environ, "TERM": "xterm-color", "NO_COLOR": "1", **variables}
    with subprocess.Popen(["dvx", "repro", "-j", "2"], cwd=native, stdin=slave, stderr=slave, env=environment) as run:
        os.close(slave)
        assert run.wait(60) == 0
    text = os.read(master, 65_536).decode().replace("\r\n", "\n")
    os.close(master)
    assert "s1 | said 1\n" in text
    assert "\x1b" not in text
    assert "\r" not in text


def _final(text: str) -> str:
    """What is on the screen at the end."""
    rows, row = [""], 0
    for part in re.split(r"(\r|\n|\x1b\[K|\x1b\[A|\x1b\[\d*m)", text):
        if part == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif part == "\x1b[A":
            row = max(row - 1, 0)
        elif part == "\x1b[K":
            rows[row] = ""
        elif part != "\r" and not part.startswith("\x1b"):
            rows[row] += part
    return "\n".join(rows)
