"""Git LFS: of a file that it keeps, a commit holds a note, which names the bytes. `git lfs` fetches them, if it is there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from dvx.errors import MissingData
from dvx.git import process, values
from dvx.git.places import GitPlace
from dvx.model.setup.settings import redact

LONGEST_NOTE = 200
_NOTE = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize [0-9]{1,20}\n")


def named(data: bytes) -> str:
    """The SHA-256, in hex, of the bytes that a note stands for; empty for what is none."""
    found = _NOTE.fullmatch(data)
    return found[1].decode() if found else ""


def kept_apart(place: GitPlace, paths: Iterable[str]) -> list[str]:
    """Those files, by their paths in the work tree, whose attributes say that Git LFS keeps them."""
    rows = values.fields(process.ask(place, ("check-attr", "-z", "--stdin", "filter"), os.fsencode("\0".join(paths))))
    return [path for path, value in zip(rows[::3], rows[2::3], strict=True) if value == "lfs"]


def fetch(place: GitPlace, url: str, notes: Mapping[str, bytes]) -> str:
    """Fetch what some notes stand for, by any names, from the repository `url`; returns the folder of all such objects.

    Raises:
        MissingData: Git LFS is not installed, or does not give all of them.
    """
    # of a commit that holds nothing else, it fetches nothing else
    rows = []
    for number, data in enumerate(notes.values()):
        blob = values.text(process.ask(place, ("hash-object", "-w", "--stdin"), data)).strip()
        rows.append(f"100644 blob {blob}\t{number}\n")
    tree = values.text(process.ask(place, ("mktree",), "".join(rows).encode())).strip()
    commit = values.text(process.ask(place, (*process.NOBODY, "commit-tree", "-m", "wanted", tree))).strip()
    answer = process.run(place, ("-c", f"remote.origin.url={url}", "lfs", "fetch", "origin", commit))
    if "is not a git command" in answer.error:
        raise MissingData("Git LFS keeps it, and is not installed", "install `git-lfs`")
    if answer.code:
        said = next((line for line in answer.error.splitlines() if "missing" in line or "error" in line), "it failed")
        raise MissingData(
            f"Git LFS does not give it: {said.replace(url, redact(url)).strip()}", "try `git lfs pull` in a clone of it"
        )
    return f"{place.common}/lfs/objects"
