"""install and git-hook: what they print, and what Git makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write


@pytest.fixture
def hooked(dialect_repo: Path) -> Path:
    """A project with tracked data whose Git calls dvx."""
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / "d/a", "1\n")
    dvx(dialect_repo, "add", "d")
    pointers = f"*{dialect.pointer_suffix} merge={dialect.name}\n"
    write(dialect_repo / ".gitattributes", pointers + f"{dialect.lock} merge={dialect.name}\n")
    commit_all(dialect_repo, "one")
    dvx(dialect_repo, "install")
    return dialect_repo


def change(project: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        write(project / "d" / name, text)
    dvx(project, "add", "d")
    commit_all(project, message)


def test_install_says_what_it_wrote_and_what_is_left_to_do(native: Path) -> None:
    result = dvx(native, "install")
    assert result.err == (
        "Wrote .git/hooks/post-checkout\nWrote .git/hooks/pre-commit\nWrote .git/hooks/pre-push\n"
        "To let Git merge pointers and locks by dvx, put into .gitattributes: `*.dvx merge=dvx`, `dvx.lock merge=dvx`\n"
    )
    assert "The hooks are installed already.\n" in dvx(native, "install").err
    tool = dvx(native, "install", "--use-pre-commit-tool").err
    assert "Now run: pre-commit install -t pre-commit -t pre-push -t post-checkout\n" in tool
    write(native / ".gitattributes", "*.dvx text merge=dvx\n")
    assert dvx(native, "install").err == "The hooks are installed already.\n"


def test_install_refuses_a_foreign_hook_with_the_code_of_dvc(dialect_repo: Path) -> None:
    write(dialect_repo / ".git/hooks/pre-commit", "#!/bin/sh\n")
    result = run_dvx(dialect_repo, "install")
    assert result.code == 1
    assert "error: the hook `pre-commit` already exists\nhint: add the line " in result.err


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
