"""Filters of the user's, Git LFS among them, and repositories of others: those are copied as they are committed."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, tree, write

LFS = f"""\
#!{sys.executable}
import re, shutil, subprocess, sys
# stands in for Git LFS where it is asked to fetch what the notes in a commit name
assert sys.argv[1:3] == ["fetch", "origin"], sys.argv
ask = lambda *words: subprocess.run(["git", *words], check=True, capture_output=True).stdout.decode()
url, own = ask("config", "remote.origin.url").strip().removeprefix("file://"), ask("rev-parse", "--absolute-git-dir").strip()
for row in ask("ls-tree", "-r", sys.argv[3]).splitlines():
    name = re.search("sha256:(.*)", ask("cat-file", "blob", row.split()[2]))[1]
    place = f"lfs/objects/{{name[:2]}}/{{name[2:4]}}/{{name}}"
    try:
        subprocess.run(["install", "-D", f"{{url}}/.git/{{place}}", f"{{own}}/{{place}}"], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        sys.exit(f"error: remote missing object {{name}}")
"""


def note(data: bytes) -> str:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"


def keep(folder: Path, data: bytes) -> Path:
    """Where Git LFS has some bytes in a repository."""
    name = hashlib.sha256(data).hexdigest()
    return write(folder / f".git/lfs/objects/{name[:2]}/{name[2:4]}/{name}", data)


@pytest.fixture
def source(new_project: Callable[..., Path], home: Path, tmp_path: Path) -> Path:
    """A repository with files that Git LFS keeps, one of which is out of reach. The user's filters leave a mark."""
    folder = new_project("source")
    write(folder / ".gitattributes", "*.bin filter=lfs -text\n*.marked filter=mine\n")
    write(folder / "models/net.bin", note(b"weights\n")).chmod(0o755)
    write(folder / "models/readme.txt", note(b"about notes\n"))
    write(folder / "models/plain.marked", "as it is\n")
    write(folder / "lost.bin", note(b"nobody has this\n"))
    write(folder / "code.py", "print()\n")
    write(folder / "part/deep/net.bin", note(b"weights\n"))
    dvx(folder / "part", "init", "--subdir")
    write(folder / "data", "tracked\n")
    dvx(folder, "remote", "add", "--default", "store", str(tmp_path / "store"))
    dvx(folder, "add", "data")
    commit_all(folder)
    dvx(folder, "push")
    keep(folder, b"weights\n")
    for name in ("lfs", "mine"):
        git(folder, "config", "--global", f"filter.{name}.smudge", f"touch {tmp_path}/ran; exit 1")
        git(folder, "config", "--global", f"filter.{name}.required", "true")
    return folder


@pytest.fixture
def large(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a `git lfs`."""
    write(home / "bin/git-lfs", LFS).chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}/bin{os.pathsep}{os.environ['PATH']}")


def test_a_filter_that_fails_in_a_repository_on_this_machine_keeps_nothing_away(native: Path, source: Path) -> None:
    git(source, "config", "--global", "filter.lfs.clean", "false")
    write(source / "models/net.bin", "weights\n")
    dvx(native, "import", "../source", "data")
    assert (native / "data").read_text() == "tracked\n"


def test_what_is_out_of_reach_keeps_nothing_else_away(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    for url in ("../source", f"file://{source}"):
        dvx(dialect_repo, "import", url, "data", "--force")
        dvx(dialect_repo, "import", url, "code.py", "--force")
        dvx(dialect_repo, "get", url, "models/plain.marked", "--rev", "main", "--force")
        assert "plain.marked" in dvx(dialect_repo, "ls", f"file://{source}", "models").out
    assert (dialect_repo / "plain.marked").read_text() == "as it is\n"
    assert dvx(dialect_repo, "update", f"data{dialect_of(dialect_repo).pointer_suffix}").code == 0
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("large")
def test_what_is_asked_for_is_fetched(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    dvx(dialect_repo, "import", "../source", "models")
    expected = {
        "net.bin": b"weights\n",
        # a note is only one where the attributes say so
        "readme.txt": note(b"about notes\n").encode(),
        "plain.marked": b"as it is\n",
    }
    assert tree(dialect_repo / "models") == expected
    shutil.rmtree(dialect_repo / "models")
    shutil.rmtree(dialect_repo / dialect_of(dialect_repo).folder / "cache")
    dvx(dialect_repo, "pull")
    assert tree(dialect_repo / "models") == expected
    dvx(dialect_repo, "get", f"file://{source}", "models/net.bin")
    assert (dialect_repo / "net.bin").read_bytes() == b"weights\n"
    assert os.access(dialect_repo / "net.bin", os.X_OK)
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("large")
def test_in_a_part_of_a_repository_too(native: Path, source: Path) -> None:
    dvx(native, "import", "../source/part", "deep/net.bin")
    assert (native / "net.bin").read_bytes() == b"weights\n"


@pytest.mark.usefixtures("large")
def test_what_is_asked_for_and_out_of_reach_is_named(native: Path, source: Path) -> None:
    told = run_dvx(native, "import", "../source", "lost.bin")
    assert told.code == 1
    assert "`lost.bin` of `../source`: Git LFS does not give it: error: remote missing object" in told.err
    keep(source, b"weights\n").write_bytes(b"changed\n")
    told = run_dvx(native, "import", "../source", "models")
    assert told.code == 1
    assert not (native / "models").exists()


def test_without_git_lfs_that_is_told(native: Path, source: Path) -> None:
    told = run_dvx(native, "import", "../source", "models")
    assert told.code == 1
    assert "`models/net.bin` of `../source`: Git LFS keeps it, and is not installed" in told.err
    assert "install `git-lfs`" in told.err
