"""Files that a pointer lists itself, since a remote keeps their versions, are shown by name: beside DVC."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, write
from tests.interop.steps import Tool

POINTER = """\
outs:
- path: data
  hash: md5
  files:
  - relpath: a/x
    md5: b026324c6904b2a9cb4b88d6d61c81d1
    size: 2
    cloud:
      store:
        etag: b026324c6904b2a9cb4b88d6d61c81d1
        version_id: v1
  - relpath: b
    md5: {digest}
    size: 2
    cloud:
      store:
        etag: {digest}
        version_id: v2
"""
COMMANDS = (
    "data status --json",
    "data status --granular --json",
    "diff --json",
    "diff HEAD~1 HEAD --json",
    "ls . -R --json",
    "ls . data --json",
    "ls . data/a --json",
    "ls . -R --rev HEAD~1 --json",
    "status --json",
)


@pytest.mark.parametrize("words", COMMANDS)
def test_they_are_shown_by_name(repo: Path, dvc: Tool, words: str) -> None:
    dvc(repo, "init")
    dvc(repo, "remote", "add", "-d", "store", "s3://bucket/x")
    dvc(repo, "remote", "modify", "store", "version_aware", "true")
    write(repo / ".gitignore", "/data\n")
    for digest in ("6d7fce9fee471194aa8b5b6e47267f03", "26ab0db90d72e28ad0ba1e22ee510510"):
        write(repo / "data.dvc", POINTER.format(digest=digest))
        commit_all(repo)
    ours, theirs = dvx(repo, *words.split()), dvc(repo, *words.split())
    assert ours.json == theirs.json
    assert "not known" not in ours.err
