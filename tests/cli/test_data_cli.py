"""init, add, checkout, status on the command line: options, errors with hints, exit codes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write


def test_init_dvc_writes_what_dvc_writes(repo: Path):
    dvx(repo, "init", "--dvc")
    assert (repo / ".dvc/config").read_bytes() == b""
    assert (repo / ".dvc/.gitignore").read_text() == "/config.local\n/tmp\n/cache\n"
    assert (repo / ".dvcignore").read_text().startswith("# Add patterns of files dvc should ignore, which could improve\n")
    assert (repo / ".dvc/tmp/btime").read_bytes() == b""
    assert git(repo, "diff", "--cached", "--name-only").split() == [".dvc/.gitignore", ".dvc/config", ".dvcignore"]


def test_init_records_the_hash(repo: Path):
    dvx(repo, "init", "--hash", "sha256")
    assert (repo / ".dvx/config").read_text() == "[core]\n    hash = sha256\n"
    write(repo / "x", "1\n")
    dvx(repo, "add", "x")
    assert "- sha256: 4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865" in (repo / "x.dvx").read_text()


def test_init_without_git(tmp_path: Path):
    folder = tmp_path / "plain"
    folder.mkdir()
    result = run_dvx(folder, "init")
    assert result.code == 1
    assert "`--no-scm`" in result.err
    dvx(folder, "init", "--dvc", "--no-scm")
    assert (folder / ".dvc/config").read_text() == "[core]\n    no_scm = True\n"
    write(folder / "x", "1\n")
    dvx(folder, "add", "x")
    assert not (folder / ".gitignore").exists()


def test_init_in_a_subfolder_needs_subdir(repo: Path):
    (repo / "sub").mkdir()
    result = run_dvx(repo / "sub", "init")
    assert result.code == 1
    assert "`--subdir`" in result.err
    dvx(repo / "sub", "init", "--subdir")
    write(repo / "sub/x", "1\n")
    dvx(repo / "sub", "add", "x")
    assert (repo / "sub/.gitignore").read_text() == "/x\n"


def test_init_twice_needs_force_and_keeps_the_cache(native: Path):
    write(native / "x", "1\n")
    dvx(native, "add", "x")
    result = run_dvx(native, "init")
    assert result.code == 1
    assert "`.dvx` exists" in result.err
    dvx(native, "init", "-f")
    os.unlink(native / "x")
    dvx(native, "checkout")
    assert (native / "x").read_text() == "1\n"


def test_init_beside_the_other_dialect_is_refused(dvc_like: Path):
    result = run_dvx(dvc_like, "init")
    assert result.code == 1
    assert "dvx works in it as it is" in result.err


def test_a_wrong_hash_names_the_right_ones(repo: Path):
    result = run_dvx(repo, "init", "--hash", "sha265")
    assert result.code == 2
    assert "did you mean `sha256`?" in result.err
    assert run_dvx(repo, "init", "--dvc", "--hash", "xxh128").code == 2


def test_outside_of_a_repository(tmp_path: Path):
    for command in ("status", "add x", "checkout", "push", "repro", "exp list"):
        result = run_dvx(tmp_path, *command.split())
        assert result.code == 1
        assert "is not inside a dvx or DVC repository" in result.err
        assert "hint: run `dvx init`" in result.err
        assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nope", ("`nope` does not exist",)),
        ("../outside", ("outside the repository",)),
        ("tracked.py", ("is tracked by Git", "git rm -r --cached tracked.py")),
        (".git/config", ("`.git",)),
        ("d.POINTER", ("cannot be tracked as data",)),
        (".", ("the repository itself",)),
        ("d/nope", ("`d/nope` does not exist",)),
        ("skipped", ("is ignored by", "IGNORE:1:skipped")),
    ],
)
def test_what_cannot_be_added(dialect_repo: Path, target: str, words: tuple[str, ...]):
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / dialect.ignore, "skipped\n")
    write(dialect_repo / "tracked.py", "print()\n")
    commit_all(dialect_repo)
    write(dialect_repo / "skipped", "x")
    write(dialect_repo / "d/a", "1")
    write(dialect_repo.parent / "outside", "x")
    dvx(dialect_repo, "add", "d")
    before = git(dialect_repo, "status", "--porcelain")
    result = run_dvx(dialect_repo, "add", target.replace(".POINTER", dialect.pointer_suffix))
    assert result.code == 1
    for word in words:
        assert word.replace("IGNORE", dialect.ignore) in result.err
    assert "Traceback" not in result.err
    assert git(dialect_repo, "status", "--porcelain") == before


def test_a_folder_that_holds_something_tracked_is_refused(dialect_repo: Path):
    write(dialect_repo / "d/a", "1")
    dvx(dialect_repo, "add", "d/a")
    result = run_dvx(dialect_repo, "add", "d")
    assert result.code == 1
    assert "`d` holds `d/a`" in result.err


def test_status_names_what_changed(dialect_repo: Path):
    pointer = "f" + dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    assert dvx(dialect_repo, "status", "--json").json == {}
    write(dialect_repo / "f", "22\n")
    assert dvx(dialect_repo, "status", "--json").json == {pointer: [{"changed outs": {"f": "modified"}}]}
    assert "modified" in dvx(dialect_repo, "status").out
    quiet = run_dvx(dialect_repo, "status", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (1, "", "")
    os.unlink(dialect_repo / "f")
    assert dvx(dialect_repo, "status", "--json").json == {pointer: [{"changed outs": {"f": "deleted"}}]}


def test_status_says_when_the_cache_lacks_the_data(dialect_repo: Path):
    write(dialect_repo / "d/a", "1\n")
    dvx(dialect_repo, "add", "d")
    cache = dialect_repo / dialect_of(dialect_repo).folder / "cache/files"
    for place in cache.rglob("*"):
        if place.is_file() and place.read_bytes() == b"1\n":
            place.unlink()
    pointer = "d" + dialect_of(dialect_repo).pointer_suffix
    assert dvx(dialect_repo, "status", "--json").json == {pointer: [{"changed outs": {"d": "not in cache"}}]}


def test_status_reads_only(dialect_repo: Path):
    write(dialect_repo / "d/a", "1\n")
    dvx(dialect_repo, "add", "d")
    before = {p: p.stat().st_mtime_ns for p in dialect_repo.rglob("*") if "tmp" not in p.parts}
    dvx(dialect_repo, "status")
    assert {p: p.stat().st_mtime_ns for p in dialect_repo.rglob("*") if "tmp" not in p.parts} == before


def test_a_broken_pointer_is_shown_with_its_line(dialect_repo: Path):
    pointer = "x" + dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / pointer, "outs:\n- path: x\n  md5: [\n")
    result = run_dvx(dialect_repo, "status")
    assert result.code == 1
    assert f"{pointer}:" in result.err
    write(dialect_repo / pointer, "outs:\n- paht: x\n")
    result = run_dvx(dialect_repo, "status")
    assert "unknown key `paht`" in result.err
    assert "did you mean `path`?" in result.err
    assert f"{pointer}:2:3" in result.err


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", ".git/config", "a/../../x"])
def test_a_hostile_pointer_cannot_name_a_path_outside(dialect_repo: Path, path: str):
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / ("x" + dialect.pointer_suffix), f"outs:\n- path: {path}\n")
    result = run_dvx(dialect_repo, "checkout")
    assert result.code != 0
    assert "Traceback" not in result.err
    assert "bug" not in result.err


def test_an_unknown_target_names_the_nearest(dialect_repo: Path):
    write(dialect_repo / "data.csv", "1\n")
    dvx(dialect_repo, "add", "data.csv")
    result = run_dvx(dialect_repo, "checkout", "data.cvs")
    assert result.code != 0
    assert "did you mean `data.csv`?" in result.err


def test_an_unknown_command_and_option_are_usage_errors(native: Path):
    result = run_dvx(native, "sttaus")
    assert result.code == 2
    assert "did you mean `status`?" in result.err
    assert run_dvx(native, "status", "--nope").code == 2


def test_root_and_cd(dialect_repo: Path):
    (dialect_repo / "a/b").mkdir(parents=True)
    assert dvx(dialect_repo / "a/b", "root").out == "../..\n"
    assert dvx(dialect_repo.parent, "--cd", dialect_repo.name, "root").out == ".\n"
    assert run_dvx(dialect_repo, "--cd", "nope", "root").code == dialect_of(dialect_repo).exit_codes.usage


def test_every_command_has_help_with_an_example(tmp_path: Path):
    from dvx.cli.commands import COMMANDS

    for name in COMMANDS:
        result = run_dvx(tmp_path, *name.split(), "--help")
        assert result.code == 0, name
        assert "Example: dvx " + name in result.out, name


def test_the_version_comes_first(tmp_path: Path):
    assert dvx(tmp_path, "--version").out.split(".")[0].isdigit()


def test_a_repository_in_a_subfolder_is_of_the_kind_above_it(dialect_repo: Path) -> None:
    (dialect_repo / "sub").mkdir()
    dvx(dialect_repo / "sub", "init", "--subdir")
    assert dialect_of(dialect_repo / "sub") == dialect_of(dialect_repo)
