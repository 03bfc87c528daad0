"""`dvx exp show` and its like wherever one may stand in Git, and whatever strange word is given as a name."""

from __future__ import annotations

import os

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, write

STRANGE = (
    "--upload-pack=touch pwned",
    "-x",
    "$(touch pwned)",
    "a\nb",
    "a\x1b[31mb",
    "..",
    "a..b",
    "../../../../HEAD",
    "HEAD@{1 day ago}",
    "@{-1}",
    "^HEAD",
    "refs/exps/exec/EXEC_HEAD",
    "x.lock",
    "",
)


@pytest.fixture
def folder(native):
    """A project with one stage and the experiment `one`."""
    write(native / "params.yaml", "lr: 1\n")
    dvx(
        native,
        "stage",
        "add",
        "-n",
        "train",
        "-p",
        "lr",
        "-M",
        "m.json",
        "cp params.yaml out; echo '{\"acc\": 0.123456789}' > m.json",
    )
    dvx(native, "repro")
    commit_all(native, "base")
    dvx(native, "exp", "run", "-n", "one", "-S", "lr=2")
    return native


def shown(folder, *options):
    """Names or ids of the baselines, each with the names of its experiments."""
    rows = dvx(folder, "exp", "show", "--json", "--hide-workspace", *options).json
    return {row["name"] or row["rev"]: [one["name"] for one in row["experiments"] or ()] for row in rows}


def test_on_a_detached_head(folder):
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "--detach", "-f")
    assert shown(folder) == {"main": ["one"]}
    commit_all(folder, "next")
    dvx(folder, "exp", "save", "-n", "detached")
    next_head = git(folder, "rev-parse", "HEAD")
    assert shown(folder, "-n", "2") == {next_head: ["detached"], "main": ["one"]}
    assert f"{next_head[:7]}:" in dvx(folder, "exp", "list").out
    assert git(folder, "rev-parse", "main") == head


def test_in_a_linked_work_tree(folder, tmp_path):
    git(folder, "worktree", "add", "--quiet", "-b", "side", tmp_path / "side")
    assert list(shown(tmp_path / "side").values()) == [["one"]]
    dvx(tmp_path / "side", "exp", "save", "-n", "linked")
    assert set(dvx(folder, "exp", "list", "--name-only").out.split()) == {"one", "linked"}
    assert "Changes for experiment 'one'" in dvx(tmp_path / "side", "exp", "apply", "one").err
    dvx(tmp_path / "side", "exp", "remove", "-A")
    assert dvx(folder, "exp", "list", "-A").out == ""


def test_in_a_shallow_clone(folder, tmp_path):
    first = git(folder, "rev-parse", "HEAD")
    for number in (1, 2):
        git(folder, "checkout", "--quiet", ".")
        write(folder / "params.yaml", f"lr: {number * 10}\n")
        commit_all(folder, "later")
    dvx(folder, "exp", "save", "-n", "two")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{folder}", "shallow")
    shallow = tmp_path / "shallow"
    dvx(shallow, "exp", "pull", "origin")
    assert shown(shallow, "-n", "5") == {"main": ["two"]}
    # its baseline lies below what a shallow clone has
    dvx(shallow, "exp", "pull", "origin", "one")
    assert shown(shallow, "-A") == {"main": ["two"], first: ["one"]}
    git(folder, "update-ref", "-d", f"refs/exps/{first[:2]}/{first[2:]}/one")
    dvx(shallow, "exp", "push", "origin", "one")
    assert set(dvx(folder, "exp", "list", "-A", "--name-only").out.split()) == {"one", "two"}


def test_experiments_of_a_baseline_that_a_rebase_left(folder):
    old = git(folder, "rev-parse", "HEAD")
    git(folder, "commit", "--quiet", "--amend", "-m", "another text")
    for command in ("show", "list"):
        result = dvx(folder, "exp", command)
        assert "one" not in result.out
        assert "No experiment started from here; `-A` shows 1 of other commits" in result.err
    assert shown(folder, "-A")[old] == ["one"]
    lines = dvx(folder, "exp", "show", "-A").out.splitlines()
    assert lines[-2].startswith(old[:7])
    assert "[one]" in lines[-1]
    assert f"{old[:7]}:\n" in dvx(folder, "exp", "list", "-A").out


def test_a_baseline_that_is_not_there_is_told(folder):
    commit = git(folder, "commit-tree", "HEAD^{tree}", "-m", "no parent")
    git(folder, "update-ref", f"refs/exps/ab/{'c' * 38}/orphan", commit)
    rows = dvx(folder, "exp", "show", "-A", "--json").json
    assert rows[-1]["error"] == {"msg": "this repository does not have the commit", "type": "GitError"}
    assert [one["name"] for one in rows[-1]["experiments"]] == ["orphan"]
    assert "abccccc" in dvx(folder, "exp", "show", "-A").out


def test_refs_to_no_commit_are_left_out(folder):
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/file", git(folder, "rev-parse", "HEAD:params.yaml"))
    assert shown(folder) == {"main": ["one"]}
    git(folder, "update-ref", "-d", f"refs/exps/{head[:2]}/{head[2:]}/file")
    write(folder / f".git/refs/exps/{head[:2]}/{head[2:]}/lost", "1" * 40 + "\n")
    assert shown(folder) == {"main": ["one"]}


def test_digits(folder):
    def cell(*options):
        return dvx(folder, "exp", "show", *options).out.splitlines()[1].replace(",", " ").split()[-2]

    assert cell() == "0.12346"
    assert cell("--csv") == "0.123456789"
    assert cell("--csv", "--precision", "3") == cell("--precision", "3") == "0.123"
    for option in ("--hide-failed", "--hide-queued", "--no-pager"):
        assert cell(option) == "0.12346"


def test_a_metric_of_one_stage_may_be_a_parameter_of_the_next(folder):
    dvx(folder, "stage", "add", "-n", "next", "-p", "m.json:acc", "cat m.json")
    head, row, *_ = dvx(folder, "exp", "show", "--csv", "--precision", "2").out.splitlines()
    assert head == "Experiment,rev,typ,Created,parent,m.json:acc,lr,m.json:acc"
    assert row == ",workspace,baseline,,,0.12,2,0.12"
    assert "acc" not in dvx(folder, "exp", "show", "--drop", "m.json").out
    assert dvx(folder, "exp", "show", "--sort-by", "m.json:acc").out.count("0.12346") > 2


def test_strange_words_are_refused_and_nothing_is_run(folder, tmp_path):
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(folder, "remote", "add", "origin", tmp_path / "origin.git")
    before = git(folder, "for-each-ref"), sorted(os.listdir(folder))
    for word in STRANGE:
        for command in commands_with(word):
            result = run_dvx(folder, "exp", *command)
            assert result.code not in (0, 3), command
            assert result.err.startswith("error: "), command
            assert not ({"\x1b", "\n"} & set(word) and word in result.err), command
            assert result.out == "", command
    assert (git(folder, "for-each-ref"), sorted(os.listdir(folder))) == before


def commands_with(word):
    yield from (("apply", "--", word), ("remove", "--", word), ("branch", "--", word), ("rename", "--", word, "new"))
    yield from (("push", "origin", "--", word), ("pull", "origin", "--", word), ("push", "--", word), ("pull", "--", word))
    if not word:
        return
    yield from (("remove", f"--git-remote={word}", "one"), ("rename", f"--git-remote={word}", "one", "new"))
    yield from (("save", f"--name={word}"), ("rename", "--", "one", word))
    if not word.startswith("refs/"):
        yield ("branch", "--", "one", word)
    if not word.startswith((":", "HEAD@")):  # which are revisions to Git
        yield from (("diff", "--", word, "one"), ("list", "--rev", word), ("show", "--rev", word), ("remove", "--rev", word))
