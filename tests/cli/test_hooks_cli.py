"""install and git-hook: what they print, and what Git makes of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write


@pytest.fixture
def hooked(dialect_repo: Path) -> Path:
    """A project with tracked data whose Git calls dvx."""
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / "d/a", "1\n")
    dvx(dialect_repo, "add", "d")
    pointers = f"*{dialect.pointer_suffix} merge={dialect.name}\n"
    write(dialect_repo / ".gitattributes", pointers + f"{dialect.lock} merge={dialect.name}\n")
    dvx(dialect_repo, "install")
    commit_all(dialect_repo, "one")
    return dialect_repo


def change(project: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        write(project / "d" / name, text)
    dvx(project, "add", "d")
    commit_all(project, message)


def test_install_says_what_it_wrote(native: Path) -> None:
    result = dvx(native, "install")
    assert result.err == (
        "Wrote .gitattributes\nWrote .git/hooks/post-checkout\nWrote .git/hooks/pre-commit\nWrote .git/hooks/pre-push\n"
    )
    assert dvx(native, "install").err == "All is installed already.\n"
    tool = dvx(native, "install", "--use-pre-commit-tool").err
    assert "Now run: pre-commit install -t pre-commit -t pre-push -t post-checkout\n" in tool


def test_install_says_what_is_left_to_do_with_the_code_of_dvc(dialect_repo: Path) -> None:
    write(dialect_repo / ".git/hooks/pre-commit", "#!/bin/sh\n").chmod(0o755)
    result = run_dvx(dialect_repo, "install")
    assert result.code == 1
    assert "pre-commit: `" in result.err
    assert "error: not installed: `pre-commit`\nhint: do what is said above" in result.err


def test_a_checkout_by_git_brings_the_data(hooked: Path) -> None:
    git(hooked, "checkout", "--quiet", "-b", "other")
    change(hooked, {"a": "2\n"}, "two")
    done = run_process(hooked, "git", "checkout", "main")
    assert (done.code, (hooked / "d/a").read_text()) == (0, "1\n")
    run_process(hooked, "git", "checkout", "other")
    assert (hooked / "d/a").read_text() == "2\n"


def test_a_commit_by_git_shows_what_changed(hooked: Path) -> None:
    write(hooked / "d/a", "3\n")
    done = run_process(hooked, "git", "commit", "--allow-empty", "--message", "x")
    assert done.code == 0
    assert "d" + dialect_of(hooked).pointer_suffix + ":\n\tchanged outs:\n" in done.out + done.err


def test_a_push_by_git_pushes_data(hooked: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "server.git")
    git(hooked, "remote", "add", "origin", str(tmp_path / "server.git"))
    dvx(hooked, "remote", "add", "--default", "store", str(tmp_path / "store"))
    assert run_process(hooked, "git", "push", "origin", "main").code == 0
    assert len([path for path in (tmp_path / "store").rglob("*") if path.is_file()]) == 2


def test_a_merge_by_git_merges_folders(hooked: Path) -> None:
    git(hooked, "checkout", "--quiet", "-b", "other")
    change(hooked, {"b": "2\n"}, "theirs")
    git(hooked, "checkout", "--quiet", "main")
    change(hooked, {"c": "3\n"}, "ours")
    done = run_process(hooked, "git", "merge", "other", "--message", "m")
    assert done.code == 0, done.out + done.err
    dvx(hooked, "checkout")
    assert sorted(path.name for path in (hooked / "d").iterdir()) == ["a", "b", "c"]


def test_a_conflict_is_said_and_left_to_people(hooked: Path) -> None:
    git(hooked, "checkout", "--quiet", "-b", "other")
    change(hooked, {"a": "2\n"}, "theirs")
    git(hooked, "checkout", "--quiet", "main")
    change(hooked, {"a": "3\n"}, "ours")
    done = run_process(hooked, "git", "merge", "other", "--message", "m")
    pointer = "d" + dialect_of(hooked).pointer_suffix
    assert done.code == 1
    assert "error: both sides changed `a`" in done.err
    assert git(hooked, "status", "--short", "--untracked-files=no") == f"UU {pointer}"
    assert "<<<<<<< ours" in (hooked / pointer).read_text()


def test_hooks_do_nothing_where_no_repository_is(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    for words in (["pre-commit"], ["pre-push", "origin", "url"], ["post-checkout", "a", "b", "1"]):
        result = dvx(tmp_path / "plain", "git-hook", *words)
        assert (result.out, result.err) == ("", "")


def test_only_a_checkout_of_a_commit_brings_data(hooked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hooked / "d/a").unlink()
    dvx(hooked, "git-hook", "post-checkout", "old", "new", "0")
    dvx(hooked, "git-hook", "post-checkout")
    (hooked / ".git/rebase-merge").mkdir()
    dvx(hooked, "git-hook", "post-checkout", "old", "new", "1")
    assert not (hooked / "d/a").exists()
    (hooked / ".git/rebase-merge").rmdir()
    dvx(hooked, "git-hook", "post-checkout", "--", "old", "new", "1")
    assert (hooked / "d/a").exists()
    (hooked / "d/a").unlink()
    monkeypatch.setenv("PRE_COMMIT_CHECKOUT_TYPE", "1")
    dvx(hooked, "git-hook", "post-checkout")
    assert (hooked / "d/a").exists()


def test_hooks_of_a_subfolder_work_from_the_top(repo: Path) -> None:
    (repo / "sub").mkdir()
    dvx(repo / "sub", "init", "--subdir")
    write(repo / "sub/f", "1\n")
    dvx(repo / "sub", "add", "f")
    commit_all(repo)
    (repo / "sub/f").unlink()
    dvx(repo, "git-hook", "post-checkout", "--folder", "sub", "old", "new", "1")
    assert (repo / "sub/f").exists()


def test_a_hook_for_a_subfolder_that_this_commit_has_not_does_nothing(hooked: Path) -> None:
    (hooked / "d/a").unlink()
    dvx(hooked, "git-hook", "post-checkout", "--folder", "gone", "old", "new", "1")
    assert not (hooked / "d/a").exists()


def test_a_push_that_fails_stops_git(hooked: Path) -> None:
    result = run_dvx(hooked, "git-hook", "pre-push", "origin", "url")
    assert result.code == 1
    assert "there is no default remote" in result.err


def test_what_cannot_be_restored_does_not_fail_git(hooked: Path, tmp_path: Path) -> None:
    git(hooked, "checkout", "--quiet", "-b", "other")
    change(hooked, {"a": "2\n"}, "two")
    shutil.rmtree(Project.find(str(hooked)).cache.root)
    done = run_process(hooked, "git", "checkout", "main")
    assert done.code == 0
    assert "warning: " in done.err
    assert "hint: " in done.err
    done = run_process(hooked, "git", "worktree", "add", str(tmp_path / "beside"))
    assert done.code == 0
    done = run_process(hooked, "git", "clone", "--quiet", str(hooked), str(tmp_path / "clone"))
    assert done.code == 0


@pytest.mark.parametrize("with_hooks", [True, False])
def test_bisect_finds_the_commit_with_which_a_pipeline_fails(dialect_repo: Path, *, with_hooks: bool) -> None:
    pipeline = dialect_of(dialect_repo).pipeline
    write(dialect_repo / pipeline, "stages:\n  s:\n    cmd: sh s.sh\n    deps: [s.sh]\n    outs: [out]\n")
    if with_hooks:
        dvx(dialect_repo, "install")
    for number in range(6):
        write(dialect_repo / "s.sh", f"echo {number} > out\n" + ("exit 1\n" if number >= 3 else ""))
        if number < 3:
            dvx(dialect_repo, "repro")
        commit_all(dialect_repo, f"number {number}")
    done = run_process(dialect_repo, "git", "bisect", "start", "HEAD", "HEAD~5")
    assert done.code == 0, done.err
    # DVC's exit code, 255, means to Git that the program itself is broken
    words = ("dvx", "repro") if pipeline == "dvx.yaml" else ("sh", "-c", "dvx repro || exit 1")
    done = run_process(dialect_repo, "git", "bisect", "run", *words)
    assert done.code == 0, done.out + done.err
    assert git(dialect_repo, "log", "-1", "--format=%s", "refs/bisect/bad") == "number 3"
