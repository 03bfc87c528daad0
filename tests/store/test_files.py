"""The door to the file system."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dvx.store import files
from dvx.store.durable import barrier
from dvx.store.files import beside


def test_an_atomic_write_makes_folders_and_keeps_the_mode(tmp_path: Path):
    place = tmp_path / "a/b/file"
    files.write_atomic(str(place), b"one")
    place.chmod(0o600)
    files.write_atomic(str(place), b"two")
    assert place.read_bytes() == b"two"
    assert place.stat().st_mode & 0o777 == 0o600
    assert os.listdir(place.parent) == ["file"]


def test_an_atomic_write_with_a_mode_sets_it(tmp_path: Path):
    files.write_atomic(str(tmp_path / "secret"), b"x", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/inside").write_text("x")
    with pytest.raises(OSError):
        files.write_atomic(str(tmp_path / "target"), b"data")
    assert os.listdir(tmp_path).count("target") == 1
    assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")] == []


def test_no_file_of_the_users_is_taken_for_a_temporary_one(tmp_path: Path):
    top = _new_folder(tmp_path)
    mine = [".file.tmp", ".file.dvx.tmp", f".file.{'g' * 16}.dvx.tmp", f"file.{'a' * 16}.dvx.tmp", f".file.{'a' * 15}.dvx.tmp"]
    for name in mine:
        (top / name).write_text("mine")
    files.write_atomic(str(top / "file"), b"1")
    assert sorted(os.listdir(top)) == sorted([*mine, "file"])
    assert {(top / name).read_text() for name in mine} == {"mine"}


def test_what_a_killed_process_left_goes_and_what_another_writes_stays(tmp_path: Path):
    top = _new_folder(tmp_path)
    code = (
        "import os, sys\nfrom dvx.store.files import beside\n"
        "with beside.new_file(sys.argv[1], 0o644), beside.new_folder(sys.argv[1]) as folder:\n"
        "    open(folder + '/content', 'w').write('half')\n    os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(top / "file")], check=False)
    left = set(os.listdir(top))
    assert len(left) == 2
    with beside.new_file(str(top / "file"), 0o644) as (temp, _):
        assert set(os.listdir(top)) == {os.path.basename(temp)}
        code = "import sys\nfrom dvx.store import files\nfiles.write_atomic(sys.argv[1], b'1')"
        subprocess.run([sys.executable, "-c", code, str(top / "file")], check=True)
        assert set(os.listdir(top)) == {os.path.basename(temp), "file"}


def test_a_move_to_another_file_system_leaves_a_file_of_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    top = _new_folder(tmp_path)
    mine = top / "there/.file.tmp"
    mine.parent.mkdir()
    mine.write_text("mine")
    for name in ("file", "folder/file"):
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text("moved")
    replace = os.replace

    def refuse(source: str, target: str) -> None:
        if os.path.dirname(source) == str(top):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source, None, target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    for name in ("file", "folder"):
        files.move(str(top / name), str(top / "there" / name))
    assert sorted(os.listdir(top)) == ["there"]
    assert sorted(os.listdir(top / "there")) == [".file.tmp", "file", "folder"]
    assert mine.read_text() == "mine"
    assert (top / "there/folder/file").read_text() == "moved"


def _new_folder(tmp_path: Path) -> Path:
    (tmp_path / "top").mkdir()
    return tmp_path / "top"


def test_write_new_replaces_nothing(tmp_path: Path):
    files.write_new(str(tmp_path / "new"), b"new", 0o444)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o444
    with pytest.raises(FileExistsError):
        files.write_new(str(tmp_path / "new"), b"newer", 0o444)
    assert (tmp_path / "new").read_bytes() == b"new"


def test_two_may_remove_one_folder(tmp_path: Path):
    for number in range(400):
        (tmp_path / f"top/{number % 20}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"top/{number % 20}/{number}").touch()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(files.remove_tree, str(tmp_path / "top")) for _ in range(4)]:
            done.result()
    assert not (tmp_path / "top").exists()


def test_a_lock_is_released_when_its_holder_is_killed(tmp_path: Path):
    code = (
        "import sys, time\nfrom dvx.store import files\n"
        "with files.locked(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    place = str(tmp_path / "locks/x")
    with subprocess.Popen([sys.executable, "-c", code, place], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with files.locked(place, holder.kill):
            assert holder.wait() == -signal.SIGKILL
    assert os.path.exists(place)


def test_remove_tree_removes_a_link_and_not_what_it_leads_to(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    files.remove_tree(str(tmp_path / "link"))
    assert (tmp_path / "kept/file").read_text() == "x"
    assert not (tmp_path / "link").is_symlink()


def test_many_paths_are_made_durable_at_once(tmp_path: Path):
    names = []
    for number in range(40):
        (tmp_path / str(number)).write_text("x")
        names.append(str(tmp_path / str(number)))
    barrier(names, str(tmp_path))
    barrier(names[:3], str(tmp_path))
    with pytest.raises(FileNotFoundError):
        barrier([str(tmp_path / "gone")], str(tmp_path))


def test_nothing_is_moved_onto_a_name_that_is_taken(tmp_path: Path):
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    with pytest.raises(FileExistsError):
        files.move_new(str(tmp_path / "one"), str(tmp_path / "two"))
    assert ((tmp_path / "one").read_text(), (tmp_path / "two").read_text()) == ("1", "2")
    files.move_new(str(tmp_path / "one"), str(tmp_path / "new/three"))
    assert (tmp_path / "new/three").read_text() == "1"
    assert not (tmp_path / "one").exists()
