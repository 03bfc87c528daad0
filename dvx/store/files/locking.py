"""Lock files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from dvx.store.files.naming import make_folder


@contextlib.contextmanager
def locked(path: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file that the kernel releases when the process dies; `waiting` is called once if it is held elsewhere.

    The file is never deleted, so all who wait for it wait for the same one.
    """
    import filelock

    make_folder(os.path.dirname(path))
    lock = filelock.FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if waiting is not None:
            waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
