"""Colours: who gets them, and who never does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from dvx.cli.terminal import colour
from tests.helpers import ROOT, Result, commit_all, dialect_of, dvx, run_dvx, run_process, write

ESCAPE = "\x1b["
QUIET = ("NO_COLOR", "FORCE_COLOR", "CI", "TERM", "COLUMNS")


def on_terminal(cwd: Path, *words: str, env: Mapping[str, str] | None = None, columns: int = 0) -> Result:
    """Run dvx with stdout and stderr on terminals of their own."""
    variables = {name: value for name, value in os.environ.items() if name not in QUIET} | {"TERM": "xterm"} | dict(env or {})
    pairs = [os.openpty(), os.openpty()]
    for _, slave in pairs:
        termios.tcsetwinsize(slave, (24, columns))
    with subprocess.Popen(
        ["dvx", *words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=pairs[0][1], stderr=pairs[1][1], env=variables
    ) as run:
        for _, slave in pairs:
            os.close(slave)
        seen = [all_of(master) for master, _ in pairs]
        code = run.wait(30)
    for master, _ in pairs:
        os.close(master)
    return Result(code, *seen)


def all_of(handle: int) -> str:
    seen = b""
    while True:
        try:
            data = os.read(handle, 4096)
        except OSError:
            data = b""
        if not data:
            return seen.decode().replace("\r\n", "\n")
        seen += data


@pytest.fixture
def changed(dialect_repo: Path) -> Path:
    """A project in which something is modified, something deleted, and a stage would run."""
    for name in ("gone", "other"):
        write(dialect_repo / name, "1\n")
    dvx(dialect_repo, "add", "gone", "other")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, "stages:\n  s: {cmd: 'echo 1 > o', deps: [other], outs: [o]}\n")
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    (dialect_repo / "gone").unlink()
    write(dialect_repo / "other", "2\n")
    return dialect_repo


def test_on_a_terminal_states_errors_and_stages_have_colours(changed: Path) -> None:
    status = on_terminal(changed, "status").out
    assert "\x1b[33mmodified:\x1b[0m           other\n" in status
    assert "\x1b[31mdeleted:\x1b[0m            gone\n" in status
    assert "\x1b[31mDeleted:\x1b[0m\n    gone\n" in on_terminal(changed, "diff").out
    assert "\x1b[33mmodified:\x1b[0m other\n" in on_terminal(changed, "data", "status").out
    failed = on_terminal(changed, "repro", "nothing").err
    assert failed.startswith("\x1b[31merror:\x1b[0m `nothing` is no stage")
    assert "\n\x1b[36mhint:\x1b[0m " in failed
    assert "\x1b[1mRunning stage 's'\x1b[0m" in on_terminal(changed, "repro", "--dry").err
    assert "\x1b[31mD\x1b[0m\tgone\n" not in dvx(changed, "checkout", "gone").out
    (changed / "gone").unlink()
    assert on_terminal(changed, "checkout", "gone").out == "\x1b[32mA\x1b[0m\tgone\n"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_the_environment_takes_colours_away(changed: Path, env: dict[str, str]) -> None:
    result = on_terminal(changed, "status", env=env)
    assert "modified:           other\n" in result.out
    assert ESCAPE not in result.out + result.err
    always = on_terminal(changed, "--color", "always", "status", env=env)
    assert "\x1b[33mmodified:\x1b[0m           other\n" in always.out


def test_a_dumb_terminal_has_no_lines_that_are_rewritten(changed: Path) -> None:
    result = on_terminal(changed, "push", env={"TERM": "dumb"})
    assert "\r" not in result.err
    assert ESCAPE not in result.err


@pytest.mark.parametrize("words", [("--color", "never", "status"), ("--color=never", "status"), ("status", "--color=never")])
def test_never_means_never(changed: Path, words: tuple[str, ...]) -> None:
    result = on_terminal(changed, *words, env={"FORCE_COLOR": "1"})
    assert ESCAPE not in result.out + result.err


@pytest.mark.parametrize(
    "words", [("--color", "always", "status"), ("status", "--color", "always"), ("--color=always", "status")]
)
def test_always_means_piped_too(changed: Path, words: tuple[str, ...]) -> None:
    assert "\x1b[33mmodified:\x1b[0m" in run_process(changed, "dvx", *words).out


def test_force_color_is_heeded_where_there_is_no_terminal(changed: Path) -> None:
    assert "\x1b[33mmodified:\x1b[0m" in run_process(changed, "dvx", "status", env={"FORCE_COLOR": "1"}).out
    assert ESCAPE not in run_process(changed, "dvx", "status", env={"FORCE_COLOR": "0"}).out


def test_errors_before_a_command_have_colours_too(tmp_path: Path) -> None:
    for words in (("nothing",), ("push", "--nothing"), ("status",)):
        assert run_dvx(tmp_path, "--color", "always", *words).err.startswith("\x1b[31merror:\x1b[0m ")
        assert run_dvx(tmp_path, *words).err.startswith("error: ")
    assert run_dvx(tmp_path, "move", "--color", "always").err.startswith("\x1b[31merror:\x1b[0m missing argument")


def test_what_is_chosen_is_forgotten_with_the_command(changed: Path) -> None:
    assert ESCAPE in dvx(changed, "status", "--color", "always").out
    assert ESCAPE not in dvx(changed, "status").out
    run_dvx(changed, "--color", "always", "nothing")
    assert not colour.wanted(sys.stderr)


def test_another_word_is_refused(tmp_path: Path) -> None:
    refused = run_dvx(tmp_path, "--color", "sometimes", "status")
    assert refused.code == 2
    assert "'auto', 'always', 'never'" in refused.err


COMMANDS = [
    "status", "data status", "diff", "ls", "checkout", "remote list", "stage list", "dag", "dag --list", "explain", "runs list",
    "params diff", "metrics show", "metrics diff", "exp show", "exp list", "exp diff", "queue status", "gc --dry", "fsck", "du",
    "trash list", "doctor", "version", "config --list", "plots templates", "help", "help start", "completion bash", "push",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_piped_output_has_no_escapes(changed: Path, command: str) -> None:
    write(changed / "params.yaml", "n: 1\n")
    result = run_dvx(changed, *command.split())
    assert ESCAPE not in result.out + result.err


WITH_JSON = [
    "status", "data status", "diff", "ls", "remote list", "stage list", "dag", "explain", "runs list", "runs show", "params diff",
    "metrics show", "metrics diff", "exp show", "exp list", "exp diff", "queue status", "gc --dry", "fsck", "du", "trash list",
    "doctor", "config --list",
]  # fmt: skip


@pytest.mark.parametrize("command", WITH_JSON)
def test_json_never_has_escapes(changed: Path, command: str) -> None:
    write(changed / "params.yaml", "n: 1\n")
    result = run_dvx(changed, "--color", "always", *command.split(), "--json")
    assert ESCAPE not in result.out
    json.loads(result.out)


def test_nothing_but_colours_is_added(changed: Path) -> None:
    for words in (("status",), ("diff",), ("data", "status"), ("doctor",)):
        painted = run_dvx(changed, *words, "--color", "always")
        assert re.sub(r"\x1b\[\d*m", "", painted.out) == run_dvx(changed, *words).out


def test_only_the_door_and_charts_know_of_colours() -> None:
    knowing = {
        path.name for path in (ROOT / "dvx/cli").rglob("*.py") if re.search(r"x1b\[\{|x1b\[\d+m|NO_COLOR", path.read_text())
    }
    assert knowing == {"colour.py", "plot_text.py", "screen.py"}
