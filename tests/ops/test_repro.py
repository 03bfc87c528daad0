"""Facts about bringing stages up to date, on real folders and commands."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvx.errors import DvxError, GraphError, MissingData, Partial, StageFailed, UnknownTarget
from dvx.model.events import Event, Notice, StageEnded, StageOutput, StageStarted
from dvx.model.pipelines.run import State
from dvx.model.pipelines.run_history import RunRecord
from dvx.ops.pipelines.repro import ReproOptions, repro
from dvx.ops.pipelines.run_record import find_run, list_runs
from dvx.project import Project
from dvx.store import files
from tests.helpers import commit_all, dialect_of, dvx, git, write
from tests.patience import is_alive, within

TWO = """\
stages:
  double:
    cmd: cat raw raw > mid; echo double >> ran
    deps: [raw]
    params: [n]
    outs: [mid]
  last:
    cmd: cat mid mid > end; echo '{"x":1}' > m.json; echo last >> ran
    deps: [mid]
    outs: [end]
    metrics:
    - m.json: {cache: false}
"""


def prepare(folder: Path, text: str = TWO) -> Path:
    write(folder / "raw", "1\n")
    write(folder / "params.yaml", "n: 1\nother: 1\n")
    write(folder / dialect_of(folder).pipeline, text)
    return folder


@contextmanager
def opened(folder: Path) -> Iterator[Project]:
    project = Project.find(str(folder))
    try:
        yield project
    finally:
        project.close()


def actions(folder: Path, options: ReproOptions | None = None) -> list[str]:
    """`address action` of each stage that was looked at."""
    with opened(folder) as project:
        result = repro(project, options or ReproOptions())
    return [f"{outcome.address} {outcome.action.value}" for outcome in result.stages]


def reasons(folder: Path, options: ReproOptions | None = None) -> dict[str, list[str]]:
    with opened(folder) as project:
        result = repro(project, options or ReproOptions())
    return {outcome.address: [str(reason) for reason in outcome.reasons] for outcome in result.stages}


def told(folder: Path, options: ReproOptions | None = None) -> list[Event]:
    events: list[Event] = []
    with opened(folder) as project:
        repro(project, options or ReproOptions(), events.append)
    return events


def ran(folder: Path) -> list[str]:
    """The stages whose command ran since the last call."""
    path = folder / "ran"
    names = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return names


def last_run(folder: Path) -> RunRecord:
    with opened(folder) as project:
        return find_run(project)


def lock(folder: Path) -> Path:
    return folder / dialect_of(folder).lock


# --- deciding


def test_stages_run_once_and_are_skipped_then(dialect_repo: Path) -> None:
    prepare(dialect_repo)
    assert actions(dialect_repo) == ["double run", "last run"]
    assert (dialect_repo / "end").read_text() == "1\n1\n1\n1\n"
    assert (dialect_repo / ".gitignore").read_text() == "/mid\n/end\n"
    assert ran(dialect_repo) == ["double", "last"]
    before = lock(dialect_repo).stat().st_mtime_ns
    assert actions(dialect_repo) == ["double skip", "last skip"]
    assert ran(dialect_repo) == []
    assert lock(dialect_repo).stat().st_mtime_ns == before


def test_only_what_a_change_reaches_runs(dialect_repo: Path) -> None:
    prepare(dialect_repo)
    actions(dialect_repo)
    write(dialect_repo / "raw", "2\n")
    assert reasons(dialect_repo) == {"double": ["modified dependency `raw`"], "last": ["modified dependency `mid`"]}
    write(dialect_repo / "params.yaml", "n: 2\nother: 1\n")
    assert reasons(dialect_repo) == {"double": ["modified parameter `params.yaml:n`"], "last": []}
    write(dialect_repo / "params.yaml", "n: 2\nother: 2\n")
    assert actions(dialect_repo) == ["double skip", "last skip"]


def test_a_number_of_another_kind_is_a_change_in_the_native_dialect_only(native: Path, new_project: object) -> None:
    other = new_project("other", "--dvc")  # type: ignore[operator]
    for folder in (native, other):
        prepare(folder)
        actions(folder)
        write(folder / "params.yaml", "n: 1.0\nother: 1\n")
    assert actions(native)[0] == "double run"
    assert actions(other)[0] == "double skip"


def test_a_deleted_output_is_restored_without_running(dialect_repo: Path) -> None:
    prepare(dialect_repo)
    actions(dialect_repo)
    ran(dialect_repo)
    (dialect_repo / "mid").unlink()
    assert actions(dialect_repo) == ["double restore", "last skip"]
    assert (dialect_repo / "mid").read_text() == "1\n1\n"
    assert ran(dialect_repo) == []


def test_an_earlier_equal_run_is_restored(dialect_repo: Path) -> None:
    prepare(dialect_repo)
    actions(dialect_repo)
    first = lock(dialect_repo).read_bytes()
    write(dialect_repo / "raw", "2\n")
    actions(dialect_repo)
    ran(dialect_repo)
    write(dialect_repo / "raw", "1\n")
    (dialect_repo / "m.json").unlink()
    assert actions(dialect_repo) == ["double restore", "last restore"]
    assert ran(dialect_repo) == []
    assert lock(dialect_repo).read_bytes() == first
    assert (dialect_repo / "m.json").read_text() == '{"x":1}\n'
    write(dialect_repo / "raw", "2\n")
    assert actions(dialect_repo, ReproOptions(no_run_cache=True)) == ["double run", "last run"]


def test_a_broken_run_cache_entry_is_dropped_and_the_stage_runs(native: Path) -> None:
    prepare(native)
    actions(native)
    for path in (native / ".dvx/cache/runs").rglob("*"):
        if path.is_file():
            path.write_text("cmd: rm -rf /\nouts:\n- path: ../x\n")
    lock(native).unlink()
    assert actions(native) == ["double run", "last run"]


def test_a_lost_cache_is_filled_again_from_the_workspace_without_running(native: Path) -> None:
    prepare(native)
    actions(native)
    ran(native)
    shutil.rmtree(native / ".dvx/cache/files")
    assert actions(native) == ["double restore", "last restore"]
    assert ran(native) == []
    (native / "end").unlink()
    assert actions(native) == ["double skip", "last restore"]


def test_an_edited_output_goes_to_the_trash_before_it_is_restored(native: Path) -> None:
    prepare(native)
    actions(native)
    write(native / "end", "my own words\n")
    assert actions(native) == ["double skip", "last restore"]
    with opened(native) as project:
        (item,) = project.trash.items()
        assert item.path == "end"
        assert Path(item.place).read_text() == "my own words\n"


def test_an_edited_output_goes_to_the_trash_before_its_stage_runs(native: Path) -> None:
    prepare(native)
    actions(native)
    write(native / "end", "my own words\n")
    write(native / "raw", "3\n")
    assert actions(native) == ["double run", "last run"]
    with opened(native) as project:
        assert [Path(item.place).read_text() for item in project.trash.items()] == ["my own words\n"]


def test_force_runs_what_is_fresh(native: Path) -> None:
    prepare(native)
    actions(native)
    ran(native)
    assert actions(native, ReproOptions(("last",), force=True, single=True)) == ["last run"]
    assert ran(native) == ["last"]


def test_a_dry_run_changes_nothing_and_foresees_what_follows(native: Path) -> None:
    prepare(native)
    actions(native)
    write(native / "raw", "9\n")
    before = {path: path.read_bytes() for path in native.glob("*") if path.is_file()}
    assert reasons(native, ReproOptions(dry=True)) == {
        "double": ["modified dependency `raw`"],
        "last": ["changed upstream `double`"],
    }
    assert {path: path.read_bytes() for path in native.glob("*") if path.is_file()} == before


def test_a_frozen_stage_keeps_its_output(native: Path) -> None:
    prepare(native)
    actions(native)
    text = (native / "dvx.yaml").read_text().replace("  double:\n", "  double:\n    frozen: true\n")
    write(native / "dvx.yaml", text)
    write(native / "raw", "2\n")
    assert actions(native) == ["double skip", "last skip"]
    write(native / "mid", "by hand\n")
    assert actions(native) == ["double record", "last run"]
    assert (native / "end").read_text() == "by hand\nby hand\n"
    assert actions(native) == ["double skip", "last skip"]


def test_tracked_data_that_was_edited_is_recorded_on_the_way(dialect_repo: Path) -> None:
    prepare(dialect_repo)
    dvx(dialect_repo, "add", "raw")
    pointer = "raw" + dialect_of(dialect_repo).pointer_suffix
    actions(dialect_repo)
    write(dialect_repo / "raw", "5\n")
    before = (dialect_repo / pointer).read_text()
    assert actions(dialect_repo) == [f"{pointer} record", "double run", "last run"]
    assert (dialect_repo / pointer).read_text() != before
    assert dvx(dialect_repo, "checkout").code == 0
    assert (dialect_repo / "raw").read_text() == "5\n"


def test_absent_data_can_be_pulled_instead_of_made(dialect_repo: Path) -> None:
    prepare(dialect_repo)
    dvx(dialect_repo, "add", "raw")
    dvx(dialect_repo, "remote", "add", "-d", "store", str(dialect_repo.parent / "store"))
    actions(dialect_repo)
    dvx(dialect_repo, "push")
    ran(dialect_repo)
    shutil.rmtree(dialect_repo / dialect_of(dialect_repo).folder / "cache")
    for name in ("raw", "mid", "end"):
        (dialect_repo / name).unlink()
    assert [action.split()[1] for action in actions(dialect_repo, ReproOptions(pull=True))] == ["skip", "restore", "restore"]
    assert ran(dialect_repo) == []
    assert (dialect_repo / "end").read_text() == "1\n1\n1\n1\n"


def test_what_cannot_be_pulled_is_told_and_made(native: Path) -> None:
    prepare(native)
    actions(native)
    ran(native)
    shutil.rmtree(native / ".dvx/cache")
    (native / "end").unlink()
    dvx(native, "remote", "add", "-d", "store", str(native.parent / "store"))
    events = told(native, ReproOptions(pull=True))
    assert any(isinstance(event, StageStarted) and event.stage == "last" for event in events)
    assert (native / "end").exists()


# --- choosing


CHAIN = """\
stages:
  a: {cmd: cp raw a.out, deps: [raw], outs: [a.out]}
  b: {cmd: cp a.out b.out, deps: [a.out], outs: [b.out]}
  c: {cmd: cp b.out c.out, deps: [b.out], outs: [c.out]}
  x: {cmd: cp raw x.out, deps: [raw], outs: [x.out]}
  y: {cmd: cp other y.out, deps: [other], outs: [y.out]}
"""


@pytest.fixture
def chain(native: Path) -> Path:
    prepare(native, CHAIN)
    write(native / "other", "1")
    write(native / "sub/dvx.yaml", "stages:\n  inner: {cmd: cp ../c.out o, deps: [../c.out], outs: [o]}\n")
    return native


def chosen(folder: Path, *targets: str, **options: bool) -> list[str]:
    with opened(folder) as project:
        wanted = replace(ReproOptions(targets), **options)  # type: ignore[arg-type]
        return [outcome.address for outcome in repro(project, wanted).stages]


def test_targets_and_what_they_need(chain: Path) -> None:
    assert chosen(chain) == ["a", "b", "c", "x", "y"]
    assert chosen(chain, "b") == ["a", "b"]
    assert chosen(chain, "b", single=True) == ["b"]
    assert chosen(chain, "b.out", "dvx.yaml:x") == ["a", "b", "x"]
    assert chosen(chain, "b", downstream=True) == ["b", "c", "sub/dvx.yaml:inner"]
    assert chosen(chain, "b", pipeline=True) == ["a", "b", "c", "sub/dvx.yaml:inner"]
    assert chosen(chain, all_pipelines=True) == ["a", "b", "c", "x", "y", "sub/dvx.yaml:inner"]
    assert chosen(chain, "sub", recursive=True) == ["a", "b", "c", "sub/dvx.yaml:inner"]
    assert chosen(chain, "[xy]", glob=True) == ["x", "y"]
    assert chosen(chain / "sub") == ["a", "b", "c", "sub/dvx.yaml:inner"]
    assert chosen(chain / "sub", "inner", single=True) == ["sub/dvx.yaml:inner"]


def test_an_unknown_target_is_told(chain: Path) -> None:
    with pytest.raises(UnknownTarget) as caught:
        chosen(chain, "bb.out")
    assert caught.value.hint == "did you mean `b.out`?"
    (chain / "empty").mkdir()
    with pytest.raises(UnknownTarget, match=r"there is no `dvx\.yaml` here"):
        chosen(chain / "empty")


def test_what_needs_a_stage_that_ran_can_be_made_to_run(chain: Path) -> None:
    chosen(chain)
    assert actions(chain, ReproOptions(("c",), force_downstream=True)) == ["a skip", "b skip", "c skip"]
    text = (chain / "dvx.yaml").read_text().replace("cp raw a.out", "cat raw > a.out")
    write(chain / "dvx.yaml", text)
    assert actions(chain, ReproOptions(("c",), dry=True)) == ["a run", "b run", "c run"]
    assert reasons(chain, ReproOptions(("c",), force_downstream=True)) == {
        "a": ["changed command"],
        "b": ["changed upstream `a`"],
        "c": ["changed upstream `b`"],
    }


def test_a_stage_beside_a_frozen_one_waits_for_nothing(native: Path) -> None:
    prepare(native, CHAIN)
    actions(native, ReproOptions(("c",)))
    text = (native / "dvx.yaml").read_text().replace("outs: [b.out]}", "outs: [b.out], frozen: true}")
    write(native / "dvx.yaml", text)
    assert actions(native, ReproOptions(("c", "b", "a"), jobs=2)) == ["b skip", "c skip", "a skip"]
    (native / "b.out").unlink()
    write(native / "raw", "2\n")
    assert actions(native, ReproOptions(("c", "a"), force_downstream=True)) == ["b restore", "c run", "a run"]


def test_absent_data_is_no_reason_if_that_is_allowed(chain: Path) -> None:
    chosen(chain)
    for name in ("a.out", "b.out", "c.out"):
        (chain / name).unlink()
    assert actions(chain, ReproOptions(("c",), allow_missing=True)) == ["a skip", "b skip", "c skip"]
    write(chain / "raw", "2\n")
    assert actions(chain, ReproOptions(("c",), allow_missing=True)) == ["a run", "b run", "c run"]


def test_the_user_may_say_no(chain: Path) -> None:
    asked: list[str] = []

    def confirm(stage: str) -> bool:
        asked.append(stage)
        return stage == "a"

    with pytest.raises(DvxError, match="stopped before the stage `b`"):
        actions(chain, ReproOptions(confirm=confirm))
    assert asked == ["a", "b"]
    assert (chain / "a.out").exists()
    assert not (chain / "b.out").exists()


def test_outputs_can_be_recorded_without_storing_them(native: Path) -> None:
    prepare(native)
    actions(native, ReproOptions(no_commit=True))
    assert "mid" in lock(native).read_text()
    assert not (native / ".dvx/cache/files").exists()
    assert not (native / ".dvx/cache/runs").exists()


# --- running


def test_commands_know_where_and_what_they_are(dialect_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = dialect_of(dialect_repo).environment_prefix
    monkeypatch.setenv("FROM_OUTSIDE", "yes")
    command = "env | grep -E '^(DVC_|DVX_)(ROOT|STAGE)|^FROM_OUTSIDE|^EXTRA' | sort; pwd"
    write(dialect_repo / "sub/work/keep", "")
    text = f'stages:\n  s:\n    wdir: work\n    cmd: "{command}"\n'
    write(dialect_repo / "sub" / dialect_of(dialect_repo).pipeline, text)
    events = told(dialect_repo / "sub", ReproOptions(environment={"EXTRA": "1"}))
    output = b"".join(event.data for event in events if isinstance(event, StageOutput)).decode()
    file = f"sub/{dialect_of(dialect_repo).pipeline}"
    assert output.splitlines() == [
        f"{prefix}_ROOT={dialect_repo}",
        f"{prefix}_STAGE={file}:s",
        "EXTRA=1",
        "FROM_OUTSIDE=yes",
        f"{dialect_repo}/sub/work",
    ]


def test_variables_of_the_user_reach_commands_as_they_are(dialect_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # also those that have the names of what a shell script uses
    for name in ("code", "line", "lines", "shell", "flags", "facts", "stopped", "stat", "trace"):
        monkeypatch.setenv(name, f"my {name}")
    before = sorted(subprocess.run(["sh", "-c", "env"], check=True, capture_output=True, text=True).stdout.splitlines())
    prefix = dialect_of(dialect_repo).environment_prefix
    write(dialect_repo / dialect_of(dialect_repo).pipeline, "stages:\n  s:\n    cmd: [env > o, env > o]\n    outs: [o]\n")
    told(dialect_repo)
    own = (f"{prefix}_", "DVC_", "DVX_", "_=", "PWD=", "OLDPWD=", "SHLVL=")
    seen = [line for line in (dialect_repo / "o").read_text().splitlines() if not line.startswith(own)]
    assert sorted(seen) == [line for line in before if not line.startswith(own)]


def test_a_run_is_told_with_its_reasons(native: Path) -> None:
    prepare(native)
    events = told(native, ReproOptions(("double",)))
    assert events[0] == StageStarted("double", "cat raw raw > mid; echo double >> ran", ("never ran",))
    assert isinstance(events[-1], StageEnded)


FAILING = """\
stages:
  good: {cmd: echo 1 > good, outs: [good]}
  bad:
    cmd:
    - seq 1 30
    - echo reason >&2; exit 3
    deps: [good]
    outs: [bad]
  after: {cmd: cp bad after, deps: [bad], outs: [after]}
  apart: {cmd: cp good apart, deps: [good], outs: [apart]}
"""


def test_a_failure_is_told_with_code_output_and_log_and_keeps_what_is_done(dialect_repo: Path) -> None:
    prepare(dialect_repo, FAILING)
    with pytest.raises(StageFailed) as caught:
        actions(dialect_repo)
    error = caught.value
    assert error.code == 3
    lines = error.message.splitlines()
    assert lines[0] == "the stage `bad` failed: `echo reason >&2; exit 3` exited with 3"
    assert lines[1:] == [*(f"  | {number}" for number in range(12, 31)), "  | reason"]
    path = error.hint.removeprefix("its output is in `").removesuffix("`")
    assert (dialect_repo / path).read_text().splitlines() == [*map(str, range(1, 31)), "reason"]
    assert (dialect_repo / ".gitignore").read_text() == "/good\n"
    assert "good" in lock(dialect_repo).read_text()
    assert actions(dialect_repo, ReproOptions(("good",))) == ["good skip"]


def test_with_keep_going_all_that_can_be_done_is_done(native: Path) -> None:
    prepare(native, FAILING)
    with pytest.raises(Partial) as caught:
        actions(native, ReproOptions(keep_going=True))
    assert caught.value.message == "failed: `bad`"
    assert caught.value.hint == "left out, as they need what failed: `after`"
    assert (native / "apart").exists()
    assert not (native / "after").exists()


def test_errors_can_be_ignored(native: Path) -> None:
    prepare(native, FAILING.replace("exit 3", "echo 1 > bad; exit 3"))
    events = told(native, ReproOptions(ignore_errors=True))
    assert any(isinstance(event, Notice) and event.message.endswith("(ignored)") for event in events)
    assert (native / "after").exists()


def test_an_output_that_a_command_does_not_make_is_missed(native: Path) -> None:
    prepare(native, "stages:\n  s: {cmd: echo, deps: [raw], outs: [o]}\n")
    with pytest.raises(MissingData, match="the output `o` of the stage `s` does not exist"):
        actions(native)
    assert not lock(native).exists()


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ("deps: [absent]", MissingData, "`absent`, which the stage `s` depends on, does not exist"),
        ("params: [m]", DvxError, r"`params\.yaml` has no `m`, which the stage `s` needs"),
        ("params: [absent.yaml: ]", MissingData, r"`absent\.yaml`, which the stage `s` depends on, does not exist"),
        ("wdir: absent", DvxError, "the working folder `absent` of the stage `s` does not exist"),
        ("deps: ['remote://nowhere/key']", UnknownTarget, "there is no remote `nowhere`"),
        ("outs: ['s3://bucket/key']", DvxError, "`s3://bucket/key` .* lies outside of the repository"),
        ("outs: [tracked]", DvxError, "the output `tracked` of the stage `s` is tracked by Git"),
        ("outs: [away/o]", DvxError, "the output `away/o` lies behind a link that leaves the repository"),
    ],
)
def test_a_stage_that_cannot_run_is_refused_before_it_starts(
    native: Path, fields: str, error: type[DvxError], message: str
) -> None:
    write(native / "tracked", "mine")
    commit_all(native)
    (native / "away").symlink_to(native.parent)
    prepare(native, f"stages:\n  s:\n    cmd: echo s > ran\n    {fields}\n")
    with pytest.raises(error, match=message):
        actions(native)
    assert ran(native) == []
    assert (native / "tracked").read_text() == "mine"


def test_a_pipeline_that_is_not_sound_is_refused(native: Path) -> None:
    prepare(native, "stages:\n  a: {cmd: echo a > ran, deps: [y], outs: [x]}\n  b: {cmd: echo, deps: [x], outs: [y]}\n")
    with pytest.raises(GraphError, match="in a circle"):
        actions(native)
    assert ran(native) == []


def test_a_persistent_output_stays_when_its_stage_runs(native: Path) -> None:
    git(native, "config", "user.name")
    dvx(native, "config", "cache.type", "hardlink")
    prepare(native, "stages:\n  s:\n    cmd: cat raw >> sum\n    deps: [raw]\n    outs:\n    - sum: {persist: true}\n")
    assert actions(native) == ["s run"]
    write(native / "raw", "2\n")
    assert actions(native) == ["s run"]
    assert (native / "sum").read_text() == "1\n2\n"
    write(native / "raw", "1\n")
    assert actions(native) == ["s run"]
    objects = [path.read_bytes() for path in (native / ".dvx/cache/files").rglob("*") if path.is_file()]
    assert b"1\n" in objects


def test_metrics_that_git_keeps_stay_writable_with_hard_links(native: Path) -> None:
    dvx(native, "config", "cache.type", "hardlink")
    prepare(native)
    actions(native)
    assert (native / "m.json").stat().st_nlink == 1
    assert os.stat(native / "m.json").st_mode & 0o200


def test_byte_code_that_a_run_leaves_in_its_sources_is_no_change(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    command = f"{sys.executable} -c 'import sys; sys.path.insert(0, \\\"src\\\"); import tool' > o"
    prepare(native, f'stages:\n  s:\n    cmd: "{command}"\n    deps: [src]\n    outs: [o]\n')
    write(native / "src/tool.py", "x = 1\n")
    assert actions(native) == ["s run"]
    assert (native / "src/__pycache__").exists()
    assert actions(native) == ["s skip"]
    write(native / "src/tool.py", "x = 22\n")
    assert actions(native) == ["s run"]
    assert actions(native) == ["s skip"]


def test_attempts_are_in_the_journal(native: Path) -> None:
    prepare(native, FAILING)
    with pytest.raises(StageFailed):
        actions(native)
    run = last_run(native)
    assert run.status is State.FAILED
    assert "exited with 3" in run.error
    assert [(attempt.stage, attempt.status, attempt.code) for attempt in run.attempts] == [
        ("good", State.SUCCESS, 0),
        ("bad", State.FAILED, 3),
    ]
    assert (native / run.attempts[0].log).exists()
    assert [stage["stage"] for stage in run.snapshot] == ["good", "bad", "after", "apart"]


def test_a_run_in_which_nothing_is_to_do_leaves_no_trace(native: Path) -> None:
    prepare(native)
    actions(native)
    actions(native)
    with opened(native) as project:
        (run,) = list_runs(project, 10)
    assert (run.status, run.skipped) == (State.SUCCESS, ())
    write(native / "params.yaml", "n: 2\n")
    actions(native)
    assert last_run(native).skipped == ("last",)


def test_the_lock_names_a_stage_before_the_next_one_starts(native: Path) -> None:
    prepare(native, TWO.replace("cat mid mid > end;", "cat mid mid > end; grep -q double dvx.lock || exit 9;"))
    assert actions(native) == ["double run", "last run"]


def test_no_lock_that_others_need_is_held_while_a_command_runs(native: Path) -> None:
    command = "cp raw o; dvx status > /dev/null && dvx add extra && dvx repro apart"
    prepare(
        native, f"stages:\n  s:\n    cmd: {command}\n    deps: [raw]\n    outs: [o]\n  apart: {{cmd: echo 1 > p, outs: [p]}}\n"
    )
    write(native / "extra", "x")
    assert actions(native, ReproOptions(("s",))) == ["s run"]
    assert (native / "extra.dvx").exists()
    assert (native / "p").exists()
    assert actions(native) == ["s skip", "apart skip"]


def test_two_processes_do_not_run_one_stage_at_once(native: Path) -> None:
    prepare(native, "stages:\n  s: {cmd: sleep 0.5; cp raw o; echo s >> ran, deps: [raw], outs: [o]}\n")
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(actions(native))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [["s run"], ["s skip"]]
    assert ran(native) == ["s"]
    with opened(native) as project:
        assert sorted(run.adopted for run in list_runs(project, 5)) == [(), ("s",)]


PARALLEL = """\
stages:
  first: {cmd: cp raw f, deps: [raw], outs: [f]}
  left: {cmd: "touch l.here; for i in $(seq 100); do [ -e r.here ] && break; sleep 0.05; done; [ -e r.here ]; cp f l", deps: [f], outs: [l]}
  right: {cmd: "touch r.here; for i in $(seq 100); do [ -e l.here ] && break; sleep 0.05; done; [ -e l.here ] && cp f r", deps: [f], outs: [r]}
  last: {cmd: cat l r > end, deps: [l, r], outs: [end]}
"""  # noqa: E501


def test_stages_that_do_not_need_each_other_run_at_once(native: Path) -> None:
    prepare(native, PARALLEL)
    found = actions(native, ReproOptions(jobs=2))
    assert found[0] == "first run"
    assert set(found[1:3]) == {"left run", "right run"}
    assert found[3] == "last run"
    again = actions(native, ReproOptions(jobs=2))
    assert (again[0], sorted(again[1:3]), again[3]) == ("first skip", ["left skip", "right skip"], "last skip")


def test_at_once_a_failure_lets_the_others_end(native: Path) -> None:
    text = (
        "stages:\n  bad: {cmd: sleep 0.2; exit 5, outs: [b]}\n  slow: {cmd: sleep 0.6; echo 1 > s, outs: [s]}\n"
        "  never: {cmd: touch never, deps: [s]}\n"
    )  # fmt: skip
    prepare(native, text)
    with pytest.raises(StageFailed) as caught:
        actions(native, ReproOptions(jobs=2))
    assert caught.value.code == 5
    assert actions(native, ReproOptions(("slow",))) == ["slow skip"]
    assert not (native / "never").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interruption_ends_the_command_and_a_plain_rerun_ends_the_work(native: Path, jobs: str) -> None:
    prepare(native, "stages:\n  s: {cmd: 'echo $$ > pid; [ -e quick ] || sleep 60; cp raw o', deps: [raw], outs: [o]}\n")
    with subprocess.Popen(["dvx", "repro", "-j", jobs], cwd=native, stdin=subprocess.DEVNULL) as process:
        end = time.monotonic() + 20
        while not (native / "pid").exists() or not (native / "pid").read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.terminate()
        assert process.wait(20) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int((native / "pid").read_text()), 0)
    run = last_run(native)
    assert run.status is State.CANCELLED
    assert [attempt.status for attempt in run.attempts] == [State.CANCELLED]
    write(native / "quick", "")
    assert actions(native) == ["s run"]


def test_values_in_commands_are_protected_from_the_shell_and_follow_the_configuration(native: Path) -> None:
    text = "stages:\n  s:\n    cmd: echo ${text} ${flags} > o\n    outs:\n    - o\n"
    write(native / "params.yaml", "text: $(touch pwned)\nflags:\n  on: true\n  off: false\n")
    write(native / "dvx.yaml", text)
    dvx(native, "config", "parsing.bool", "boolean_optional")
    actions(native)
    assert (native / "o").read_text() == "$(touch pwned) --on --no-off\n"
    assert not (native / "pwned").exists()


def test_a_lock_of_dvc_2_is_believed_and_stays_as_it_is(dvc_like: Path) -> None:
    one = hashlib.md5(b"1\n").hexdigest()
    write(dvc_like / "raw", "1\r\n")
    write(dvc_like / "out", "1\r\n")
    write(dvc_like / ".dvc/cache" / one[:2] / one[2:], "1\r\n")
    write(dvc_like / "dvc.yaml", "stages:\n  s:\n    cmd: cp raw out\n    deps:\n    - raw\n    outs:\n    - out\n")
    text = (
        f"schema: '2.0'\nstages:\n  s:\n    cmd: cp raw out\n    deps:\n    - path: raw\n      md5: {one}\n      size: 3\n"
        f"    outs:\n    - path: out\n      md5: {one}\n      size: 3\n"
    )
    write(dvc_like / "dvc.lock", text)
    assert actions(dvc_like) == ["s skip"]
    assert lock(dvc_like).read_text() == text
    write(dvc_like / "raw", "2\r\n")
    assert actions(dvc_like) == ["s run"]
    assert lock(dvc_like).read_text().count("hash: md5\n") == 2


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_command_that_answers_a_stop_with_success_is_not_recorded(native: Path) -> None:
    command = "trap 'echo partial > o; exit 0' INT TERM; touch here; while [ ! -e quick ]; do sleep 0.02; done; cp raw o"
    prepare(native, f'stages:\n  s: {{cmd: "{command}", deps: [raw], outs: [o]}}\n')
    with subprocess.Popen(["dvx", "repro", "-j", "2"], cwd=native, stdin=subprocess.DEVNULL) as process:
        until((native / "here").exists)
        process.terminate()
        assert process.wait(20) == 130
    assert (native / "o").read_text() == "partial\n"
    assert not lock(native).exists()
    write(native / "quick", "")
    assert actions(native) == ["s run"]
    assert (native / "o").read_text() == "1\n"


SLOW = """\
stages:
  s:
    cmd: >-
      mkdir busy || touch twice; echo the command speaks; echo $$ >> pids; while [ ! -e go ]; do sleep 0.02; done;
      cp raw o; rmdir busy; [ ! -e fail ]
    deps: [raw]
    outs: [o]
"""


def orphan(folder: Path) -> int:
    """Kill dvx while a stage's command runs; returns the process of the command, which lives on."""
    with subprocess.Popen(["dvx", "repro"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        until(lambda: (folder / "pids").exists() and (folder / "pids").read_text().endswith("\n"))
        process.kill()
    return int((folder / "pids").read_text())


def runs_of(folder: Path) -> int:
    """How often the command of SLOW ran."""
    return len((folder / "pids").read_text().splitlines())


def test_a_command_that_outlives_its_dvx_is_adopted(dialect_repo: Path) -> None:
    prepare(dialect_repo, SLOW)
    os.kill(orphan(dialect_repo), 0)
    command = ["dvx", "repro"]
    with subprocess.Popen(
        command, cwd=dialect_repo, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as again:
        assert again.stdout is not None
        os.set_blocking(again.stdout.fileno(), False)
        heard = bytearray()
        until(lambda: bool(heard.extend(again.stdout.read() or b"")) or b"outlived the run" in heard)
        write(dialect_repo / "go", "")
        os.set_blocking(again.stdout.fileno(), True)
        heard.extend(again.communicate(timeout=20)[0])
    assert again.returncode == 0, heard
    assert b"the command speaks" in heard
    assert runs_of(dialect_repo) == 1
    assert not (dialect_repo / "twice").exists()
    assert (dialect_repo / "o").exists()
    assert actions(dialect_repo) == ["s skip"]
    with opened(dialect_repo) as project:
        run = find_run(project)
    assert [(one.status, one.code) for one in run.attempts] == [(State.SUCCESS, 0)]


def test_a_command_that_ended_after_its_dvx_is_only_recorded(native: Path) -> None:
    prepare(native, SLOW)
    command = orphan(native)
    write(native / "go", "")
    until(lambda: not is_alive(command))
    assert actions(native) == ["s run"]
    assert runs_of(native) == 1
    assert actions(native) == ["s skip"]


@pytest.mark.parametrize("change", ["o", "raw", "command", "exit"])
def test_a_leftover_that_is_not_what_is_wanted_is_none(native: Path, change: str) -> None:
    """Its outputs were edited, it read something else, or its command did something else or failed."""
    prepare(native, SLOW)
    command = orphan(native)
    if change == "exit":
        write(native / "fail", "")
    write(native / "go", "")
    until(lambda: not is_alive(command))
    time.sleep(0.02)
    (native / "fail").unlink(missing_ok=True)
    if change == "command":
        write(native / "dvx.yaml", SLOW.replace("cp raw o", "cp raw o; true"))
    elif change != "exit":
        write(native / change, "edited\n")
    assert actions(native) == ["s run"]
    assert runs_of(native) == 2
    assert (native / "o").read_text() == (native / "raw").read_text()


def test_an_adopted_command_keeps_its_limit_of_time(native: Path) -> None:
    prepare(native, SLOW.replace("    outs: [o]\n", "    outs: [o]\n    run: {timeout: 1s}\n"))
    command = orphan(native)
    with within(30), pytest.raises(StageFailed, match="took longer"):
        actions(native)
    until(lambda: not is_alive(command))
    assert runs_of(native) == 2


def test_adopting_can_be_interrupted_with_several_jobs_too(native: Path) -> None:
    prepare(native, SLOW)
    command = orphan(native)
    adopting = ["dvx", "repro", "-j", "2"]
    with subprocess.Popen(
        adopting, cwd=native, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        output = process.stdout
        assert output is not None
        until(lambda: output.readline() == "the command speaks\n")
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 130
            until(lambda: not is_alive(command))
        finally:
            process.kill()


def test_what_a_command_leaves_in_the_background_does_not_keep_the_stage(native: Path) -> None:
    prepare(native, "stages:\n  s: {cmd: sleep 60 & echo $! > pid; cp raw o, deps: [raw], outs: [o]}\n")
    actions(native)
    write(native / "raw", "2\n")
    os.kill(int((native / "pid").read_text()), 0)
    with within(20):
        assert actions(native) == ["s run"]


def test_a_command_that_needs_its_own_stage_is_told(dialect_repo: Path) -> None:
    prepare(dialect_repo, "stages:\n  s: {cmd: timeout 20 dvx repro s 2> said; cp raw o, deps: [raw], outs: [o]}\n")
    assert actions(dialect_repo) == ["s run"]
    said = (dialect_repo / "said").read_text()
    assert said.startswith("error: the command of the stage `s` needs that stage itself\nhint: ")


def test_a_link_that_the_author_made_in_a_persistent_output_stays(native: Path) -> None:
    dvx(native, "config", "cache.type", "symlink")
    command = "mkdir -p ck && cp raw ck/c1 && ln -sfn c1 ck/latest"
    prepare(native, f"stages:\n  s:\n    cmd: {command}\n    deps: [raw]\n    outs:\n    - ck: {{persist: true}}\n")
    assert actions(native) == ["s run"]
    for name in ("c1", "latest"):
        (native / "ck" / name).unlink()
    write(native / "ck/c1", "mine\n")
    (native / "ck/latest").symlink_to("c1")
    text = (native / "dvx.yaml").read_text().replace(command, "readlink ck/latest > seen")
    write(native / "dvx.yaml", text)
    assert actions(native) == ["s run"]
    assert (native / "seen").read_text() == "c1\n"


def test_two_processes_may_remove_old_logs_at_once(native: Path) -> None:
    prepare(native, "stages:\n  a: {cmd: cp raw a, deps: [raw], outs: [a]}\n  b: {cmd: cp raw b, deps: [raw], outs: [b]}\n")
    for run in range(200):
        for name in ("x", "y", "z"):
            write(native / f".dvx/tmp/logs/20200101-000000-{run}/{name}.log", "")
    started = [subprocess.Popen(["dvx", "repro", name], cwd=native, stderr=subprocess.PIPE, text=True) for name in "ab"]
    assert [(process.communicate(timeout=60)[1], process.returncode)[1] for process in started] == [0, 0]
    assert len(list((native / ".dvx/tmp/logs").iterdir())) <= 52


INSIDE = """\
stages:
  make: {cmd: mkdir -p data/sub && cat raw | tee data/f data/sub/g > /dev/null && echo 1 > data/same, deps: [raw], outs: [data]}
  file: {cmd: cat data/f > file.out, deps: [data/f], outs: [file.out]}
  folder: {cmd: cat data/sub/g > folder.out, deps: [data/sub], outs: [folder.out]}
  same: {cmd: cat data/same > same.out, deps: [data/same], outs: [same.out]}
"""


@pytest.mark.parametrize("is_new", [False, True])
def test_absent_data_inside_an_output_is_what_its_stage_made(dialect_repo: Path, is_new: bool) -> None:
    write(dialect_repo / dialect_of(dialect_repo).pipeline, INSIDE)
    write(dialect_repo / "raw", "1\n")
    dvx(dialect_repo, "repro")
    if is_new:
        write(dialect_repo / "raw", "2\n")
        dvx(dialect_repo, "repro", "-s", "make")
    shutil.rmtree(dialect_repo / "data")
    told = dvx(dialect_repo, "repro", "--allow-missing", "--dry").err
    fresh = {line.split("'")[1] for line in told.splitlines() if line.endswith("didn't change, skipping")}
    assert fresh == {"make", "same"} | (set() if is_new else {"file", "folder"})


def test_what_the_cache_has_no_list_of_is_said_to_be_unknown(dialect_repo: Path) -> None:
    write(dialect_repo / dialect_of(dialect_repo).pipeline, INSIDE)
    write(dialect_repo / "raw", "1\n")
    dvx(dialect_repo, "repro")
    for name in ("data", f"{dialect_of(dialect_repo).folder}/cache"):
        files.remove_tree(str(dialect_repo / name))
    done = dvx(dialect_repo, "repro", "--allow-missing", "--dry", "file")
    assert "it is not known whether `data/f` changed" in done.err
    assert "Stage 'file' didn't change" in done.err
