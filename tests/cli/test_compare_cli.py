"""data status and diff on the command line: options, words, exit codes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, run_dvx, write


@pytest.fixture
def data(dialect_repo: Path) -> Path:
    for name in ("d/a", "d/b", "f"):
        write(dialect_repo / name, name + "\n")
    dvx(dialect_repo, "add", "d", "f")
    commit_all(dialect_repo)
    os.rename(dialect_repo / "d/a", dialect_repo / "d/c")
    write(dialect_repo / "loose", "1\n")
    return dialect_repo


def test_data_status_in_words(data: Path):
    assert dvx(data, "data", "status", "--granular", "--untracked-files", "--unchanged").out.splitlines() == [
        "Uncommitted changes of data:",
        '  (use "dvx commit <file>..." to track changes)',
        '  (use "dvx checkout <file>..." to discard changes)',
        "        modified: d/",
        "        renamed: d/a -> d/c",
        "",
        "Untracked files:",
        '  (use "git add <file>..." or "dvx add <file>..." to track them)',
        "        loose",
        "",
        "Unchanged data:",
        "        d/b",
        "        f",
        '(there are other changes not tracked by dvx, use "git status" to see)',
    ]


def test_data_status_of_a_clean_project(dialect_repo: Path):
    assert dvx(dialect_repo, "data", "status").out == "No changes.\n"
    assert dvx(dialect_repo, "data", "status", "--json").json == {}


def test_data_status_before_the_first_commit(repo: Path):
    dvx(repo, "init")
    assert dvx(repo, "data", "status").out.startswith("No changes in an empty Git repository.\n")


@pytest.mark.parametrize(
    ("words", "untracked"),
    [
        (["--untracked-files", "--json"], ["loose"]),
        (["--untracked-files", "all", "--json"], ["loose"]),
        (["--untracked-files=all", "--json"], ["loose"]),
        (["--json", "--untracked-files"], ["loose"]),
        (["--untracked-files", "no", "--json"], None),
        (["--json"], None),
    ],
)
def test_untracked_files_may_stand_without_a_value(data: Path, words: list[str], untracked: list[str] | None):
    assert dvx(data, "data", "status", *words).json.get("untracked") == untracked


def test_data_status_refuses_what_makes_no_sense(data: Path):
    assert "is `no` or `all`, not `some`" in run_dvx(data, "data", "status", "--untracked-files=some").err
    assert run_dvx(data, "data", "status", "--not-in-remote").code != 0


def test_data_status_asks_the_chosen_remote(data: Path, tmp_path: Path):
    for name in ("one", "two"):
        dvx(data, "remote", "add", name, str(tmp_path / name))
    dvx(data, "push", "-r", "one", "f")
    found = dvx(data, "data", "status", "--json", "--not-in-remote", "-r", "one", "--no-remote-refresh").json
    assert found["not_in_remote"] == ["d/"]
    assert dvx(data, "data", "status", "--json", "--not-in-remote", "-r", "two").json["not_in_remote"] == ["d/", "f"]


def test_diff_in_words(data: Path):
    write(data / "f", "changed\n")
    text = "Renamed:\n    d/a -> d/c\n\nModified:\n    d/\n    f\n\nfiles summary: 1 renamed, 1 modified\n"
    assert dvx(data, "diff").out == text
    assert dvx(data, "diff", "HEAD", "HEAD").out == ""


def test_diff_shows_hashes(dvc_like: Path):
    write(dvc_like / "f", "1\n")
    dvx(dvc_like, "add", "f")
    commit_all(dvc_like)
    write(dvc_like / "f", "2\n")
    text = "Modified:\n    b026324c..26ab0db9  f\n\nfiles summary: 1 modified\n"
    assert dvx(dvc_like, "diff", "--show-hash").out == text
    assert dvx(dvc_like, "diff", "--md", "--show-hash").out == (
        "| Status   | Hash               | Path   |\n"
        "|----------|--------------------|--------|\n"
        "| modified | b026324c..26ab0db9 | f      |\n\n"
    )
    assert dvx(dvc_like, "diff", "--md").out == "| Status   | Path   |\n|----------|--------|\n| modified | f      |\n\n"


def test_diff_takes_several_targets_and_json(data: Path):
    write(data / "f", "changed\n")
    found = dvx(data, "diff", "--targets", "f", "d/c", "--json", "--hide-missing").json
    assert found == {"added": [{"path": "d/c"}], "deleted": [], "modified": [{"path": "f"}], "renamed": []}
    assert dvx(data, "diff", "--json", "--targets", "f").json["not in cache"] == []


def test_diff_names_what_it_does_not_know(data: Path):
    for words in (["nope"], ["HEAD", "nope"], ["--targets", "nope"]):
        result = run_dvx(data, "diff", *words)
        assert result.code == 1
        assert "`nope`" in result.err


def test_help_has_examples(data: Path):
    assert "Example: dvx diff v1.0 HEAD --targets data/images" in dvx(data, "diff", "--help").out
    assert "Example: dvx data status --granular" in dvx(data, "data", "status", "--help").out
