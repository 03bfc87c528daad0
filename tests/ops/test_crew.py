"""Facts about what runs at once: stages and the items of those that map, in one schedule."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dvx.errors import DvxError, FormatError, StageFailed
from dvx.model.pipelines.run import State, Wish
from dvx.model.pipelines.schedule import Schedule
from dvx.ops.pipelines.crew import Crew
from dvx.ops.pipelines.repro import ReproOptions
from dvx.ops.pipelines.run_record import ask
from dvx.shell import Shell
from tests.helpers import write
from tests.ops.test_repro import actions, last_run, opened, prepare, until
from tests.patience import within

# fails if two of them run at once
ALONE = "mkdir busy && sleep 0.1 && rmdir busy && echo 1 > "
# ends only while another one runs that waits for it
PAIR = "touch here.$DVX_KEY; for i in $(seq 200); do [ $(ls | grep -c here) -ge 2 ] && break; sleep 0.05; done; "


def test_items_take_resources_one_by_one(native: Path) -> None:
    prepare(
        native,
        f"stages:\n  m: {{map: [a, b, c], cmd: '{ALONE}$DVX_OUT', outs: [o], run: {{resources: {{license: 1}}}}}}\n"
        f"  n: {{cmd: '{ALONE}n', outs: [n], run: {{resources: {{license: 1}}}}}}\n",
    )
    assert sorted(actions(native, ReproOptions(jobs=4))) == ["m run", "n run"]


def test_items_that_take_a_resource_run_at_once_if_there_is_enough(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = PAIR + "[ $(ls | grep -c here) -ge 2 ] && echo 1 > $DVX_OUT"
    prepare(native, f"stages:\n  m: {{map: [a, b], cmd: '{command}', outs: [o], run: {{resources: {{license: 1}}}}}}\n")
    monkeypatch.setenv("DVX_RESOURCES", "license=2")
    assert actions(native, ReproOptions(jobs=2)) == ["m run"]


def test_no_more_items_of_all_stages_run_than_there_are_jobs(native: Path) -> None:
    command = "echo $$ > on.$$; ls on.* | wc -l >> seen; sleep 0.2; rm on.$$; echo 1 > $DVX_OUT"
    text = "".join(f"  m{i}: {{map: [a, b, c], cmd: '{command}', outs: [o{i}]}}\n" for i in range(3))
    prepare(native, f"stages:\n{text}")
    assert len(actions(native, ReproOptions(jobs=2))) == 3
    seen = {int(line) for line in (native / "seen").read_text().split()}
    assert max(seen) == 2


def test_items_run_while_another_stage_that_maps_has_but_one_left(native: Path) -> None:
    """Each of the two stages has one item, and each item waits for the other."""
    command = "touch here.$DVX_ITEM; for i in $(seq 200); do [ -e here.a ] && [ -e here.b ] && break; sleep 0.05; done; "
    command += "[ -e here.a ] && [ -e here.b ] && echo 1 > $DVX_OUT"
    prepare(native, "stages:\n" + "".join(f"  m{key}: {{map: [{key}], cmd: '{command}', outs: [o{key}]}}\n" for key in "ab"))
    assert sorted(actions(native, ReproOptions(jobs=2))) == ["ma run", "mb run"]


def test_a_failure_elsewhere_lets_items_end_that_run_and_starts_no_others(native: Path) -> None:
    item = "touch begun; while [ ! -e failed ]; do sleep 0.05; done; sleep 0.3; echo $DVX_ITEM >> ran; echo 1 > $DVX_OUT"
    prepare(
        native,
        f"stages:\n  m: {{map: [a, b, c, d], cmd: '{item}', deps: [raw], outs: [o]}}\n"
        "  bad: {cmd: 'while [ ! -e begun ]; do sleep 0.05; done; touch failed; exit 5', outs: [x]}\n",
    )
    with pytest.raises(StageFailed, match="`bad` failed"):
        actions(native, ReproOptions(jobs=2))
    assert (native / "ran").read_text() == "a\n"
    prepare(native, f"stages:\n  m: {{map: [a, b, c, d], cmd: '{item}', deps: [raw], outs: [o]}}\n")
    assert actions(native, ReproOptions(jobs=2)) == ["m run"]
    assert sorted((native / "ran").read_text().split()) == ["a", "b", "c", "d"], "what was done is not done again"


def test_with_keep_going_all_items_run_that_can(native: Path) -> None:
    command = "echo $DVX_ITEM >> ran; [ $DVX_ITEM != b ] && echo 1 > $DVX_OUT"
    prepare(native, f"stages:\n  m: {{map: [a, b, c], cmd: '{command}', outs: [o]}}\n")
    with pytest.raises(DvxError, match="failed: `m`"):
        actions(native, ReproOptions(jobs=1, keep_going=True))
    assert (native / "ran").read_text() == "a\nb\nc\n"


def test_what_cannot_be_looked_at_lets_others_end(native: Path) -> None:
    """The parameters that `make` writes are broken when `bad` is looked at, and `slow` runs."""
    prepare(
        native,
        "stages:\n"
        "  make: {cmd: 'until [ -e begun ]; do sleep 0.05; done; echo \"a: [\" > p.yaml', outs: [{p.yaml: {cache: false}}]}\n"
        "  bad: {cmd: echo 1 > x, deps: [p.yaml], params: [{p.yaml: [a]}], outs: [x]}\n"
        "  slow: {cmd: touch begun; sleep 1; echo 1 > s, outs: [s]}\n",
    )
    with pytest.raises(FormatError):
        actions(native, ReproOptions(jobs=2))
    assert (native / "s").exists()
    assert actions(native, ReproOptions(("slow",))) == ["slow skip"]


def test_a_paused_run_starts_no_items(native: Path) -> None:
    command = "touch begun; while [ ! -e go ]; do sleep 0.05; done; echo $DVX_ITEM >> ran; echo 1 > $DVX_OUT"
    prepare(native, f"stages:\n  m: {{map: [a, b], cmd: '{command}', outs: [o]}}\n")
    thread = threading.Thread(target=actions, args=(native, ReproOptions(jobs=1)))
    thread.start()
    until((native / "begun").exists)
    with opened(native) as project:
        ask(project, "", Wish.PAUSE)
        # the run looks twice a second
        threading.Event().wait(1.2)
        write(native / "go", "")
        until((native / "ran").exists)
        threading.Event().wait(0.5)
        assert (native / "ran").read_text() == "a\n"
        ask(project, "", Wish.NOTHING)
    thread.join(20)
    assert last_run(native).status is State.SUCCESS
    assert (native / "ran").read_text() == "a\nb\n"


def test_a_cancelled_run_ends_items(native: Path) -> None:
    prepare(native, "stages:\n  m: {map: [a, b, c], cmd: 'touch begun; sleep 60', outs: [o]}\n")
    found: list[DvxError] = []

    def work() -> None:
        with pytest.raises(DvxError) as caught:
            actions(native, ReproOptions(jobs=2))
        found.append(caught.value)

    thread = threading.Thread(target=work)
    thread.start()
    until((native / "begun").exists)
    with opened(native) as project:
        ask(project, "", Wish.CANCEL)
    thread.join(20)
    assert "was cancelled" in found[0].message
    assert last_run(native).status is State.CANCELLED


def test_an_interruption_ends_who_was_about_to_split() -> None:
    """The stage asks for its items when the thread that would start them is interrupted."""
    about = threading.Event()
    ended: list[type[BaseException]] = []
    schedule = Schedule(("a", "b"), {"a": (), "b": ()}, 2, {}, {})
    schedule.begin(lambda _: 1.0)
    crew = Crew(schedule, Shell(), lambda: None, alone=False)

    def look(node: str) -> bool:
        if node == "b":
            about.wait(20)
            threading.Event().wait(0.3)
            raise KeyboardInterrupt
        return False

    def work(node: str) -> None:
        about.set()
        try:
            crew.split(node, {"a1": lambda: None}, {}, keep_going=False)
        except KeyboardInterrupt as error:
            ended.append(type(error))
            raise

    with within(20), pytest.raises(KeyboardInterrupt):
        crew.run(look, work)
    assert ended == [KeyboardInterrupt]
