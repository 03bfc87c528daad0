"""How commands end that did not do their work: exit codes in both dialects, Ctrl-C, a folder that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from dvx.cli.commands import GROUPS
from tests.helpers import ROOT, dialect_of, dvx, run_dvx, run_process, write

START = "import sys; from dvx.cli.entry import main; sys.argv[0] = 'dvx'; main()"
# presses Ctrl-C when a module is imported
INTERRUPTING = (
    """
import signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "{module}":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""
    + START
)
WRONG_USAGE = ["bogus", "push --bogus", "push -j x", "remote add", "remote", "exp bogus", "config nope", ""]


def test_the_help_lists_the_exit_codes(tmp_path: Path) -> None:
    assert "`exit-codes`" in dvx(tmp_path, "--help").out
    text = " ".join(dvx(tmp_path, "help", "exit-codes").out.split())
    assert (
        "Exit codes: 0 success, 1 an error that you can fix, 2 wrong usage, 3 a bug in dvx, 4 only partly done, 130 inter" in text
    )
    assert "251 wrong configuration, 252 interrupted, 254 wrong usage." in text


@pytest.mark.parametrize("name", GROUPS)
def test_the_help_of_a_group_has_an_example(tmp_path: Path, name: str) -> None:
    assert f"\n  Example: dvx {name} " in dvx(tmp_path, name, "--help").out


@pytest.mark.parametrize("words", WRONG_USAGE)
def test_wrong_usage_has_its_code(dialect_repo: Path, words: str) -> None:
    below = dialect_repo / "below"
    below.mkdir()
    code = {"dvx": 2, "dvc": 254}[dialect_of(dialect_repo).name]
    assert run_dvx(below, *words.split()).code == code
    assert run_dvx(dialect_repo.parent, "--cd", below, *words.split()).code == code


def test_wrong_usage_outside_of_a_repository_is_2(tmp_path: Path) -> None:
    assert run_dvx(tmp_path, "bogus").code == 2


@pytest.mark.parametrize("words", ["repro", "status", "root", "exp list", "push", "add x", "config core.remote", "gc", "du"])
def test_a_broken_configuration_has_its_code(dialect_repo: Path, words: str) -> None:
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / dialect.folder / "config", "[core\n")
    result = run_dvx(dialect_repo, *words.split())
    assert result.code == {"dvx": 1, "dvc": 251}[dialect.name]
    assert f"{dialect.folder}/config:1: error: " in result.err


def test_an_unknown_column_is_no_failure_of_reading(dialect_repo: Path) -> None:
    result = run_dvx(dialect_repo, "exp", "show", "--sort-by", "nonsense")
    assert result.code == {"dvx": 1, "dvc": 255}[dialect_of(dialect_repo).name]
    assert result.err.startswith("error: there is no column `nonsense`\nhint: ")
    unknown = run_dvx(dialect_repo, "exp", "show", "--rev", "nope")
    assert unknown.code == 1


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    result = run_process(tmp_path / "gone", "sh", "-c", f'rmdir ../gone && "{sys.executable}" -c "{START}" status')
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: the folder that you stand in does not exist any more\nhint: go to one that does, then run the command there\n"
    )


def test_the_command_starts_where_an_interruption_is_caught() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"dvx": "dvx.cli.entry:main"}


@pytest.mark.parametrize(
    ("module", "err"),
    [("dvx.cli.main", ""), ("dvx.ops.tracked.check_ignore", "error: interrupted\nhint: run the same command again\n")],
)
def test_an_interruption_leaves_no_traceback(native: Path, module: str, err: str) -> None:
    result = run_process(native, sys.executable, "-c", INTERRUPTING.format(module=module), "check-ignore", "x")
    assert (result.code, result.out, result.err) == (130, "", err)


def interrupted(folder: Path, *words: str, started: Path) -> tuple[int, str]:
    """The exit code and stderr of a command that gets SIGINT as soon as the file `started` exists."""
    command = [sys.executable, "-c", START, *words]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not started.exists() and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_an_interrupted_pipeline_says_how_to_go_on(dialect_repo: Path) -> None:
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / dialect.pipeline, "stages:\n  s: {cmd: printf half; touch started; exec sleep 60}\n")
    code, err = interrupted(dialect_repo, "repro", started=dialect_repo / "started")
    assert code == {"dvx": 130, "dvc": 252}[dialect.name]
    assert err.endswith(
        "half\nerror: interrupted\nhint: run the same command again; until then outputs in the workspace may be incomplete\n"
    )
