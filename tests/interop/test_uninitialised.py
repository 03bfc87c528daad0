"""What commands answer where nothing is initialised, and before the first commit, beside DVC."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvx.model.dialect import DVC
from tests.helpers import commit_all, git, run_dvx, tree, write
from tests.interop.steps import Tool

PIPELINE = "stages:\n  s:\n    cmd: x\n    params: [lr]\n    metrics: [m.json]\nplots: [p.csv]\n"
ANYWHERE = [
    "metrics show m.json",
    "metrics show m.json --json",
    "metrics show",
    "ls .",
    "ls . sub",
    "ls sub",
    "config --list",
    "remote list",
]
# what it is that lacks is said in other words
REFUSED = ["metrics diff", "params diff", "params diff --json", "plots diff"]
WITHOUT_A_REPOSITORY = [
    "status",
    "add m.json",
    "push",
    "repro",
    "root",
    "exp show --json",
    "config --local core.remote x",
    "config core.remote x",
    "config --list --local",
    "remote add r /tmp/x",
    "remote modify --local x url y",
]
OF_COMMITS = [
    "metrics diff",
    "metrics diff --json",
    "metrics diff HEAD --json",
    "metrics diff --json --all",
    "params diff",
    "params diff --json",
    "params diff --all",
]


def fill(folder: Path) -> None:
    write(folder / "m.json", '{"acc": 0.5}\n')
    write(folder / "params.yaml", "lr: 1\n")
    write(folder / "p.csv", "x,y\n1,2\n")
    write(folder / "sub/n.json", '{"q": 1}\n')


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A folder that is in no repository of any kind."""
    folder = tmp_path / "plain"
    fill(folder)
    return folder


@pytest.fixture
def only_git(repo: Path) -> Path:
    """A Git repository with a pipeline of DVC's, which nobody initialised."""
    fill(repo)
    write(repo / "dvc.yaml", PIPELINE)
    return repo


@pytest.mark.parametrize("line", [*ANYWHERE, *REFUSED, *WITHOUT_A_REPOSITORY])
def test_in_a_plain_folder(plain: Path, dvc_any: Tool, line: str) -> None:
    before = tree(plain)
    theirs, ours = dvc_any(plain, *line.split()), run_dvx(plain, *line.split(), spoken=DVC)
    assert (ours.code, ours.out) == (theirs.code, theirs.out)
    if line in WITHOUT_A_REPOSITORY and "modify" not in line:
        assert ours.err.splitlines()[0].removeprefix("error: ") in theirs.err
    assert tree(plain) == before


@pytest.mark.parametrize("line", [*ANYWHERE, *OF_COMMITS, "status", "params diff --deps", "metrics show -a"])
def test_in_a_git_repository_without_dvc(only_git: Path, dvc_any: Tool, line: str) -> None:
    commit_all(only_git)
    write(only_git / "params.yaml", "lr: 2\n")
    write(only_git / "m.json", '{"acc": 0.6}\n')
    before = tree(only_git)
    for folder in (only_git, only_git / "sub"):
        theirs, ours = dvc_any(folder, *line.split()), run_dvx(folder, *line.split(), spoken=DVC)
        if "m.json" in line and folder != only_git:
            continue
        assert (ours.code, ours.out) == (theirs.code, theirs.out)
    assert tree(only_git) == before
    assert git(only_git, "status", "--short") == " M m.json\n M params.yaml"


def test_plots_in_a_git_repository_without_dvc(only_git: Path, dvc_any: Tool) -> None:
    commit_all(only_git)
    write(only_git / "p.csv", "x,y\n1,3\n")
    for words in (["plots", "show"], ["plots", "diff"]):
        theirs, ours = dvc_any(only_git, *words), run_dvx(only_git, *words)
        assert (ours.code, ours.out) == (theirs.code, theirs.out)
    assert not (only_git / ".dvc").exists()


@pytest.mark.parametrize("initialised", [False, True])
@pytest.mark.parametrize("line", [*OF_COMMITS, "plots diff", "diff --json", "exp show --json", "exp show", "exp diff"])
def test_before_the_first_commit(only_git: Path, dvc_any: Tool, line: str, initialised: bool) -> None:
    if initialised:
        dvc_any(only_git, "init")
    theirs, ours = dvc_any(only_git, *line.split()), run_dvx(only_git, *line.split(), spoken=DVC)
    assert (ours.code, ours.out.strip()) == (theirs.code, theirs.out.strip())


def test_called_dvx_it_reads_what_is_there(plain: Path, only_git: Path) -> None:
    assert run_dvx(plain, "metrics", "show", "m.json").out == "Path    acc\nm.json  0.5\n"
    assert run_dvx(only_git, "metrics", "show").out == "Path    acc\nm.json  0.5\n"
    assert not list(plain.glob(".d*"))


def test_the_list_of_options_is_that_of_files(only_git: Path, dvc_any: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    dvc_any(only_git, "init")
    dvc_any(only_git, "config", "core.autostage", "true")
    monkeypatch.setenv("DVC_STUDIO_TOKEN", "secret")
    monkeypatch.setenv("DVC_EXP_AUTO_PUSH", "1")
    assert run_dvx(only_git, "config", "--list").out == dvc_any(only_git, "config", "--list").out == "core.autostage=true\n"
