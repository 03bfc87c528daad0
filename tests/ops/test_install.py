"""install: hooks, the merge driver, entries for pre-commit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dvx.errors import DvxError, GitError
from dvx.ops.install import Installed, install
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, write

HOOKS = ("post-checkout", "pre-commit", "pre-push")


def installed(folder: Path, *, with_tool: bool = False) -> Installed:
    return install(Project.find(str(folder)), with_tool=with_tool)


def test_hooks_call_dvx(native: Path) -> None:
    result = installed(native)
    places = [native / ".git/hooks" / name for name in HOOKS]
    assert result == Installed(tuple(map(str, places)), "dvx", in_use=False)
    for name, place in zip(HOOKS, places, strict=True):
        assert place.read_text() == f'#!/bin/sh\nexec dvx git-hook {name} -- "$@"\n'
        assert os.access(place, os.X_OK)


def test_the_driver_has_the_name_that_attributes_use(dialect_repo: Path) -> None:
    installed(dialect_repo)
    name = dialect_of(dialect_repo).name
    driver = git(dialect_repo, "config", f"merge.{name}.driver")
    assert driver == "dvx git-hook merge-driver --ancestor %O --our %A --their %B --path %P"
    assert git(dialect_repo, "config", f"merge.{name}.name") == {"dvx": "dvx merge driver", "dvc": "DVC merge driver"}[name]


def test_installing_twice_changes_nothing(native: Path) -> None:
    installed(native)
    assert installed(native).written == ()


def test_a_hook_of_somebody_else_is_left_alone(native: Path) -> None:
    hook = write(native / ".git/hooks/pre-push", "#!/bin/sh\nmake test\n")
    with pytest.raises(DvxError, match="the hook `pre-push` already exists") as caught:
        installed(native)
    assert caught.value.hint.startswith('add the line `dvx git-hook pre-push -- "$@"` to ')
    assert hook.read_text() == "#!/bin/sh\nmake test\n"
    assert not (native / ".git/hooks/pre-commit").exists()
    hook.write_text('#!/bin/sh\nmake test\ndvx git-hook pre-push -- "$@"\n')
    assert [Path(place).name for place in installed(native).written] == ["post-checkout", "pre-commit"]


def test_hooks_go_where_git_looks_for_them(native: Path) -> None:
    git(native, "config", "core.hooksPath", "tools/hooks")
    installed(native)
    assert sorted(os.listdir(native / "tools/hooks")) == list(HOOKS)
    assert not any((native / ".git/hooks" / name).exists() for name in HOOKS)


def test_hooks_of_all_repositories_are_not_touched(native: Path, home: Path) -> None:
    git(native, "config", "--global", "core.hooksPath", str(home / "hooks"))
    with pytest.raises(GitError, match="the hooks of all repositories are in"):
        installed(native)
    assert not (home / "hooks").exists()
    git(native, "config", "--local", "core.hooksPath", ".git/hooks")
    assert len(installed(native).written) == 3


@pytest.mark.parametrize("way", ["option", "link", "link in the work tree"])
def test_hooks_are_not_written_outside_of_the_repository(native: Path, home: Path, way: str) -> None:
    (home / "bin").mkdir()
    if way == "link":
        shutil.rmtree(native / ".git/hooks")
        (native / ".git/hooks").symlink_to(home / "bin")
    elif way == "option":
        git(native, "config", "core.hooksPath", str(home / "bin"))
    else:
        (native / "tools").symlink_to(home)
        git(native, "config", "core.hooksPath", "tools/bin")
    with pytest.raises(GitError, match="the hooks of this repository are outside of it"):
        installed(native)
    assert list((home / "bin").iterdir()) == []


def test_work_trees_share_their_hooks(native: Path, tmp_path: Path) -> None:
    git(native, "worktree", "add", "--quiet", str(tmp_path / "other"))
    installed(tmp_path / "other")
    assert (native / ".git/hooks/pre-commit").exists()


def test_a_project_in_a_subfolder_is_named_in_its_hooks(repo: Path) -> None:
    (repo / "a b").mkdir()
    dvx(repo / "a b", "init", "--subdir")
    commit_all(repo)
    installed(repo / "a b")
    text = (repo / ".git/hooks/pre-commit").read_text()
    assert text == "#!/bin/sh\nexec dvx git-hook pre-commit --folder 'a b' -- \"$@\"\n"
    assert installed(repo / "a b").written == ()


def test_without_git_there_is_nothing_to_install(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    dvx(tmp_path / "p", "init", "--no-scm")
    assert installed(tmp_path / "p") == Installed()


ENTRIES = """\
- repo: local
  hooks:
  - id: dvx-pre-commit
    name: dvx pre-commit
    entry: dvx git-hook pre-commit
    language: system
    always_run: true
    pass_filenames: false
    verbose: true
    stages:
    - pre-commit
  - id: dvx-pre-push
    name: dvx pre-push
    entry: dvx git-hook pre-push
    language: system
    always_run: true
    pass_filenames: false
    verbose: true
    stages:
    - pre-push
  - id: dvx-post-checkout
    name: dvx post-checkout
    entry: dvx git-hook post-checkout
    language: system
    always_run: true
    pass_filenames: false
    verbose: true
    stages:
    - post-checkout
"""


def test_the_tool_pre_commit_gets_entries(native: Path) -> None:
    assert installed(native, with_tool=True).written == (str(native / ".pre-commit-config.yaml"),)
    assert (native / ".pre-commit-config.yaml").read_text() == "repos:\n" + ENTRIES
    assert not (native / ".git/hooks/pre-commit").exists()
    assert git(native, "config", "merge.dvx.name") == "dvx merge driver"
    assert installed(native, with_tool=True).written == ()


def test_entries_that_are_there_stay(native: Path) -> None:
    own = "# mine\nrepos:\n- repo: local # x\n  hooks:\n  - id: own\n    entry: make\n"
    place = write(native / ".pre-commit-config.yaml", own)
    installed(native, with_tool=True)
    assert place.read_text() == own + ENTRIES
