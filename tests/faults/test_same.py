"""What is added is what comes back: names, contents, executable bits, empty folders. What is no file is refused at once."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Collection
from itertools import count as counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dvx.errors import UnsafePath
from dvx.model.paths import check_path
from dvx.store.files import NEW_FILE
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write
from tests.patience import within

Count = Callable[[str, int], None]


def _is_usable(name: bytes) -> bool:
    try:
        return bool(check_path(os.fsdecode(name))) and not name.endswith((b".dvc", b".dvx")) and name not in _MACHINERY
    except UnsafePath:
        return False


_MACHINERY = {b".gitignore", b".gitattributes", b".dvxignore", b".dvcignore", b"dvx.yaml", b"dvc.yaml", b"dvx.lock", b"dvc.lock"}
_PARTS = st.one_of(
    st.sampled_from(
        [
            b"a",
            b"A",
            b"a b",
            b"-x",
            "\u00e9".encode(),
            "e\u0301".encode(),
            b"\xff\xfe",
            b"a'b",
            b'"',
            b"*",
            b"~",
            b".a",
            b"x" * 200,
        ]
    ),
    st.binary(min_size=1, max_size=6).filter(lambda part: not {*part} & {0, 47}),
)
_NAMES = st.lists(_PARTS, min_size=1, max_size=3).map(b"/".join).filter(_is_usable)
_FILES = st.dictionaries(_NAMES, st.tuples(st.binary(max_size=40), st.booleans()), max_size=12)


def _lay(top: bytes, files: dict[bytes, tuple[bytes, bool]], folders: list[bytes]) -> None:
    """As much of a tree as fits together: a name may be a file or a folder, and the first one wins."""
    os.makedirs(top)
    for name, (data, executable) in files.items():
        place = os.path.join(top, name)
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "xb") as file:
                file.write(data)
            os.chmod(place, 0o755 if executable else 0o644)
        except (FileExistsError, NotADirectoryError):
            continue
    for name in folders:
        try:
            os.makedirs(os.path.join(top, name), exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            continue


def _seen(top: bytes, *, rich: bool) -> dict[bytes, object]:
    """Every file with its bytes, in the native dialect whether it is executable, and folders that hold nothing."""
    found: dict[bytes, object] = {}
    for folder, below, names in os.walk(top):
        if rich and not below and not names and folder != top:
            found[os.path.relpath(folder, top)] = "an empty folder"
        for name in names:
            place = os.path.join(folder, name)
            with open(place, "rb") as file:
                executable = rich and bool(os.stat(place).st_mode & stat.S_IXUSR)
                found[os.path.relpath(place, top)] = (file.read(), executable)
    return found


def test_what_is_added_is_what_comes_back(dialect_repo: Path, all_points: bool, count: Count):
    trees = _round_trips(dialect_repo, 2000 if all_points else 40, fixed=not all_points)
    count(f"trees that are added and checked out ({dialect_of(dialect_repo).name})", trees)


def test_a_bit_that_is_lost_is_found(native: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dvx.store.files.NEW_EXECUTABLE", NEW_FILE)
    with pytest.raises(AssertionError):
        # to make what fails smaller takes minutes, and nobody looks at it
        _round_trips(native, 40, fixed=True, phases=(Phase.generate,))


def _round_trips(dialect_repo: Path, examples: int, *, fixed: bool, phases: Collection[Phase] = tuple(Phase)) -> int:
    """Add trees, take them away and check them out; returns how many."""
    numbers, trees = counter(), []
    rich = dialect_of(dialect_repo).rich_trees

    @settings(max_examples=examples, derandomize=fixed, phases=phases, suppress_health_check=list(HealthCheck))
    @given(files=_FILES, folders=st.lists(_NAMES, max_size=3))
    def check(files: dict[bytes, tuple[bytes, bool]], folders: list[bytes]) -> None:
        name = f"t{next(numbers)}"
        top = os.fsencode(dialect_repo / name)
        _lay(top, files, folders)
        before = _seen(top, rich=rich)
        dvx(dialect_repo, "add", name)
        assert _seen(top, rich=rich) == before
        shutil.rmtree(top)
        dvx(dialect_repo, "checkout", name)
        assert _seen(top, rich=rich) == before
        trees.append(name)
        shutil.rmtree(top)
        (dialect_repo / f"{name}{dialect_of(dialect_repo).pointer_suffix}").unlink()

    check()
    return len(trees)


def test_a_clone_has_the_same(native: Path, tmp_path: Path):
    write(native / "d/run", "#!/bin/sh\n").chmod(0o755)
    (native / "d/empty").mkdir()
    with open(os.path.join(os.fsencode(native / "d"), b"\xff"), "wb") as file:
        file.write(b"bytes")
    dvx(native, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    dvx(native, "add", "d")
    dvx(native, "push")
    commit_all(native)
    git(tmp_path, "clone", "--quiet", native, "clone")
    dvx(tmp_path / "clone", "pull")
    assert _seen(os.fsencode(tmp_path / "clone/d"), rich=True) == _seen(os.fsencode(native / "d"), rich=True)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link to a pipe"])
def test_what_is_no_file_is_refused_at_once(native: Path, kind: str, inside: bool):
    place = native / "d/odd"
    write(native / "d/plain", "1")
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            folder = os.open(native / "d", os.O_RDONLY)
            bound.bind(f"/proc/self/fd/{folder}/odd")
            os.close(folder)
    elif kind == "device":
        try:
            os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("devices are made by root only")
    else:
        os.mkfifo(place if kind == "pipe" else native / "pipe")
        if kind != "pipe":
            place.symlink_to("../pipe")
    run_process(native, "dvx", "--version")
    with within(10):
        refused = run_process(native, "dvx", "add", "d" if inside else "d/odd")
    assert refused.code == 1
    assert "`d/odd`" in refused.err
    assert not (native / "d.dvx").exists()


def test_names_that_clash_elsewhere_are_told(dialect_repo: Path):
    for name in ("d/Read.me", "d/read.me", "d/caf\u00e9", "d/cafe\u0301", "d/plain"):
        write(dialect_repo / name, name)
    told = dvx(dialect_repo, "add", "d").err
    assert "take for one name in `d`: `cafe\u0301` and `caf\u00e9`, `Read.me` and `read.me`" in told
    assert told.count("take for one") == 1
    write(dialect_repo / "e/plain", "1")
    assert "take for one" not in run_dvx(dialect_repo, "add", "e").err
