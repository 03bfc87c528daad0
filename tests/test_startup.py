"""Start-up is a feature: a command loads only what it uses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.helpers import Result, run_process

SLOW = frozenset(
    {
        "asyncio",
        "fsspec",
        "s3fs",
        "git",
        "tabulate",
        "rich",
        "ruamel",
        "pydantic",
        "filelock",
        "platformdirs",
        "pygments",
        "sqlalchemy",
        "pandas",
        "numpy",
    }
)
# prints which modules a command line has loaded, as JSON on the last line of stderr
PROBE = """
import json, sys
import dvx.cli.main as cli
if {completing!r}:
    import os
    os.environ.update({completing!r})
    try:
        sys.argv = ["dvx"]
        cli.main()
    except SystemExit:
        pass
else:
    code = cli.run({words!r}, {cwd!r})
    assert code == 0, code
{afterwards}
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""

ASKING = {"_DVX_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}


def probe(
    cwd: Path, *words: str, completing: dict[str, str] | None = None, afterwards: str = ""
) -> tuple[frozenset[str], Result]:
    text = PROBE.format(words=list(words), cwd=str(cwd), completing=completing or {}, afterwards=afterwards)
    result = run_process(cwd, sys.executable, "-c", text)
    assert result.code == 0, result.err
    loaded = json.loads(result.err.splitlines()[-1])
    return frozenset(name.split(".")[0] for name in loaded), result


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["status"], ""),
        (["status", "--json"], "{}"),
        (["--help"], "repro"),
        (["--version"], "."),
        (["add", "--help"], "Track files"),
        (["exp", "--help"], "show"),
        (["remote", "add", "--help"], "remote"),
        (["root"], "."),
        (["import-db", "--help"], "Import the result of a database query"),
        (["test-db", "--help"], "works"),
    ],
)
def test_a_short_command_loads_nothing_slow(dialect_repo: Path, words: list[str], shown: str) -> None:
    loaded, result = probe(dialect_repo, *words)
    assert loaded & SLOW == set()
    assert shown in result.out


def test_status_with_tracked_data_loads_nothing_slow(dialect_repo: Path) -> None:
    (dialect_repo / "data").write_text("1\n")
    probe(dialect_repo, "add", "data")
    loaded, _ = probe(dialect_repo, "status")
    assert loaded & SLOW == set()


PIPELINE = """stages:
  train:
    cmd: cp data model
    deps: [data]
    params:
    - {params}
    outs: [model]
"""
# parts of dvx that `status` of a plain project does without, and a project that shows why it has to be plain
UNNEEDED = {
    "dvx.model.pipelines.template": {"dvx.yaml": PIPELINE.format(params="lr") + "vars:\n- a: 1\n"},
    "dvx.model.pipelines.interpolate": {"dvx.yaml": PIPELINE.format(params="lr") + "vars:\n- a: 1\n"},
    "dvx.formats.python": {"dvx.yaml": PIPELINE.format(params="conf.py: [lr]"), "conf.py": "lr = 1\n"},
    "tomllib": {"dvx.yaml": PIPELINE.format(params="conf.toml: [lr]"), "conf.toml": "lr = 1\n"},
}
# and parts that are needed to write, or by commands that ask Git
ELSEWHERE = {
    "dvx.formats.writing": ["add", "data"],
    "dvx.formats.locks": ["repro"],
    "dvx.git.repository": ["add", "data"],
    "dvx.git.process": ["add", "data"],
    "dvx.git.values": ["add", "data"],
    "dvx.git.commits.trees": ["add", "data"],
    "dvx.ops.pipelines.repro": ["repro"],
    "dvx.store.remotes.remote": ["push", "--help"],
    "dvx.shell": ["repro"],
}


EDITING = {"dvx.formats.editing", "dvx.model.experiments.override"}


def plain_project(root: Path) -> None:
    for name, text in {"data": "1\n", "params.yaml": "lr: 1\n", "dvx.yaml": PIPELINE.format(params="lr")}.items():
        (root / name).write_text(text)


def modules_of(cwd: Path, *words: str) -> frozenset[str]:
    _, result = probe(cwd, *words)
    return frozenset(json.loads(result.err.splitlines()[-1]))


def test_status_loads_only_what_reads_a_plain_project(native: Path) -> None:
    plain_project(native)
    assert modules_of(native, "repro") >= {"dvx.formats.locks", "dvx.git.repository"}
    loaded = modules_of(native, "status")
    assert "dvx.formats.reading" in loaded
    assert loaded & {*UNNEEDED, *ELSEWHERE, *EDITING} == set()


@pytest.mark.parametrize("name", UNNEEDED)
def test_a_project_that_is_not_plain_loads_more(native: Path, name: str) -> None:
    plain_project(native)
    for file, text in UNNEEDED[name].items():
        (native / file).parent.mkdir(exist_ok=True)
        (native / file).write_text(text)
    assert name in modules_of(native, "status")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_another_command_loads_more(native: Path, name: str) -> None:
    plain_project(native)
    assert name in modules_of(native, *ELSEWHERE[name])


def test_changing_a_parameter_loads_what_edits(native: Path) -> None:
    _, result = probe(native, "--version", afterwards="from dvx.formats import edit_data")
    assert set(json.loads(result.err.splitlines()[-1])) >= EDITING


@pytest.mark.parametrize("line", ["dvx ", "dvx st", "dvx exp ", "dvx remote default "])
def test_completion_loads_nothing_slow(dialect_repo: Path, line: str) -> None:
    loaded, _ = probe(dialect_repo, completing={**ASKING, "_TYPER_COMPLETE_ARGS": line})
    assert loaded & SLOW == set()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dvx exp run -S ", "lr="),
        ("dvx repro ", "train"),
        ("dvx status ", "model"),
        ("dvx stage add -p ", "lr"),
        ("dvx exp show --sort-by ", "lr"),
        ("dvx config core.r", "core.remote"),
        ("dvx plots show -t ", "linear"),
    ],
)
def test_completion_of_values_loads_nothing_slow(native: Path, line: str, offered: str) -> None:
    plain_project(native)
    asking = {**ASKING, "_TYPER_COMPLETE_ARGS": line}
    loaded, result = probe(native, completing=asking)
    assert loaded & SLOW == set()
    assert offered in [word.partition("\t")[0] for word in result.out.splitlines()]


def test_completion_offers_commands(native: Path) -> None:
    _, result = probe(native, completing={**ASKING, "_TYPER_COMPLETE_ARGS": "dvx rep"})
    assert result.out.partition("\t")[0] == "repro"


@pytest.mark.parametrize("line", ["dvx ", "dvx rep"])
def test_completing_a_command_builds_none(native: Path, line: str) -> None:
    _, result = probe(native, completing={**ASKING, "_TYPER_COMPLETE_ARGS": line})
    modules = set(json.loads(result.err.splitlines()[-1]))
    assert (
        not {
            "dvx.cli.data.track",
            "dvx.cli.pipelines.pipeline",
            "dvx.cli.transfer.sync",
            "dvx.cli.experiments.manage",
            "dvx.cli.compare.metrics",
        }
        & modules
    )


@pytest.mark.parametrize("name", sorted(SLOW - {"pydantic"}))
def test_the_probe_sees_a_slow_library(native: Path, name: str) -> None:
    loaded, _ = probe(native, "--version", afterwards=f"import {name}")
    assert name in loaded


def test_a_command_loads_only_its_own_module(native: Path) -> None:
    _, result = probe(native, "root")
    modules = set(json.loads(result.err.splitlines()[-1]))
    assert "dvx.cli.data.track" in modules
    assert (
        not {"dvx.cli.pipelines.pipeline", "dvx.cli.transfer.sync", "dvx.cli.experiments.manage", "dvx.cli.compare.metrics"}
        & modules
    )


def test_help_builds_no_command(native: Path) -> None:
    modules = modules_of(native, "--help")
    assert not {name for name in modules if name.startswith(("dvx.ops", "dvx.store"))}
    assert not {"dvx.project", "sqlite3"} & modules


def test_pointers_are_read_without_a_parser(native: Path) -> None:
    (native / "data").write_text("1\n")
    probe(native, "add", "data")
    assert "yaml" not in modules_of(native, "status")
    (native / "data.dvx").write_text((native / "data.dvx").read_text() + "# by hand\n")
    assert "yaml" in modules_of(native, "status")


def test_a_push_loads_only_what_pushes(native: Path, tmp_path: Path) -> None:
    (native / "data").write_text("1\n")
    probe(native, "add", "data")
    probe(native, "remote", "add", "-d", "there", str(tmp_path / "remote"))
    assert "dvx.ops.workspace.checkout" in modules_of(native, "pull")
    assert "hashlib" in modules_of(native, "push", "--run-cache")
    modules = modules_of(native, "push")
    assert (
        not {
            "dvx.ops.workspace.checkout",
            "dvx.ops.transfer.pull",
            "dvx.ops.transfer.run_sync",
            "dvx.ops.transfer.versioned_records",
            "hashlib",
            "yaml",
        }
        & modules
    )
    assert "dvx.ops.tracked.pipeline_files" not in modules
