"""dvx's own folders: where a stranger made one a link, or lets Git track it, no command reads, writes or deletes through it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dvx.model.dialect import Dialect
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

Count = Callable[[str, int], None]
# those that sweep, open databases, take locks, write logs, and those that only read
COMMANDS = (
    ("status",),
    ("add", "new"),
    ("commit", "-f"),
    ("checkout", "-f"),
    ("fetch",),
    ("pull", "-f"),
    ("push",),
    ("repro",),
    ("gc", "-w", "-f"),
    ("fsck",),
    ("exp", "run", "-n", "one"),
    ("exp", "run", "--queue", "-n", "two"),
    ("exp", "show"),
    ("exp", "clean"),
    ("queue", "start"),
    ("queue", "work"),
    ("queue", "remove", "--all"),
    ("queue", "status"),
    ("runs", "list"),
    ("trash", "list"),
    ("trash", "empty", "-f"),
    ("undo",),
    ("config", "--local", "core.remote", "store"),
    ("remote", "add", "other", "../other"),
    ("doctor",),
    ("du",),
    ("destroy", "-f"),
    ("init", "-f"),
)


def places(dialect: Dialect) -> dict[str, str]:
    """Names of dvx's, and what a stranger may point them at: a folder, a database or a file of the user's."""
    state, folder = f"{dialect.folder}/{dialect.state_folder}", dialect.folder
    folders = (
        ("", "exps", "exps/rooms", "exps/scratch", "exps/logs", "exps/workers", "trash", "undo", "logs", "locks", "new")
        + ("incoming", "elsewhere", "packs", "attempts", "heartbeats", "runs")
    )  # fmt: skip
    found = {os.path.join(state, name).rstrip("/"): "folder" for name in folders}
    found |= {f"{state}/{name}": "base.db" for name in ("stats.db", "rows.db", "runs.db", "exps/tasks.db")}
    found |= {f"{state}/{name}": "letter" for name in ("restore.json", "remove.json", "migrate.json", "locks/config", "btime")}
    found |= {f"{folder}/{name}": "folder" for name in ("tmp", "cache", "cache/files", "cache/tmp", "cache/runs")}
    found |= {f"{folder}/cache/files/{dialect.algorithm}": "folder", f"{folder}/cache/files/{dialect.algorithm}/ab": "folder"}
    return {**found, folder: "folder"}


def user_files(top: Path) -> dict[str, object]:
    """Everything of the user's, with its bytes and mode."""
    return {str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"") for path in sorted(top.rglob("*"))}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """What must not change: a folder with files whose names look like dvx's own, too."""
    top = tmp_path / "mine"
    write(top / "folder/0123456789abcdef/letter", "mine\n")
    write(top / f"folder/{'a' * 30}", "mine\n")
    write(top / "folder/md5/ab/letter", "mine\n")
    write(top / "folder/config", "[core]\n")
    write(top / "letter", "mine\n")
    database = sqlite3.connect(top / "base.db")
    database.execute("CREATE TABLE letters (text)")
    database.close()
    return top


@pytest.fixture
def prepared(dialect_repo: Path) -> Path:
    write(dialect_repo / "data", "1\n")
    write(
        dialect_repo / dialect_of(dialect_repo).pipeline,
        "stages:\n  a:\n    cmd: cp data out\n    deps: [data]\n    outs: [out]\n",
    )
    dvx(dialect_repo, "add", "data")
    dvx(dialect_repo, "remote", "add", "-d", "store", "../store")
    dvx(dialect_repo, "push")
    write(dialect_repo / "new", "2\n")
    commit_all(dialect_repo)
    return dialect_repo


def replace(place: Path, target: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def test_nothing_happens_behind_a_link(prepared: Path, mine: Path, tmp_path: Path, all_points: bool, count: Count):
    before, trials = user_files(mine), 0
    for number, (name, target) in enumerate(places(dialect_of(prepared)).items()):
        clone = tmp_path / "clone"
        for turn, words in enumerate(COMMANDS):
            if not all_points and (turn + number) % 7:
                continue
            shutil.rmtree(clone, ignore_errors=True)
            shutil.copytree(prepared, clone, symlinks=True)
            replace(clone / name, mine / target)
            result = run_dvx(clone, *words)
            assert "Traceback" not in result.err, (name, words, result.err)
            assert "this is a bug" not in result.err, (name, words, result.err)
            assert user_files(mine) == before, (name, words)
            if words[0] not in ("init", "doctor"):
                assert result.code != 0, (name, words, result.out)
                assert "is a symbolic link" in result.err, (name, words, result.err)
            trials += 1
    count(f"links among own folders ({dialect_of(prepared).name})", trials)


@pytest.mark.parametrize("kind", ["plain", "compressed", "split", "submodule"])
def test_what_git_tracks_is_not_opened(prepared: Path, tmp_path: Path, kind: str):
    dialect = dialect_of(prepared)
    state = f"{dialect.folder}/{dialect.state_folder}"
    if kind == "submodule":
        inner = tmp_path / "inner"
        write(inner / "stats.db", "not a database")
        git(inner, "init", "--quiet")
        commit_all(inner)
        shutil.rmtree(prepared / state)
        git(prepared, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--force", str(inner), state)
    else:
        write(prepared / state / "stats.db", "not a database")
        git(prepared, "add", "--force", f"{state}/stats.db")
        if kind == "compressed":
            git(prepared, "update-index", "--index-version", "4")
        if kind == "split":
            git(prepared, "update-index", "--split-index")
    git(prepared, "commit", "--quiet", "--message", "evil")
    for words in (("status",), ("repro",), ("queue", "work"), ("exp", "clean")):
        result = run_dvx(prepared, *words)
        assert result.code != 0, words
        assert "is tracked by Git" in result.err or "Git repository of its own" in result.err, (words, result.err)
    git(prepared, "rm", "-r", "-q", "--cached", state)
    shutil.rmtree(prepared / state)
    dvx(prepared, "status")


_DEEPER = (
    "runs.db",
    "exps/tasks.db",
    "trash/0123456789abcdef/note.json",
    "attempts/a",
    "exps/rooms/0123456789abcdef/x",
    "logs/x/y",
)


@pytest.mark.parametrize("name", _DEEPER)
def test_nothing_that_git_tracks_deeper_in_is_read(prepared: Path, name: str):
    dialect = dialect_of(prepared)
    place = f"{dialect.folder}/{dialect.state_folder}/{name}"
    write(prepared / place, "not dvx's\n")
    git(prepared, "add", "--force", place)
    git(prepared, "commit", "--quiet", "--message", "evil")
    for words in (("status",), ("runs", "list"), ("queue", "status"), ("trash", "list"), ("exp", "clean"), ("undo",)):
        result = run_dvx(prepared, *words)
        assert f"`{place}` is tracked by Git" in result.err, (words, result.err)
        assert result.code != 0, words
    assert (prepared / place).read_text() == "not dvx's\n"


@pytest.mark.parametrize("name", ["cache", "config.local"])
def test_a_tracked_cache_and_private_file_are_refused(prepared: Path, name: str):
    folder = dialect_of(prepared).folder
    if name == "config.local":
        write(prepared / folder / name, "[core]\n")
    git(prepared, "add", "--force", f"{folder}/{name}")
    git(prepared, "commit", "--quiet", "--message", "evil")
    result = run_dvx(prepared, "status")
    assert f"{folder}/{name}" in result.err
    assert f"git rm -r -q --cached {folder}/{name}" in result.err


def test_a_repository_in_the_place_of_the_folder_is_refused(prepared: Path, tmp_path: Path):
    folder = dialect_of(prepared).folder
    git(prepared / folder, "init", "--quiet")
    assert "is a Git repository of its own" in run_dvx(prepared, "status").err


def test_the_users_own_link_goes_on_working(prepared: Path, tmp_path: Path):
    folder = dialect_of(prepared).folder
    shutil.move(prepared / folder / "cache", tmp_path / "big")
    (prepared / folder / "cache").symlink_to(tmp_path / "big")
    (prepared / "data").unlink()
    assert "run `dvx trust`" in run_dvx(prepared, "checkout").err
    shown = dvx(prepared, "trust", "--list").out
    assert f"{folder}/cache = {tmp_path / 'big'}" in shown
    dvx(prepared, "trust", "--yes")
    dvx(prepared, "checkout")
    assert (prepared / "data").read_text() == "1\n"
    # another link in its place is not the user's
    (prepared / folder / "cache").unlink()
    (prepared / folder / "cache").symlink_to(tmp_path / "mine")
    assert "is a symbolic link" in run_dvx(prepared, "status").err


_DAMAGED = (
    ("add", "data"),
    ("checkout", "-f"),
    ("fetch",),
    ("fetch", "--run-cache"),
    ("pull", "-f"),
    ("push",),
    ("push", "--verify"),
    ("push", "--run-cache"),
    ("fsck",),
    ("fsck", "--remote", "store"),
    ("gc", "-w", "-f"),
    ("repro",),
    ("cache", "migrate"),
)


def deeper(clone: Path) -> dict[str, list[Path]]:
    """What a stranger may make a link deeper in the cache, below the folders that are looked at when dvx starts."""
    dialect = dialect_of(clone)
    cache = clone / dialect.folder / "cache"
    objects = cache / "files" / dialect.algorithm
    names = ("files", dialect.algorithm, "remotes", "remotes/store", "remotes/store/files")
    found = {name: [cache / "quarantine" / name] for name in names}
    found |= {"runs/*": list((cache / "runs").glob("*")), "runs/*/*": list((cache / "runs").glob("*/*"))}
    return found | {"objects": list(objects.glob("*/*"))}


def test_nothing_happens_behind_links_deeper_in_the_cache(prepared: Path, mine: Path, tmp_path: Path, count: Count):
    dialect, trials = dialect_of(prepared), 0
    dvx(prepared, "repro")
    dvx(prepared, "push", "--run-cache")
    for number in range(16):
        write(mine / f"folder/{number:x}{'a' * 63}", "mine\n")
    for name in deeper(prepared):
        for words in _DAMAGED:
            clone = tmp_path / "clones/clone"
            shutil.rmtree(clone.parent, ignore_errors=True)
            shutil.copytree(prepared, clone, symlinks=True)
            shutil.copytree(tmp_path / "store", clone.parent / "store")
            (clone / "out").unlink()
            if name != "objects":
                (clone / dialect.lock).unlink()
            for place in deeper(clone)[name]:
                letter = mine / "letter"
                letter.write_bytes(place.read_bytes() if name == "objects" else b"mine\n")
                os.utime(letter, (1e9, 1e9))
                replace(place, letter if name == "objects" else mine / "folder")
            before = {path: (path.lstat().st_mtime, path.lstat().st_nlink) for path in mine.rglob("*")}, user_files(mine)
            for top in () if name == "objects" else (clone / dialect.folder / "cache/files", clone.parent / "store/files"):
                for place in top.glob("*/*/*"):
                    place.chmod(0o644)
                    place.write_bytes(b"x" * place.stat().st_size)
            result = run_dvx(clone, *words)
            assert "Traceback" not in result.err, (name, words, result.err)
            assert "this is a bug" not in result.err, (name, words, result.err)
            after = {path: (path.lstat().st_mtime, path.lstat().st_nlink) for path in mine.rglob("*")}, user_files(mine)
            assert after == before, (name, words, result.err)
            trials += 1
    count(f"links deeper in the cache ({dialect.name})", trials)


def test_an_object_behind_a_link_is_not_sent_and_a_good_one_takes_its_place(prepared: Path, tmp_path: Path):
    dialect = dialect_of(prepared)
    (secret := tmp_path / "secret").write_text("1\n")
    place = next((prepared / dialect.folder / "cache/files" / dialect.algorithm).glob("*/*"))
    replace(place, secret)
    shutil.rmtree(tmp_path / "store")
    assert run_dvx(prepared, "push").code != 0
    assert not list((tmp_path / "store").rglob("*/??/*"))
    dvx(prepared, "add", "data")
    dvx(prepared, "push")
    assert not place.is_symlink()
    assert secret.read_text() == "1\n"


def test_a_trial_sees_what_is_done_behind_a_link(prepared: Path, mine: Path, monkeypatch: pytest.MonkeyPatch):
    from dvx import project

    dialect = dialect_of(prepared)
    before = user_files(mine)
    monkeypatch.setattr(project, "check_own", lambda *_: None)
    replace(prepared / dialect.folder / dialect.state_folder / "runs.db", mine / "base.db")
    run_dvx(prepared, "repro")
    assert user_files(mine) != before
