"""Facts about how stages run: retries, limits of time, resources, environment, shell; pausing and cancelling runs."""
# ruff: noqa: E501  commands are easier to read in one line

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvx.errors import DvxError, FormatError, StageFailed, UnknownTarget
from dvx.model.events import Notice, StageOutput, StageRetrying
from dvx.model.pipelines.run import State, Wish
from dvx.ops.pipelines.repro import ReproOptions
from dvx.ops.pipelines.run_record import ask, find_run, list_runs
from dvx.ops.stages.repro_plan import from_plain, to_plain
from dvx.shell import Shell
from tests.helpers import run_process, write
from tests.ops.test_repro import actions, last_run, opened, prepare, reasons, told, until
from tests.patience import is_alive


def stage(folder: Path, cmd: str, run: str = "", rest: str = "") -> Path:
    """A pipeline with one stage `s` that reads `raw` and writes `o`; `run` are its settings."""
    settings = f"    run: {run}\n" if run else ""
    if run and (folder / ".dvc").exists():
        settings = f"    meta: {{run: {run}}}\n"
    return prepare(folder, f"stages:\n  s:\n    cmd: {cmd}\n    deps: [raw]\n    outs: [o]\n{settings}{rest}")


SOMETIMES = "echo x >> tries; [ $(wc -l < tries) -ge 3 ] || exit 7; cp raw o"


def test_a_failed_command_runs_again_as_often_as_its_author_said(dialect_repo: Path) -> None:
    stage(dialect_repo, f"'{SOMETIMES}'", "{retry: {maximum_attempts: 3, initial_interval: 10ms}}")
    events = told(dialect_repo)
    retries = [event for event in events if isinstance(event, StageRetrying)]
    assert [(one.attempt, one.attempts, one.pause) for one in retries] == [(1, 3, 0.01), (2, 3, 0.02)]
    assert "exited with 7" in retries[0].message
    run = last_run(dialect_repo)
    assert [(one.number, one.status, one.code) for one in run.attempts] == [
        (1, State.FAILED, 7),
        (2, State.FAILED, 7),
        (3, State.SUCCESS, 0),
    ]
    assert len({one.log for one in run.attempts}) == 3
    assert actions(dialect_repo) == ["s skip"]


def test_attempts_end(native: Path) -> None:
    stage(native, f"'{SOMETIMES}'", "{retry: {maximum_attempts: 2, initial_interval: 0}}")
    with pytest.raises(StageFailed, match="exited with 7"):
        actions(native)
    assert (native / "tries").read_text() == "x\nx\n"


def test_some_exit_codes_are_final(native: Path) -> None:
    stage(native, f"'{SOMETIMES}'", "{retry: {maximum_attempts: 5, non_retryable_exit_codes: [7]}}")
    with pytest.raises(StageFailed):
        actions(native)
    assert (native / "tries").read_text() == "x\n"


def test_each_attempt_begins_without_the_outputs_of_the_last_one(native: Path) -> None:
    stage(native, "'[ ! -e o ] || exit 9; echo half > o; echo x >> tries; [ $(wc -l < tries) -ge 2 ]'", "{retry: 3}")
    write(
        native / "dvx.yaml",
        (native / "dvx.yaml").read_text().replace("retry: 3", "retry: {maximum_attempts: 3, initial_interval: 0}"),
    )
    assert actions(native) == ["s run"]
    assert any(path.read_bytes() == b"half\n" for path in (native / ".dvx/tmp/trash").rglob("*") if path.is_file())


def test_a_command_that_takes_too_long_is_stopped(dialect_repo: Path) -> None:
    stage(dialect_repo, "'echo $$ > pid; sleep 60; cp raw o'", "{timeout: 0.5}")
    with pytest.raises(StageFailed, match=r"took longer than its `timeout` of 0.5 s"):
        actions(dialect_repo)
    with pytest.raises(ProcessLookupError):
        os.kill(int((dialect_repo / "pid").read_text()), 0)


def test_a_command_that_closed_its_output_is_stopped_too(native: Path) -> None:
    stage(native, "'exec >&- 2>&-; sleep 60'", "{timeout: 0.5}")
    with pytest.raises(StageFailed, match="timeout"):
        actions(native)


def test_a_command_that_gives_no_sign_of_life_is_stopped_and_the_next_knows_how_far_it_was(native: Path) -> None:
    command = '\'echo "[$DVX_LAST_HEARTBEAT]" >> seen; [ -z "$DVX_LAST_HEARTBEAT" ] || { cp raw o; exit 0; }; echo epoch 3 > $DVX_HEARTBEAT_FILE; sleep 60\''
    stage(native, command, "{heartbeat: 0.6, retry: {maximum_attempts: 2, initial_interval: 0}}")
    assert actions(native) == ["s run"]
    assert (native / "seen").read_text() == "[]\n[epoch 3]\n"
    first, second = last_run(native).attempts
    assert (first.status, first.beat, second.status) == (State.FAILED, "epoch 3", State.SUCCESS)


def test_signs_of_life_keep_a_command_going(native: Path) -> None:
    stage(native, "'for i in 1 2 3 4 5 6; do touch $DVX_HEARTBEAT_FILE; sleep 0.2; done; cp raw o'", "{heartbeat: 0.9}")
    assert actions(native) == ["s run"]


def test_variables_are_passed_on_and_part_of_what_makes_runs_equal(native: Path) -> None:
    stage(native, "'echo $SEED > o'", "{env: {SEED: 1}}")
    assert actions(native) == ["s run"]
    assert (native / "o").read_text() == "1\n"
    assert "env:\n      SEED: '1'\n" in (native / "dvx.lock").read_text()
    assert actions(native) == ["s skip"]
    stage(native, "'echo $SEED > o'", "{env: {SEED: 2}}")
    assert reasons(native) == {"s": ["changed variable `SEED`"]}
    assert (native / "o").read_text() == "2\n"
    stage(native, "'echo $SEED > o'", "{env: {SEED: 1}}")
    assert actions(native) == ["s restore"]
    assert (native / "o").read_text() == "1\n"


def test_variables_come_from_templates_too(native: Path) -> None:
    stage(native, "'echo $SEED > o'", "{env: {SEED: '${n}'}, timeout: '${other}m'}")
    assert actions(native) == ["s run"]
    assert (native / "o").read_text() == "1\n"


def test_in_a_dvc_repository_variables_have_no_place_in_the_lock(dvc_like: Path) -> None:
    stage(dvc_like, "'echo $SEED > o'", "{env: {SEED: 1}}")
    with pytest.raises(FormatError, match="no place for `env`"):
        actions(dvc_like)


def test_what_others_keep_in_meta_is_theirs(dvc_like: Path) -> None:
    prepare(dvc_like, "stages:\n  s: {cmd: cp raw o, deps: [raw], outs: [o], meta: {run: nightly}}\n")
    assert actions(dvc_like) == ["s run"]
    prepare(dvc_like, "stages:\n  s: {cmd: cp raw o, deps: [raw], outs: [o], meta: {run: {every: day}}}\n")
    assert actions(dvc_like) == ["s skip"]


def test_a_stage_chooses_its_shell(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    stage(native, "'[[ a == a ]] && echo ${BASH_VERSION:+bash} > o'".replace("${", "\\${"), "{shell: bash}")
    actions(native)
    assert (native / "o").read_text() == "bash\n"


TOKENS = "stages:\n" + "".join(
    f"  s{i}: {{cmd: 'mkdir busy && sleep 0.2 && rmdir busy && echo 1 > o{i}', outs: [o{i}], deps: [raw], run: {{resources: {{license: 1}}}}}}\n"
    for i in range(4)
)


def test_stages_that_want_the_same_token_do_not_run_at_once(native: Path) -> None:
    prepare(native, TOKENS)
    assert sorted(actions(native, ReproOptions(jobs=4))) == ["s0 run", "s1 run", "s2 run", "s3 run"]


def test_more_tokens_let_more_stages_run(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(native, TOKENS)
    monkeypatch.setenv("DVX_RESOURCES", "license=4")
    with pytest.raises(StageFailed):
        actions(native, ReproOptions(jobs=4))


def test_a_stage_sees_the_cards_that_it_asked_for(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    lines = [
        f"  s{i}: {{cmd: 'echo $CUDA_VISIBLE_DEVICES > o{i}; sleep 0.4', outs: [o{i}], deps: [raw], run: {{resources: {{gpu: 1}}}}}}\n"
        for i in range(2)
    ]
    prepare(native, "stages:\n" + "".join(lines))
    actions(native, ReproOptions(jobs=2))
    assert sorted((native / f"o{i}").read_text() for i in range(2)) == ["4\n", "7\n"]


def test_a_stage_that_wants_what_the_machine_does_not_have_is_refused_before_anything_runs(
    native: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    stage(native, "cp raw o", "{resources: {gpu: 2}}")
    with pytest.raises(DvxError, match="needs 2 of `gpu`, and there are 1") as caught:
        actions(native)
    with pytest.raises(DvxError, match="needs 2 of `gpu`"):
        actions(native, ReproOptions(jobs=2))
    assert actions(native, ReproOptions(dry=True)) == ["s run"]
    assert "core.resources gpu=N" in caught.value.hint
    assert not (native / "o").exists()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert actions(native) == ["s run"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert actions(native) == ["s skip"], "what is up to date takes nothing"
    assert actions(native, ReproOptions(jobs=2)) == ["s skip"]


def test_native_stages_run_at_once_unless_told_otherwise(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "stages:\n"
        "  left: {cmd: 'touch l.here; for i in $(seq 100); do [ -e r.here ] && break; sleep 0.05; done; [ -e r.here ]', deps: [raw]}\n"
        "  right: {cmd: 'touch r.here; for i in $(seq 100); do [ -e l.here ] && break; sleep 0.05; done; [ -e l.here ]', deps: [raw]}\n"
    )
    prepare(native, text)
    monkeypatch.setenv("DVX_JOBS", "2")
    events = told(native, ReproOptions(jobs=None))
    assert not any(isinstance(event, StageOutput) and not event.shared for event in events)
    assert sorted(actions(native)) == ["left skip", "right skip"]


# --- commands that do not behave


def test_a_folder_may_take_the_place_of_a_file_and_back(dialect_repo: Path) -> None:
    stage(dialect_repo, "'cp raw o'")
    assert actions(dialect_repo) == ["s run"]
    stage(dialect_repo, "'mkdir o; cp raw o/inside'")
    assert actions(dialect_repo) == ["s run"]
    assert (dialect_repo / "o/inside").read_text() == "1\n"
    stage(dialect_repo, "'cp raw o'")
    assert actions(dialect_repo) == ["s restore"]
    assert (dialect_repo / "o").read_text() == "1\n"


def test_a_daemon_that_a_command_leaves_behind_is_not_waited_for(native: Path) -> None:
    stage(native, "'(sleep 30; echo late > o) > /dev/null 2>&1 & echo $! > pid; cp raw o'")
    begin = time.monotonic()
    assert actions(native) == ["s run"]
    assert actions(native) == ["s skip"]
    assert time.monotonic() - begin < 15
    os.kill(int((native / "pid").read_text()), signal.SIGTERM)


def test_a_command_that_ignores_signals_is_killed(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvx.ops.pipelines.repro.Shell", lambda: Shell(patience=0.3))
    stage(native, """'trap "" TERM INT HUP; echo $$ > pid; while :; do sleep 0.05; done'""", "{timeout: 0.5}")
    with pytest.raises(StageFailed, match="timeout"):
        actions(native)
    assert not is_alive(int((native / "pid").read_text()))


@pytest.mark.parametrize("ends", ["", "; echo"])
def test_much_output_takes_no_memory(native: Path, ends: str) -> None:
    stage(native, f"'head -c 200000000 /dev/zero | tr \\0 x{ends}; cp raw o'")
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL, check=True)\n"
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    used = run_process(native, sys.executable, "-c", script, "dvx", "repro", "-j", "2").out
    assert int(used) * 1024 < 150_000_000
    (log,) = (native / ".dvx/tmp/logs").glob("*/s.log")
    assert log.stat().st_size == 200_000_000 + len(ends[-1:])


def test_an_output_that_is_not_made_is_named(native: Path) -> None:
    stage(native, "'true'")
    with pytest.raises(DvxError, match="the output `o` of the stage `s` does not exist"):
        actions(native)
    assert last_run(native).status is State.FAILED


# --- from outside


SLOW = "stages:\n  a: {cmd: 'touch begun; while [ ! -e go ]; do sleep 0.05; done; cp raw a', deps: [raw], outs: [a]}\n  b: {cmd: cp a b, deps: [a], outs: [b]}\n"


def in_background(folder: Path) -> tuple[threading.Thread, list[object]]:
    found: list[object] = []

    def work() -> None:
        try:
            found.append(actions(folder))
        except DvxError as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until((folder / "begun").exists)
    return thread, found


@pytest.mark.parametrize("now", [False, True])
def test_a_run_is_cancelled_from_outside(native: Path, now: bool) -> None:
    prepare(native, SLOW)
    thread, found = in_background(native)
    with opened(native) as project:
        assert find_run(project).status is State.RUNNING
        name = ask(project, "", Wish.KILL if now else Wish.CANCEL).ident
    thread.join(20)
    (error,) = found
    assert isinstance(error, DvxError)
    assert error.message == f"the run `{name}` was cancelled"
    assert last_run(native).status is State.CANCELLED
    assert not (native / "a").exists()
    with opened(native) as project, pytest.raises(DvxError, match="does not work any more: it is cancelled"):
        ask(project, name, Wish.CANCEL)


def test_a_paused_run_starts_nothing_until_it_goes_on(native: Path) -> None:
    prepare(native, SLOW)
    thread, found = in_background(native)
    with opened(native) as project:
        ask(project, "", Wish.PAUSE)
        assert find_run(project).status is State.PAUSED
        # the run looks twice a second
        threading.Event().wait(1.2)
        write(native / "go", "")
        until(lambda: len(last_run(native).attempts) == 1 and last_run(native).attempts[0].status is State.SUCCESS)
        threading.Event().wait(0.5)
        assert not (native / "b").exists()
        ask(project, "", Wish.NOTHING)
    thread.join(20)
    assert found == [["a run", "b run"]]


def test_runs_are_found_by_the_beginning_of_their_names(native: Path) -> None:
    with opened(native) as project, pytest.raises(UnknownTarget, match="nothing ran yet"):
        find_run(project)
    stage(native, "cp raw o")
    actions(native)
    with opened(native) as project:
        (run,) = list_runs(project, 5)
        assert find_run(project, run.name[:12]).name == run.name
        with pytest.raises(UnknownTarget, match="there is no run `nope`"):
            find_run(project, "nope")


def test_what_a_command_writes_beside_its_outputs_is_told(dialect_repo: Path) -> None:
    write(dialect_repo / ".gitignore", "*.log\n")
    command = "cp raw o; mkdir -p __pycache__ stray; echo > mine.log; echo > there; echo >> known"
    write(dialect_repo / "known", "1\n")
    stage(dialect_repo, f"'{command}'")
    notes = [event.message for event in told(dialect_repo) if isinstance(event, Notice)]
    assert notes == ["the stage `s` also wrote `stray`, `there`, which is none of its outputs"]


def test_what_was_asked_for_is_kept_and_read_again() -> None:
    asked = ReproOptions(("a", "b"), jobs=0, keep_going=True, environment={"A": "1"})
    assert to_plain(asked) == {"jobs": 0, "keep_going": True, "targets": ("a", "b")}
    assert from_plain({**to_plain(asked), "of another version": 1}) == replace(asked, environment={})
    assert from_plain({"jobs": None}).jobs is None
    with pytest.raises(DvxError, match="cannot be read"):
        from_plain({"jobs": "many"})
