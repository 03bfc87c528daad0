"""Names that are not UTF-8: refused where YAML has to hold them, and kept where it has not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, run_dvx, tree, write

NAME = os.fsdecode(b"caf\xe9.csv")
LONGEST = "\u8cc7" * 83  # 249 bytes


@pytest.mark.parametrize(
    "words",
    [
        ("add", NAME),
        ("add", "plain", "-o", NAME),
        ("move", "data", NAME),
        ("stage", "add", "-n", "s", "-o", NAME, "echo"),
        ("stage", "add", "-n", "s", "-d", NAME, "-o", "o", "echo"),
        ("stage", "add", "-n", "s", "-o", "o", f"cat {NAME} > o"),
    ],
)
def test_a_name_that_yaml_cannot_hold_is_refused_before_anything_is_written(dialect_repo: Path, words: tuple[str, ...]) -> None:
    for name in ("plain", "data"):
        write(dialect_repo / name, "1\n")
    dvx(dialect_repo, "add", "data")
    if words == ("add", NAME):
        write(dialect_repo / NAME, "1\n")
    before = tree(dialect_repo, skip=(".git", ".dvx", ".dvc"))
    refused = run_dvx(dialect_repo, *words)
    assert refused.code != 0
    assert "caf\\udce9.csv" in refused.err
    assert "is not UTF-8, so no YAML file can hold it" in refused.err
    assert "names in there may be of any bytes" in refused.err
    assert tree(dialect_repo, skip=(".git", ".dvx", ".dvc")) == before


def test_names_in_a_tracked_folder_may_be_of_any_bytes(dialect_repo: Path) -> None:
    write(dialect_repo / "d" / NAME, "1\n")
    dvx(dialect_repo, "add", "d")
    os.unlink(dialect_repo / "d" / NAME)
    dvx(dialect_repo, "checkout", "d")
    assert (dialect_repo / "d" / NAME).read_text() == "1\n"
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_a_pointer_that_is_not_utf_8_is_refused_and_keeps_its_bytes(dialect_repo: Path) -> None:
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    pointer = dialect_repo / ("f" + dialect_of(dialect_repo).pointer_suffix)
    spoiled = pointer.read_bytes() + b"desc: caf\xe9\n"
    write(pointer, spoiled)
    write(dialect_repo / "f", "2\n")
    run_dvx(dialect_repo, "add", "f")
    assert b"desc: caf\xe9\n" in pointer.read_bytes()


def test_the_longest_names_can_be_tracked(dialect_repo: Path) -> None:
    write(dialect_repo / LONGEST, "1\n")
    dvx(dialect_repo, "add", LONGEST)
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_a_folder_whose_name_is_not_text_holds_data_but_no_stages(dialect_repo: Path) -> None:
    folder = dialect_repo / os.fsdecode(b"d\xe9")
    write(folder / "x", "1\n")
    dvx(folder, "add", "x")
    os.unlink(folder / "x")
    dvx(dialect_repo, "checkout")
    assert (folder / "x").read_text() == "1\n"
    refused = run_dvx(folder, "stage", "add", "-n", "s", "-o", "o", "echo 1 > o")
    assert "is not UTF-8" in refused.err
    assert not (folder / dialect_of(dialect_repo).pipeline).exists()


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029", "\xa0", "\ufeff"])
def test_what_unicode_takes_for_the_end_of_a_line_is_part_of_a_name(dialect_repo: Path, mark: str) -> None:
    name = f"a{mark}b"
    write(dialect_repo / name, "1\n")
    write(dialect_repo / "d" / name, "2\n")
    write(dialect_repo / f"{name}-too", "3\n")
    dvx(dialect_repo, "add", name, "d", f"{name}-too")
    ignored = (dialect_repo / ".gitignore").read_bytes().count(b"\n")
    commit_all(dialect_repo)
    assert dvx(dialect_repo, "status", "--json").json == {}
    for path in (name, f"d/{name}"):
        (dialect_repo / path).unlink()
    dvx(dialect_repo, "checkout")
    assert (dialect_repo / name).read_text() == "1\n"
    assert (dialect_repo / "d" / name).read_text() == "2\n"
    # asked again, the ignore file names it already; taken out, nothing of it is left
    dvx(dialect_repo, "add", name)
    assert (dialect_repo / ".gitignore").read_bytes().count(b"\n") == ignored == 3
    dvx(dialect_repo, "remove", name + dialect_of(dialect_repo).pointer_suffix)
    assert sorted((dialect_repo / ".gitignore").read_text().split("\n")) == ["", f"/{name}-too", "/d"]


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\v"])
def test_lines_of_an_ignore_file_end_as_in_git(dialect_repo: Path, mark: str) -> None:
    write(dialect_repo / dialect_of(dialect_repo).ignore, f"\ufeff*.tmp\r\nx{mark}keep\n".encode())
    for name in ("d/keep", "d/a.tmp"):
        write(dialect_repo / name, "1\n")
    dvx(dialect_repo, "add", "d")
    assert [row["path"] for row in dvx(dialect_repo, "ls", ".", "d", "--json").json if row.get("isout")] == ["keep"]
