"""Whatever a user edits between whatever commands: no byte that only the workspace had is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import count as counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.faults import fsck
from tests.faults.sabotage import SABOTAGES
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

Count = Callable[[str, int], None]
_TRACKED = ("a", "d", "d/sub", "e")
_FILES = ("a", "d/x", "d/sub/y", "d/new", "e", "mid", "out/x", "out/mine", "plain")
_COMMANDS = (
    ("commit", "-f"),
    ("checkout",),
    ("checkout", "-f"),
    ("checkout", "-f", "--relink"),
    ("repro",),
    ("repro", "-f"),
    ("exp", "run", "-n", "e1"),
    ("exp", "run", "--temp", "-n", "e2"),
    ("exp", "apply", "e1"),
    ("gc", "-f", "--grace", "0"),
    ("fetch",),
    ("pull",),
    ("pull", "-f"),
    ("push",),
    ("undo",),
    ("undo", "-f"),
    ("undo", "--redo"),
    ("fsck",),
    ("status",),
    ("data", "status", "--granular"),
    ("diff",),
    ("unprotect", "a", "d"),
    ("freeze", "one"),
    ("unfreeze", "one"),
    ("move", "e", "sub/e"),
    ("move", "sub/e", "e"),
    ("remove", "two"),
)


class Edits(RuleBasedStateMachine):
    """A user who edits, and commands of any kind; `places` are folders for one example each."""

    places: Path
    numbers = counter()
    commands = 0

    @initialize(dialect=st.sampled_from([(), ("--dvc",)]), kind=st.sampled_from(["copy", "hardlink", "symlink"]))
    def start(self, dialect: tuple[str, ...], kind: str) -> None:
        """A project with files, a folder, a pipeline of two stages and a remote."""
        self.top = self.places / str(next(self.numbers))
        self.repo = self.top / "repo"
        self.repo.mkdir(parents=True)
        write(self.top / "outside/x", "not dvx's\n")
        git(self.repo, "init", "--quiet", "--template=")
        dvx(self.repo, "init", *dialect)
        dvx(self.repo, "config", "cache.type", kind)
        dvx(self.repo, "remote", "add", "-d", "store", "../remote")
        for name in ("a", "d/x", "d/sub/y", "e", "plain"):
            write(self.repo / name, f"{name} at first\n")
        dvx(self.repo, "add", "a", "d", "e")
        dvx(self.repo, "stage", "add", "-n", "one", "-d", "a", "-o", "mid", "cat a > mid")
        dvx(self.repo, "stage", "add", "-n", "two", "-d", "mid", "-o", "out", "mkdir -p out; cat mid >> out/x")
        dvx(self.repo, "repro")
        commit_all(self.repo)

    @rule(name=st.sampled_from(_FILES), old=st.one_of(st.none(), st.integers(0, 3)))
    def edit(self, name: str, old: int | None) -> None:
        """Write new bytes, or such as were there before, to a new file; editors do so, and linked files must not be edited."""
        place = self.repo / name
        for above in list(place.relative_to(self.repo).parents)[:-1]:
            if (self.repo / above).is_symlink() or (self.repo / above).is_file():
                (self.repo / above).unlink()
        if place.is_dir() and not place.is_symlink():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_text(f"{name} edit {next(self.numbers) if old is None else -old}\n")

    @rule(name=st.sampled_from(("a", "d/x", "d/sub/y", "out/x", "mid")))
    def delete(self, name: str) -> None:
        """The user deletes a file."""
        if (self.repo / name).is_file() and not (self.repo / name).parent.is_symlink():
            (self.repo / name).unlink()

    @rule(name=st.sampled_from(["a", "d/x", "d/sub", "out", "mid"]), to=st.sampled_from(["outside", "outside/x"]))
    def lead_out(self, name: str, to: str) -> None:
        """A link that leaves the repository stands where a file or a folder was."""
        place = self.repo / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        if place.parent.is_dir() and not place.parent.is_symlink():
            place.unlink(missing_ok=True)
            place.symlink_to(self.top / to)

    @rule(name=st.sampled_from(["d", "out"]), is_folder=st.booleans())
    def exchange(self, name: str, is_folder: bool) -> None:
        """A file stands where a folder was, or a folder where a file was."""
        place, other = self.repo / name, self.repo / "a"
        if not is_folder and place.is_dir() and not place.is_symlink():
            os.rename(place, self.top / f"aside-{next(self.numbers)}")
            place.write_text(f"{name} a file {next(self.numbers)}\n")
        elif is_folder and other.is_file():
            other.unlink()
            write(other / "inside", f"a folder {next(self.numbers)}\n")

    @rule(
        name=st.sampled_from(["a", "d", "e"]),
        text=st.sampled_from(["", "outs: []\n", "outs:\n", "outs:\n- path: a\n", "<<<<<<<\n"]),
    )
    def break_pointer(self, name: str, text: str) -> None:
        """A pointer is emptied or broken."""
        pointer = self.repo / f"{name}{dialect_of(self.repo).pointer_suffix}"
        if pointer.is_file():
            pointer.write_text(text)

    @rule(back=st.integers(0, 2))
    def take_pointers_of_git(self, back: int) -> None:
        """Pointers, pipeline and lock of this commit or an earlier one."""
        subprocess.run(["git", "checkout", "--quiet", f"HEAD~{back}", "--", "."], cwd=self.repo, capture_output=True, check=False)

    @rule()
    def commit(self) -> None:
        """All goes to Git."""
        commit_all(self.repo)

    @rule(names=st.lists(st.sampled_from(_TRACKED), min_size=1, unique=True), extra=st.sampled_from(["", "--no-commit", "-f"]))
    def add(self, names: list[str], extra: str) -> None:
        """Some are tracked anew."""
        self._run("add", *extra.split(), *names)

    @rule(name=st.sampled_from(["a", "d", "e"]), extra=st.sampled_from(["", "--outs"]))
    def remove(self, name: str, extra: str) -> None:
        """One is tracked no more."""
        self._run("remove", *extra.split(), name)

    @rule(commands=st.lists(st.sampled_from(_COMMANDS), min_size=1, max_size=4))
    def run(self, commands: list[tuple[str, ...]]) -> None:
        """Any other commands."""
        for command in commands:
            self._run(*command)

    @rule(name=st.sampled_from(_FILES), force=st.booleans())
    def restore(self, name: str, force: bool) -> None:
        """Something comes back from the trash."""
        self._run("trash", "restore", *(["-f"] if force else []), name)

    @invariant()
    def nothing_outside_changes(self) -> None:
        """Behind links is nothing of dvx's."""
        if hasattr(self, "top"):
            assert {path.name: path.read_bytes() for path in (self.top / "outside").iterdir()} == {"x": b"not dvx's\n"}

    def teardown(self) -> None:
        """Make room."""
        if hasattr(self, "top"):
            shutil.rmtree(self.top)

    def _run(self, *command: str) -> None:
        before = fsck.user_files(self.repo) | fsck.trash(self.repo)
        absent = fsck.dangling(self.top, in_git=False)
        result = run_dvx(self.repo, *command)
        type(self).commands += 1
        assert "Traceback" not in result.err, result.err
        assert "this is a bug" not in result.err, result.err
        assert fsck.lost(self.top, before) == [], (command, result.err)
        if "--no-commit" not in command:
            assert set(fsck.dangling(self.top, in_git=False)) <= set(absent), (command, result.err)


def _explore(places: Path, examples: int, steps: int) -> int:
    class Here(Edits):
        pass

    Here.places, Here.commands = places, 0
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]
    few = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=examples < 100,
        suppress_health_check=quiet,
        phases=[Phase.generate],  # to shrink takes long, and the steps say enough
        print_blob=False,
    )
    run_state_machine_as_test(Here, settings=few)
    return Here.commands


def test_no_byte_is_lost_whatever_is_edited_between_commands(tmp_path: Path, all_points: bool, count: Count):
    count("commands between random edits", _explore(tmp_path / "places", 300 if all_points else 8, 50 if all_points else 30))


def test_a_command_that_loses_something_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from dvx.store.trash import Trash

    monkeypatch.setattr(Trash, "take", Trash.take)  # so that it comes back
    SABOTAGES["delete instead of trash"]()
    with pytest.raises(AssertionError, match="lost"):
        _explore(tmp_path / "places", 99, 30)
