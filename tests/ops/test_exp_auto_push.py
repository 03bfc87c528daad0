"""Facts about experiments that go to a Git remote as soon as they are recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.ops.test_exp_share import PIPELINE, names


@pytest.fixture
def repo(dialect_repo: Path, tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "hub")
    git(dialect_repo, "remote", "add", "origin", tmp_path / "hub")
    write(dialect_repo / "raw", "data\n")
    write(dialect_repo / "params.yaml", "n: 1\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    dvx(dialect_repo, "add", "raw")
    dvx(dialect_repo, "remote", "add", "--default", "data", tmp_path / "data")
    commit_all(dialect_repo)
    return dialect_repo


def test_each_way_to_record_an_experiment_pushes_it_with_its_data(repo: Path, tmp_path: Path) -> None:
    dvx(repo, "config", "exp.auto_push", "true")
    told = dvx(repo, "exp", "run", "-n", "here", "-S", "n=2").err
    assert "pushing experiment `here` to Git remote `origin`" in told
    dvx(repo, "exp", "run", "--temp", "-n", "apart", "-S", "n=3")
    dvx(repo, "exp", "run", "--queue", "-n", "queued", "-S", "n=4")
    assert sorted(names(repo, "origin")) == ["apart", "here"]
    dvx(repo, "queue", "work")
    dvx(repo, "exp", "save", "-n", "saved")
    assert sorted(names(repo, "origin")) == ["apart", "here", "queued", "saved"]
    git(repo, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    git(tmp_path, "clone", "--quiet", "--branch", "main", tmp_path / "hub", "clone")
    dvx(tmp_path / "clone", "exp", "pull", "origin", "apart")
    dvx(tmp_path / "clone", "exp", "apply", "apart")
    assert (tmp_path / "clone/model").read_text() == "data\nn: 3\n"


def test_nothing_is_pushed_where_nobody_asks_for_it(repo: Path) -> None:
    dvx(repo, "exp", "run", "-n", "one")
    dvx(repo, "config", "exp.auto_push", "false")
    dvx(repo, "exp", "run", "-n", "two")
    dvx(repo, "config", "exp.auto_push", "true")
    dvx(repo, "exp", "run", "-n", "three", "--dry")
    assert names(repo, "origin") == []


def test_the_git_remote_is_the_one_that_is_named(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("second", "third"):
        git(tmp_path, "init", "--quiet", "--bare", name)
        git(repo, "remote", "add", name, tmp_path / name)
    dvx(repo, "config", "exp.auto_push", "true")
    dvx(repo, "config", "exp.git_remote", "second")
    dvx(repo, "exp", "run", "-n", "one", "-S", "n=2")
    prefix = dialect_of(repo).environment_prefix
    monkeypatch.setenv(f"{prefix}_EXP_GIT_REMOTE", "third")
    dvx(repo, "exp", "run", "-n", "two", "-S", "n=3")
    monkeypatch.setenv(f"{prefix}_EXP_AUTO_PUSH", "no")
    dvx(repo, "exp", "run", "-n", "three", "-S", "n=4")
    assert [names(repo, name) for name in ("origin", "second", "third")] == [[], ["one"], ["two"]]


def test_what_cannot_be_pushed_is_recorded_all_the_same(repo: Path, tmp_path: Path) -> None:
    dvx(repo, "config", "exp.auto_push", "true")
    dvx(repo, "config", "exp.git_remote", "nowhere")
    told = dvx(repo, "exp", "run", "-n", "one", "-S", "n=2").err
    assert "note: experiment `one` is recorded, but was not pushed: " in told
    assert "run `dvx exp push GIT_REMOTE one` later" in told
    dvx(repo, "config", "exp.git_remote", "origin")
    write(tmp_path / "data", "a file where the folder should be\n")
    told = dvx(repo, "exp", "run", "-n", "two", "-S", "n=3").err
    assert "experiment `two` is recorded, but was not pushed: " in told
    assert (names(repo, "origin"), sorted(names(repo))) == ([], ["one", "two"])


@pytest.mark.parametrize("setting", ["auto_push = true", "auto_push = true\n    git_remote = origin"])
def test_a_repository_does_not_push_before_the_user_agreed(repo: Path, setting: str) -> None:
    config = repo / dialect_of(repo).folder / "config"
    write(config, f"{config.read_text()}[exp]\n    {setting}\n")
    told = dvx(repo, "exp", "save", "-n", "one").err
    assert "`exp.auto_push` pushes experiments as soon as they are recorded: `true`" in told
    assert "run `dvx trust`" in told
    assert names(repo, "origin") == []
    dvx(repo, "trust", "--yes")
    write(repo / "params.yaml", "n: 2\n")
    dvx(repo, "exp", "save", "-n", "two")
    assert names(repo, "origin") == ["two"]


def test_where_experiments_go_needs_trust_too(repo: Path, tmp_path: Path) -> None:
    dvx(repo, "config", "--global", "exp.auto_push", "true")
    config = repo / dialect_of(repo).folder / "config"
    write(config, f"{config.read_text()}[exp]\n    git_remote = {tmp_path / 'hub'}\n")
    assert "`exp.git_remote` says where experiments are pushed" in dvx(repo, "exp", "save", "-n", "one").err
    assert names(repo, "origin") == []


def test_each_stage_is_asked_for_where_the_configuration_says_so(repo: Path) -> None:
    dvx(repo, "config", "core.interactive", "true")
    for words in (["repro"], ["exp", "run"]):
        asked = run_dvx(repo, *words)
        assert asked.code != 0
        assert "'s'" in asked.err or "`s`" in asked.err
    assert not (repo / "model").exists()
    dvx(repo, "exp", "run", "--temp", "-n", "apart")
    assert names(repo) == ["apart"]
