"""The permissions of new files."""

from __future__ import annotations

import os
import stat

UMASK = os.umask(0o077)
os.umask(UMASK)
NEW_FILE = 0o666 & ~UMASK
NEW_EXECUTABLE = 0o777 & ~UMASK
PROTECTED = 0o444
GROUP_FOLDER = stat.S_ISGID | stat.S_IRWXG


def is_for_group(mode: int) -> bool:
    """Whether a folder is for all of its group to write to, and hands its group on to what is made in it."""
    return mode & stat.S_ISGID != 0 and mode & stat.S_IWGRP != 0
