"""A revision of which a file cannot be read is named, and stops nothing that is about others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Result, commit_all, dialect_of, dvx, git, run_dvx, write

GOOD = """\
stages:
  a: {cmd: cat data > out, deps: [data], params: [n], outs: [out], metrics: [{m.json: {cache: false}}]}
"""
BROKEN = {
    "syntax": "stages: [\n",
    "vars": GOOD + "vars: [gone.yaml]\n",
    "a schema": "stages:\n  a: {cmd: 1}\n",
}


@pytest.fixture(params=BROKEN)
def repo(request: pytest.FixtureRequest, dialect_repo: Path, tmp_path: Path) -> Path:
    """HEAD has a pipeline that cannot be read; the commit before and the workspace are in order."""
    dvx(dialect_repo, "remote", "add", "-d", "store", tmp_path / "store")
    state(dialect_repo, 1, GOOD)
    state(dialect_repo, 2, BROKEN[request.param])
    state(dialect_repo, 3, GOOD, commit=False)
    return dialect_repo


def state(repo: Path, number: int, pipeline: str, *, commit: bool = True) -> None:
    write(repo / "data", f"data {number}\n")
    write(repo / "params.yaml", f"n: {number}\n")
    write(repo / "m.json", f'{{"acc": {number}}}')
    write(repo / dialect_of(repo).pipeline, GOOD)
    dvx(repo, "add", "data")
    write(repo / dialect_of(repo).pipeline, pipeline)
    if commit:
        commit_all(repo)


def in_part(repo: Path, *words: str) -> Result:
    result = run_dvx(repo, *words)
    assert result.code == (4 if dialect_of(repo).folder == ".dvx" else dialect_of(repo).exit_codes.for_error(" ".join(words[:2])))
    assert "error: could not read all of revision `" in result.err
    assert dialect_of(repo).pipeline in result.err
    return result


def test_data_of_all_others_is_pushed_and_fetched(repo: Path, tmp_path: Path):
    named = git(repo, "rev-parse", "--short=7", "HEAD")
    assert f"`{named}`" in in_part(repo, "push", "-A").err
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", repo, clone)
    write(clone / dialect_of(repo).pipeline, GOOD)
    assert "fetched" in in_part(clone, "fetch", "-A").err
    git(clone, "checkout", "--quiet", "--force", "HEAD~1")
    dvx(clone, "checkout", "data")
    assert (clone / "data").read_text() == "data 1\n"
    assert in_part(repo, "push", "--all-branches", "--json").json["copied"] == 0


def test_values_are_compared_as_far_as_they_are_known(repo: Path):
    assert in_part(repo, "params", "diff").out.split()[-4:] == ["params.yaml", "n", "2", "3"]
    assert in_part(repo, "metrics", "diff", "--json").json == {"m.json": {"acc": {"old": None, "new": 3}}}
    assert in_part(repo, "metrics", "diff", "HEAD~1", "HEAD", "--json").json == {"m.json": {"acc": {"old": 1, "new": None}}}
    assert in_part(repo, "exp", "diff").out.count("params.yaml") == 1
    assert in_part(repo, "exp", "diff", "--json").json["params"] == {"params.yaml": {"n": {"old": 2, "new": 3, "diff": 1}}}


def test_data_is_compared_as_far_as_it_is_known(repo: Path):
    assert in_part(repo, "diff", "--json").json["modified"] == [{"path": "data"}]
    assert in_part(repo, "diff", "HEAD~1", "HEAD", "--json").json == {
        "added": [], "deleted": [], "modified": [{"path": "data"}], "renamed": [],
    }  # fmt: skip
    assert in_part(repo, "data", "status", "--json").json["committed"] == {"modified": ["data"]}


def test_what_a_file_that_cannot_be_read_would_name_is_not_called_new(repo: Path):
    write(repo / dialect_of(repo).pipeline, "stages:\n  a: {cmd: cat data > out, deps: [data], outs: [out]}\n")
    dvx(repo, "repro")
    assert "out" not in str(in_part(repo, "diff", "--json").json)
    assert in_part(repo, "data", "status", "--json").json["committed"] == {"modified": ["data"]}


def test_listings_go_on(repo: Path):
    result = dvx(repo, "ls", ".", "--rev", "HEAD")
    assert "data" in result.out
    assert "could not read all of revision `HEAD`" in result.err


def test_the_workspace_has_to_be_in_order(repo: Path):
    write(repo / dialect_of(repo).pipeline, "stages: [\n")
    for words in (("push", "-A"), ("diff",)):
        result = run_dvx(repo, *words)
        assert result.code != 0
        assert "revision" not in result.err
    # values can be compared as far as they are known
    assert "could not read all of the workspace" in run_dvx(repo, "params", "diff").err
