"""What stands on a line of stderr, and what begins a new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvx.cli.terminal import render
from dvx.model.events import Notice, Progress, StageOutput
from tests.helpers import dialect_of, run_dvx, write

FAILS = "stages:\n  a: {cmd: 'printf abc; exit 3'}\n  b: {cmd: 'true'}\n"


@pytest.mark.parametrize(("words", "title"), [(["repro", "-j1"], "error"), (["repro", "-j1", "-k"], "note")])
def test_a_failure_begins_a_line_after_output_without_an_end(dialect_repo: Path, words: list[str], title: str) -> None:
    pipeline = dialect_of(dialect_repo).pipeline
    write(dialect_repo / pipeline, FAILS)
    err = run_dvx(dialect_repo, *words).err
    begin = f"\nabc\n{pipeline}:2:3: {title}: the stage `a` failed: "
    # which stands above is not said again
    assert f"{begin}`printf abc; exit 3` exited with 3{'; ' if title == 'note' else chr(10) + 'hint: '}its output is in `" in err


def test_the_output_of_a_failure_is_said_again_only_if_something_stands_between(capsys: pytest.CaptureFixture[str]) -> None:
    tell = render.terminal()
    tell(StageOutput("s", b"one\ntwo\n"))
    render.error("failed\n  | one\n  | two", "mend it")
    tell(StageOutput("s", b"one\ntwo\n", shared=True))
    tell(Notice("failed\n  | one\n  | two"))
    tell(StageOutput("other", b"three\n", shared=True))
    render.error("failed\n  | one\n  | two")
    told = capsys.readouterr().err
    assert told == (
        "one\ntwo\nerror: failed\nhint: mend it\ns | one\ns | two\nnote: failed\nother | three\nerror: failed\n  | one\n  | two\n"
    )


def test_output_stays_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    tell = render.terminal()
    for data in (b"50 %", b"\r100 %", b"\n", b"end"):
        tell(StageOutput("s", data))
    assert capsys.readouterr().err == "50 %\r100 %\nend"
    render.error("wrong", "mend it")
    assert capsys.readouterr().err == "\nerror: wrong\nhint: mend it\n"


def test_a_notice_is_one_line_unless_its_message_has_several(capsys: pytest.CaptureFixture[str]) -> None:
    tell = render.terminal()
    tell(Notice("one", "two"))
    tell(Notice("one\n  | more", "two"))
    tell(Notice("one\n  | more"))
    assert capsys.readouterr().err == "note: one; two\nnote: one\n  | more\nhint: two\nnote: one\n  | more\n"


def test_progress_is_left_before_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    tell = render.terminal()
    tell(StageOutput("s", b"abc"))
    tell(Progress("hashing", 1, 2))
    render.error("wrong")
    assert capsys.readouterr().err == "abc\n\r\x1b[Khashing 1/2 files\r\x1b[Kerror: wrong\n"
