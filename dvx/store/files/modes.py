"""The permissions of new files."""

from __future__ import annotations

import os

UMASK = os.umask(0o077)
os.umask(UMASK)
NEW_FILE = 0o666 & ~UMASK
NEW_EXECUTABLE = 0o777 & ~UMASK
PROTECTED = 0o444
