"""Removing and reading below a folder: no link is followed, no mount touched."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dvx.store import files
from tests.helpers import write

# what is mounted at the second folder is a part of the same file system, with the same device
_MOUNTED = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$5"'
_REMOVE = "import sys\nfrom dvx.store import files\nfiles.remove_tree(sys.argv[1])"
_DEEP = """
import os, sys
from dvx.store import files
here = os.open(f"{sys.argv[1]}/top", os.O_RDONLY)
for _ in range(3_000):
    os.mkdir("d", dir_fd=here)
    below = os.open("d", os.O_RDONLY, dir_fd=here)
    os.close(here)
    here = below
os.close(here)
before = os.listdir("/proc/self/fd")
files.remove_tree(f"{sys.argv[1]}/top")
assert os.listdir("/proc/self/fd") == before
"""


def test_folders_are_removed_however_deep_they_are(tmp_path: Path):
    write(tmp_path / "top/file", "x")
    (tmp_path / "top/link").symlink_to("file")
    # in a process of its own: paths as long as these would keep the guard busy
    done = subprocess.run([sys.executable, "-c", _DEEP, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, os.path.lexists(tmp_path / "top")) == (0, "", False)


def test_links_go_and_what_they_lead_to_stays(tmp_path: Path):
    write(tmp_path / "mine/letter", "mine\n")
    (tmp_path / "top/a").mkdir(parents=True)
    (tmp_path / "top/a/link").symlink_to(tmp_path / "mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError):
        files.remove_below(str(tmp_path), "link", "letter")
    files.remove_tree(str(tmp_path / "top"))
    files.remove_tree(str(tmp_path / "link"))
    assert sorted(os.listdir(tmp_path)) == ["home", "mine"]
    assert (tmp_path / "mine/letter").read_text() == "mine\n"


def test_a_folder_that_is_exchanged_for_a_link_meanwhile_is_not_followed(tmp_path: Path):
    write(tmp_path / "mine/a/letter", "mine\n")
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                os.rename(tmp_path / "top/a", tmp_path / "aside")
                os.symlink(tmp_path / "mine/a", tmp_path / "top/a")
            with contextlib.suppress(OSError):
                os.unlink(tmp_path / "top/a")
                os.rename(tmp_path / "aside", tmp_path / "top/a")

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for _ in range(300):
            for name in ("b", "c"):
                with contextlib.suppress(OSError):
                    write(tmp_path / f"top/a/{name}/x", "x")
            with contextlib.suppress(OSError):
                files.remove_below(str(tmp_path), "top", "a")
            with contextlib.suppress(OSError):
                (tmp_path / "top/a").mkdir(parents=True)
            with contextlib.suppress(OSError):
                files.remove_below(str(tmp_path), "top", "a", "letter")
    finally:
        over.set()
        thread.join()
    assert (tmp_path / "mine/a/letter").read_text() == "mine\n"


def test_what_is_mounted_stays_and_is_named(tmp_path: Path):
    write(tmp_path / "mine/letter", "mine\n")
    write(tmp_path / "top/a/x", "x")
    (tmp_path / "top/mount").mkdir()
    places = [str(tmp_path / name) for name in ("mine", "top/mount")]
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNTED, "sh"]
    done = subprocess.run(
        [*words, *places, sys.executable, _REMOVE, str(tmp_path / "top")], capture_output=True, text=True, check=False
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("nothing can be mounted here")
    assert f"something is mounted there, and stays: '{tmp_path}/top/mount'" in done.stderr
    assert (tmp_path / "mine/letter").read_text() == "mine\n"


def test_a_note_is_a_small_file(tmp_path: Path):
    write(tmp_path / "a/note", "told")
    os.mkfifo(tmp_path / "a/pipe")
    (tmp_path / "a/link").symlink_to("note")
    (tmp_path / "b").symlink_to("a")
    with open(tmp_path / "a/large", "wb") as file:
        file.truncate(1 << 30)
    assert files.read_below(str(tmp_path), "a", "note") == b"told"
    for names in (("a", "pipe"), ("a", "link"), ("b", "note"), ("a", "large"), ("a",)):
        with pytest.raises(OSError):
            files.read_below(str(tmp_path), *names)
    with pytest.raises(FileNotFoundError):
        files.read_note(str(tmp_path / "none"))


def test_only_names_of_ours_are_listed(tmp_path: Path):
    for name in ("ab", "ab\n", "abc", "0a"):
        write(tmp_path / name, "")
    assert files.names_in(str(tmp_path), re.compile("[0-9a-f]{2}")) == ["0a", "ab"]
    assert files.names_in(str(tmp_path / "none"), re.compile(".*")) == []
