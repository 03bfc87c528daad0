"""destroy: dvx's files go, the data stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dvx.errors import FormatError
from dvx.ops.upkeep.destroy import destroy, plan
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, tree, write


def destroyed(project: Path) -> tuple[str, ...]:
    opened = Project.find(str(project))
    return destroy(opened, plan(opened))


def pipeline(project: Path) -> None:
    text = "stages:\n  make:\n    cmd: echo 1 > out\n    outs:\n    - out\n"
    write(project / dialect_of(project).pipeline, text)
    dvx(project, "repro")


def test_only_the_data_is_left(dialect_repo: Path) -> None:
    write(dialect_repo / "data/a", "1\n")
    write(dialect_repo / "sub/f", "2\n")
    dvx(dialect_repo, "add", "data", "sub/f")
    pipeline(dialect_repo)
    write(dialect_repo / "notes.txt", "mine\n")
    assert destroyed(dialect_repo) == ()
    assert tree(dialect_repo) == {
        ".gitignore": b"/data\n/out\n",
        "data/a": b"1\n",
        "notes.txt": b"mine\n",
        "out": b"1\n",
        "sub/.gitignore": b"/f\n",
        "sub/f": b"2\n",
    }
    assert not (dialect_repo / dialect_of(dialect_repo).folder).exists()


@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_links_into_the_cache_become_copies_first(dialect_repo: Path, link: str) -> None:
    dvx(dialect_repo, "config", "cache.type", link)
    write(dialect_repo / "data/a", "1\n")
    dvx(dialect_repo, "add", "data")
    place = dialect_repo / "data/a"
    assert place.is_symlink() or place.stat().st_nlink == 2
    assert destroyed(dialect_repo) == ("data/a",)
    assert not place.is_symlink()
    assert place.read_text() == "1\n"
    assert os.access(place, os.W_OK)


def test_what_only_the_cache_has_is_counted_and_named(dialect_repo: Path) -> None:
    write(dialect_repo / "f", "old\n")
    write(dialect_repo / "gone", "123456\n")
    write(dialect_repo / "here", "x\n")
    dvx(dialect_repo, "add", "f", "gone", "here")
    commit_all(dialect_repo)
    write(dialect_repo / "f", "newer\n")
    dvx(dialect_repo, "add", "f")
    (dialect_repo / "gone").unlink()
    planned = plan(Project.find(str(dialect_repo)))
    assert (planned.objects, planned.bytes, planned.absent) == (2, 11, ("gone",))


def test_what_is_in_the_trash_is_counted(native: Path) -> None:
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    write(native / "f", "never added\n")
    dvx(native, "checkout", "--force")
    assert plan(Project.find(str(native))).trashed == 1


def test_a_cache_that_is_elsewhere_stays(native: Path, tmp_path: Path) -> None:
    dvx(native, "cache", "dir", str(tmp_path / "cache"))
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    (native / "f").unlink()
    planned = plan(Project.find(str(native)))
    assert (planned.objects, planned.absent, planned.cache) == (0, (), str(tmp_path / "cache"))
    destroyed(native)
    assert len([path for path in (tmp_path / "cache/files").rglob("*") if path.is_file()]) == 1


def test_other_projects_and_ignored_folders_are_left_alone(native: Path) -> None:
    write(native / "ignored/f.dvx", "outs:\n- path: f\n")
    write(native / ".dvxignore", "ignored/\n")
    (native / "inner").mkdir()
    dvx(native / "inner", "init", "--subdir")
    destroyed(native)
    assert (native / "ignored/f.dvx").exists()
    assert (native / "inner/.dvx/config").exists()


def test_nothing_goes_while_a_pointer_cannot_be_read(native: Path) -> None:
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    write(native / "broken.dvx", "outs: [\n")
    with pytest.raises(FormatError):
        destroyed(native)
    assert (native / "f.dvx").exists()


def test_a_destroy_that_was_killed_can_be_run_again(native: Path) -> None:
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    (native / "f.dvx").unlink()
    (native / ".dvx/config").unlink()
    destroyed(native)
    assert tree(native) == {".gitignore": b"/f\n", "f": b"1\n"}
