"""checkout: links made anew, missing data passed over, folders as targets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write


def test_links_are_made_anew_as_the_configuration_says(dialect_repo: Path) -> None:
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/edited", "2\n")
    write(dialect_repo / "f", "3\n")
    dvx(dialect_repo, "add", "d", "f")
    for link, is_link, names in (("symlink", True, 1), ("hardlink", False, 2), ("copy", False, 1)):
        dvx(dialect_repo, "config", "cache.type", link)
        assert "linked anew" not in dvx(dialect_repo, "checkout").err
        assert dvx(dialect_repo, "checkout", "--relink").err.endswith("3 files linked anew\n")
        for name in ("d/a", "d/edited", "f"):
            assert (dialect_repo / name).is_symlink() == is_link
            assert os.lstat(dialect_repo / name).st_nlink == names
        assert dvx(dialect_repo, "checkout", "--relink").err.endswith("0 files linked anew\n")
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_relinking_keeps_to_its_targets_and_to_unedited_files(dialect_repo: Path) -> None:
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/b", "2\n")
    write(dialect_repo / "f", "3\n")
    dvx(dialect_repo, "add", "d", "f")
    dvx(dialect_repo, "config", "cache.type", "symlink")
    write(dialect_repo / "f", "edited\n")
    assert run_dvx(dialect_repo, "checkout", "--relink", "f").code in (1, 255)
    assert (dialect_repo / "f").read_text() == "edited\n"
    dvx(dialect_repo, "checkout", "--relink", "d/a")
    assert [(dialect_repo / "d" / name).is_symlink() for name in "ab"] == [True, False]


def test_missing_data_can_be_passed_over(dialect_repo: Path) -> None:
    for name in "fg":
        write(dialect_repo / name, name)
    dvx(dialect_repo, "add", "f", "g")
    for name in "fg":
        os.unlink(dialect_repo / name)
    cache = dialect_repo / dialect_of(dialect_repo).folder / "cache/files"
    for place in cache.rglob("*"):
        if place.is_file() and place.read_bytes() == b"g":
            place.unlink()
    result = run_dvx(dialect_repo, "checkout")
    assert result.code in (1, 255)
    assert "`g`" in result.err
    assert "dvx pull" in result.err
    os.unlink(dialect_repo / "f")
    assert dvx(dialect_repo, "checkout", "--allow-missing").out == "A\tf\n"
    assert (dialect_repo / "f").read_text() == "f"


@pytest.mark.parametrize("target", ["sub", "sub/"])
def test_a_folder_of_tracked_paths(dialect_repo: Path, target: str) -> None:
    for name in ("sub/f", "sub/deep/d/a", "top"):
        write(dialect_repo / name, name)
    dvx(dialect_repo, "add", "sub/f", "sub/deep/d", "top")
    commit_all(dialect_repo)
    for name in ("sub/f", "sub/deep/d/a", "top"):
        os.unlink(dialect_repo / name)
    assert run_dvx(dialect_repo, "checkout", target).code in (1, 255)
    dvx(dialect_repo, "checkout", "-R", target)
    assert (dialect_repo / "sub/f").exists()
    assert (dialect_repo / "sub/deep/d/a").exists()
    assert not (dialect_repo / "top").exists()


def test_the_executable_bit_is_data(dialect_repo: Path) -> None:
    rich = dialect_of(dialect_repo).rich_trees
    for name in ("d/a", "f", "g"):
        write(dialect_repo / name, name)
    os.chmod(dialect_repo / "g", 0o755)
    dvx(dialect_repo, "add", "d", "f", "g")
    commit_all(dialect_repo)
    os.chmod(dialect_repo / "d/a", 0o755)
    os.chmod(dialect_repo / "f", 0o755)
    os.chmod(dialect_repo / "g", 0o644)
    # DVC records neither the bits in folders nor that a file has none, and does not compare the others
    changed = {"d", "f", "g"} if rich else set()
    status = dvx(dialect_repo, "status", "--json").json
    assert {path for rows in status.values() for row in rows for path in row["changed outs"]} == changed
    found = {row["path"] for row in dvx(dialect_repo, "diff", "--json").json["modified"]}
    assert {path.rstrip("/") for path in found} == changed | ({"d/a"} if rich else set())
    dvx(dialect_repo, "checkout")
    assert dvx(dialect_repo, "status", "--json").json == {}
    assert [bool(os.stat(dialect_repo / name).st_mode & 0o100) for name in ("d/a", "f", "g")] == [not rich, not rich, True]
    assert (dialect_repo / "f").read_text() == "f"


def test_a_changed_executable_bit_is_recorded(dialect_repo: Path) -> None:
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    for mode in (0o755, 0o644):
        os.chmod(dialect_repo / "f", mode)
        dvx(dialect_repo, "commit", "-f", "f")
        assert ("isexec: true" in (dialect_repo / ("f" + dialect_of(dialect_repo).pointer_suffix)).read_text()) is (mode == 0o755)
        assert dvx(dialect_repo, "status", "--json").json == {}
