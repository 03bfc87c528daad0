"""Facts about experiments that go to and come from other repositories."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

PIPELINE = "stages:\n  s: {cmd: cat raw params.yaml > model, deps: [raw], params: [n], outs: [model]}\n"


@pytest.fixture
def repo(dialect_repo: Path, tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "hub")
    write(dialect_repo / "raw", "data\n")
    write(dialect_repo / "params.yaml", "n: 1\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    dvx(dialect_repo, "add", "raw")
    dvx(dialect_repo, "remote", "add", "--default", "data", str(tmp_path / "data"))
    commit_all(dialect_repo)
    git(dialect_repo, "remote", "add", "origin", str(tmp_path / "hub"))
    git(dialect_repo, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    for number in (2, 3):
        dvx(dialect_repo, "exp", "run", "-n", f"e{number}", "-S", f"n={number}")
    return dialect_repo


@pytest.fixture
def clone(repo: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(tmp_path / "hub"), "clone")
    return tmp_path / "clone"


def names(folder: Path, remote: str = "") -> list[str]:
    return dvx(folder, "exp", "list", "--all-commits", "--name-only", *([remote] if remote else [])).out.split()


def test_data_is_there_before_the_ref_that_names_it(repo: Path, clone: Path, tmp_path: Path) -> None:
    said = json.loads(dvx(repo, "exp", "push", "origin", "e2", "--json").out)
    assert [one["name"] for one in said["moved"]] == ["e2"]
    assert (names(repo, "origin"), said["objects"]) == (["e2"], 2)
    assert "up to date" in dvx(repo, "exp", "push", "origin", "e2").err
    assert dvx(clone, "exp", "list", "origin", "--all-commits").out.splitlines()[1:] == ["\te2"]
    dvx(clone, "exp", "pull", "origin")
    assert names(clone) == ["e2"]
    dvx(clone, "exp", "apply", "e2")
    assert (clone / "model").read_text() == "data\nn: 2\n"
    assert git(clone, "for-each-ref", "refs/dvx") == ""


def test_nothing_is_claimed_when_data_cannot_be_pushed(repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "data", "a file where the folder should be\n")
    assert run_dvx(repo, "exp", "push", "origin").code != 0
    assert names(repo, "origin") == []
    assert dvx(repo, "exp", "push", "origin", "--no-cache").code == 0
    assert sorted(names(repo, "origin")) == ["e2", "e3"]


def test_nothing_appears_when_data_cannot_be_pulled(repo: Path, clone: Path, tmp_path: Path) -> None:
    dvx(repo, "exp", "push", "origin")
    shutil.rmtree(tmp_path / "data")
    result = run_dvx(clone, "exp", "pull", "origin")
    assert result.code != 0
    assert names(clone) == []
    assert git(clone, "for-each-ref", "refs/dvx") == ""
    assert dvx(clone, "exp", "pull", "origin", "--no-cache").code == 0
    assert sorted(names(clone)) == ["e2", "e3"]


def test_another_result_of_the_same_name_is_not_replaced(repo: Path, clone: Path) -> None:
    dvx(repo, "exp", "push", "origin", "e2")
    write(clone / "params.yaml", "n: 7\n")
    # the stage has not run here
    dvx(clone, "pull", "--allow-missing")
    dvx(clone, "exp", "run", "-n", "e2")
    for words in (["push", "origin", "e2"], ["pull", "origin", "e2"]):
        result = run_dvx(clone, "exp", *words)
        assert result.code != 0
        assert "there is another experiment" in result.err
        assert "`e2`" in result.err
    dvx(clone, "exp", "push", "origin", "e2", "--force")
    dvx(repo, "exp", "pull", "origin", "e2", "--force")
    dvx(repo, "exp", "apply", "e2")
    assert (repo / "params.yaml").read_text() == "n: 7\n"


def test_a_remote_is_tidied(repo: Path) -> None:
    dvx(repo, "exp", "push", "origin")
    dvx(repo, "exp", "rename", "e2", "better", "-g", "origin")
    assert sorted(names(repo, "origin")) == ["better", "e3"]
    dvx(repo, "exp", "remove", "-g", "origin", "e3")
    assert names(repo, "origin") == ["better"]
    dvx(repo, "exp", "remove", "-g", "origin", "-A")
    assert names(repo, "origin") == []
    assert sorted(names(repo)) == ["e2", "e3"]


@pytest.mark.parametrize("word", ["--upload-pack=touch hacked", "-x", "$(touch hacked)", "..", "a\nb", "refs/@{x", "a b"])
def test_strange_words_run_nothing(repo: Path, word: str) -> None:
    for command in ("push", "pull"):
        for words in ([word, "e2"], ["origin", word]):
            result = run_dvx(repo, "exp", command, "--", *words)
            assert result.code not in (0, 3), words
            assert "Traceback" not in result.err
    for words in (
        ["apply", word],
        ["remove", word],
        ["rename", "e2", word],
        ["branch", "e2", word],
        ["list", word],
        ["diff", word],
    ):
        if words[:2] == ["branch", "e2"] and word == "$(touch hacked)":
            continue  # a branch may be called so
        result = run_dvx(repo, "exp", words[0], "--", *words[1:])
        assert result.code not in (0, 3), words
        assert "Traceback" not in result.err
    assert not list(repo.rglob("hacked"))
    assert sorted(names(repo)) == ["e2", "e3"]


def test_a_git_remote_that_is_not_there_is_named(repo: Path) -> None:
    for words in (("push", "nowhere"), ("pull", "nowhere"), ("list", "nowhere")):
        result = run_dvx(repo, "exp", *words)
        assert result.err == "error: there is no Git remote `nowhere`\nhint: `git remote -v` shows those that there are\n"
