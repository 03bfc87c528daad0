"""Facts about inputs, definitions and branches that change while a stage runs: such a run is recorded nowhere."""
# ruff: noqa: E501  commands are easier to read in one line

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from dvx.errors import DvxError, Partial
from dvx.model.dialect import NATIVE
from dvx.model.events import Notice
from dvx.model.pipelines.run import State
from dvx.ops.pipelines.repro import ReproOptions
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.ops.test_repro import actions, last_run, lock, orphan, runs_of, told, until
from tests.patience import is_alive


def stage(folder: Path, command: str, deps: str = "raw", rest: str = "") -> Path:
    """A pipeline with one stage `s` that reads `raw` and the parameter `n`, and writes `o`."""
    write(folder / "raw", "1\n")
    write(folder / "data/a", "a\n")
    write(folder / "data/b", "b\n")
    write(folder / "params.yaml", "n: 1\nother: 1\n")
    text = f"stages:\n  s:\n    cmd: {command!r}\n    deps: [{deps}]\n    params: [n]\n    outs: [o]\n{rest}"
    write(folder / dialect_of(folder).pipeline, text)
    for path in folder.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (1_700_000_000, 1_700_000_000))
    time.sleep(0.03)  # let the clock of the file system tick: what follows has another time
    return folder


def entries(folder: Path) -> list[str]:
    """The entries of the run-cache."""
    return sorted(path.name for path in (folder / dialect_of(folder).folder / "cache/runs").rglob("*") if path.is_file())


REFUSED = {
    "changed": "cp raw o; echo 22 > raw",
    "changed in size only": "cp raw o; printf 1 > raw",
    "changed and put back": "echo 2 > raw; cp raw o; echo 1 > raw",
    "put back with its time": "cp -p raw old; echo 2 > raw; cp raw o; cp -p old raw",
    "put back by renaming": "mv raw old; echo 2 > raw; cp raw o; mv old raw",
    "deleted": "cp raw o; rm raw",
    "in a folder": "cat data/* > o; echo 2 > data/a",
    "in a folder, put back": "echo 2 > data/a; cat data/* > o; echo a > data/a",
    "added": "cat data/* > o; echo 2 > data/c",
    "taken away": "cat data/* > o; rm data/b",
    "a parameter": "cp params.yaml o; sed -i s/1/2/ params.yaml",
    "a parameter, put back": "echo n: 2 > params.yaml; cp params.yaml o; printf 'n: 1\\nother: 1\\n' > params.yaml",
    "a parameter that cannot be read": "cp params.yaml o; echo '[' > params.yaml",
    "the parameters deleted": "cp params.yaml o; rm params.yaml",
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_was_made_of_inputs_that_changed_is_recorded_nowhere(dialect_repo: Path, how: str) -> None:
    stage(dialect_repo, REFUSED[how], "raw, data")
    with pytest.raises(
        DvxError, match="while the stage `s` ran, perhaps by its own command, so its result was not recorded"
    ) as caught:
        actions(dialect_repo)
    assert re.search(
        r"`(raw|data/[abc]|params\.yaml)` (changed( at \d\d:\d\d:\d\d)?|was (deleted|written at \d\d:\d\d:\d\d))",
        caught.value.message,
    )
    assert "dvx commit -f s" in caught.value.hint
    assert not lock(dialect_repo).exists()
    assert entries(dialect_repo) == []
    assert (dialect_repo / "o").exists(), "what was made stays"
    assert [attempt.status for attempt in last_run(dialect_repo).attempts] == [State.FAILED]


ACCEPTED = {
    "other rights": "chmod 600 raw; cp raw o",
    "another name": "ln raw more; cp raw o",
    "another parameter": "sed -i 's/other: 1/other: 2/' params.yaml; cp raw o",
    "a file beside it": "cp raw o; echo 2 > beside",
    "only read": "cat raw data/* > o",
    "byte code": "mkdir data/__pycache__; echo x > data/__pycache__/a.pyc; cp raw o",
}


@pytest.mark.parametrize("how", ACCEPTED)
def test_what_is_no_change_is_none(dialect_repo: Path, how: str) -> None:
    stage(dialect_repo, ACCEPTED[how], "raw, data")
    assert actions(dialect_repo) == ["s run"]
    assert actions(dialect_repo) == ["s skip"]
    assert len(entries(dialect_repo)) == 1


def test_the_next_run_makes_it_of_what_is_there(dialect_repo: Path) -> None:
    stage(dialect_repo, "cp raw o; [ -e once ] || { echo 2 > raw; touch once; }")
    with pytest.raises(DvxError, match="so its result was not recorded"):
        actions(dialect_repo)
    assert actions(dialect_repo) == ["s run"]
    assert (dialect_repo / "o").read_text() == "2\n"
    assert actions(dialect_repo) == ["s skip"]


def test_a_person_may_say_that_the_result_is_right(dialect_repo: Path) -> None:
    stage(dialect_repo, "cp raw o; touch raw")
    result = run_dvx(dialect_repo, "repro")
    assert result.code == (1 if dialect_of(dialect_repo) is NATIVE else 255)
    assert "it holds the same again" in result.err
    dvx(dialect_repo, "commit", "-f", "s")
    assert actions(dialect_repo) == ["s skip"]


def test_what_was_recorded_before_stays_and_is_restored(native: Path) -> None:
    stage(native, "cp raw o; [ ! -e twice ] || { echo 2 > raw; cp raw o; echo 1 > raw; }")
    actions(native)
    recorded = lock(native).read_bytes()
    write(native / "twice", "")
    with pytest.raises(DvxError, match="so its result was not recorded"):
        actions(native, ReproOptions(force=True))
    assert (native / "o").read_text() == "2\n"
    assert lock(native).read_bytes() == recorded
    assert actions(native) == ["s restore"]
    assert (native / "o").read_text() == "1\n"


def test_stages_that_need_it_do_not_run(dialect_repo: Path) -> None:
    rest = "  t: {cmd: cp o p, deps: [o], outs: [p]}\n  u: {cmd: cp raw q, deps: [raw], outs: [q]}\n"
    stage(dialect_repo, "cp raw o; touch raw", rest=rest)
    with pytest.raises(Partial, match="failed: `s`"):
        actions(dialect_repo, ReproOptions(keep_going=True))
    assert not (dialect_repo / "p").exists()
    assert (dialect_repo / "q").exists()
    assert actions(dialect_repo, ReproOptions(targets=("u",))) == ["u skip"]


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_an_object_of_the_cache_whose_time_is_renewed_was_not_written(dialect_repo: Path, kind: str) -> None:
    dvx(dialect_repo, "config", "cache.type", kind)
    stage(dialect_repo, "chmod u+w raw; touch raw; chmod u-w raw; cp raw o")
    write(dialect_repo / "raw", "enough to be linked\n" * 1000)
    dvx(dialect_repo, "add", "raw")
    assert actions(dialect_repo)[-1] == "s run"
    assert actions(dialect_repo)[-1] == "s skip"


def test_a_link_that_was_led_elsewhere_and_back_is_a_change(native: Path) -> None:
    stage(native, "ln -sf data/a raw; cp raw o; ln -sf data/b raw")
    (native / "raw").unlink()
    (native / "raw").symlink_to("data/b")
    with pytest.raises(DvxError, match="`raw` was written"):
        actions(native)
    assert not lock(native).exists()


def test_an_item_of_a_map_whose_input_changed_is_not_kept(native: Path) -> None:
    for name in "abc":
        write(native / "in" / name, f"{name}\n")
    command = 'tr a-z A-Z < "$DVX_ITEM" > "$DVX_OUT"; [ "$DVX_KEY" != b ] || [ -e once ] || { touch once; echo x > in/b; echo b > in/b; }'
    write(native / "dvx.yaml", f"stages:\n  m:\n    map: in\n    cmd: {command!r}\n    outs: [made]\n")
    with pytest.raises(Partial, match="failed: `m`"):
        actions(native, ReproOptions(jobs=1, keep_going=True))
    assert not lock(native).exists()
    assert len(entries(native)) == 2, "the others are"
    assert actions(native) == ["m run"]
    assert (native / "made/b").read_text() == "B\n"


def test_a_command_that_outlived_dvx_is_not_adopted_if_its_inputs_changed_meanwhile(native: Path) -> None:
    stage(native, "echo $$ >> pids; cp raw o; until [ -e go ]; do sleep 0.02; done")
    command = orphan(native)
    write(native / "raw", "2\n")
    write(native / "raw", "1\n")
    write(native / "go", "")
    until(lambda: not is_alive(command))
    assert actions(native) == ["s run"]
    assert runs_of(native) == 2


# --- definitions and branches


def test_a_stage_that_is_edited_while_it_runs_is_not_recorded_but_not_lost(dialect_repo: Path) -> None:
    file = dialect_of(dialect_repo).pipeline
    stage(dialect_repo, f"[ -e once ] || sed -i s/here/there/ {file}; touch once; cp raw o; echo here")
    before = (dialect_repo / file).read_bytes()
    with pytest.raises(DvxError, match="the definition of the stage `s` in `dv"):
        actions(dialect_repo)
    assert not lock(dialect_repo).exists()
    write(dialect_repo / file, before)
    (dialect_repo / "o").unlink()
    assert actions(dialect_repo) == ["s restore"]
    assert (dialect_repo / "o").read_text() == "1\n"


def test_a_stage_that_was_edited_before_its_turn_does_not_begin(dialect_repo: Path) -> None:
    file = dialect_of(dialect_repo).pipeline
    stage(dialect_repo, f"cp raw o; sed -i s/[c]at/tac/ {file}", rest="  t: {cmd: cat o > p, deps: [o], outs: [p]}\n")
    with pytest.raises(DvxError, match="the definition of the stage `t`"):
        actions(dialect_repo)
    assert not (dialect_repo / "p").exists()
    assert actions(dialect_repo) == ["s skip", "t run"]


def test_a_value_in_a_definition_that_changed_is_an_edit(native: Path) -> None:
    write(native / "values.yaml", "word: old\n")
    stage(
        native,
        "cp raw o; echo word: new > values.yaml",
        rest="  t: {cmd: 'echo ${word} > p', deps: [o], outs: [p]}\nvars: [values.yaml]\n",
    )
    with pytest.raises(DvxError, match="the definition of the stage `t`"):
        actions(native)
    assert actions(native) == ["s skip", "t run"]
    assert (native / "p").read_text() == "new\n"


def test_what_does_not_concern_a_stage_may_be_edited(native: Path) -> None:
    stage(native, "cp raw o; echo '  new: {cmd: echo}' >> dvx.yaml; sed -i 's/^    cmd/    desc: words\\n    cmd/' dvx.yaml")
    events = told(native)
    assert any(isinstance(event, Notice) and "`dvx.yaml` changed during the run" in event.message for event in events)
    assert actions(native, ReproOptions(targets=("s",))) == ["s skip"]


def test_nothing_is_recorded_after_another_branch_was_checked_out(dialect_repo: Path) -> None:
    stage(dialect_repo, "cp raw o; git checkout -q other", rest="  t: {cmd: cp o p, deps: [o], outs: [p]}\n")
    write(dialect_repo / ".gitignore", "/o\n/p\n")
    commit_all(dialect_repo)
    git(dialect_repo, "checkout", "-q", "-b", "other")
    write(dialect_repo / "raw", "other\n")
    commit_all(dialect_repo)
    git(dialect_repo, "checkout", "-q", "main")
    with pytest.raises(DvxError, match="another branch or commit was checked out during the run"):
        actions(dialect_repo)
    assert not lock(dialect_repo).exists()
    assert entries(dialect_repo) == []


def test_a_branch_that_was_left_and_taken_again_is_noticed(native: Path) -> None:
    stage(native, "git checkout -q -b other; git checkout -q main; cp raw o")
    commit_all(native)
    with pytest.raises(DvxError, match="another branch or commit was checked out"):
        actions(native)


def test_commits_may_be_made_during_a_run(dialect_repo: Path) -> None:
    stage(dialect_repo, "cp raw o; git add -A .; git commit -q -m more")
    assert actions(dialect_repo) == ["s run"]
    assert actions(dialect_repo) == ["s skip"]


def test_an_experiment_does_not_show_edited_parameters_beside_earlier_results(dialect_repo: Path) -> None:
    """The stage that reads them is done when they are edited, and another one runs."""
    rest = "  t: {cmd: 'cat o > p; [ -e once ] || sed -i s/1/2/ params.yaml; touch once', deps: [o], outs: [p]}\n"
    stage(dialect_repo, "cp raw o", rest=rest)
    write(dialect_repo / ".gitignore", "/o\n/p\n/once\n")
    commit_all(dialect_repo)
    result = run_dvx(dialect_repo, "exp", "run", "-n", "e1")
    assert "after the stage `s` was done: modified parameter `params.yaml:n`" in result.err
    assert git(dialect_repo, "for-each-ref", "refs/exps") == ""
    dvx(dialect_repo, "exp", "run", "-n", "e1")
    assert "n: 2" in git(
        dialect_repo, "show", git(dialect_repo, "for-each-ref", "--format=%(refname)", "refs/exps") + ":params.yaml"
    )
