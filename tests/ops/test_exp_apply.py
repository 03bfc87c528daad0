"""exp apply on top of later commits: only what the experiment changed is applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

TRAIN = "#!/bin/sh\n# one\n# two\n# three\ncp params.yaml model\necho '{\"acc\": 1}' > m.json\n"


@pytest.fixture
def project(dialect_repo: Path) -> Path:
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


def later(project: Path) -> None:
    """Commits that came after the experiment's."""
    dvx(project, "remote", "add", "-d", "store", "../store")
    write(project / "more", "2\n")
    dvx(project, "add", "more")
    dvx(project, "stage", "add", "-n", "other", "-d", "more", "-o", "made", "cp more made")
    dvx(project, "repro", "other")
    commit_all(project)
    write(project / "params.yaml", "lr: 1\na: 0\nb: 0\nc: 0\nepochs: 9\n")
    write(project / "train.sh", TRAIN.replace("# three", "# THREE"))
    write(project / "new.py", "new\n")
    commit_all(project)


def test_what_later_commits_did_stays(project: Path) -> None:
    later(project)
    said = dvx(project, "exp", "apply", "e").err
    assert "`e` started from " in said
    assert "2 commits before HEAD" in said
    assert (project / "params.yaml").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 9\n"
    assert (project / "train.sh").read_text() == TRAIN.replace("# one", "# ONE").replace("# three", "# THREE")
    assert dvx(project, "remote", "list").out.startswith("store")
    assert {"/more", "/made"} <= set((project / ".gitignore").read_text().split())
    assert (project / "new.py").read_text() == "new\n"
    assert (project / "made").read_text() == "2\n"
    # what the experiment made is there, and counts as stale: it was not made of this
    assert (project / "model").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 1\n"
    assert "train" in dvx(project, "status", "--json").json
    assert set(dvx(project, "stage", "list", "--name-only").out.split()) == {"train", "other"}


def test_the_whole_tree_comes_with_a_word(project: Path) -> None:
    later(project)
    dvx(project, "exp", "apply", "--theirs", "e")
    assert (project / "params.yaml").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 1\n"
    assert dvx(project, "remote", "list").out == ""
    assert not (project / "new.py").exists()


def test_what_both_changed_is_named_and_nothing_is_applied(project: Path) -> None:
    later(project)
    write(project / "params.yaml", "lr: 5\na: 0\nb: 0\nc: 0\nepochs: 9\n")
    commit_all(project)
    before = (project / "train.sh").read_text()
    refused = run_dvx(project, "exp", "apply", "e")
    assert refused.code != 0
    assert "both changed `params.yaml`" in refused.err
    assert "--theirs e" in refused.err
    assert (project / "train.sh").read_text() == before


def test_a_stage_that_both_ran_has_the_results_of_the_experiment(project: Path) -> None:
    later(project)
    write(project / "train.sh", TRAIN.replace("# three", "# THREE").replace('"acc": 1', '"acc": 2'))
    dvx(project, "repro")
    commit_all(project)
    assert (project / "m.json").read_text() == '{"acc": 2}\n'
    dvx(project, "exp", "apply", "e")
    assert (project / "model").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 1\n"
    assert (project / "made").read_text() == "2\n"
    assert (project / "m.json").read_text() == '{"acc": 1}\n'
    assert "other" in (project / dialect_of(project).lock).read_text()


def test_one_experiment_after_another_leaves_nothing_of_the_first(project: Path) -> None:
    write(project / "only.py", "1\n")
    git(project, "add", "only.py")
    dvx(project, "exp", "run", "-n", "f", "-S", "epochs=3")
    git(project, "reset", "--quiet", "--hard")
    dvx(project, "checkout")
    later(project)
    dvx(project, "exp", "apply", "e")
    dvx(project, "exp", "apply", "e")
    git(project, "checkout", "--quiet", "params.yaml")
    write(project / "params.yaml", (project / "params.yaml").read_text().replace("lr: 1", "lr: 2"))
    commit_all(project)
    assert "both changed" in run_dvx(project, "exp", "apply", "e").err


def test_what_is_in_no_commit_goes_to_the_trash(project: Path) -> None:
    later(project)
    write(project / "train.sh", "mine\n")
    refused = run_dvx(project, "exp", "apply", "--no-force", "e")
    assert refused.code != 0
    assert (project / "train.sh").read_text() == "mine\n"
    dvx(project, "exp", "apply", "e")
    assert (project / "train.sh").read_text() == TRAIN.replace("# one", "# ONE").replace("# three", "# THREE")
    dvx(project, "undo")
    assert (project / "train.sh").read_text() == "mine\n"
    assert (project / "params.yaml").read_text() == "lr: 1\na: 0\nb: 0\nc: 0\nepochs: 9\n"


def test_a_baseline_in_another_branch_is_told(project: Path) -> None:
    git(project, "checkout", "--quiet", "--orphan", "other")
    commit_all(project)
    assert "not in the history of HEAD" in dvx(project, "exp", "apply", "e").err
    assert (project / "params.yaml").read_text().startswith("lr: 7\n")


@pytest.fixture
def inner(home: Path, tmp_path: Path, dialect_repo: Path) -> Path:
    """A project in a folder of a Git repository, with an experiment, and a later commit that changed files beside it, too."""
    _ = home
    top = tmp_path / "mono"
    write(top / "top.txt", "1\n")
    write(top / "project/params.yaml", "lr: 1\na: 0\nb: 0\nc: 0\nepochs: 1\n")
    git(top, "init", "--quiet")
    project = top / "project"
    dvx(project, "init", "--subdir", *(["--dvc"] if dialect_of(dialect_repo).folder == ".dvc" else []))
    dvx(project, "stage", "add", "-n", "train", "-p", "lr,epochs", "-o", "model", "cp params.yaml model")
    dvx(project, "repro")
    commit_all(top)
    dvx(project, "exp", "run", "-n", "e", "-S", "lr=7")
    git(top, "checkout", "--quiet", "--", ".")
    dvx(project, "checkout")
    write(top / "top.txt", "2\n")
    write(project / "params.yaml", "lr: 1\na: 0\nb: 0\nc: 0\nepochs: 9\n")
    commit_all(top)
    return project


def test_a_project_in_a_folder_of_the_repository(inner: Path) -> None:
    dvx(inner, "exp", "apply", "e")
    assert (inner / "params.yaml").read_text() == "lr: 7\na: 0\nb: 0\nc: 0\nepochs: 9\n"
    assert (inner / "../top.txt").read_text() == "2\n"
    dvx(inner, "undo")
    assert git(inner, "status", "--porcelain") == ""
    dvx(inner, "exp", "apply", "--theirs", "e")
    assert (inner / "../top.txt").read_text() == "1\n"
    assert "it changed files outside of the project: `../top.txt`" in run_dvx(inner, "undo").err
    git(inner, "checkout", "--quiet", "--", "..")
    write(inner / "params.yaml", "lr: 5\na: 0\nb: 0\nc: 0\nepochs: 9\n")
    commit_all(inner)
    assert "both changed `params.yaml`" in run_dvx(inner, "exp", "apply", "e").err
