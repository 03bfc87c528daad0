"""Changes of Git's index that `git add` cannot make."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dvx.git import process
from dvx.git.repository import Git


def forget(git: Git, paths: Sequence[str]) -> None:
    """Stage the removal of those of the paths that Git tracks; the work tree stays as it is."""
    known = sorted(git.tracked(paths))
    given = b"".join(os.fsencode(git.prefix + path) + b"\0" for path in known)
    if given:
        process.ask(git.place, ("update-index", "--force-remove", "-z", "--stdin"), given)
