"""remove: what goes, what stays, and what a killed one leaves to do."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from dvx.project import Project
from tests.helpers import dialect_of, dvx, git, run_as_anybody, run_dvx, write

PIPELINE = (
    "# head\nstages:\n  # first\n  one:\n    cmd: echo 1 > o1\n    outs:\n    - o1\n"
    "  gen:\n    foreach: [a, b]\n    do:\n      cmd: echo ${item} > g${item}\n      outs:\n      - g${item}\n"
)


def test_a_pointer_goes_and_its_data_stays(dialect_repo: Path) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "f", "1\n")
    write(dialect_repo / "kept", "2\n")
    dvx(dialect_repo, "add", "f", "kept")
    result = dvx(dialect_repo, "remove", "f" + suffix)
    assert (dialect_repo / "f").read_text() == "1\n"
    assert not (dialect_repo / ("f" + suffix)).exists()
    assert (dialect_repo / ".gitignore").read_text() == "/kept\n"
    assert result.err == f"Removed f{suffix}\nTo keep it in Git: git add .gitignore\n"
    dvx(dialect_repo, "rm", "kept")
    assert not (dialect_repo / ".gitignore").exists()


def test_outs_go_and_unsaved_bytes_are_in_the_trash(dialect_repo: Path) -> None:
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/sub/b", "2\n")
    dvx(dialect_repo, "add", "d")
    write(dialect_repo / "d/sub/b", "edited\n")
    write(dialect_repo / "d/new", "new\n")
    dvx(dialect_repo, "remove", "d", "--outs")
    assert not (dialect_repo / "d").exists()
    trash = dialect_repo / dialect.folder / dialect.state_folder / "trash"
    assert sorted(p.read_text() for p in trash.rglob("content")) == ["edited\n", "new\n"]


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_data_that_was_linked_to_the_cache_stays_as_a_copy(native: Path, link: str) -> None:
    dvx(native, "config", "cache.type", link)
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    dvx(native, "remove", "f.dvx")
    assert not (native / "f").is_symlink()
    write(native / "f", "edited\n")
    objects = [p.read_text() for p in (native / ".dvx/cache/files").rglob("*") if p.is_file()]
    assert objects == ["1\n"]


def test_a_stage_goes_from_pipeline_lock_and_ignore_file(dialect_repo: Path) -> None:
    names = dialect_of(dialect_repo)
    write(dialect_repo / names.pipeline, PIPELINE)
    dvx(dialect_repo, "repro")
    dvx(dialect_repo, "remove", "one")
    # as DVC writes it: verified against 3.67.1
    assert (dialect_repo / names.pipeline).read_text() == PIPELINE.replace(
        "  one:\n    cmd: echo 1 > o1\n    outs:\n    - o1\n", ""
    )
    assert "one" not in (dialect_repo / names.lock).read_text()
    assert "gen@a" in (dialect_repo / names.lock).read_text()
    assert (dialect_repo / ".gitignore").read_text() == "/ga\n/gb\n"
    assert (dialect_repo / "o1").exists()


def test_generated_stages_go_together(dialect_repo: Path) -> None:
    names = dialect_of(dialect_repo)
    write(dialect_repo / names.pipeline, PIPELINE)
    dvx(dialect_repo, "repro")
    result = run_dvx(dialect_repo, "remove", "gen@a")
    assert result.code == 1
    assert "hint: remove all of them by the name `gen`" in result.err
    dvx(dialect_repo, "remove", "gen", "--outs")
    assert "gen" not in (dialect_repo / names.lock).read_text()
    assert not (dialect_repo / "ga").exists()
    dvx(dialect_repo, "remove", "one")
    assert not (dialect_repo / names.pipeline).exists()
    assert not (dialect_repo / names.lock).exists()


def test_other_sections_outlive_the_last_stage(native: Path) -> None:
    write(native / "dvx.yaml", "stages:\n  a:\n    cmd: echo\nmetrics:\n- m.json\n")
    dvx(native, "remove", "dvx.yaml")
    assert (native / "dvx.yaml").read_text() == "metrics:\n- m.json\n"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nope", "`nope` is no stage"),
        ("d/a", "`d/a` lies in `d`, which is tracked as a whole"),
        ("o1", "`o1` is an output of the stage `one`"),
    ],
)
def test_what_cannot_be_removed(dialect_repo: Path, target: str, words: str) -> None:
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    write(dialect_repo / "d/a", "1\n")
    dvx(dialect_repo, "add", "d")
    result = run_dvx(dialect_repo, "remove", target)
    assert result.code == 1
    assert words in result.err
    assert "hint:" in result.err
    assert (dialect_repo / "d/a").exists()


def test_one_wrong_target_stops_all(dialect_repo: Path) -> None:
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    assert run_dvx(dialect_repo, "remove", "f", "nope", "--outs").code == 1
    assert (dialect_repo / "f").exists()


def test_a_removed_pointer_that_git_knows_is_named(dialect_repo: Path) -> None:
    pointer = "sub/f" + dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "sub/f", "1\n")
    dvx(dialect_repo, "add", "sub/f")
    git(dialect_repo, "add", pointer)
    result = dvx(dialect_repo / "sub", "remove", os.path.basename(pointer))
    assert f"git add {os.path.basename(pointer)}" in result.err


@pytest.mark.parametrize("mode", [0o555, 0])
def test_a_folder_in_the_trash_that_may_not_be_changed_is_in_nobodys_way(dialect_repo: Path, mode: int) -> None:
    write(dialect_repo / "f", "1")
    dvx(dialect_repo, "add", "f")
    write(dialect_repo / "folder/sub/a", "unsaved")
    Project.find(str(dialect_repo)).trash.take(str(dialect_repo / "folder"), "folder")
    (note,) = dialect_repo.glob(".dv?/tmp/**/trash/*/note.json")
    (note.parent / "content/sub").chmod(mode)
    note.write_text(json.dumps(json.loads(note.read_text()) | {"taken": time.time() - 20 * 86_400}))
    os.utime(note.parent, (time.time() - 20 * 86_400,) * 2)
    write(dialect_repo / "f", "unsaved, too")

    result = run_as_anybody(dialect_repo, "dvx", "checkout", "-f", "f")

    assert result.code == 0, result.err
    assert (dialect_repo / "f").read_text() == "1"
    assert note.exists() == (mode == 0)
