"""exp apply on top of later commits: only what the experiment changed is applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

TRAIN = "#!/bin/sh\n# one\n# two\n# three\ncp params.yaml model\necho '{\"acc\": 1}' > m.json\n"


@pytest.fixture
def repo(dialect_repo: Path) -> Path:
    """An experiment `e` on top of the first commit; the workspace is as committed."""
    write(dialect_repo / "params.yaml", "lr: 1\na: 0\nb: 0\nc: 0\nepochs: 1\n")
    write(dialect_repo / "train.sh", TRAIN)
    write(dialect_repo / "data", "1\n")
    dvx(dialect_repo, "add", "data")
    stage = ("-d", "train.sh", "-d", "data", "-p", "params.yaml:", "-o", "model", "-M", "m.json", "sh train.sh")
    dvx(dialect_repo, "stage", "add", "-n", "train", *stage)
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    write(dialect_repo / "train.sh", TRAIN.replace("# one", "# ONE"))
    dvx(dialect_repo, "exp", "run", "-n", "e", "-S", "lr=7")
    git(dialect_repo, "checkout", "--", ".")
    dvx(dialect_repo, "checkout")
    return dialect_repo


def later(repo: Path) -> None:
    """Commits that came after the experiment's."""
    dvx(repo, "remote", "add", "-d", "store", "../store")
    write(repo / "more", "2\n")
    dvx(repo, "add", "more")
    dvx(repo, "stage", "add", "-n", "other", "-d", "more", "-o", "made", "cp more made")
    dvx(repo, "repro", "other")
    commit_all(repo)
    write(repo / "params.yaml", "lr: 1\na: 0\nb: 0\nc: 0\nepochs: 9\n")
    write(repo / "train.sh", TRAIN.replace("# three", "# THREE"))
    write(repo / "new.py", "new\n")
    commit_all(repo)


def test_what_later_commits_did_stays(repo: Path) -> None:
    later(repo)
    said = dvx(repo, "exp", "apply", "e").err
    assert "`e` started from " in said
    assert "2 commits before HEAD" in said
    assert (repo / "params.yaml").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 9\n"
    assert (repo / "train.sh").read_text() == TRAIN.replace("# one", "# ONE").replace("# three", "# THREE")
    assert dvx(repo, "remote", "list").out.startswith("store")
    assert {"/more", "/made"} <= set((repo / ".gitignore").read_text().split())
    assert (repo / "new.py").read_text() == "new\n"
    assert (repo / "made").read_text() == "2\n"
    # what the experiment made is there, and counts as stale: it was not made of this
    assert (repo / "model").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 1\n"
    assert "train" in dvx(repo, "status", "--json").json
    assert set(dvx(repo, "stage", "list", "--name-only").out.split()) == {"train", "other"}


def test_the_whole_tree_comes_with_a_word(repo: Path) -> None:
    later(repo)
    dvx(repo, "exp", "apply", "--theirs", "e")
    assert (repo / "params.yaml").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 1\n"
    assert dvx(repo, "remote", "list").out == ""
    assert not (repo / "new.py").exists()


def test_what_both_changed_is_named_and_nothing_is_applied(repo: Path) -> None:
    later(repo)
    write(repo / "params.yaml", "lr: 5\na: 0\nb: 0\nc: 0\nepochs: 9\n")
    commit_all(repo)
    before = (repo / "train.sh").read_text()
    refused = run_dvx(repo, "exp", "apply", "e")
    assert refused.code != 0
    assert "both changed `params.yaml`" in refused.err
    assert "--theirs e" in refused.err
    assert (repo / "train.sh").read_text() == before


def test_a_stage_that_both_ran_has_the_results_of_the_experiment(repo: Path) -> None:
    later(repo)
    write(repo / "train.sh", TRAIN.replace("# three", "# THREE").replace('"acc": 1', '"acc": 2'))
    dvx(repo, "repro")
    commit_all(repo)
    assert (repo / "m.json").read_text() == '{"acc": 2}\n'
    dvx(repo, "exp", "apply", "e")
    assert (repo / "model").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 1\n"
    assert (repo / "made").read_text() == "2\n"
    assert (repo / "m.json").read_text() == '{"acc": 1}\n'
    assert "other" in (repo / dialect_of(repo).lock).read_text()


def test_one_experiment_after_another_leaves_nothing_of_the_first(repo: Path) -> None:
    write(repo / "only.py", "1\n")
    git(repo, "add", "only.py")
    dvx(repo, "exp", "run", "-n", "f", "-S", "epochs=3")
    git(repo, "reset", "--quiet", "--hard")
    dvx(repo, "checkout")
    later(repo)
    dvx(repo, "exp", "apply", "e")
    dvx(repo, "exp", "apply", "e")
    git(repo, "checkout", "--quiet", "params.yaml")
    write(repo / "params.yaml", (repo / "params.yaml").read_text().replace("lr: 1", "lr: 2"))
    commit_all(repo)
    assert "both changed" in run_dvx(repo, "exp", "apply", "e").err


def test_what_is_in_no_commit_goes_to_the_trash(repo: Path) -> None:
    later(repo)
    write(repo / "train.sh", "mine\n")
    refused = run_dvx(repo, "exp", "apply", "--no-force", "e")
    assert refused.code != 0
    assert (repo / "train.sh").read_text() == "mine\n"
    dvx(repo, "exp", "apply", "e")
    assert (repo / "train.sh").read_text() == TRAIN.replace("# one", "# ONE").replace("# three", "# THREE")
    dvx(repo, "undo")
    assert (repo / "train.sh").read_text() == "mine\n"
    assert (repo / "params.yaml").read_text() == "lr: 1\na: 0\nb: 0\nc: 0\nepochs: 9\n"


def test_a_baseline_in_another_branch_is_told(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--orphan", "other")
    commit_all(repo)
    assert "not in the history of HEAD" in dvx(repo, "exp", "apply", "e").err
    assert (repo / "params.yaml").read_text().startswith("lr: 7\n")
