"""Facts about where data may be sent: what a clone found elsewhere goes to the author's remote only if the user agrees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write


@pytest.fixture
def secret(dialect_repo: Path, tmp_path: Path) -> Path:
    """A project of the user's with a secret, in a cache that all of theirs share."""
    dvx(dialect_repo, "config", "--global", "cache.dir", str(tmp_path / "shared"))
    write(dialect_repo / "secret/key", "hunter2\n")
    dvx(dialect_repo, "add", "secret")
    return dialect_repo


@pytest.fixture
def hostile(secret: Path, tmp_path: Path) -> Path:
    """A clone whose author knows digests, and has a remote."""
    dialect = dialect_of(secret)
    author = tmp_path / "author"
    author.mkdir()
    git(author, "init", "--quiet")
    shutil.copytree(secret / dialect.folder, author / dialect.folder, ignore=shutil.ignore_patterns("tmp", "cache"))
    config = author / dialect.folder / "config"
    config.write_text(config.read_text().replace("[core]\n", "") + "")
    text = "[core]\n    remote = evil\n" + ("    hash = xxh128\n" if dialect.folder == ".dvx" else "")
    config.write_text(text + f"['remote \"evil\"']\n    url = {tmp_path / 'evil'}\n")
    write(author / dialect.ignore, "")
    shutil.copy(secret / f"secret{dialect.pointer_suffix}", author / f"notes{dialect.pointer_suffix}")
    pointer = author / f"notes{dialect.pointer_suffix}"
    pointer.write_text(pointer.read_text().replace("path: secret", "path: notes"))
    commit_all(author)
    git(tmp_path, "clone", "--quiet", "author", "clone")
    return tmp_path / "clone"


def sent(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "evil").rglob("*") if path.is_file()]


def test_data_found_by_its_digest_is_not_sent_to_the_authors_remote(hostile: Path, tmp_path: Path):
    run_dvx(hostile, "pull")
    result = run_dvx(hostile, "push")
    assert result.code != 0
    assert "`notes/key`" in result.err
    assert "dvx trust" in result.err
    assert sent(tmp_path) == []
    assert run_dvx(hostile, "push", "--run-cache").code != 0
    assert sent(tmp_path) == []
    dvx(hostile, "trust", "--yes")
    dvx(hostile, "push")
    assert len(sent(tmp_path)) >= 2 - dialect_of(hostile).packs


def test_what_was_made_here_is_sent(hostile: Path, tmp_path: Path):
    write(hostile / "mine", "1\n")
    write(hostile / "folder/a", "2\n")
    pipeline = dialect_of(hostile).pipeline
    write(hostile / pipeline, "stages:\n  a:\n    cmd: cat mine > out\n    deps: [mine]\n    outs: [out]\n")
    dvx(hostile, "add", "mine", "folder")
    write(hostile / "folder/b", "3\n")
    dvx(hostile, "commit", "-f", "folder")
    dvx(hostile, "repro", "--no-commit")
    dvx(hostile, "commit", "-f", "a")
    dvx(hostile, "push", "mine", "folder", "out")
    assert sent(tmp_path)
    assert b"hunter2" not in b"".join(path.read_bytes() for path in sent(tmp_path))
    assert run_dvx(hostile, "push").code != 0


def test_a_remote_that_the_user_added_gets_all(hostile: Path, tmp_path: Path):
    dvx(hostile, "remote", "add", "own", str(tmp_path / "evil"))
    dvx(hostile, "pull")
    dvx(hostile, "push", "-r", "own")
    assert sent(tmp_path)


def test_data_of_one_remote_is_not_sent_to_another(dialect_repo: Path, tmp_path: Path):
    """Also with a cache of one's own: the author names a remote that only the user can read, and one of their own."""
    write(dialect_repo / "secret", "hunter2\n")
    dvx(dialect_repo, "add", "secret")
    dvx(dialect_repo, "remote", "add", "private", str(tmp_path / "private"))
    dvx(dialect_repo, "remote", "add", "-d", "evil", str(tmp_path / "evil"))
    dvx(dialect_repo, "push", "-r", "private")
    commit_all(dialect_repo)
    git(tmp_path, "clone", "--quiet", str(dialect_repo), "clone")
    clone = tmp_path / "clone"
    dvx(clone, "pull", "-r", "private")
    assert run_dvx(clone, "push").code != 0
    assert sent(tmp_path) == []
    dvx(clone, "push", "-r", "private")
    # nothing is asked where data came from the same remote
    shutil.rmtree(tmp_path / "private")
    dvx(clone, "push", "-r", "private")
    assert any((tmp_path / "private").rglob("*"))


def test_a_local_file_named_by_its_digest_is_not_sent(dialect_repo: Path, tmp_path: Path):
    dialect = dialect_of(dialect_repo)
    write(tmp_path / "home/key", "hunter2\n")
    write(dialect_repo / "wanted", "hunter2\n")
    dvx(dialect_repo, "add", "wanted")
    dvx(dialect_repo, "import-url", str(tmp_path / "home/key"), "got")
    config = (dialect_repo / dialect.folder / "config").read_text()
    write(dialect_repo / dialect.folder / "config", config + f"['remote \"evil\"']\n    url = {tmp_path / 'evil'}\n")
    commit_all(dialect_repo)
    git(tmp_path, "clone", "--quiet", str(dialect_repo), "clone")
    clone = tmp_path / "clone"
    run_dvx(clone, "update", f"got{dialect.pointer_suffix}")
    run_dvx(clone, "pull")
    result = run_dvx(clone, "push", "-r", "evil")
    assert result.code != 0 or sent(tmp_path) == []
    assert sent(tmp_path) == []


def test_a_clone_that_works_with_one_remote_is_asked_nothing(dialect_repo: Path, tmp_path: Path):
    write(dialect_repo / "data/a", "1\n")
    dvx(dialect_repo, "add", "data")
    dvx(dialect_repo, "remote", "add", "-d", "store", "../store")
    dvx(dialect_repo, "push")
    commit_all(dialect_repo)
    git(tmp_path, "clone", "--quiet", str(dialect_repo), "clone")
    clone = tmp_path / "clone"
    dvx(clone, "pull")
    write(clone / "data/b", "2\n")
    write(clone / "more", "3\n")
    dvx(clone, "add", "data", "more")
    dvx(clone, "push")


def test_recording_what_was_found_does_not_make_it_ones_own(hostile: Path, tmp_path: Path):
    dvx(hostile, "checkout")
    dvx(hostile, "commit", "-f")
    assert run_dvx(hostile, "push").code != 0
    assert sent(tmp_path) == []


def test_an_update_sends_no_file_of_this_machine_to_the_authors_remote(hostile: Path, tmp_path: Path):
    write(tmp_path / "id_rsa", "private\n")
    suffix = dialect_of(hostile).pointer_suffix
    dvx(hostile, "import-url", str(tmp_path / "id_rsa"), "key")
    write(tmp_path / "id_rsa", "private, too\n")
    refused = run_dvx(hostile, "update", "--to-remote", f"key{suffix}")
    assert refused.code != 0
    assert "dvx trust" in refused.err
    assert sent(tmp_path) == []


def test_gc_of_a_remote_that_the_repository_chose_asks_once(dialect_repo: Path, tmp_path: Path):
    """It may be where another project of the user's has its data."""
    write(dialect_repo / "data", "mine\n")
    dvx(dialect_repo, "add", "data")
    dvx(dialect_repo, "remote", "add", "-d", "precious", "../precious")
    dvx(dialect_repo, "push")
    before = {path: path.read_bytes() for path in (tmp_path / "precious").rglob("*") if path.is_file()}
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "--quiet")
    folder = dialect_of(dialect_repo).folder
    shutil.copytree(dialect_repo / folder, clone / folder, ignore=shutil.ignore_patterns("tmp", "cache"))
    commit_all(clone)
    words = ("gc", "--workspace", "--cloud", "--grace", "0")
    assert run_dvx(clone, *words, "--dry").code == 0
    refused = run_dvx(clone, *words, "-f")
    assert refused.code != 0
    assert "`precious`" in refused.err
    assert "run `dvx trust`" in refused.err
    assert {path: path.read_bytes() for path in (tmp_path / "precious").rglob("*") if path.is_file()} == before
    dvx(clone, "trust", "--yes")
    dvx(clone, *words, "-f")
    assert len([path for path in (tmp_path / "precious").rglob("*") if path.is_file()]) < len(before)


def test_a_push_removes_no_file_of_a_folder_that_the_repository_chose(dialect_repo: Path, tmp_path: Path):
    precious = tmp_path / "precious"
    for name in (".tmp/letter", ".tmp/0123456789abcdef.txt", "letter", "claims/letter", "packs/letter", "files/md5/ab/letter"):
        os.utime(write(precious / name, "mine\n"), (1e9, 1e9))
    write(dialect_repo / "data", "1\n")
    dvx(dialect_repo, "add", "data")
    dvx(dialect_repo, "remote", "add", "-d", "store", "../precious")
    dvx(dialect_repo, "push")
    dvx(dialect_repo, "fsck", "--remote", "store")
    dvx(dialect_repo, "gc", "--workspace", "--cloud", "--grace", "0", "-f")
    assert len([path for path in precious.rglob("*") if path.is_file() and path.read_bytes() == b"mine\n"]) == 6


def test_what_was_made_in_a_clone_was_not_made_in_the_next_one(hostile: Path, tmp_path: Path):
    """They may have the same path."""
    write(hostile / "mine", "hunter2\n")
    dvx(hostile, "add", "mine")
    shutil.copytree(hostile, tmp_path / "next", symlinks=True)
    hostile.rename(tmp_path / "old")
    (tmp_path / "next").rename(hostile)
    assert run_dvx(hostile, "push", "mine").code != 0
    assert sent(tmp_path) == []
    shutil.rmtree(hostile)
    (tmp_path / "old").rename(hostile)
    dvx(hostile, "push", "mine")
    assert sent(tmp_path)


def test_the_record_of_what_was_made_here_does_not_grow_for_ever(dialect_repo: Path, home: Path):
    """Each `add` and each run notes what it made; `gc` keeps one note of each, and none of clones that were here before."""
    write(dialect_repo / "f", "data\n")
    for _ in range(3):
        dvx(dialect_repo, "add", "f")
    (made,) = home.rglob("made-*")
    before = made.with_name("made-1")
    shutil.copy(made, before)
    assert len(made.read_text().splitlines()) == 3
    dvx(dialect_repo, "gc", "-f")
    assert len(made.read_text().splitlines()) == 1
    assert not before.exists()
