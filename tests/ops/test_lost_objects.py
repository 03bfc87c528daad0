"""Objects that commits name and the repository does not have: in partial clones whose remote is gone, and in damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

READERS = [
    ("diff", "HEAD"),
    ("diff", "HEAD~1", "HEAD"),
    ("metrics", "diff", "HEAD~1"),
    ("metrics", "show", "-a"),
    ("params", "diff", "HEAD~1"),
    ("plots", "diff", "HEAD~1"),
    ("data", "status"),
    ("ls", ".", "--rev", "HEAD~1"),
    ("get", ".", "data", "--rev", "HEAD~1", "-o", "copy"),
    ("exp", "show"),
    ("gc", "--all-commits", "--force"),
    ("fetch", "--all-commits"),
    ("push", "--all-commits"),
    ("status",),
    ("exp", "save"),
]


def history(repo: Path) -> None:
    write(repo / f"{dialect_of(repo).pipeline}", "stages: {}\nmetrics: [deep/m.json]\nparams: [params.yaml]\n")
    for number in "12":
        write(repo / "data", number)
        write(repo / "deep/m.json", f'{{"a": {number}}}\n')
        write(repo / "params.yaml", f"a: {number}\n")
        dvx(repo, "add", "data")
        commit_all(repo)


def check(repo: Path) -> None:
    said = 0
    for words in READERS:
        result = run_dvx(repo, *words)
        assert "bug in dvx" not in result.err, (words, result.err)
        assert result.code in (0, 1, 255), (words, result.err)
        if result.code:
            assert "hint: " in result.err, (words, result.err)
        said += "git fetch" in result.err
    assert said >= 3


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_what_a_partial_clone_lacks_while_its_remote_is_gone_is_told_of(dialect_repo: Path, tmp_path: Path, kind: str) -> None:
    history(dialect_repo)
    git(dialect_repo, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", f"--filter={kind}", f"file://{dialect_repo}", clone)
    dialect_repo.rename(tmp_path / "gone")
    check(clone)


@pytest.mark.parametrize("name", ["pointer", "tree", "folder"])
def test_a_damaged_repository_is_told_of(dialect_repo: Path, name: str) -> None:
    history(dialect_repo)
    suffix = dialect_of(dialect_repo).pointer_suffix
    ident = git(
        dialect_repo, "rev-parse", {"pointer": f"HEAD:data{suffix}", "tree": "HEAD^{tree}", "folder": "HEAD~1:deep"}[name]
    )
    (dialect_repo / ".git/objects" / ident[:2] / ident[2:]).unlink()
    check(dialect_repo)
