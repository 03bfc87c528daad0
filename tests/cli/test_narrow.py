"""Terminals that are narrow and streams that cannot print everything: no command crashes, and lines become plain ones."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from dvx.cli import main
from tests.cli.test_colour import on_terminal
from tests.helpers import Result, commit_all, dvx, run_process, write

PIPELINE = """stages:
  größe:
    cmd: cp 日本.txt ausgabe; cp werte.json m.json; echo žluťoučký
    deps: [日本.txt]
    params: [späte.rate]
    outs: [ausgabe]
    metrics: [{m.json: {cache: false}}]
  zwei: {cmd: cp ausgabe o2, deps: [ausgabe], outs: [o2]}
plots:
- verlauf.csv: {x: schritt, y: früh}
"""
COMMANDS = [
    "status", "data status --granular --untracked-files", "diff", "ls", "ls -T", "checkout", "commit -f", "remote list",
    "stage list", "stage list --all", "dag", "dag --dot", "dag --mermaid", "dag --list", "dag --md", "explain", "repro --dry",
    "repro -f", "runs list", "runs show", "runs logs", "params diff", "params diff --all --md", "metrics show",
    "metrics diff --all", "exp show", "exp show --md", "exp show --csv", "exp show --json", "exp list", "exp diff --all",
    "exp save -n später", "exp apply früh", "exp nothing", "queue status", "gc --dry -w", "gc -w", "fsck", "du", "trash list",
    "undo --dry-run", "doctor", "version", "config --list", "config core.nichtß", "plots templates", "plots show --text",
    "plots show --json", "plots diff", "help", "help dvc", "help exp run", "--help", "exp --help", "exp show --help", "push",
    "pull", "fetch", "add ñ", "remove ñ", "repro ñ", "exp apply ñ", "remote modify ñ url x", "move ausgabe ñ", "completion bash",
    "freeze größe", "check-ignore -d ñ", "migrate --dry-run", "install", "destroy", "--cd ñ status", "ñ", "push --ñ",
    "vscode --check", "schema pipeline",
]  # fmt: skip


@pytest.fixture
def wide(native: Path) -> Path:
    """A project full of names that are not ASCII."""
    write(native / "dvx.yaml", PIPELINE)
    write(native / "params.yaml", "späte: {rate: 0.1}\nwort: łódź\n")
    write(native / "日本.txt", "1\n")
    write(native / "werte.json", '{"güte": 0.9}')
    write(native / "verlauf.csv", "schritt,früh\n1,2\n2,3\n3,1\n")
    write(native / "ordner/ü/é.bin", "2\n")
    dvx(native, "add", "ordner")
    dvx(native, "remote", "add", "-d", "store", "../störe")
    commit_all(native)
    dvx(native, "exp", "run", "-n", "früh")
    dvx(native, "exp", "run", "-n", "zwei", "-S", "späte.rate=0.2")
    write(native / "日本.txt", "2\n")
    write(native / "ordner/ü/neu", "2\n")
    return native


def run_in(encoding: str, cwd: Path, *words: str) -> Result:
    """Run dvx in this process with streams as Python opens them where the locale is not UTF-8."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.run(words, str(cwd))
    out.flush()
    err.flush()
    shown = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]  # type: ignore[attr-defined]
    return Result(code, *shown)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_no_command_crashes_where_not_all_can_be_printed(wide: Path, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for command in COMMANDS:
        result = run_in(encoding, wide, *command.split())
        assert result.code in (0, 1, 2), (command, result)
        assert "bug in dvx" not in result.err, (command, result)


def test_lines_become_plain(wide: Path) -> None:
    assert "├── " in run_in("utf-8", wide, "exp", "show").out
    shown = run_in("ascii", wide, "exp", "show").out
    assert "|-- " in shown
    assert "`-- " in shown
    assert r"[fr\xfch]" in shown
    assert "\n|   `-- " in run_in("ascii", wide, "ls", "-T").out
    assert "|-- " in run_in("cp1252", wide, "exp", "show").out


def test_charts_become_plain(wide: Path) -> None:
    pytest.importorskip("plotext")
    drawn = run_in("ascii", wide, "plots", "show", "--text").out
    assert "\\u" not in drawn
    assert "*" in drawn


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "LANG": "C"},
    ],
)
def test_a_process_in_such_a_place_works(wide: Path, env: dict[str, str]) -> None:
    for command in ("exp show", "status", "ls -T", "repro", "add ordner", "repro ñ", "dag", "push"):
        result = run_process(wide, "dvx", *command.split(), env=env)
        assert result.code in (0, 1), (command, result)
        assert "bug in dvx" not in result.err, (command, result)
        assert "Traceback" not in result.err, (command, result)


def test_a_locale_that_has_no_such_names_is_told(wide: Path) -> None:
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    refused = run_process(wide, "dvx", "status", env=env)
    assert refused.code == 1
    assert refused.err == (
        "error: a file name cannot be written in `ascii`, which the locale asks for\n"
        "hint: set a UTF-8 locale, such as `LC_ALL=C.UTF-8`, or `PYTHONUTF8=1`\n"
    )
    assert run_process(wide, "dvx", "--help", env=env).code == 0


@pytest.mark.parametrize(
    "command", ["exp show", "plots show --text", "help exp run", "--help", "dag", "repro -j 2 -f", "push", "ls -T"]
)
def test_a_narrow_terminal_is_borne(wide: Path, command: str) -> None:
    result = on_terminal(wide, *command.split(), columns=40)
    assert result.code == 0, result
    if "help" in command or "--text" in command:
        assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in result.out.splitlines()) <= (
            50 if "help" in command else 40
        )
