"""What the commands about runs print, and their exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from dvx.model.digest import digest_bytes
from dvx.ops.pipelines.code_changes import line_changes
from dvx.ops.tracked.past import Past
from dvx.project import Project
from tests.helpers import commit_all, dvx, git, run_dvx, write
from tests.ops.test_repro import until

PIPELINE = """\
stages:
  prep: {cmd: cat raw > p, deps: [raw], outs: [p], params: [lr]}
  train: {cmd: cat p/* > t 2> /dev/null || cp p t, deps: [p], outs: [t]}
"""


def failing(code: str) -> str:
    return f"stages:\n  s: {{cmd: echo said; exit {code}, outs: [o], run: {{retry: {{non_retryable_exit_codes: [3]}}}}}}\n"


@pytest.fixture
def pipeline(native: Path) -> Path:
    write(native / "raw", "1\n")
    write(native / "params.yaml", "lr: 1\n")
    write(native / "dvx.yaml", PIPELINE)
    assert dvx(native, "repro", "-j", "1").code == 0
    commit_all(native, "the first")
    return native


def test_runs_are_listed_and_shown(pipeline: Path) -> None:
    write(pipeline / "params.yaml", "lr: 2\n")
    dvx(pipeline, "repro", "-j", "1")
    listed = dvx(pipeline, "runs", "list").out.splitlines()
    assert len(listed) == 3
    assert listed[1].split()[1] == "success"
    assert listed[1].endswith("1 success, 1 unchanged")
    assert listed[2].endswith("2 success")
    shown = dvx(pipeline, "runs", "show", listed[2].split()[0]).out
    assert "prep     1          success" in shown
    (newest, oldest) = json.loads(dvx(pipeline, "runs", "list", "--json").out)
    assert (newest["skipped"], [one["stage"] for one in oldest["attempts"]]) == (["train"], ["prep", "train"])
    assert json.loads(dvx(pipeline, "runs", "show", "--json").out) == newest
    assert run_dvx(pipeline, "runs", "show", "nothing").err.startswith("error: there is no run `nothing`")


def test_nothing_ran_yet(native: Path) -> None:
    assert dvx(native, "runs", "list").out == ""
    assert "nothing ran yet" in run_dvx(native, "runs", "show").err


def test_a_summary_counts_what_was_saved(pipeline: Path) -> None:
    write(pipeline / "dvx.yaml", PIPELINE.replace("cat raw > p", "sleep 0.3; cat raw > p"))
    assert "Stages: 1 ran, 1 unchanged; commands took 0." in dvx(pipeline, "repro").err
    write(pipeline / "dvx.yaml", PIPELINE.replace("cat raw > p", "sleep 0.3; cat raw > p").replace("cp p t", "cp  p t"))
    assert re.search(r"Stages: 1 ran, 1 unchanged; commands took \d+\.\d s; \d+\.\d", dvx(pipeline, "repro").err)
    assert dvx(pipeline, "repro").err.endswith("Data and pipelines are up to date.\n")


def test_logs_are_printed_and_followed(native: Path) -> None:
    command = "echo one; touch begun; while [ ! -e go ]; do sleep 0.05; done; echo two"
    write(native / "dvx.yaml", f"stages:\n  s: {{cmd: '{command}', deps: []}}\n")
    with subprocess.Popen(["dvx", "repro"], cwd=native, stderr=subprocess.DEVNULL) as run:
        until((native / "begun").exists)
        until(lambda: dvx(native, "runs", "logs").out == "one\n")
        with subprocess.Popen(["dvx", "runs", "logs", "-f", "s"], cwd=native, stdout=subprocess.PIPE, text=True) as reader:
            write(native / "go", "")
            assert reader.communicate(timeout=20)[0] == "one\ntwo\n"
        assert run.wait(20) == 0
    assert "there was no attempt at the stage `x`" in run_dvx(native, "runs", "logs", "x").err


def test_a_run_is_cancelled_and_retried(native: Path) -> None:
    slow = "touch begun; [ -e go ] || sleep 60; cp a b"
    write(native / "dvx.yaml", f"stages:\n  a: {{cmd: echo 1 > a, outs: [a]}}\n  b: {{cmd: '{slow}', deps: [a], outs: [b]}}\n")
    with subprocess.Popen(["dvx", "repro", "b"], cwd=native, stderr=subprocess.PIPE, text=True) as run:
        until((native / "begun").exists)
        assert dvx(native, "runs", "pause").code == 0
        assert dvx(native, "runs", "resume").code == 0
        assert run_dvx(native, "runs", "retry").err.startswith("error: the run")
        assert "is told to stop" in dvx(native, "runs", "cancel").err
        said = run.communicate(timeout=20)[1]
        assert run.returncode == 1
    assert "was cancelled\nhint: run `dvx runs retry " in said
    assert dvx(native, "runs", "list").out.splitlines()[1].split()[1] == "cancelled"
    write(native / "go", "")
    retried = dvx(native, "runs", "retry")
    assert retried.code == 0
    assert "1 ran, 1 unchanged" in retried.err


def test_one_stage_for_other_programs(pipeline: Path) -> None:
    assert run_dvx(pipeline, "stage", "run", "train").code == 99
    write(pipeline / "params.yaml", "lr: 2\n")
    assert run_dvx(pipeline, "stage", "run", "train").code == 99, "what it needs is not looked at"
    assert dvx(pipeline, "stage", "run", "prep").code == 0
    assert dvx(pipeline, "stage", "run", "--force", "prep").code == 0
    assert run_dvx(pipeline, "stage", "run", "nope").code == 1


def test_a_failure_that_may_pass_has_its_own_exit_code(native: Path) -> None:
    write(native / "dvx.yaml", failing("4"))
    failed = run_dvx(native, "stage", "run", "s")
    assert failed.code == 75
    assert "exited with 4" in failed.err
    write(native / "dvx.yaml", failing("3"))
    assert run_dvx(native, "stage", "run", "s").code == 1


def test_what_changed_is_explained(pipeline: Path) -> None:
    assert dvx(pipeline, "explain").out == "prep: nothing changed\n\ntrain: nothing changed\n"
    write(pipeline / "params.yaml", "lr: 2\n")
    write(pipeline / "raw", "2\n")
    write(pipeline / "dvx.yaml", PIPELINE.replace("cat raw", "cat -n raw"))
    told = dvx(pipeline, "explain", "prep").out
    assert "prep: must run\n  changed command\n    cat raw > p -> cat -n raw > p\n    + -n\n" in told
    assert "  modified dependency `raw`, recorded by commit " in told
    assert " (the first)\n    xxh128:" in told
    assert "  modified parameter `params.yaml:lr`\n    1 -> 2\n" in told
    assert told.endswith("  no earlier run that is kept is more like it\n")
    (one,) = json.loads(dvx(pipeline, "explain", "prep", "--json").out)
    assert (one["action"], [each["reason"]["cause"] for each in one["differences"]]) == (
        "run",
        ["changed command", "modified dependency", "modified parameter"],
    )
    assert "must run" in dvx(pipeline, "repro", "--explain", "-j", "1").err
    assert run_dvx(pipeline, "explain", "nope").err.startswith("error: `nope` is no stage")
    (pipeline / "sub").mkdir()
    assert "must run" in dvx(pipeline / "sub", "repro", "-P", "--explain", "-j", "1", "-f").err


def test_a_single_value_is_named(native: Path) -> None:
    write(native / "params.yaml", "train: {depth: 6, opt: {name: a}, gone: 1, same: [1]}\nlr: 1\n")
    write(native / "dvx.yaml", "stages:\n  s: {cmd: echo 1 > o, params: [train, lr], outs: [o]}\n")
    dvx(native, "repro")
    write(native / "params.yaml", "train: {depth: 9, opt: {name: b}, same: [1]}\nlr: 1\n")
    leaves = '    train.depth: 6 -> 9\n    train.opt.name: "a" -> "b"\n    train.gone: 1 -> (nothing)\n'
    assert f"  modified parameter `params.yaml:train`\n{leaves}" in dvx(native, "explain", "s").out
    told = '(modified parameter `params.yaml:train.depth`: 6 -> 9, `params.yaml:train.opt.name`: "a" -> "b", '
    assert f"Running stage 's' {told}`params.yaml:train.gone`: 1 -> (nothing)):" in dvx(native, "repro").err
    write(native / "params.yaml", "train: {depth: 9, opt: {name: " + "x" * 99 + "}, same: [1]}\nlr: 1\n")
    assert '`params.yaml:train.opt.name`: "b" -> "xxx' in dvx(native, "repro").err


def test_lines_of_code_are_named_with_the_commit_that_changed_them(native: Path) -> None:
    lines = [f"line {number}" for number in range(1, 21)]
    write(native / "code.py", "\n".join(lines) + "\n")
    write(native / "dvx.yaml", "stages:\n  s: {cmd: cat code.py > o, deps: [code.py], outs: [o]}\n")
    dvx(native, "repro")
    commit_all(native, "first")
    lines[4:6] = ["five", "six", "six and a half"]
    write(native / "code.py", "\n".join(lines) + "\n")
    assert "    lines 5-7: not committed\n" in dvx(native, "explain", "s").out
    commit_all(native, "second")
    second = git(native, "rev-parse", "--short=7", "HEAD").strip()
    assert f"    lines 5-7: commit {second} (second)\n" in dvx(native, "explain", "s").out
    del lines[10:12]
    lines[0] = "one"
    write(native / "code.py", "\n".join(lines) + "\n")
    told = dvx(native, "explain", "s").out
    assert (
        f"    line 1: not committed\n    lines 5-7: commit {second} (second)\n    lines 10-11 of the old version: gone\n" in told
    )
    assert f"lines 5-7: commit {second}" in dvx(native, "repro", "--explain", "--dry").err
    # what Git never had is named as a whole
    write(native / "code.py", "never\n")
    dvx(native, "repro")
    write(native / "code.py", "again\n")
    assert "    line" not in dvx(native, "explain", "s").out


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (2_000, "    lines 1-2000: not committed\n"),
        # what is no code is read no further than that shows
        (10_001, ""),
        (0, ""),
    ],
)
def test_what_is_more_data_than_code_takes_no_long_comparison(native: Path, lines: int, told: str) -> None:
    known = [str(number % 2 * number % 3 % 2) for number in range(lines)]
    write(native / "labels", "\n".join(known) + "\n")
    write(native / "dvx.yaml", "stages:\n  s: {cmd: 'true', deps: [labels]}\n")
    project = Project.find(str(native))
    commit_all(native, "first")
    old = digest_bytes((native / "labels").read_bytes(), project.algorithm)
    write(native / "labels", "\n".join(str((number * 7 + 1) % 5 % 2) for number in range(lines)) + "\n")
    if not lines:
        os.truncate(native / "labels", 1 << 40)
    assert project.git is not None
    with Past(project, project.git, ["labels"], []) as past:
        assert "".join(f"    {line}\n" for line in line_changes(project, past, "labels", old)) == told


def test_the_files_of_a_folder_are_named(native: Path) -> None:
    for name in ("a", "b"):
        write(native / "data" / name, name)
    dvx(native, "add", "data")
    write(native / "dvx.yaml", "stages:\n  s: {cmd: cat data/* > o, deps: [data], outs: [o]}\n")
    dvx(native, "repro")
    (native / "data/a").unlink()
    (native / "data/b").unlink()
    write(native / "data/b", "other")
    write(native / "data/c", "c")
    told = dvx(native, "explain", "s").out
    assert "    ~ data/b\n    + data/c\n    - data/a\n" in told


def test_the_most_similar_earlier_run_is_named(pipeline: Path) -> None:
    write(pipeline / "params.yaml", "lr: 2\n")
    dvx(pipeline, "repro", "-j", "1")
    write(pipeline / "params.yaml", "lr: 1\n")
    write(pipeline / "raw", "3\n")
    told = dvx(pipeline, "explain", "prep").out
    assert "  modified parameter `params.yaml:lr`\n    2 -> 1\n" in told
    assert "  the most similar earlier run differs in:\n    modified dependency `raw`\n" in told


def test_an_output_of_a_command_that_runs_beside_others_stands_behind_its_name(native: Path) -> None:
    lines = [f"  s{i}: {{cmd: 'printf one; sleep 0.2; echo; echo two; printf three', deps: [dvx.yaml]}}\n" for i in range(2)]
    write(native / "dvx.yaml", "stages:\n" + "".join(lines))
    said = dvx(native, "repro", "-j", "2").err
    for i in range(2):
        for word in ("one", "two", "three"):
            assert f"\ns{i} | {word}\n" in said


def test_what_a_failed_command_wrote_last_stands_before_the_error(native: Path) -> None:
    lines = ["  bad: {cmd: 'printf last; exit 3', deps: [dvx.yaml]}\n", "  slow: {cmd: sleep 0.3, deps: [dvx.yaml]}\n"]
    write(native / "dvx.yaml", "stages:\n" + "".join(lines))
    said = run_dvx(native, "repro", "-j", "2").err
    assert said.index("\nbad | last\n") < said.index("error: the stage `bad` failed")


def test_a_run_is_retried_from_another_folder(native: Path) -> None:
    for folder in ("", "sub"):
        write(
            native / folder / "dvx.yaml",
            "stages:\n  s: {cmd: '[ -e {here}go ] && echo x > o', outs: [o]}\n".replace("{here}", ""),
        )
    for words in (("s",), (), ("o",), ("--glob", "*"), ("-R", ".")):
        assert run_dvx(native / "sub", "repro", *words).code != 0
        assert json.loads(dvx(native, "runs", "show", "--json").out)["options"]["targets"] in (
            ["sub/dvx.yaml:s"],
            ["sub/dvx.yaml"],
        )
        write(native / "go", "")
        write(native / "sub/go", "")
        assert dvx(native, "runs", "retry").code == 0
        assert not (native / "o").exists()
        assert (native / "sub/o").read_text() == "x\n"
        for path in ("go", "sub/go", "sub/o", "sub/dvx.lock"):
            (native / path).unlink()
