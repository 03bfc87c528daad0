"""move, unprotect, freeze: names and flags change, recorded data does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import dialect_of, dvx, run_dvx, write

# what DVC 3.67.1 writes for an import of a file of this machine
IMPORT = (
    "md5: 44027e9f61909e7c519f7bf24f2ffb95\nfrozen: true\ndeps:\n- md5: 26ab0db90d72e28ad0ba1e22ee510510\n  size: 2\n"
    "  hash: md5\n  path: sub/g\nouts:\n- md5: 26ab0db90d72e28ad0ba1e22ee510510\n  size: 2\n  hash: md5\n  path: h\n"
)


@pytest.fixture
def suffix(dialect_repo: Path) -> str:
    return dialect_of(dialect_repo).pointer_suffix


def test_data_pointer_and_ignore_entry_move(dialect_repo: Path, suffix: str) -> None:
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    text = (dialect_repo / ("f" + suffix)).read_text()
    result = dvx(dialect_repo, "move", "f", "g")
    assert (dialect_repo / "g").read_text() == "1\n"
    assert (dialect_repo / ("g" + suffix)).read_text() == text.replace("path: f", "path: g")
    assert (dialect_repo / ".gitignore").read_text() == "/g\n"
    assert not (dialect_repo / "f").exists()
    assert not (dialect_repo / ("f" + suffix)).exists()
    assert result.err == f"Moved f to g\nTo keep it in Git: git add .gitignore g{suffix}\n"
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_into_a_folder_and_from_a_subfolder(dialect_repo: Path, suffix: str) -> None:
    write(dialect_repo / "d/a", "1\n")
    (dialect_repo / "sub").mkdir()
    dvx(dialect_repo, "add", "d")
    dvx(dialect_repo, "mv", "d", "sub")
    assert (dialect_repo / "sub/d/a").read_text() == "1\n"
    assert "path: d\n" in (dialect_repo / ("sub/d" + suffix)).read_text()
    assert (dialect_repo / "sub/.gitignore").read_text() == "/d\n"
    assert not (dialect_repo / ".gitignore").exists()
    dvx(dialect_repo / "sub", "move", "d", "../new/e")
    assert (dialect_repo / "new/e/a").exists()
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_comments_stay_and_the_check_sum_of_an_import_is_that_of_dvc(dvc_like: Path) -> None:
    write(dvc_like / "h", "2\n")
    write(dvc_like / "h.dvc", "# mine\n" + IMPORT)
    dvx(dvc_like, "move", "h", "h2")
    expected = IMPORT.replace("path: h", "path: h2").replace(
        "44027e9f61909e7c519f7bf24f2ffb95", "4a4a2f9d1d5108a1834bb677b344d238"
    )
    assert (dvc_like / "h2.dvc").read_text() == "# mine\n" + expected


def test_the_source_of_an_import_is_still_found_from_another_folder(dvc_like: Path) -> None:
    write(dvc_like / "h", "2\n")
    write(dvc_like / "h.dvc", IMPORT)
    dvx(dvc_like, "move", "h", "deep/down/h")
    assert "path: ../../sub/g\n" in (dvc_like / "deep/down/h.dvc").read_text()
    assert "changed checksum" not in dvx(dvc_like, "status").out


def test_what_lies_at_the_target_is_not_overwritten(dialect_repo: Path) -> None:
    write(dialect_repo / "f", "1\n")
    write(dialect_repo / "g", "2\n")
    dvx(dialect_repo, "add", "f")
    result = run_dvx(dialect_repo, "move", "f", "g")
    assert result.code == 1
    assert result.err == "error: `g` exists\nhint: move it away, or choose another name\n"
    assert (dialect_repo / "g").read_text() == "2\n"


def test_what_an_interrupted_move_left_is_finished(dialect_repo: Path, suffix: str) -> None:
    write(dialect_repo / "d/a", "1\n")
    dvx(dialect_repo, "add", "d")
    text = (dialect_repo / ("d" + suffix)).read_text()
    write(dialect_repo / ("e" + suffix), text.replace("path: d", "path: e"))
    dvx(dialect_repo, "move", "d", "e")
    assert (dialect_repo / "e/a").read_text() == "1\n"
    write(dialect_repo / ("d" + suffix), text)
    dvx(dialect_repo, "move", "d", "e")
    assert sorted(os.listdir(dialect_repo / "e")) == ["a"]
    assert not (dialect_repo / ("d" + suffix)).exists()


def test_stages_that_need_the_old_name_are_told(native: Path) -> None:
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    write(native / "dvx.yaml", "stages:\n  use:\n    cmd: cat f\n    deps: [f]\n")
    assert "the stage `use` depends on `f`; change it in `dvx.yaml`" in dvx(native, "move", "f", "g").err


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("nope", "x", "no pointer tracks `nope`"),
        ("d/a", "x", "`d/a` lies in `d`"),
        ("o", "x", "`o` is an output of the stage `s`"),
        ("d", "d/x", "`d` cannot be moved to `d/x`"),
        ("f", "d/x", "`d/x` lies in `d`"),
        ("f", "../x", "outside the repository"),
        ("f", "skipped", "is ignored by"),
    ],
)
def test_what_cannot_be_moved(dialect_repo: Path, source: str, target: str, words: str) -> None:
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / dialect.pipeline, "stages:\n  s:\n    cmd: echo 1 > o\n    outs: [o]\n")
    write(dialect_repo / dialect.ignore, "skipped\n")
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "d", "f")
    result = run_dvx(dialect_repo, "move", source, target)
    assert result.code == 1
    assert words in result.err
    assert (dialect_repo / "f").exists()


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_unprotect_breaks_the_link_to_the_cache(dialect_repo: Path, link: str) -> None:
    dvx(dialect_repo, "config", "cache.type", link)
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/b", "2\n")
    dvx(dialect_repo, "add", "d")
    os.symlink("a", dialect_repo / "d/mine")
    assert dvx(dialect_repo, "unprotect", "d/b").err == "1 file made writable\n"
    assert dvx(dialect_repo, "unprotect", "d").err == "1 file made writable\n"
    assert (dialect_repo / "d/mine").is_symlink()
    for name in "ab":
        status = os.lstat(dialect_repo / "d" / name)
        assert (status.st_mode & 0o777, status.st_nlink) == (0o644, 1)
    assert dvx(dialect_repo, "unprotect", "d").err == "All files are writable already.\n"
    assert run_dvx(dialect_repo, "unprotect", "nope").code == 1


def test_freeze_writes_the_flag_that_dvc_writes(dvc_like: Path) -> None:
    write(dvc_like / "f", "1\n")
    dvx(dvc_like, "add", "f")
    plain = (dvc_like / "f.dvc").read_text()
    write(dvc_like / "h.dvc", IMPORT)
    stage = "stages:\n  # c\n  a:\n    cmd: echo 1 > a\n    outs:\n    - a\n"
    write(dvc_like / "dvc.yaml", stage)
    result = dvx(dvc_like, "freeze", "f.dvc", "h.dvc", "a")
    assert "To keep it in Git: git add dvc.yaml f.dvc\n" in result.err
    assert (dvc_like / "f.dvc").read_text() == plain + "frozen: true\n"
    assert (dvc_like / "h.dvc").read_text() == IMPORT
    assert (dvc_like / "dvc.yaml").read_text() == stage + "    frozen: true\n"
    dvx(dvc_like, "unfreeze", "f.dvc", "h.dvc", "a")
    assert (dvc_like / "f.dvc").read_text() == plain
    assert (dvc_like / "h.dvc").read_text() == IMPORT.replace("frozen: true\n", "")
    assert (dvc_like / "dvc.yaml").read_text() == stage


def test_a_wrong_target_freezes_nothing(native: Path) -> None:
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    before = (native / "f.dvx").read_text()
    assert run_dvx(native, "freeze", "f.dvx", "nope").code == 1
    assert (native / "f.dvx").read_text() == before
    write(native / "dvx.yaml", "stages:\n  gen:\n    foreach: [a]\n    do: {cmd: echo}\n")
    result = run_dvx(native, "freeze", "f.dvx", "gen")
    assert "generated by a template" in result.err
    assert (native / "f.dvx").read_text() == before
