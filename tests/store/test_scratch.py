"""Facts about folders for what is not complete, which others sweep while they are made."""

from __future__ import annotations

import threading
from pathlib import Path

from dvx.store.scratch import Scratch, own_folder, release, sweep


def test_a_new_folder_is_not_swept_before_it_is_locked(tmp_path: Path) -> None:
    """Some processes sweep all the time, as workers do that die and are replaced."""
    over = threading.Event()

    def keep_sweeping() -> None:
        while not over.is_set():
            sweep(str(tmp_path))

    sweepers = [threading.Thread(target=keep_sweeping) for _ in range(3)]
    for thread in sweepers:
        thread.start()
    try:
        for _ in range(300):
            folder, handle = own_folder(str(tmp_path))
            assert handle is not None
            (Path(folder) / "file").write_text("here")
            release(handle)
    finally:
        over.set()
        for thread in sweepers:
            thread.join()


def test_what_is_held_stays_and_what_is_not_goes(tmp_path: Path) -> None:
    place = tmp_path / "scratch"
    scratch = Scratch(str(place))
    kept = Path(scratch.new())
    kept.write_text("mine")
    left, handle = own_folder(str(place))
    release(handle)
    sweep(str(place))
    assert kept.exists()
    assert not Path(left).exists()
    scratch.close()
    assert list(place.iterdir()) == []


def test_what_has_other_names_was_never_ours(tmp_path: Path) -> None:
    (tmp_path / "docs/letters").mkdir(parents=True)
    (tmp_path / "tmp").symlink_to(tmp_path / "docs")
    scratch = Scratch(str(tmp_path / "tmp"))
    scratch.new()
    scratch.close()
    assert (tmp_path / "docs/letters").exists()
