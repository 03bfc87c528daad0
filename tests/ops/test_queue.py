"""Facts about experiments that run apart from the workspace, now or later."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, UsageError
from dvx.journal import Registry
from dvx.model.events import silent
from dvx.model.experiments.override import Op, Override
from dvx.model.pipelines.run import Place, Run, State, decode_run, encode_run
from dvx.ops.experiments.enqueue import TaskOptions, enqueue
from dvx.ops.experiments.queue import find_tasks, log_of, remove_tasks, retry
from dvx.ops.experiments.run import RunOptions
from dvx.ops.experiments.show import ShowOptions, show
from dvx.ops.pipelines.run_record import open_registry
from dvx.ops.stages.repro_plan import ReproOptions
from dvx.ops.stages.worker_locks import worker_lock
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.ops.test_repro import opened, until

PIPELINE = """\
stages:
  train:
    cmd: >-
      echo $$ >> {notes}; while [ -e {notes}.hold ]; do sleep 0.02; done; cat raw > model;
      echo "{{\\"acc\\": $(grep -o '^lr: [0-9]*' params.yaml | cut -c 5-)}}" > m.json; ! grep -q 'lr. 13' params.yaml
    deps: [raw]
    params: [lr]
    outs: [model]
    metrics: [{{m.json: {{cache: false}}}}]
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def repo(dialect_repo: Path, notes: Path) -> Path:
    write(dialect_repo / "raw", "data\n")
    write(dialect_repo / "params.yaml", "lr: 1  # keep\nn: 2\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE.format(notes=notes))
    assert dvx(dialect_repo, "add", "raw").code == 0
    commit_all(dialect_repo)
    return dialect_repo


def queue(folder: Path, *overrides: str, name: str = "", copied: tuple[str, ...] = ()) -> tuple[Run, ...]:
    with opened(folder) as project:
        options = TaskOptions(RunOptions(ReproOptions(), name, overrides), copied)
        return enqueue(project, options, Place.QUEUE, silent)


def states(folder: Path) -> dict[str, str]:
    with opened(folder) as project:
        return {one.name: one.state.value for one in open_registry(project).experiments()}


def stored(folder: Path) -> list[Run]:
    with opened(folder) as project:
        return open_registry(project).experiments()


def accuracies(folder: Path) -> dict[str, object]:
    """The metric of each experiment on top of HEAD, done or not."""
    with opened(folder) as project:
        rows = show(project, ShowOptions(workspace=False))[0].experiments
    return {row.name: (row.data or {})["metrics"].get("m.json", {}).get("data", {}).get("acc") for row in rows}


def alone(folder: Path) -> subprocess.Popen[bytes]:
    words = ["dvx", "queue", "work", "--alone"]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def following(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    words = ["dvx", "queue", "logs", "--follow", name]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        try:
            yield reader
        finally:
            reader.kill()


def untouched(folder: Path) -> list[str]:
    """Everything of Git's, and of the workspace, that an experiment apart leaves as it is."""
    asked = (["status", "--porcelain", "--ignored"], ["rev-parse", "HEAD"], ["diff", "--cached"])
    facts = [git(folder, *words) for words in asked]
    return [*facts, git(folder, "stash", "list"), git(folder, "worktree", "list"), (folder / "params.yaml").read_text()]


def test_a_temporary_run_leaves_the_workspace_alone(repo: Path) -> None:
    before = untouched(repo)
    result = dvx(repo, "exp", "run", "--temp", "-n", "t", "-S", "lr=5", "--json")
    assert json.loads(result.out)["name"] == "t"
    assert untouched(repo) == before
    assert accuracies(repo) == {"t": 5}
    assert not any((repo / dialect_of(repo).folder / "tmp").rglob("rooms/*"))
    assert dvx(repo, "exp", "apply", "t").code == 0
    assert (repo / "model").read_text() == "data\n"
    assert "lr: 5  # keep" in (repo / "params.yaml").read_text()


def test_a_sweep_is_queued_and_run(repo: Path, notes: Path) -> None:
    before = untouched(repo)
    tasks = queue(repo, "lr=1,2,13", "n=range(2)", name="s")
    assert [one.name for one in tasks] == [f"s-{number}" for number in range(1, 7)]
    assert git(repo, "for-each-ref", "refs/exps") == ""
    result = run_dvx(repo, "exp", "run", "--run-all", "-j", "2")
    assert result.code == dialect_of(repo).exit_codes.error
    for name in ("s-5", "s-6"):
        assert result.err.count(f"the experiment `{name}` failed: the stage `train` failed") == 1
    # in the order in which they ended
    assert re.search(r"^Ran experiment\(s\): (s-[1-4](, |$)){4}$", result.err, re.MULTILINE)
    assert re.search(r"^error: failed: s-[56], s-[56]$", result.err, re.MULTILINE)
    assert untouched(repo) == before
    done = {f"s-{number}": "success" for number in (1, 2, 3, 4)}
    assert states(repo) == {**done, "s-5": "failed", "s-6": "failed"}
    # what a stage that failed left behind is no result
    assert accuracies(repo) == {"s-1": 1, "s-2": 1, "s-3": 2, "s-4": 2, "s-5": None, "s-6": None}
    assert "exited with 1" in dvx(repo, "queue", "logs", "s-5").out


def test_edits_travel_and_are_not_lost(repo: Path) -> None:
    write(repo / "raw", "edited\n")
    write(repo / "params.yaml", "lr: 4\nn: 2\n")
    write(repo / "loose", "loose\n")
    name = dialect_of(repo).pipeline
    write(repo / name, (repo / name).read_text().replace("cat raw >", "cat raw loose >"))
    queue(repo, name="e", copied=("loose",))
    write(repo / "raw", "later\n")
    write(repo / "params.yaml", "lr: 9\nn: 2\n")
    assert dvx(repo, "queue", "work").code == 0
    assert accuracies(repo) == {"e": 4}
    dvx(repo, "exp", "apply", "e")
    assert (repo / "model").read_text() == "edited\nloose\n"
    # the edit that came later went to the trash, as with every apply
    assert (repo / "raw").read_text() == "edited\n"


def test_a_queued_experiment_is_shown_with_its_values(repo: Path) -> None:
    queue(repo, "lr=7", name="q")
    document = json.loads(dvx(repo, "exp", "show", "--json").out)
    one = document[1]["experiments"][0]
    assert (one["name"], one["executor"]["state"], one["executor"]["name"]) == ("q", "queued", dialect_of(repo).queue_name)
    assert (one["executor"]["name"] == "dvc-task") == (dialect_of(repo).name == "dvc")
    assert one["revs"][0]["data"]["params"]["params.yaml"]["data"]["lr"] == 7
    assert one["revs"][0]["data"]["metrics"] == {}
    assert "Queued" in dvx(repo, "exp", "show").out
    assert "Queued" not in dvx(repo, "exp", "show", "--hide-queued").out


def test_a_worker_that_is_killed_loses_nothing(repo: Path, notes: Path) -> None:
    """The command that outlived it is adopted by the next one."""
    hold = notes.with_name("notes.hold")
    hold.touch()
    queue(repo, "lr=2", name="k")
    with alone(repo) as worker:
        until(lambda: notes.exists() and notes.read_text().endswith("\n"))
        worker.send_signal(signal.SIGKILL)
    assert dvx(repo, "exp", "show").out.count("Queued") == 1
    with alone(repo) as worker:
        until(lambda: states(repo) == {"k": "running"})
        hold.unlink()
        assert worker.wait(30) == 0
    assert accuracies(repo) == {"k": 2}
    assert len(notes.read_text().splitlines()) == 1


def test_following_a_log_ends_when_nobody_works_any_more(repo: Path, notes: Path) -> None:
    notes.with_name("notes.hold").touch()
    queue(repo, "lr=2,3", name="k")
    with alone(repo) as worker, following(repo, "k-1") as reader:
        assert reader.stdout is not None
        assert "Running stage 'train'" in reader.stdout.readline()
        until(lambda: notes.exists() and notes.read_text().endswith("\n"))
        worker.kill()
        assert "error: who ran the experiment `k-1` died\nhint: `dvx queue start`" in reader.communicate(timeout=30)[1]
    os.kill(int(notes.read_text()), signal.SIGKILL)


def test_following_a_log_ends_when_the_experiment_is_removed(repo: Path) -> None:
    (one,) = queue(repo, name="k")
    with opened(repo) as project:
        write(Path(log_of(project, one)), "begun\n")
    with following(repo, "k") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "begun\n"
        dvx(repo, "queue", "remove", "k")
        assert reader.wait(30) == 0


def test_a_running_experiment_is_stopped_and_retried(repo: Path, notes: Path) -> None:
    hold = notes.with_name("notes.hold")
    hold.touch()
    queue(repo, "lr=2,3", name="k")
    assert dvx(repo, "queue", "start").code == 0
    until(lambda: states(repo)["k-1"] == "running" and notes.exists())
    status = json.loads(dvx(repo, "queue", "status", "--json").out)
    assert status["workers"] == {"active": 1, "idle": 0}
    assert dvx(repo, "queue", "kill", "k-1").code == 0
    hold.unlink()
    until(lambda: states(repo) == {"k-1": "cancelled", "k-2": "success"})
    assert dvx(repo, "queue", "retry").code == 0
    # the worker in the background may have it, too
    assert dvx(repo, "queue", "work").code == 0
    until(lambda: accuracies(repo) == {"k-1": 2, "k-2": 3})


def test_an_experiment_is_a_run_as_any_other(repo: Path, notes: Path) -> None:
    """It is listed, paused, cancelled and retried as what `repro` does is."""
    hold = notes.with_name("notes.hold")
    hold.touch()
    queue(repo, "lr=2,3", name="k")

    def listed() -> dict[str, str]:
        return {one["name"]: one["status"] for one in json.loads(dvx(repo, "runs", "list", "--json").out)}

    assert listed() == {}
    assert "the experiment `k-1` does not run yet\nhint: run `dvx queue start`" in run_dvx(repo, "runs", "pause", "k-1").err
    assert dvx(repo, "runs", "cancel", "k-2").code == 0
    assert states(repo) == {"k-1": "queued", "k-2": "cancelled"}
    assert (
        "does not work any more: it is cancelled\nhint: run `dvx queue retry k-2`" in run_dvx(repo, "runs", "cancel", "k-2").err
    )
    with alone(repo) as worker:
        until(lambda: notes.exists() and listed() == {"k-1": "running"})
        dvx(repo, "runs", "pause", "k-1")
        assert listed() == {"k-1": "paused"}
        assert "Paused" in dvx(repo, "queue", "status").out
        dvx(repo, "runs", "resume", "k-1")
        assert listed() == {"k-1": "running"}
        dvx(repo, "runs", "cancel", "k-1")
        assert worker.wait(30) == 0
    assert states(repo) == {"k-1": "cancelled", "k-2": "cancelled"}
    assert "\nnote: the experiment `k-1` was cancelled; run `dvx queue retry k-1`" in dvx(repo, "queue", "logs", "k-1").out
    (run,) = json.loads(dvx(repo, "runs", "list", "--json").out)
    assert (run["error"], [one["status"] for one in run["attempts"]]) == ("the experiment `k-1` was cancelled", ["cancelled"])
    hold.unlink()
    for name in ("k-1", "k-2"):
        assert f"Queued again: {name}" in dvx(repo, "runs", "retry", name).err
    assert dvx(repo, "queue", "work", "--alone").code == 0
    assert accuracies(repo) == {"k-1": 2, "k-2": 3}
    assert listed() == {"k-1": "success", "k-2": "success"}
    shown = json.loads(dvx(repo, "runs", "show", "k-2", "--json").out)
    assert [(one["stage"], one["status"]) for one in shown["attempts"]] == [("train", "success")]
    # what its commands wrote outlives its work tree
    assert (repo / shown["attempts"][0]["log"]).exists()


def test_a_run_in_the_workspace_is_one_entry(repo: Path) -> None:
    dvx(repo, "exp", "run", "-n", "w", "-S", "lr=2")
    assert run_dvx(repo, "exp", "run", "-n", "x", "-S", "lr=13").code != 0
    found = json.loads(dvx(repo, "runs", "list", "--json").out)
    assert [(one["name"], one["status"], len(one["attempts"])) for one in found] == [("x", "failed", 1), ("w", "success", 1)]
    result = run_dvx(repo, "runs", "retry", "x")
    assert "the experiment `x` ran in the workspace" in result.err
    assert "hint: run `dvx exp run` again" in result.err


def test_of_several_that_failed_under_one_name_the_latest_is_retried(repo: Path) -> None:
    for _ in range(2):
        queue(repo, "lr=13", name="k")
        assert dvx(repo, "queue", "work", "--alone").code == 0
    first, second = known = [one.ident for one in stored(repo)]
    assert dvx(repo, "queue", "retry", "k").err == "Queued again: k\n"
    assert [(one.ident, one.state) for one in stored(repo)] == [(first, State.FAILED), (second, State.QUEUED)]
    assert "exists already" in run_dvx(repo, "queue", "retry", first[:8]).err
    assert sorted(one.ident for one in stored(repo)) == sorted(known)


def test_the_run_that_is_followed_stays_the_same_when_another_gets_its_name(repo: Path, notes: Path) -> None:
    hold = notes.with_name("notes.hold")
    hold.touch()
    write(repo / dialect_of(repo).pipeline, PIPELINE.format(notes=notes).replace("echo $$", "echo begun; echo $$"))
    (first,) = queue(repo, "lr=2", name="k")
    with alone(repo) as worker:
        until(notes.exists)
        git(repo, "commit", "--quiet", "--allow-empty", "-m", "later")
        queue(repo, "lr=3", name="k")
        words = ["dvx", "runs", "logs", "--follow", "--run", first.ident]
        with subprocess.Popen(words, cwd=repo, stdout=subprocess.PIPE, text=True) as reader:
            try:
                assert reader.stdout is not None
                assert reader.stdout.readline() == "begun\n"
                dvx(repo, "queue", "stop")
                hold.unlink()
                assert worker.wait(30) == 0
                assert reader.wait(10) == 0
            finally:
                reader.kill()
    assert [one.state for one in stored(repo)] == [State.SUCCESS, State.QUEUED]


def test_undo_does_not_take_back_what_came_before_a_retry_without_asking(repo: Path) -> None:
    dvx(repo, "exp", "run", "--queue", "-n", "k", "-S", "lr=13")
    assert dvx(repo, "queue", "work", "--alone").code == 0
    assert dvx(repo, "queue", "retry", "k").code == 0
    refused = run_dvx(repo, "undo")
    assert "error: `queue retry` cannot be undone: what it queued again may have begun" in refused.err
    assert states(repo) == {"k": "queued"}


def test_queueing_more_leaves_alone_what_runs(repo: Path, notes: Path) -> None:
    hold = notes.with_name("notes.hold")
    hold.touch()
    queue(repo, "lr=2", name="k")
    with alone(repo) as worker:
        until(notes.exists)
        queue(repo, "lr=3", name="later")
        assert dvx(repo, "exp", "clean").code == 0
        assert dvx(repo, "exp", "save", "-n", "meanwhile").code == 0
        assert states(repo) == {"k": "running", "later": "queued"}
        assert dvx(repo, "queue", "logs", "k").out.startswith("Running stage 'train'")
        hold.unlink()
        assert worker.wait(30) == 0
    assert states(repo) == {"k": "success", "later": "success"}


def test_what_runs_is_not_undone_even_by_force_and_nothing_is_begun(repo: Path, notes: Path) -> None:
    hold = notes.with_name("notes.hold")
    hold.touch()
    dvx(repo, "exp", "run", "--queue", "-n", "k", "-S", "lr=2")
    with alone(repo) as worker:
        until(notes.exists)
        refused = run_dvx(repo, "undo", "--force")
        hold.unlink()
        assert worker.wait(30) == 0
    assert "error: the experiment `k` runs\nhint: run `dvx queue kill k` first" in refused.err
    # what was refused is not half done, so it asks again
    assert "changed since `exp run`" in run_dvx(repo, "undo").err
    assert states(repo) == {"k": "success"}


def test_what_a_dead_worker_left_is_cleaned_up(repo: Path, notes: Path) -> None:
    notes.with_name("notes.hold").touch()
    queue(repo, "lr=2", name="k")
    with alone(repo) as worker:
        until(notes.exists)
        worker.kill()
    command = int(notes.read_text())
    assert "Nothing to clean up" in dvx(repo, "exp", "clean").err
    dvx(repo, "queue", "remove", "--all")
    os.kill(command, signal.SIGKILL)
    assert git(repo, "worktree", "list").count("\n") == 0
    assert git(repo, "for-each-ref", "refs/dvx") == ""


def test_workers_that_were_started_are_shown_and_others_are_not(repo: Path, notes: Path) -> None:
    hold = notes.with_name("notes.hold")
    hold.touch()
    with subprocess.Popen(["dvx", "repro", "-f"], cwd=repo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        until(notes.exists)
        queue(repo, "lr=2,3,4", name="k")
        assert "Started '2' new" in dvx(repo, "queue", "start", "-j", "2").err
        counts = json.loads(dvx(repo, "queue", "status", "--json").out)["workers"]
        assert counts["active"] + counts["idle"] == 2
        hold.unlink()
        assert other.wait(30) == 0
    until(lambda: set(states(repo).values()) == {"success"})
    until(lambda: json.loads(dvx(repo, "queue", "status", "--json").out)["workers"] == {"active": 0, "idle": 0})


def test_an_experiment_is_removed_by_its_name_wherever_it_is(repo: Path, notes: Path) -> None:
    dvx(repo, "exp", "run", "-n", "done", "-S", "lr=2")
    assert "the experiment `bad` was not recorded" in run_dvx(repo, "exp", "run", "-n", "bad", "-S", "lr=13").err
    git(repo, "checkout", "--quiet", "params.yaml")
    queue(repo, "lr=3,4", name="k")
    assert "there is no experiment `nope`" in run_dvx(repo, "exp", "remove", "k-1", "nope").err
    assert states(repo) == {"bad": "failed", "k-1": "queued", "k-2": "queued"}
    assert dvx(repo, "exp", "remove", "bad", "done", "k-1").err.startswith("Removed experiments: 'bad', 'k-1' and 'done'\n")
    assert (states(repo), accuracies(repo).keys()) == ({"k-2": "queued"}, {"k-2"})
    hold = notes.with_name("notes.hold")
    hold.touch()
    with alone(repo) as worker:
        until(lambda: states(repo) == {"k-2": "running"})
        result = run_dvx(repo, "exp", "remove", "k-2")
        assert "the experiment `k-2` runs\nhint: run `dvx queue kill k-2` first" in result.err
        hold.unlink()
        assert worker.wait(30) == 0
    assert dvx(repo, "exp", "remove", "k-2").code == 0
    assert git(repo, "for-each-ref", "refs/exps") == ""


def test_only_what_failed_is_shown_if_only_that_is_wanted(repo: Path) -> None:
    assert dvx(repo, "exp", "show", "--failed").err == "No experiment failed.\n"
    dvx(repo, "exp", "run", "-n", "done", "-S", "lr=2")
    queue(repo, "lr=13,3", name="k")
    dvx(repo, "runs", "cancel", "k-2")
    run_dvx(repo, "queue", "work", "--alone")
    queue(repo, "lr=4", name="later")
    lines = [line.split() for line in dvx(repo, "exp", "show", "--failed", "--csv").out.splitlines()]
    assert [line[0].split(",")[0] for line in lines[2:]] == ["k-1", "k-2"]
    shown = dvx(repo, "exp", "show", "--failed").out
    assert ("Failed" in shown, "Cancelled" in shown, "Queued" in shown, "workspace" in shown) == (True, True, False, False)


def test_what_is_cancelled_did_not_fail(repo: Path, notes: Path) -> None:
    hold = notes.with_name("notes.hold")
    hold.touch()
    queue(repo, "lr=2,3", name="k")
    words = ["dvx", "queue", "work", "-j", "1"]
    with subprocess.Popen(words, cwd=repo, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as keeper:
        until(notes.exists)
        dvx(repo, "runs", "cancel", "k-1", "--now")
        until(lambda: states(repo)["k-1"] == "cancelled")
        hold.unlink()
        told = keeper.communicate(timeout=60)[1]
    assert "note: the experiment `k-1` was cancelled; `dvx queue logs k-1` shows what it wrote\n" in told
    assert keeper.returncode == dialect_of(repo).exit_codes.error
    assert states(repo) == {"k-1": "cancelled", "k-2": "success"}


def test_workers_can_be_asked_to_end(repo: Path, notes: Path) -> None:
    hold = notes.with_name("notes.hold")
    hold.touch()
    queue(repo, "lr=2,3", name="k")
    dvx(repo, "queue", "start")
    until(lambda: states(repo)["k-1"] == "running" and notes.exists())
    assert dvx(repo, "queue", "stop").code == 0
    hold.unlink()
    until(lambda: states(repo) == {"k-1": "success", "k-2": "queued"})
    until(lambda: json.loads(dvx(repo, "queue", "status", "--json").out)["workers"] == {"active": 0, "idle": 0})
    assert states(repo)["k-2"] == "queued"


def test_what_is_removed_leaves_no_trace(repo: Path) -> None:
    queue(repo, "lr=2,13", name="k")
    assert git(repo, "for-each-ref", "refs/dvx").count("refs/dvx/queue/") == 1
    run_dvx(repo, "queue", "work")
    with opened(repo) as project:
        with pytest.raises(UnknownTarget, match="no such experiment"):
            remove_tasks(project, ["nope"], ())
        remove_tasks(project, [], (State.FAILED, State.SUCCESS))
    assert states(repo) == {}
    assert git(repo, "for-each-ref", "refs/dvx") == ""
    assert accuracies(repo) == {"k-1": 2}


@pytest.mark.parametrize(
    "words",
    [("-S", "nope.deep=1"), ("-S", "no.yaml:lr=1"), ("-S", "lr"), ("-n", "a b"), ("-S", "lr=1", "nope"), ("nope",)],
)
def test_what_is_refused_before_it_begins_is_no_failed_experiment(repo: Path, words: tuple[str, ...]) -> None:
    before = (repo / "params.yaml").read_bytes()
    result = run_dvx(repo, "exp", "run", *words)
    assert result.code
    assert "Failed" not in dvx(repo, "exp", "show").out
    assert (repo / "params.yaml").read_bytes() == before


def test_a_failed_run_in_the_workspace_is_remembered_until_it_succeeds(repo: Path) -> None:
    assert run_dvx(repo, "exp", "run", "-n", "w", "-S", "lr=13").code != 0
    assert accuracies(repo) == {"w": None}
    assert "Failed" in dvx(repo, "exp", "show", "--failed").out
    with opened(repo) as project, pytest.raises(DvxError, match="ran in the workspace"):
        retry(project, ["w"])
    assert dvx(repo, "exp", "run", "-n", "w", "-S", "lr=2").code == 0
    assert (states(repo), accuracies(repo)) == ({}, {"w": 2})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("nope=1",), "there is no parameter `nope`"),
        (("lr=interval(1,2)",), "cannot be taken apart"),
        (("x.yaml:a=1",), "no parameter file"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_queued(repo: Path, overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(DvxError, match=said):
        queue(repo, *overrides)
    assert states(repo) == {}
    assert git(repo, "for-each-ref", "refs/dvx") == ""


def test_values_that_do_not_go_together_are_refused_before_anything_is_queued(repo: Path) -> None:
    """Each of them goes with the first of the other."""
    dvx(repo, "config", "hydra.enabled", "true")
    for path, text in {
        "config.yaml": "defaults: [{data: a}, {model: a}, _self_]\nlr: 1\nn: 1\n",
        "data/a.yaml": "size: 1\n",
        "data/b.yaml": "kind: b\n",
        "model/a.yaml": "size: 1\n",
        "model/b.yaml": "size: ${data.size}\n",
    }.items():
        write(repo / "conf" / path, text)
    commit_all(repo)
    for one in ("data=b", "model=b"):
        queue(repo, one)
    with pytest.raises(DvxError, match=r"data\.size"):
        queue(repo, "data=a,b", "model=a,b", name="k")
    assert len(states(repo)) == 2


def test_names_are_given_once(repo: Path) -> None:
    queue(repo, name="one")
    with pytest.raises(DvxError, match="exists already"):
        queue(repo, name="one")
    with pytest.raises(DvxError, match="does not exist"):
        queue(repo, copied=("nope",))
    result = run_dvx(repo, "exp", "run", "--temp", "-S", "lr=1,2")
    assert result.code != 0
    assert "add `--queue`" in result.err


def test_a_name_that_many_want_at_once_is_given_once(repo: Path) -> None:
    words = ["dvx", "exp", "run", "--queue", "-n", "one"]
    asked = [subprocess.Popen(words, cwd=repo, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [one.communicate(timeout=60)[1] for one in asked]
    assert sorted(one.returncode != 0 for one in asked) == [False, True, True, True]
    assert sum("error: experiment `one` exists already" in text for text in said) == 3
    assert states(repo) == {"one": "queued"}


def test_a_run_in_the_workspace_does_not_take_the_name_of_one_that_waits(repo: Path) -> None:
    queue(repo, name="one")
    result = run_dvx(repo, "exp", "run", "-n", "one", "-S", "lr=5")
    assert "error: experiment `one` exists already" in result.err
    assert "lr: 1 " in (repo / "params.yaml").read_text()
    assert dvx(repo, "queue", "work", "--alone").code == 0
    assert accuracies(repo) == {"one": 1}
    assert dvx(repo, "exp", "run", "-f", "-n", "one", "-S", "lr=5").code == 0
    assert accuracies(repo) == {"one": 5}


def test_gc_keeps_what_a_queued_experiment_needs(repo: Path) -> None:
    write(repo / "raw", "only in the queue\n")
    queue(repo, name="q")
    git(repo, "checkout", "--quiet", ".")
    dvx(repo, "checkout", "--force")
    assert dvx(repo, "gc", "--workspace", "--grace", "0", "--force").code == 0
    assert dvx(repo, "gc", "--all-commits", "--all-experiments", "--grace", "0", "--force").code == 0
    assert dvx(repo, "queue", "work").code == 0
    dvx(repo, "exp", "apply", "q")
    assert (repo / "model").read_text() == "only in the queue\n"


def test_modules_in_the_project_do_not_stand_in_for_those_of_python(repo: Path) -> None:
    write(repo / "json.py", "raise SystemExit('not the one')\n")
    commit_all(repo)
    queue(repo, name="q")
    assert dvx(repo, "queue", "work", "--jobs", "1").code == 0
    assert states(repo) == {"q": "success"}


def test_commands_in_a_room_find_remotes_and_keep_secrets_private(repo: Path, notes: Path) -> None:
    dvx(repo, "remote", "add", "--default", "disk", "storage")
    dvx(repo, "remote", "add", "far", "ssh://example.com/data")
    dvx(repo, "remote", "modify", "--local", "far", "password", "secret")
    pipeline = repo / dialect_of(repo).pipeline
    local = f"{dialect_of(repo).folder}/config.local"
    write(pipeline, PIPELINE.format(notes=notes).replace("cat raw > model;", f"cat raw > model; cp -p {local} {notes}.config;"))
    commit_all(repo)
    queue(repo, name="q")
    assert dvx(repo, "queue", "work").code == 0
    seen = Path(f"{notes}.config")
    assert f"url = {repo / 'storage'}\n" in seen.read_text()
    assert "password = secret\n" in seen.read_text()
    assert seen.stat().st_mode & 0o777 == 0o600


def test_a_snapshot_goes_with_the_last_task_that_needs_it(repo: Path) -> None:
    def kept() -> int:
        return len(git(repo, "for-each-ref", "refs/dvx/queue/").splitlines())

    first, second, _ = queue(repo, "lr=2,3,13")
    assert kept() == 1
    with opened(repo) as project:
        remove_tasks(project, [first.name], ())
        assert kept() == 1
        remove_tasks(project, [second.name], ())
        assert kept() == 1
    assert run_dvx(repo, "queue", "work").code == dialect_of(repo).exit_codes.error
    assert list(states(repo).values()) == ["failed"]
    assert kept() == 1
    assert dvx(repo, "exp", "clean").code == 0
    assert kept() == 1
    assert dvx(repo, "queue", "remove", "--failed").code == 0
    assert kept() == 0


def test_exp_clean_lets_go_of_snapshots_that_nothing_needs_but_not_of_the_refs_of_others(repo: Path) -> None:
    head = git(repo, "rev-parse", "HEAD").strip()
    for ref in (f"refs/dvx/queue/{head}", "refs/dvx/incoming/0/a/b", "refs/exps/temp/of-another-tool"):
        git(repo, "update-ref", ref, head)
    assert dvx(repo, "exp", "clean").code == 0
    assert "refs/dvx/" not in git(repo, "for-each-ref")
    assert "refs/exps/temp/of-another-tool" in git(repo, "for-each-ref")


def meanwhile(folder: Path, act: Callable[[], object], **changes: object) -> BaseException | None:
    """What `act` raises that begins while somebody changes the only task, and ends after that."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            act()
            raised.append(None)
        except DvxError as error:
            raised.append(error)

    thread = threading.Thread(target=run)

    def change(found: Sequence[Run]) -> tuple[list[Run], list[str]]:
        thread.start()
        # what looks without waiting has looked by now
        thread.join(0.5)
        return [replace(found[0], **changes)], []

    with opened(folder) as project:
        open_registry(project).change(change)
    thread.join()
    return raised[0]


def test_what_a_worker_claims_at_that_moment_is_neither_removed_nor_queued_again(repo: Path) -> None:
    (one,) = queue(repo, name="k")
    with opened(repo) as project, worker_lock(project) as worker:
        book = open_registry(project)
        for names, chosen in ((["k"], set()), ([], {State.QUEUED})):
            error = meanwhile(repo, partial(remove_tasks, project, names, chosen), state=State.RUNNING, worker=worker)
            assert error is None or "the experiment `k` runs" in str(error)
            assert book.experiments(State.RUNNING) == [replace(one, state=State.RUNNING, worker=worker)]
            book.amend(one.ident, lambda _: one)
        for again in (["k"], []):
            book.amend(one.ident, lambda _: replace(one, state=State.FAILED))
            meanwhile(repo, partial(retry, project, again), state=State.RUNNING, worker=worker)
            assert book.experiments() == [replace(one, state=State.RUNNING, worker=worker)]


# --- the list of tasks


def registry_at(folder: Path) -> Registry:
    return Registry(str(folder / "runs.db"), lambda _: None, lambda path: os.rename(path, f"{path}.aside"))


def task(name: str, state: State = State.QUEUED, worker: str = "") -> Run:
    return Run((name * 40)[:40], name, "b" * 40, Place.QUEUE, "c" * 40, state=state, worker=worker)


def test_a_task_reads_back_as_it_was() -> None:
    one = Run(
        "a" * 40, "n", "b" * 40, Place.QUEUE, "c" * 40, (Override("p", ("a", 0), Op.FORCE, {"x": [1, None]}),),
        {"targets": ["t"]}, copied=("d",), state=State.FAILED,
        seen={"params": {"p": {"data": 1}}, "metrics": {}, "deps": {}, "outs": {}},
    )  # fmt: skip
    assert decode_run(json.loads(json.dumps(encode_run(one)))) == one


def test_a_task_is_claimed_once_and_taken_up_when_its_worker_dies(tmp_path: Path) -> None:
    book = registry_at(tmp_path)
    book.change(lambda _: ([task("a"), task("b")], ()))
    one, other = "1-00000000", "2-00000000"
    alive = {one, other}
    claimed = [book.claim(worker, lambda name: name not in alive) for worker in (one, other, other)]
    assert [one and one.name for one in claimed] == ["a", "b", None]
    alive.remove(one)
    taken = book.claim(other, lambda name: name not in alive)
    assert taken is not None
    assert (taken.name, taken.worker) == ("a", other)
    assert book.amend(taken.ident, lambda found: found if found.worker == one else None) is None
    assert find_tasks(book.experiments(), ["aaaaa"])[0].state is State.RUNNING
    with pytest.raises(UnknownTarget):
        find_tasks(book.experiments(), ["zzz"])


def test_a_broken_list_is_set_aside(tmp_path: Path) -> None:
    broken = b"no database at all, but long enough to look like a file of one" * 100
    (tmp_path / "runs.db").write_bytes(broken)
    book = registry_at(tmp_path)
    assert book.experiments() == []
    assert (tmp_path / "runs.db").read_bytes() == broken
    book.change(lambda _: ([task("a")], ()))
    assert [one.name for one in book.experiments()] == ["a"]
    assert (tmp_path / "runs.db.aside").read_bytes() == broken


def test_a_row_that_is_no_task_is_passed_over(tmp_path: Path) -> None:
    book = registry_at(tmp_path)
    book.change(lambda _: ([task("a"), task("b")], ()))
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("UPDATE runs SET body = '{}' WHERE name = 'a'")
    assert [one.name for one in book.experiments()] == ["b"]


def test_a_bad_word_is_refused(repo: Path) -> None:
    for words in (["--queue", "--temp"], ["--temp", "--dry"]):
        assert run_dvx(repo, "exp", "run", *words).code not in (0, 1, 3), words
    with pytest.raises(UsageError):
        queue(repo, "lr=range(1,1)")


def test_what_has_no_result_says_how_far_it_is(repo: Path) -> None:
    dvx(repo, "exp", "run", "--queue", "-n", "bad", "-S", "lr=13")
    for words in (("apply", "bad"), ("rename", "bad", "good"), ("branch", "bad")):
        told = run_dvx(repo, "exp", *words)
        assert (told.code != 0, told.err) == (
            True,
            "error: the experiment `bad` has no result: it is queued\nhint: `dvx queue work` runs it\n",
        )
    run_dvx(repo, "queue", "work")
    told = run_dvx(repo, "exp", "apply", "bad").err
    assert "has no result: it is failed\nhint: `dvx queue logs bad` shows what it wrote, `dvx queue retry bad`" in told
    assert "there is no experiment `bat`" in run_dvx(repo, "exp", "apply", "bat").err
