"""The versions of one file in the history of HEAD."""

from __future__ import annotations

from dvx.git import process, values
from dvx.git.repository import Git


def versions(git: Git, path: str, limit: int) -> list[tuple[str, str]]:
    """Commits that changed a file of the project, the newest first, each with the blob that it became, back to its beginning."""
    words = ("log", f"--max-count={limit}", "--format=%H", "--raw", "--no-abbrev", "--no-renames", "--no-show-signature")
    answer = process.run(git.place, (*words, "HEAD", "--", git.full(path)))
    found: list[tuple[str, str]] = []
    commit = ""
    for line in values.lines(answer.out) if answer.code == 0 else ():
        if not line.startswith(":"):
            commit = line or commit
            continue
        _, mode, _, blob, _ = line.split("\t")[0].split()
        if not mode.startswith("100"):
            break
        found.append((commit, blob))
    return found


def blob_above(git: Git, commit: str, path: str) -> str | None:
    """The blob of a regular file that lies above the project in a commit; None if there is none, or not in the repository."""
    full = git.full(path)
    if "://" in path or full == ".." or full.startswith(("../", "/")):
        return None
    for row in values.fields(process.ask(git.place, ("ls-tree", "--full-tree", "-z", commit, "--", full))):
        facts, _, name = row.partition("\t")
        mode, _, blob = facts.split()
        if name == full and mode.startswith("100"):
            return blob
    return None
