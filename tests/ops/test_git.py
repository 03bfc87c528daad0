"""Git: what is asked of real repositories, and what must never reach them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dvx.errors import GitError, UnknownTarget
from dvx.git import Git, RefChange, TreeComparison
from dvx.git.changing import update_refs
from dvx.git.values import Extra
from dvx.model.experiments.refs import ExpRef
from tests.helpers import commit_all, dvx, git, write


@pytest.fixture
def project(repo):
    """A project in a subfolder of a Git repository, with one commit."""
    write(repo / "top.txt", "top\n")
    write(repo / "sub/a.txt", "one\n")
    write(repo / ".gitignore", "*.log\n")
    commit_all(repo, "first line\n\nmore")
    return repo / "sub"


def found(folder) -> Git:
    here = Git.find(str(folder))
    assert here is not None
    return here


def test_a_folder_without_git(tmp_path):
    assert Git.find(str(tmp_path)) is None


def test_finding_git_loads_nothing_slow(project):
    code = "import sys; from dvx.git import Git; assert Git.find('.').prefix == 'sub/'; print('git.cmd' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_project_may_lie_below_the_top(project, repo):
    here = found(project)
    assert (here.top, here.folder, here.prefix) == (str(repo), str(repo / ".git"), "sub/")
    assert found(repo).prefix == ""


def test_an_empty_repository_has_no_head(repo):
    assert found(repo).head() is None


def test_a_linked_work_tree_is_its_own_place(project, repo, tmp_path):
    git(repo, "worktree", "add", "--quiet", tmp_path / "linked", "-b", "other")
    here = found(tmp_path / "linked" / "sub")
    assert here.top == str(tmp_path / "linked")
    assert here.branch() == "other"
    assert here.place.common == str(repo / ".git")


def test_head_and_branch(project, repo):
    assert found(project).head() == git(repo, "rev-parse", "HEAD")
    assert found(project).branch() == "main"
    git(repo, "checkout", "--quiet", "--detach")
    assert found(project).branch() is None


def test_revisions_are_resolved(project, repo):
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "tag", "--annotate", "v1", "--message", "one")
    assert {found(project).resolve(word) for word in ("HEAD", "main", "v1", head[:8], "HEAD^0")} == {head}


@pytest.mark.parametrize(
    "word",
    [
        "", "-", "--", "--all", "-n1", "--help", "--output=/tmp/x", "--upload-pack=touch x", "HEAD..HEAD", "HEAD --all",
        "HEAD\n--all", "HEAD\0", "^HEAD", "$(touch x)", "; touch x", "`touch x`", "|x", "..", "../..", "refs/heads/nope",
        "HEAD:top.txt", ":/", "@{-1}",
    ],
)  # fmt: skip
def test_what_is_no_revision_is_refused_and_runs_nothing(project, repo, word):
    before = sorted(path.name for path in repo.rglob("*") if ".git" not in path.parts)
    with pytest.raises(UnknownTarget, match="unknown Git revision"):
        found(project).resolve(word)
    assert sorted(path.name for path in repo.rglob("*") if ".git" not in path.parts) == before


def test_an_unknown_revision_names_the_nearest(project, repo):
    git(repo, "branch", "feature/lr")
    with pytest.raises(UnknownTarget) as caught:
        found(project).resolve("feature/rl")
    assert caught.value.hint == "did you mean `feature/lr`?"


def test_an_experiment_is_a_revision_too(project, repo):
    here = found(project)
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/e-one", head)
    assert here.resolve("e-one") == head
    assert here.experiments() == {ExpRef(head, "e-one"): head}


def test_two_experiments_of_one_name_are_told_apart_by_head(project, repo):
    here = found(project)
    first = git(repo, "rev-parse", "HEAD")
    second = commit_all(repo, "second")
    git(repo, "update-ref", f"refs/exps/{first[:2]}/{first[2:]}/same", first)
    git(repo, "update-ref", f"refs/exps/{second[:2]}/{second[2:]}/same", second)
    assert here.resolve("same") == second
    commit_all(repo, "third")
    with pytest.raises(UnknownTarget, match="names 2 experiments"):
        here.resolve("same")


def test_tracked_and_ignored_paths(project):
    here = found(project)
    write(project / "b.log", "x")
    write(project / ":(top)odd", "x")
    asked = ["a.txt", "nope", "b.log", "../top.txt", ":(top)odd", "", "*"]
    assert here.tracked(asked) == {"a.txt", "../top.txt", ""}
    assert here.ignored(["a.txt", "b.log", "x/y.log", ":(top)odd", "*"]) == {"b.log", "x/y.log"}


def test_a_listing_holds_the_regular_files_of_the_project(project, repo):
    (project / "link").symlink_to("a.txt")
    write(project / "deep/er/é\n.txt", "x")
    commit = commit_all(repo)
    here = found(project)
    assert sorted(here.listing(commit)) == ["a.txt", "deep/er/é\n.txt"]
    assert here.blobs([here.listing(commit)["a.txt"]]) == {here.listing(commit)["a.txt"]: b"one\n"}
    assert sorted(found(repo).listing(commit)) == [".gitignore", "sub/a.txt", "sub/deep/er/é\n.txt", "top.txt"]


def test_the_files_of_many_commits(project, repo):
    first = git(repo, "rev-parse", "HEAD")
    git(repo, "rm", "--quiet", "-r", "sub")
    second = commit_all(repo)
    write(repo / "sub/x/y/z.txt", "z\n")
    write(repo / "sub/x/y/other", "o\n")
    third = commit_all(repo)
    trees = found(project).trees([first, second, third], lambda name: name.endswith(".txt"))
    assert [sorted(trees.files(one)) for one in (first, second, third)] == [["a.txt"], [], ["x/y/other", "x/y/z.txt"]]
    assert [sorted(trees.named(one)) for one in (first, second, third)] == [["a.txt"], [], ["x/y/z.txt"]]
    blob = git(repo, "rev-parse", f"{third}:sub/x/y/z.txt")
    assert (trees.blob(third, "x/y/z.txt"), trees.named(third)) == (blob, {"x/y/z.txt": blob})
    assert [trees.blob(third, path) for path in ("x", "x/y", "x/q/z.txt", "a.txt", "", "../top.txt")] == [None] * 6
    assert trees.blob(second, "a.txt") is None
    with pytest.raises(GitError, match="there is no commit"):
        found(project).listing("1" * 40)


def test_a_missing_blob_is_told(project):
    with pytest.raises(GitError, match="does not have the object `1111"):
        found(project).blobs(["1" * 40])


def test_what_a_commit_says(project, repo):
    head = git(repo, "rev-parse", "HEAD")
    info = found(project).info([head])[head]
    assert (info.id, info.message, info.subject) == (head, "first line\n\nmore", "first line")
    assert info.time == int(git(repo, "show", "--no-patch", "--format=%ct", head))


def test_names_prefer_the_branch_that_is_checked_out_then_tags(project, repo):
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "tag", "v1")
    git(repo, "branch", "aaa")
    assert found(project).names([head]) == {head: "main"}
    git(repo, "checkout", "--quiet", "--detach")
    assert found(project).names([head]) == {head: "v1"}
    git(repo, "tag", "--delete", "v1")
    assert found(project).names([head]) == {head: "aaa"}


def test_commits_are_counted_back_from_each_revision(project, repo):
    first = git(repo, "rev-parse", "HEAD")
    second = commit_all(repo, "second")
    third = commit_all(repo, "third")
    here = found(project)
    assert here.commits(["HEAD"], 2) == [third, second]
    assert here.commits(["HEAD", second], -1) == [third, second, first]
    assert here.all_commits() == [third, second, first]


def test_a_snapshot_holds_tracked_changes_and_named_files_and_leaves_git_alone(project, repo, tmp_path):
    write(repo / "staged.txt", "staged\n")
    git(repo, "add", "staged.txt")
    write(project / "a.txt", "two\n")
    write(project / "new.txt", "new\n")
    write(project / "loose.txt", "loose\n")
    write(project / "secret.log", "x\n")
    (repo / "top.txt").unlink()
    before = git(repo, "status", "--short"), (repo / ".git/index").read_bytes(), git(repo, "for-each-ref")
    head = git(repo, "rev-parse", "HEAD")
    index = tmp_path / "index"
    index.write_bytes((repo / ".git/index").read_bytes())
    commit = found(project).snapshot(str(index), head, Extra(("new.txt", "secret.log", "absent")), "message é")
    assert git(repo, "ls-tree", "-r", "--name-only", commit).split() == [".gitignore", "staged.txt", "sub/a.txt", "sub/new.txt"]
    assert git(repo, "show", f"{commit}:sub/a.txt") == "two"
    assert git(repo, "show", "--no-patch", "--format=%P %B", commit) == f"{head} message é"
    assert (git(repo, "status", "--short"), (repo / ".git/index").read_bytes(), git(repo, "for-each-ref")) == before


def test_a_snapshot_holds_ignored_files_where_they_are_named(project, repo, tmp_path):
    write(project / "secret.log", "x\n")
    extra = Extra((), ("secret.log",))
    commit = found(project).snapshot(str(tmp_path / "index"), git(repo, "rev-parse", "HEAD"), extra, "m")
    assert git(repo, "show", f"{commit}:sub/secret.log") == "x"


def test_a_snapshot_needs_no_index(project, repo, tmp_path):
    write(project / "a.txt", "two\n")
    commit = found(project).snapshot(str(tmp_path / "index"), git(repo, "rev-parse", "HEAD"), Extra(()), "m")
    assert git(repo, "show", f"{commit}:sub/a.txt") == "two"
    assert git(repo, "show", f"{commit}:top.txt") == "top"


def test_an_unknown_author_is_told(project, repo, home, tmp_path):
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    assert not found(project).knows_user()
    index, head = str(tmp_path / "index"), git(repo, "rev-parse", "HEAD")
    with pytest.raises(GitError, match="does not know who you are") as caught:
        found(project).snapshot(index, head, Extra(()), "m")
    assert "user.email" in caught.value.hint
    commit = found(project).snapshot(index, head, Extra(()), "m", as_nobody=True)
    assert git(repo, "show", "--no-patch", "--format=%an %ce", commit) == "dvx dvx@localhost"


def test_the_work_tree_is_compared_with_a_commit_and_made_equal(project, repo, tmp_path):
    target = git(repo, "rev-parse", "HEAD")
    write(project / "a.txt", "two\n")
    commit_all(repo)
    (repo / "top.txt").unlink()
    write(project / "new.txt", "new\n")
    here, index = found(project), str(tmp_path / "index")
    assert here.compare(index, target) == TreeComparison(("a.txt",), ("../top.txt",))
    here.write_files(index, ["a.txt", "../top.txt"])
    assert (project / "a.txt").read_text() == "one\n"
    assert (repo / "top.txt").read_text() == "top\n"
    assert git(repo, "status", "--short") == " M sub/a.txt\n?? sub/new.txt"


def test_files_that_one_commit_has_and_another_has_not(project, repo):
    first = git(repo, "rev-parse", "HEAD")
    (project / "a.txt").unlink()
    assert found(project).gone(first, commit_all(repo)) == ["a.txt"]


def test_hashes_of_files_are_gits(project, repo):
    write(project / 'q"\\.txt', "one\n")
    here = found(project)
    head = git(repo, "rev-parse", "HEAD")
    blob = git(repo, "rev-parse", "HEAD:sub/a.txt")
    assert here.hashed(["a.txt", 'q"\\.txt']) == {"a.txt": blob, 'q"\\.txt': blob}
    assert here.blob_ids([head], ["a.txt", "nope"]) == {"a.txt": {blob}, "nope": set()}


def test_refs_change_only_from_their_old_value(project, repo):
    here = found(project)
    first = git(repo, "rev-parse", "HEAD")
    second = commit_all(repo, "second")
    ref, other = str(ExpRef(first, "e")), str(ExpRef(first, "f"))
    update_refs(here, [RefChange(ref, first, None)])
    with pytest.raises(GitError):
        update_refs(here, [RefChange(other, first, None), RefChange(ref, second, second)])
    assert git(repo, "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps") == f"{ref} {first}"
    with pytest.raises(GitError):
        update_refs(here, [RefChange(ref, second, None)])
    update_refs(here, [RefChange(ref, second, first)])
    update_refs(here, [RefChange(ref, None, second)])
    assert git(repo, "for-each-ref", "refs/exps") == ""


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1", "HEAD", "refs/remotes/origin/main"])
def test_other_refs_are_never_changed(project, repo, ref):
    head = git(repo, "rev-parse", "HEAD")
    with pytest.raises(GitError, match="not dvx's to change"):
        update_refs(found(project), [RefChange(ref, None, head)])
    with pytest.raises(GitError, match="not dvx's to change"):
        update_refs(found(project), [RefChange(ref, head, head)])


def test_a_new_branch_is_the_one_exception(project, repo):
    head = git(repo, "rev-parse", "HEAD")
    update_refs(found(project), [RefChange("refs/heads/e-branch", head, None)])
    assert git(repo, "rev-parse", "e-branch") == head
    with pytest.raises(GitError):
        update_refs(found(project), [RefChange("refs/heads/e-branch", head, None)])


def test_variables_of_a_hook_do_not_mislead(project, repo, tmp_path, monkeypatch):
    git(tmp_path, "init", "--quiet", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
    monkeypatch.setenv("GIT_GLOB_PATHSPECS", "1")
    assert found(project).head() is not None
    assert found(project).tracked(["a.txt"]) == {"a.txt"}


def test_without_the_program(project):
    code = (
        "import os, sys; os.environ['PATH'] = '/nowhere'\n"
        "from dvx.git import Git; from dvx.errors import GitError\n"
        "try: Git.find('.').head()\n"
        "except GitError as error: print(error.message)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == "the program `git` was not found\n"


def test_the_experiments_of_a_remote(project, repo, tmp_path):
    head = git(repo, "rev-parse", "HEAD")
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    ref = str(ExpRef(head, "e"))
    git(repo, "push", "--quiet", tmp_path / "remote", f"HEAD:{ref}")
    assert found(project).remote_experiments(str(tmp_path / "remote")) == {ExpRef(head, "e"): head}
    for bad in ("--upload-pack=touch x", "", "nope", "ext::touch x"):
        with pytest.raises(GitError):
            found(project).remote_experiments(bad)
    assert not (repo / "x").exists()


def test_a_repository_of_longer_ids(home, tmp_path):
    folder = tmp_path / "sha256"
    folder.mkdir()
    git(folder, "init", "--quiet", "--object-format=sha256")
    dvx(folder, "init")
    write(folder / "in", "1\n")
    write(folder / "params.yaml", "n: 1\n")
    dvx(folder, "add", "in")
    dvx(folder, "stage", "add", "-n", "s", "-d", "in", "-p", "n", "-o", "o", "cp in o")
    assert len(commit_all(folder)) == 64
    dvx(folder, "exp", "run", "-n", "e1", "-S", "n=2")
    assert "[e1]" in dvx(folder, "exp", "list").out
    dvx(folder, "exp", "remove", "e1")
    assert dvx(folder, "exp", "list").out == ""
