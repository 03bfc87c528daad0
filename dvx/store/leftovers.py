"""Finds what processes left that were killed."""

from __future__ import annotations

import os
from collections.abc import Iterator


def abandoned(folder: str, *, own: bool = False) -> Iterator[str]:
    """What is in `folder` under names that start with the id of a process that is gone; with `own`, also with our own."""
    alive = {os.getpid(): not own}
    for name in os.listdir(folder):
        owner = name.partition("-")[0]
        if not owner.isdecimal():
            continue
        pid = int(owner)
        if pid not in alive:
            alive[pid] = _is_alive(pid)
        if not alive[pid]:
            yield os.path.join(folder, name)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
