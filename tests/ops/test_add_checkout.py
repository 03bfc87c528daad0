"""add and checkout: what you add is what you get, and nothing is lost on the way."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvx.store import files
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.patience import within


def pointer(project: Path, path: str) -> Path:
    return project / (path + dialect_of(project).pointer_suffix)


def test_a_file_gets_a_pointer_an_object_and_an_ignore_entry(dvc_like: Path):
    write(dvc_like / "data.txt", "1\n")
    dvx(dvc_like, "add", "data.txt")
    assert (dvc_like / "data.txt.dvc").read_text() == (
        "outs:\n- md5: b026324c6904b2a9cb4b88d6d61c81d1\n  size: 2\n  hash: md5\n  path: data.txt\n"
    )
    assert (dvc_like / ".dvc/cache/files/md5/b0/26324c6904b2a9cb4b88d6d61c81d1").read_bytes() == b"1\n"
    assert (dvc_like / ".gitignore").read_text() == "/data.txt\n"
    assert (dvc_like / "data.txt").read_bytes() == b"1\n"


def test_a_folder_becomes_a_tree_object(dvc_like: Path):
    write(dvc_like / "d/a", "1\n")
    write(dvc_like / "d/b", "2\n")
    dvx(dvc_like, "add", "d")
    assert (dvc_like / "d.dvc").read_text() == (
        "outs:\n- md5: c37f8bc8917fdf64a45bb6010380cdab.dir\n  size: 4\n  nfiles: 2\n  hash: md5\n  path: d\n"
    )
    tree = dvc_like / ".dvc/cache/files/md5/c3/7f8bc8917fdf64a45bb6010380cdab.dir"
    assert tree.read_text() == (
        '[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "a"}, '
        '{"md5": "26ab0db90d72e28ad0ba1e22ee510510", "relpath": "b"}]'
    )


def test_a_native_pointer_names_its_algorithm(native: Path):
    write(native / "data.txt", "1\n")
    dvx(native, "add", "data.txt")
    text = (native / "data.txt.dvx").read_text()
    assert text.startswith("outs:\n- xxh128: ")
    assert text.endswith("  size: 2\n  hash: xxh128\n  path: data.txt\n")


def test_adding_again_changes_nothing(dialect_repo: Path):
    write(dialect_repo / "data.txt", "1\n")
    dvx(dialect_repo, "add", "data.txt")
    before = pointer(dialect_repo, "data.txt").stat().st_mtime_ns
    assert "unchanged" in dvx(dialect_repo, "add", "data.txt").err
    assert pointer(dialect_repo, "data.txt").stat().st_mtime_ns == before


def test_a_pointer_keeps_its_comments_and_order_when_the_data_changes(dvc_like: Path):
    write(dvc_like / "x", "1\n")
    write(dvc_like / "x.dvc", "# mine\nouts:\n- path: x  # the data\n  desc: kept\n")
    dvx(dvc_like, "add", "x")
    text = (dvc_like / "x.dvc").read_text()
    assert "# mine" in text
    assert "desc: kept" in text
    assert "md5: b026324c6904b2a9cb4b88d6d61c81d1" in text


def test_a_deleted_file_and_folder_come_back(dialect_repo: Path):
    write(dialect_repo / "d/sub/a", "1\n")
    write(dialect_repo / "f", "x")
    dvx(dialect_repo, "add", "d", "f")
    files.remove_tree(str(dialect_repo / "d"))
    os.unlink(dialect_repo / "f")
    result = dvx(dialect_repo, "checkout")
    assert result.out == "A\td\nA\tf\n"
    assert (dialect_repo / "d/sub/a").read_text() == "1\n"
    assert (dialect_repo / "f").read_text() == "x"


def test_a_revision_is_checked_out_with_additions_changes_and_deletions(dialect_repo: Path):
    write(dialect_repo / "d/same", "s")
    write(dialect_repo / "d/old", "1")
    write(dialect_repo / "d/gone/later", "2")
    dvx(dialect_repo, "add", "d")
    commit_all(dialect_repo, "one")
    write(dialect_repo / "d/old", "changed")
    write(dialect_repo / "d/new", "3")
    files.remove_tree(str(dialect_repo / "d/gone"))
    dvx(dialect_repo, "add", "d")
    commit_all(dialect_repo, "two")
    same = (dialect_repo / "d/same").stat()
    git(dialect_repo, "checkout", "--quiet", "HEAD~1")
    assert dvx(dialect_repo, "checkout").out == "M\td\n"
    assert {str(p.relative_to(dialect_repo / "d")) for p in (dialect_repo / "d").rglob("*") if p.is_file()} == {
        "same",
        "old",
        "gone/later",
    }
    assert (dialect_repo / "d/old").read_text() == "1"
    assert (dialect_repo / "d/same").stat().st_ino == same.st_ino
    git(dialect_repo, "checkout", "--quiet", "main")
    dvx(dialect_repo, "checkout")
    assert not (dialect_repo / "d/gone").exists()
    assert (dialect_repo / "d/new").read_text() == "3"


def test_unsaved_changes_stop_a_checkout_and_nothing_is_touched(dialect_repo: Path):
    write(dialect_repo / "d/a", "1")
    write(dialect_repo / "f", "1")
    dvx(dialect_repo, "add", "d", "f")
    write(dialect_repo / "d/a", "precious")
    write(dialect_repo / "d/b", "also precious")
    os.unlink(dialect_repo / "f")
    result = run_dvx(dialect_repo, "checkout")
    assert result.code == dialect_of(dialect_repo).exit_codes.error
    assert "`d/a`, `d/b`" in result.err
    assert "Use `--force` to force." in result.err
    assert (dialect_repo / "d/a").read_text() == "precious"
    assert not (dialect_repo / "f").exists()


def test_with_force_unsaved_changes_go_to_the_trash(dialect_repo: Path):
    write(dialect_repo / "d/a", "1")
    dvx(dialect_repo, "add", "d")
    write(dialect_repo / "d/a", "precious")
    write(dialect_repo / "d/b", "also precious")
    result = dvx(dialect_repo, "checkout", "--force")
    assert "trash" in result.err
    assert (dialect_repo / "d/a").read_text() == "1"
    assert not (dialect_repo / "d/b").exists()
    trash = dialect_repo / dialect_of(dialect_repo).folder / dialect_of(dialect_repo).state_folder / "trash"
    assert sorted(item.read_text() for item in trash.glob("*/content")) == ["also precious", "precious"]


def test_a_missing_object_leaves_its_folder_alone_and_the_rest_is_done(dialect_repo: Path):
    write(dialect_repo / "d/a", "1")
    write(dialect_repo / "d/b", "2")
    write(dialect_repo / "f", "x")
    dvx(dialect_repo, "add", "d", "f")
    commit_all(dialect_repo)
    cache = dialect_repo / dialect_of(dialect_repo).folder / "cache"
    for place in cache.rglob("*"):
        if place.is_file() and place.read_bytes() == b"2":
            place.unlink()
    os.unlink(dialect_repo / "d/b")
    os.unlink(dialect_repo / "f")
    result = run_dvx(dialect_repo, "checkout")
    assert result.code != 0
    assert "`d`" in result.err
    assert "dvx pull" in result.err
    assert (dialect_repo / "d/a").read_text() == "1"
    assert (dialect_repo / "f").read_text() == "x"


def test_a_corrupt_object_is_not_checked_out(dialect_repo: Path):
    write(dialect_repo / "f", "good")
    dvx(dialect_repo, "add", "f")
    cache = dialect_repo / dialect_of(dialect_repo).folder / "cache"
    (place,) = [place for place in (cache / "files").rglob("*") if place.is_file()]
    place.chmod(0o644)
    place.write_bytes(b"evil")
    os.unlink(dialect_repo / "f")
    result = run_dvx(dialect_repo, "checkout")
    assert result.code != 0
    assert not (dialect_repo / "f").exists()
    assert [p.read_bytes() for p in (cache / "quarantine").rglob("*") if p.is_file()] == [b"evil"]


def test_one_file_inside_a_folder_is_restored_alone(dialect_repo: Path):
    write(dialect_repo / "d/a", "1")
    write(dialect_repo / "d/b", "2")
    dvx(dialect_repo, "add", "d")
    files.remove_tree(str(dialect_repo / "d"))
    dvx(dialect_repo, "checkout", "d/b")
    assert os.listdir(dialect_repo / "d") == ["b"]


def test_native_trees_keep_the_executable_bit_and_empty_folders(native: Path):
    write(native / "d/run.sh", "#!/bin/sh\n").chmod(0o755)
    (native / "d/empty/inner").mkdir(parents=True)
    dvx(native, "add", "d")
    files.remove_tree(str(native / "d"))
    dvx(native, "checkout")
    assert os.access(native / "d/run.sh", os.X_OK)
    assert (native / "d/empty/inner").is_dir()
    assert dvx(native, "status", "--json").json == {}


def test_an_executable_file_stays_one(dialect_repo: Path):
    write(dialect_repo / "run.sh", "#!/bin/sh\n").chmod(0o755)
    dvx(dialect_repo, "add", "run.sh")
    assert "isexec: true" in pointer(dialect_repo, "run.sh").read_text()
    os.unlink(dialect_repo / "run.sh")
    dvx(dialect_repo, "checkout")
    assert os.access(dialect_repo / "run.sh", os.X_OK)


@pytest.mark.parametrize("link", ["hardlink", "symlink", "copy", "reflink,copy"])
def test_every_link_type_gives_the_same_bytes(dialect_repo: Path, link: str):
    dvx(dialect_repo, "config", "cache.type", link)
    write(dialect_repo / "d/a", "1")
    write(dialect_repo / "d/empty", "")
    dvx(dialect_repo, "add", "d")
    assert (dialect_repo / "d/a").read_text() == "1"
    assert (dialect_repo / "d/a").is_symlink() == (link == "symlink")
    assert ((dialect_repo / "d/a").stat().st_nlink > 1) == (link == "hardlink")
    files.remove_tree(str(dialect_repo / "d"))
    dvx(dialect_repo, "checkout")
    assert (dialect_repo / "d/a").read_text() == "1"
    assert dvx(dialect_repo, "status", "--json").json == {}


@pytest.mark.parametrize("kind", ["pipe", "socket", "link out"])
def test_what_is_no_file_is_refused_at_once(dialect_repo: Path, tmp_path: Path, kind: str):
    write(dialect_repo / "d/a", "1")
    place = dialect_repo / "d/odd"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        os.chdir(dialect_repo / "d")
        socket.socket(socket.AF_UNIX).bind("odd")
    else:
        place.symlink_to(write(tmp_path / "outside", "secret"))
    with within(1):
        result = run_dvx(dialect_repo, "add", "d")
    assert result.code == 1
    assert "`d/odd`" in result.err
    assert not pointer(dialect_repo, "d").exists()


def test_a_link_inside_the_project_is_the_file_it_leads_to(dialect_repo: Path):
    write(dialect_repo / "d/a", "1")
    (dialect_repo / "d/b").symlink_to("a")
    dvx(dialect_repo, "add", "d")
    files.remove_tree(str(dialect_repo / "d"))
    dvx(dialect_repo, "checkout")
    assert (dialect_repo / "d/b").read_text() == "1"


def test_ignored_files_inside_a_folder_are_left_out_and_left_alone(dialect_repo: Path):
    write(dialect_repo / dialect_of(dialect_repo).ignore, "*.tmp\n!keep.tmp\n")
    for name in ("a", "b.tmp", "keep.tmp"):
        write(dialect_repo / "d" / name, name)
    dvx(dialect_repo, "add", "d")
    assert "nfiles: 2\n" in pointer(dialect_repo, "d").read_text()
    os.unlink(dialect_repo / "d/a")
    os.unlink(dialect_repo / "d/keep.tmp")
    dvx(dialect_repo, "checkout")
    assert sorted(os.listdir(dialect_repo / "d")) == ["a", "b.tmp", "keep.tmp"]


def test_nothing_is_written_behind_a_link_that_leaves(dialect_repo: Path, tmp_path: Path):
    write(dialect_repo / "in/data", "1")
    dvx(dialect_repo, "add", "in/data")
    os.unlink(dialect_repo / "in/data")
    os.rename(dialect_repo / "in", tmp_path / "outside")
    (dialect_repo / "in").symlink_to(tmp_path / "outside")
    before = sorted(os.listdir(tmp_path / "outside"))
    result = run_dvx(dialect_repo, "checkout", "in/data")
    assert result.code != 0
    assert sorted(os.listdir(tmp_path / "outside")) == before


def test_an_edit_of_the_same_size_with_restored_time_is_seen(dialect_repo: Path):
    write(dialect_repo / "d/a", "1")
    dvx(dialect_repo, "add", "d")
    for number in range(30):
        before = (dialect_repo / "d/a").stat()
        write(dialect_repo / "d/a", str(number % 2 + 2))
        os.utime(dialect_repo / "d/a", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert dvx(dialect_repo, "status", "--json").json != {}
        dvx(dialect_repo, "add", "d")
        assert dvx(dialect_repo, "status", "--json").json == {}


NAMES = st.text(st.characters(exclude_characters="/\0\n\r\t", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda name: name.strip(". ").lower() not in ("", "git", "dvc", "dvx") and len(name.encode()) < 100 and ":" not in name
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=6))
def test_any_tree_survives_a_round_trip(native: Path, tree: dict[str, bytes]):
    from dvx.errors import UnsafePath
    from dvx.model.paths import check_path

    for name in tree:
        try:
            check_path(name)
        except UnsafePath:
            return
    files.remove_tree(str(native / "d"))
    for name, data in tree.items():
        write(native / "d" / name, data)
    dvx(native, "add", "d")
    files.remove_tree(str(native / "d"))
    dvx(native, "checkout", "d")
    assert {name.name: name.read_bytes() for name in (native / "d").iterdir()} == tree


@pytest.mark.parametrize("change", ["edit", "new", "gone", "renamed", "mode", "empty folder", "ignored"])
def test_a_folder_that_was_unchanged_once_is_looked_at_again(dialect_repo: Path, change: str):
    """After a clean `status` the folder is known by the stamps of its files; every change must still be seen."""
    rich = dialect_of(dialect_repo).rich_trees
    for name in ("a", "b", "sub/c"):
        write(dialect_repo / "d" / name, name)
    dvx(dialect_repo, "add", "d")
    time.sleep(0.05)
    for _ in range(2):
        assert dvx(dialect_repo, "status", "--json").json == {}
    match change:
        case "edit":
            times = (dialect_repo / "d/a").stat()
            write(dialect_repo / "d/a", "A")
            os.utime(dialect_repo / "d/a", ns=(times.st_atime_ns, times.st_mtime_ns))
        case "new":
            write(dialect_repo / "d/new", "")
        case "gone":
            os.unlink(dialect_repo / "d/sub/c")
        case "renamed":
            os.rename(dialect_repo / "d/a", dialect_repo / "d/z")
        case "mode":
            (dialect_repo / "d/a").chmod(0o755)
        case "empty folder":
            (dialect_repo / "d/none").mkdir()
        case "ignored":
            write(dialect_repo / dialect_of(dialect_repo).ignore, "b\n")
    seen = dvx(dialect_repo, "status", "--json").json != {}
    assert seen == (rich or change not in ("mode", "empty folder"))


def test_a_link_into_a_cache_of_dvc_2_is_data(dvc_like: Path, tmp_path: Path) -> None:
    place = write(tmp_path / "cache/76/4efa883dda1e11db47671c4a3bbd9e", "hi\n")
    (dvc_like / "f").symlink_to(place)
    write(dvc_like / "f.dvc", "outs:\n- md5: 764efa883dda1e11db47671c4a3bbd9e\n  size: 3\n  path: f\n")
    dvx(dvc_like, "config", "--local", "cache.dir", tmp_path / "cache")
    dvx(dvc_like, "add", "f")
    assert dvx(dvc_like, "status", "--json").json == {}
    assert (dvc_like / "f").read_text() == "hi\n"
    for name in ("outside", "76/4efa", "764/4efa883dda1e11db47671c4a3bbd9"):
        (dvc_like / "g").symlink_to(write(tmp_path / name, "not dvx's\n"))
        assert "`g` is a link that leaves the repository" in run_dvx(dvc_like, "add", "g").err
        (dvc_like / "g").unlink()
