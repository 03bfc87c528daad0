"""The model of a power cut takes what was not made durable, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvx.store.durable import sync_folder
from dvx.store.files import remove_tree
from tests.faults import power
from tests.helpers import ROOT

_SEEDS = range(40)


def _link(trial: Path) -> None:
    os.link(trial / "d/a", trial / "linked")


def _link_in_place(trial: Path) -> None:
    os.link(trial / "d/a", trial / "temp")
    os.rename(trial / "temp", trial / "other")


def _link_after_another_attempt(trial: Path) -> None:
    (trial / "temp").touch()
    (trial / "temp").unlink()
    _link_in_place(trial)


def _fail(trial: Path) -> None:
    _move_into_a_new_folder(trial)
    sync_folder(str(trial / "e"))
    sync_folder(str(trial))
    (trial / "e").mkdir(exist_ok=True)
    (trial / "nothing").unlink(missing_ok=True)


def _link_what_is_new(trial: Path) -> None:
    (trial / "temp").write_text("new\n")
    os.link(trial / "temp", trial / "linked")
    sync_folder(str(trial))


def _move_into_a_new_folder(trial: Path) -> None:
    (trial / "e").mkdir()
    os.rename(trial / "d", trial / "e/moved")


def _move_twice(trial: Path) -> None:
    _move_into_a_new_folder(trial)
    os.rename(trial / "e/moved/sub", trial / "e/sub")


def _move_and_make_anew(trial: Path) -> None:
    _move_into_a_new_folder(trial)
    (trial / "d").mkdir()
    (trial / "d/new").write_text("new\n")


def _remove_durably(trial: Path) -> None:
    remove_tree(str(trial / "d"))
    sync_folder(str(trial))


def _remove_a_symlink(trial: Path) -> None:
    (trial / "symlink").unlink()


@pytest.mark.parametrize(
    "change",
    [_fail, _link, _link_in_place, _link_after_another_attempt, _move_into_a_new_folder, _move_twice, _move_and_make_anew],
)
def test_bytes_that_were_there_survive_under_one_of_their_names(tmp_path: Path, change: Callable[[Path], None]):
    for trial in _cuts(tmp_path, change):
        assert {"a\n", "b\n"} <= {path.read_text() for path in trial.rglob("*") if path.is_file()}


def test_bytes_that_a_new_file_brings_may_be_torn_under_each_of_its_names(tmp_path: Path):
    found = {(trial / "linked").read_text() for trial in _cuts(tmp_path, _link_what_is_new)}
    assert "new\n" in found
    assert len(found) > 1


def test_what_was_in_a_folder_that_is_gone_durably_does_not_come_back(tmp_path: Path):
    assert not any((trial / "d").exists() for trial in _cuts(tmp_path, _remove_durably))


def test_a_symlink_that_comes_back_leads_into_the_trial(tmp_path: Path):
    names = (trial / "symlink" for trial in _cuts(tmp_path, _remove_a_symlink))
    assert {os.readlink(name) for name in names if name.is_symlink()} == {f"{tmp_path}/trial/d/a"}


def _cuts(folder: Path, change: Callable[[Path], None]) -> Iterator[Path]:
    """The power fails after a change in a copy of a folder; the two differ only in where a symlink leads."""
    base, trial, notes = folder / "base", folder / "trial", folder / "notes"
    for seed in _SEEDS:
        for place in (base, trial):
            shutil.rmtree(place, ignore_errors=True)
            (place / "d/sub").mkdir(parents=True)
            (place / "d/a").write_text("a\n")
            (place / "d/sub/b").write_text("b\n")
            (place / "symlink").symlink_to(place / "d/a")
        words = [sys.executable, "-m", "tests.faults.test_power", change.__name__, str(trial)]
        if notes.exists():
            change(trial)
        else:
            # what watches cannot be taken off again
            notes.write_text(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        power.cut(base, trial, notes.read_text(), seed)
        yield trial


if __name__ == "__main__":
    power.watch(f"{sys.argv[2]}/", sys.stdout.write)
    globals()[sys.argv[1]](Path(sys.argv[2]))
