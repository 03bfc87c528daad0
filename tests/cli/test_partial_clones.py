"""Partial clones whose remote is gone: what cannot be read is said, with the remote that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, git, run_dvx, write

PIPELINE = "stages:\n  a: {cmd: x, params: [n], metrics: [{m.json: {cache: false}}]}\n"


@pytest.fixture
def lean(dialect_repo: Path, tmp_path: Path) -> Path:
    """A partial clone, without the files of the commit before, whose remote is gone."""
    for number in (1, 2):
        write(dialect_repo / "params.yaml", f"n: {number}\n")
        write(dialect_repo / "m.json", f'{{"acc": {number}}}')
        write(dialect_repo / dialect_of(dialect_repo).pipeline, f"{PIPELINE}# {number}\n")
        commit_all(dialect_repo)
    git(dialect_repo, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{dialect_repo}", clone)
    dialect_repo.rename(tmp_path / "gone")
    return clone


def test_what_a_partial_clone_cannot_get_is_said_with_the_remote_that_has_it(lean: Path, tmp_path: Path):
    why = f"since this is a partial clone, and cannot get it from `origin` (file://{tmp_path}/repo)"
    table = run_dvx(lean, "exp", "show", "-n", "2")
    assert table.code == 0
    assert table.err.count(why) == 1
    rows = {line.split()[0]: line.split()[-2:] for line in table.out.splitlines()}
    assert rows[git(lean, "rev-parse", "--short=7", "HEAD~1")] == ["!", "!"]
    assert rows["main"] == ["2", "2"]
    for words in (
        ("metrics", "diff", "HEAD~1"),
        ("params", "diff", "HEAD~1"),
        ("diff", "HEAD~1"),
        ("ls", ".", "--rev", "HEAD~1"),
    ):
        refused = run_dvx(lean, *words)
        assert refused.code != 0
        assert refused.out == ""
        assert why in refused.err
        assert "hint: make sure that Git reaches its remote, then run `git fetch --refetch`" in refused.err
