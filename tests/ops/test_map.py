"""Facts about stages with `map`: each item runs, and is known, on its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dvx.errors import DvxError, FormatError, StageFailed
from dvx.ops.pipelines.repro import ReproOptions
from tests.helpers import dvx, write
from tests.ops.test_repro import actions, last_run, reasons

PIPELINE = """\
stages:
  up:
    map: {over: img, to: "{stem}.up"}
    cmd: test "$DVX_KEY" != bad.txt && tr a-z A-Z < "$DVX_ITEM" > "$DVX_OUT" && echo "$DVX_KEY" >> ran
    params: [n]
    outs: [ups]
"""


@pytest.fixture
def mapped(native: Path) -> Path:
    for name in ("a.txt", "b c.txt", "sub/$d.txt"):
        write(native / "img" / name, f"{name}\n")
    write(native / "params.yaml", "n: 1\n")
    write(native / "dvx.yaml", PIPELINE)
    return native


def ran(folder: Path) -> list[str]:
    """The items that ran since the last time that this was asked."""
    place = folder / "ran"
    found = sorted(place.read_text().splitlines()) if place.exists() else []
    place.unlink(missing_ok=True)
    return found


def made(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder / "ups").as_posix(): path.read_text() for path in (folder / "ups").rglob("*.up")}


def test_each_item_makes_its_own_output(mapped: Path) -> None:
    assert actions(mapped) == ["up run"]
    assert ran(mapped) == ["a.txt", "b c.txt", "sub/$d.txt"]
    assert made(mapped) == {"a.up": "A.TXT\n", "b c.up": "B C.TXT\n", "sub/$d.up": "SUB/$D.TXT\n"}
    assert actions(mapped) == ["up skip"]


def test_only_what_changed_runs(mapped: Path) -> None:
    actions(mapped)
    ran(mapped)
    write(mapped / "img/new.txt", "new\n")
    write(mapped / "img/a.txt", "edited\n")
    (mapped / "img/b c.txt").unlink()
    assert actions(mapped) == ["up run"]
    assert ran(mapped) == ["a.txt", "new.txt"]
    assert made(mapped) == {"a.up": "EDITED\n", "new.up": "NEW\n", "sub/$d.up": "SUB/$D.TXT\n"}


def test_items_are_restored_from_the_run_cache(mapped: Path) -> None:
    actions(mapped)
    write(mapped / "img/a.txt", "edited\n")
    actions(mapped)
    ran(mapped)
    # as it was, but for one file: no run of the whole stage was like that
    write(mapped / "img/a.txt", "a.txt\n")
    write(mapped / "img/new.txt", "new\n")
    (mapped / "dvx.lock").unlink()
    shutil.rmtree(mapped / "ups")
    assert actions(mapped) == ["up run"]
    assert ran(mapped) == ["new.txt"]
    assert made(mapped)["a.up"] == "A.TXT\n"


def test_what_all_items_need_makes_all_run(mapped: Path) -> None:
    actions(mapped)
    ran(mapped)
    write(mapped / "params.yaml", "n: 2\n")
    actions(mapped)
    assert len(ran(mapped)) == 3
    write(mapped / "dvx.yaml", PIPELINE.replace("{stem}.up", "{key}.up"))
    assert reasons(mapped) == {"up": ["changed variable `DVX_MAP`"]}
    assert len(ran(mapped)) == 3
    assert sorted(made(mapped)) == ["a.txt.up", "b c.txt.up", "sub/$d.txt.up"]
    assert actions(mapped, ReproOptions(force=True)) == ["up run"]
    assert len(ran(mapped)) == 3


def test_edited_output_is_made_again_from_what_is_known(mapped: Path) -> None:
    actions(mapped)
    ran(mapped)
    write(mapped / "img/new.txt", "new\n")
    (mapped / "ups/a.up").unlink()
    write(mapped / "ups/stray.up", "stray\n")
    actions(mapped)
    assert ran(mapped) == ["new.txt"]
    assert sorted(made(mapped)) == ["a.up", "b c.up", "new.up", "sub/$d.up"]


def test_what_was_done_before_a_failure_is_not_done_again(mapped: Path) -> None:
    write(mapped / "img/bad.txt", "bad\n")
    with pytest.raises(StageFailed, match=r"up\[bad.txt\]"):
        actions(mapped, ReproOptions(keep_going=False, jobs=1))
    done = ran(mapped)
    assert done == ["a.txt", "b c.txt"] or "bad.txt" not in done
    (mapped / "img/bad.txt").unlink()
    actions(mapped)
    assert sorted([*done, *ran(mapped)]) == ["a.txt", "b c.txt", "sub/$d.txt"]


def test_a_list_is_mapped_over_too(native: Path) -> None:
    write(native / "dep", "x\n")
    command = 'echo "$DVX_ITEM" >> ran; mkdir -p "$DVX_OUT"; cp dep "$DVX_OUT/f"'
    text = f"stages:\n  s: {{map: [1, b c], cmd: '{command}', deps: [dep], outs: [o]}}\n"
    write(native / "dvx.yaml", text)
    assert actions(native) == ["s run"]
    assert sorted(path.relative_to(native).as_posix() for path in (native / "o").rglob("f")) == ["o/1/f", "o/b c/f"]
    ran(native)
    write(native / "dvx.yaml", text.replace("[1, ", "[3, 1, "))
    assert actions(native) == ["s run"]
    assert ran(native) == ["3"]


def test_an_empty_folder_makes_an_empty_one(native: Path) -> None:
    (native / "img").mkdir()
    write(native / "params.yaml", "n: 1\n")
    write(native / "dvx.yaml", PIPELINE)
    assert actions(native) == ["up run"]
    assert (native / "ups").is_dir()
    assert actions(native) == ["up skip"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("outs: [ups]", "outs: [ups, other]"), "has one output"),
        (("outs: [ups]", "outs: [{ups: {cache: false}}]"), "has one output"),
        (("{stem}.up", "{nope}.up"), "is no pattern of a path"),
        (("{stem}.up", "../{stem}.up"), "is no pattern of a path"),
        (("over: img", "over: [a, a]"), "stands twice"),
        (("over: img", "ofer: img"), "unknown key `ofer`"),
        (("over: img", "over: [{a: 1}]"), "list of texts"),
    ],
)
def test_what_cannot_be_mapped_is_refused(mapped: Path, change: tuple[str, str], said: str) -> None:
    write(mapped / "dvx.yaml", PIPELINE.replace(*change))
    with pytest.raises(FormatError, match=said):
        actions(mapped)


def test_outputs_that_would_be_one_are_refused(mapped: Path) -> None:
    write(mapped / "img/a.png", "x\n")
    with pytest.raises(DvxError, match=r"have one output, `a.up`"):
        actions(mapped)
    assert ran(mapped) == []
    write(mapped / "dvx.yaml", PIPELINE.replace("over: img", "over: raw.txt"))
    write(mapped / "raw.txt", "x\n")
    with pytest.raises(DvxError, match="is no folder"):
        actions(mapped)


def test_a_dvc_repository_has_no_such_key(dvc_like: Path) -> None:
    write(dvc_like / "dvc.yaml", PIPELINE)
    with pytest.raises(FormatError, match="unknown key `map`"):
        actions(dvc_like)


def test_items_stand_in_the_journal(mapped: Path) -> None:
    actions(mapped)
    run = last_run(mapped)
    assert {one.stage for one in run.attempts} == {"up", "up[a.txt]", "up[b c.txt]", "up[sub/$d.txt]"}
    assert {one.status.value for one in run.attempts} == {"success"}
    assert dvx(mapped, "runs", "logs", "up").code == 0


def test_a_file_of_the_folder_may_be_an_input_of_all_items_too(mapped: Path) -> None:
    write(mapped / "dvx.yaml", PIPELINE.replace("params: [n]", "deps: [img/a.txt]"))
    assert actions(mapped) == ["up run"]
    assert len(ran(mapped)) == 3
    write(mapped / "img/a.txt", "edited\n")
    assert actions(mapped) == ["up run"]
    assert len(ran(mapped)) == 3
