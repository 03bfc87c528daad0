"""commit: pointers and locks say what the workspace holds, and the cache has it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dvx.errors import DvxError, MissingData, UnknownTarget
from dvx.ops.data.commit import CommitOptions, commit
from dvx.ops.tracked.index import SelectOptions
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, write


def at(folder: Path) -> Project:
    return Project.find(str(folder))


def record(folder: Path, *targets: str, **options: object) -> tuple[str, ...]:
    project = at(folder)
    try:
        return commit(project, CommitOptions(targets, **options)).recorded  # type: ignore[arg-type]
    finally:
        project.close()


def pipeline(folder: Path) -> Path:
    write(folder / "in.txt", "1\n")
    write(folder / "params.yaml", "lr: 1\n")
    dvx(folder, "stage", "add", "-n", "copy", "-d", "in.txt", "-p", "lr", "-o", "out.txt", "cp in.txt out.txt")
    dvx(folder, "repro")
    commit_all(folder)
    return folder


@pytest.fixture
def staged(dialect_repo: Path) -> Path:
    return pipeline(dialect_repo)


@pytest.fixture
def data(dialect_repo: Path) -> Path:
    for name in ("d/a", "d/b", "d/sub/c", "f"):
        write(dialect_repo / name, name + "\n")
    dvx(dialect_repo, "add", "d", "f")
    commit_all(dialect_repo)
    return dialect_repo


def test_a_changed_pointer_is_recorded_and_restorable(data: Path):
    suffix = dialect_of(data).pointer_suffix
    write(data / "f", "new\n")
    assert record(data, "f", force=True) == (f"f{suffix}",)
    os.unlink(data / "f")
    dvx(data, "checkout", "f")
    assert (data / "f").read_text() == "new\n"


def test_the_pointer_is_what_dvc_writes(dvc_like: Path):
    write(dvc_like / "f", "1\n")
    dvx(dvc_like, "add", "f")
    write(dvc_like / "f.dvc", "# kept\n" + (dvc_like / "f.dvc").read_text() + "  desc: mine\n")
    write(dvc_like / "f", "12\n")
    record(dvc_like, "f.dvc", force=True)
    text = "# kept\nouts:\n- md5: 2737b49252e2a4c0fe4c342e92b13285\n  size: 3\n  hash: md5\n  path: f\n  desc: mine\n"
    assert (dvc_like / "f.dvc").read_text() == text


def test_nothing_to_record_changes_nothing(data: Path):
    assert record(data) == ()
    assert git(data, "status", "--porcelain") == ""


@pytest.mark.parametrize("place", ["in.txt", "params.yaml", "out.txt"])
def test_a_stage_that_changed_needs_force(staged: Path, place: str):
    lock = staged / dialect_of(staged).lock
    before = lock.read_bytes()
    write(staged / place, "lr: 2\n")
    with pytest.raises(DvxError) as caught:
        record(staged)
    assert caught.value.hint == "Use `-f|--force` to force."
    assert place in caught.value.message
    assert lock.read_bytes() == before
    assert record(staged, force=True) == ("copy",)
    assert dvx(staged, "status", "--json").json == {}


def test_somebody_may_agree(staged: Path):
    write(staged / "in.txt", "2\n")
    asked: list[tuple[str, tuple[str, ...]]] = []

    def agree(owner: str, why: tuple[str, ...]) -> bool:
        asked.append((owner, why))
        return True

    assert record(staged, confirm=agree) == ("copy",)
    assert asked == [("copy", ("modified dependency `in.txt`",))]
    write(staged / "in.txt", "3\n")
    with pytest.raises(DvxError):
        record(staged, confirm=lambda *_: False)


def test_a_stage_that_never_ran_is_recorded(staged: Path):
    dvx(staged, "stage", "add", "-n", "second", "-d", "out.txt", "-o", "two.txt", "cp out.txt two.txt")
    write(staged / "two.txt", "1\n")
    assert record(staged, "second", force=True) == ("second",)
    dvx(staged, "repro")
    assert dvx(staged, "status", "--json").json == {}
    os.unlink(staged / "two.txt")
    dvx(staged, "checkout")
    assert (staged / "two.txt").read_text() == "1\n"


def test_only_the_stage_s_lines_of_the_lock_change(staged: Path):
    lock = staged / dialect_of(staged).lock
    write(lock, "# mine\n" + lock.read_text())
    write(staged / "in.txt", "2\n")
    record(staged, "copy", force=True)
    assert lock.read_text().startswith("# mine\nschema: '2.0'\n")


def test_without_a_cached_object_it_is_stored_unasked(staged: Path):
    project = at(staged)
    for folder, _, names in os.walk(project.cache.root):
        for name in names:
            if os.sep + "files" + os.sep in folder:
                os.unlink(os.path.join(folder, name))
    assert record(staged) == ()
    os.unlink(staged / "out.txt")
    dvx(staged, "checkout")
    assert (staged / "out.txt").read_text() == "1\n"


def test_a_part_of_a_directory_renews_just_that(data: Path):
    write(data / "d/a", "new a\n")
    write(data / "d/b", "new b\n")
    write(data / "d/sub/more", "more\n")
    os.unlink(data / "d/sub/c")
    record(data, "d/a", "d/sub", force=True)
    write(data / "d/b", "d/b\n")
    assert dvx(data, "status", "--json").json == {}
    text = (data / ("d" + dialect_of(data).pointer_suffix)).read_text()
    assert "size: 15\n" in text
    assert "nfiles: 3\n" in text


def test_a_part_that_is_gone_is_left_out(data: Path):
    os.unlink(data / "d/a")
    record(data, "d/a", force=True)
    assert dvx(data, "status", "--json").json == {}
    with pytest.raises(UnknownTarget):
        record(data, "d/a", force=True)


def test_deps_of_the_target_come_along_when_asked(staged: Path):
    dvx(staged, "stage", "add", "-n", "second", "-d", "out.txt", "-o", "two.txt", "cp out.txt two.txt")
    dvx(staged, "repro")
    write(staged / "in.txt", "2\n")
    assert record(staged, "second", force=True) == ()
    assert record(staged, "second", force=True, select=SelectOptions(with_deps=True)) == ("copy",)


def test_recursive_takes_what_is_below(data: Path):
    write(data / "p/x", "1\n")
    dvx(data, "add", "p/x")
    write(data / "p/x", "2\n")
    with pytest.raises(UnknownTarget):
        record(data, "p", force=True)
    assert record(data, "p", force=True, select=SelectOptions(recursive=True)) == (f"p/x{dialect_of(data).pointer_suffix}",)


def test_missing_data_is_named_before_anything_is_written(data: Path):
    os.unlink(data / "f")
    write(data / "d/a", "new\n")
    with pytest.raises(MissingData, match="`f` does not exist"):
        record(data, force=True)
    assert git(data, "status", "--porcelain") == ""


def test_a_missing_dependency_is_named(staged: Path):
    os.unlink(staged / "in.txt")
    with pytest.raises(MissingData, match=r"`in.txt`, which the stage `copy` depends on"):
        record(staged, force=True)


def test_files_are_shared_with_the_cache_unless_told_not_to(native: Path):
    dvx(native, "config", "cache.type", "hardlink")
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    for share, links in ((False, 1), (True, 2)):
        os.unlink(native / "f")
        write(native / "f", f"{share}\n")
        record(native, force=True, share=share)
        assert os.stat(native / "f").st_nlink == links


def test_an_import_keeps_its_checksum_right(dvc_like: Path):
    write(dvc_like / "f", "1\n")
    dvx(dvc_like, "add", "f")
    dep = "md5: 0123456789abcdef0123456789abcdef\nfrozen: true\ndeps:\n- path: f\n  repo:\n    url: /other\n    rev_lock: abc\n"
    write(dvc_like / "f.dvc", dep + (dvc_like / "f.dvc").read_text())
    write(dvc_like / "f", "2\n")
    record(dvc_like, force=True)
    assert dvx(dvc_like, "status", "--json").json == {}


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """The stage `copy` runs, and its output is half-written."""
    slow = "echo half > out.txt; touch here; while [ ! -e go ]; do sleep 0.02; done; cp in.txt out.txt"
    pipeline_file = folder / dialect_of(folder).pipeline
    write(pipeline_file, pipeline_file.read_text().replace("cp in.txt out.txt", slow))
    with subprocess.Popen(["dvx", "repro", "copy"], cwd=folder, stdin=subprocess.DEVNULL) as process:
        end = time.monotonic() + 20
        while not (folder / "here").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        try:
            yield
        finally:
            write(folder / "go", "")
        assert process.wait(20) == 0


def test_a_running_stage_is_refused_at_once_and_nothing_is_recorded(staged: Path):
    write(staged / "f", "1\n")
    dvx(staged, "add", "f")
    dvx(staged, "stage", "add", "-n", "other", "-o", "o", "echo 1 > o")
    write(staged / "o", "2\n")
    write(staged / "f", "2\n")
    pointer = staged / ("f" + dialect_of(staged).pointer_suffix)
    before = pointer.read_text(), (staged / dialect_of(staged).lock).read_text()
    with running(staged):
        with pytest.raises(DvxError, match="the stage `copy` is running, and its outputs may be half-written"):
            record(staged, force=True)
        assert (pointer.read_text(), (staged / dialect_of(staged).lock).read_text()) == before
        assert record(staged, "other", force=True) == ("other",)
    assert dvx(staged, "status", "copy", "--json").json == {}
    assert record(staged, "f", force=True) == (pointer.name,)


def test_the_command_of_a_stage_cannot_record_that_stage(staged: Path):
    dvx(staged, "stage", "add", "-n", "self", "-o", "o", "echo 1 > o; timeout 20 dvx commit -f self 2> said; echo $? > code")
    dvx(staged, "repro", "self")
    assert (staged / "code").read_text() == "1\n"
    assert (staged / "said").read_text().startswith("error: the stage `self` is running")


def test_commits_of_one_stage_wait_for_each_other(staged: Path):
    write(staged / "out.txt", "5\n")
    started = [subprocess.Popen(["dvx", "commit", "-f", "copy"], cwd=staged) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    assert dvx(staged, "status", "--json").json == {}
