"""`dvx metrics show`, `dvx metrics diff`, `dvx params diff`: tables, JSON, exit codes and words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, git, run_dvx, write


@pytest.fixture
def changed(dialect_repo: Path) -> Path:
    """Metrics and params that changed since the last commit, tagged `v1`."""
    write(dialect_repo / dialect_of(dialect_repo).pipeline, "metrics: [m.json]\nstages:\n  s:\n    cmd: x\n    params: [lr]\n")
    write(dialect_repo / "params.yaml", "lr: 0.1\nnote: old\nl: [1, 2]\n")
    write(dialect_repo / "m.json", '{"acc": 0.123456789, "loss": 2, "name": "x"}')
    commit_all(dialect_repo)
    git(dialect_repo, "tag", "v1")
    write(dialect_repo / "params.yaml", "lr: 0.2\nnote: new\nl: [1, 3]\n")
    write(dialect_repo / "m.json", '{"acc": 0.2, "loss": 2, "name": "y", "extra": 1e-9}')
    return dialect_repo


def test_metrics_show(changed: Path):
    result = run_dvx(changed, "metrics", "show")
    assert (result.code, result.err) == (0, "")
    assert result.out == "Path    acc    extra    loss    name\nm.json  0.2    0.0      2       y\n"


def test_metrics_show_of_several_revisions(changed: Path):
    assert run_dvx(changed, "metrics", "show", "-T", "-a").out == (
        "Revision    Path    acc      extra    loss    name\n"
        "workspace   m.json  0.2      0.0      2       y\n"
        "main,v1     m.json  0.12346  -        2       x\n"
    )


def test_metrics_show_json(changed: Path):
    here = {"data": {"m.json": {"data": {"acc": 0.2, "loss": 2, "name": "y", "extra": 1e-09}}}}
    then = {"data": {"m.json": {"data": {"acc": 0.123456789, "loss": 2, "name": "x"}}}}
    assert run_dvx(changed, "metrics", "show", "--json").json == {"": here}
    assert run_dvx(changed, "metrics", "show", "--json", "-T").json == {"workspace": here, "v1": then}


def test_metrics_show_markdown_and_precision(changed: Path):
    assert run_dvx(changed, "metrics", "show", "--md", "--precision", "9").out == (
        "| Path   | acc   | extra   | loss   | name   |\n"
        "|--------|-------|---------|--------|--------|\n"
        "| m.json | 0.2   | 1e-09   | 2      | y      |\n"
    )


def test_a_broken_metric_is_a_row_without_values_and_a_note(changed: Path):
    write(changed / "m.json", "{bad")
    result = run_dvx(changed, "metrics", "show")
    assert (result.code, result.out) == (0, "Path\nm.json\n")
    assert result.err.startswith("workspace: m.json:1:2: ")
    assert run_dvx(changed, "-q", "metrics", "show").err == ""


def test_an_absent_metric_is_an_error_in_json(changed: Path):
    result = run_dvx(changed, "metrics", "show", "nope.json", "--json")
    error = {"type": "FileNotFoundError", "msg": "`nope.json` does not exist"}
    assert (result.code, result.json) == (0, {"": {"data": {"nope.json": {"error": error}}}})


def test_without_metrics_nothing_is_printed(native: Path):
    result = run_dvx(native, "metrics", "show")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_metrics_diff(changed: Path):
    assert run_dvx(changed, "metrics", "diff").out == (
        "Path    Metric    HEAD     workspace    Change\n"
        "m.json  acc       0.12346  0.2          0.07654\n"
        "m.json  extra     -        0.0          -\n"
        "m.json  name      x        y            -\n"
    )


def test_metrics_diff_json(changed: Path):
    assert run_dvx(changed, "metrics", "diff", "v1", "--json").json == {
        "m.json": {
            "acc": {"old": 0.123456789, "new": 0.2, "diff": 0.2 - 0.123456789},
            "extra": {"old": None, "new": 1e-09},
            "name": {"old": "x", "new": "y"},
        }
    }
    assert run_dvx(changed, "metrics", "diff", "v1", "HEAD", "--json").json == {}


def test_metrics_diff_all_without_paths(changed: Path):
    result = run_dvx(changed, "metrics", "diff", "v1", "HEAD", "--all", "--no-path", "--targets", "m.json")
    assert result.out.splitlines()[0].split() == ["Metric", "v1", "HEAD", "Change"]
    assert result.out.splitlines()[2].split() == ["loss", "2", "2", "0"]


def test_no_change_prints_nothing(changed: Path):
    result = run_dvx(changed, "metrics", "diff", "v1", "HEAD")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_params_diff(changed: Path):
    assert run_dvx(changed, "params", "diff").out == (
        "Path         Param    HEAD    workspace\n"
        "params.yaml  l        [1, 2]  [1, 3]\n"
        "params.yaml  lr       0.1     0.2\n"
        "params.yaml  note     old     new\n"
    )


def test_params_diff_of_what_stages_use_in_markdown(changed: Path):
    assert run_dvx(changed, "params", "diff", "--deps", "--md", "--no-path").out == (
        "| Param   | HEAD   | workspace   |\n|---------|--------|-------------|\n| lr      | 0.1    | 0.2         |\n"
    )


def test_params_diff_json(changed: Path):
    assert run_dvx(changed, "params", "diff", "--json").json == {
        "params.yaml": {
            "l": {"old": "[1, 2]", "new": "[1, 3]"},
            "lr": {"old": 0.1, "new": 0.2, "diff": 0.1},
            "note": {"old": "old", "new": "new"},
        }
    }


def test_paths_are_seen_from_where_the_user_stands(changed: Path):
    (changed / "sub").mkdir()
    assert run_dvx(changed / "sub", "metrics", "show").out.splitlines()[1].split()[0] == "../m.json"
    assert list(run_dvx(changed / "sub", "params", "diff", "--json").json) == ["../params.yaml"]
    assert list(run_dvx(changed / "sub", "metrics", "show", "../m.json", "--json").json[""]["data"]) == ["../m.json"]


def test_an_unknown_revision_is_an_error_with_the_nearest(changed: Path):
    result = run_dvx(changed, "params", "diff", "mian")
    assert result.code != 0
    assert result.out == ""
    assert result.err.splitlines() == ["error: unknown Git revision `mian`", "hint: did you mean `main`?"]


def test_without_git_there_is_nothing_to_compare_with(tmp_path: Path):
    folder = tmp_path / "plain"
    folder.mkdir()
    run_dvx(folder, "init", "--no-scm")
    result = run_dvx(folder, "metrics", "diff")
    assert result.code == 1
    assert result.err.startswith("error: revisions need Git, and this project is without")


@pytest.mark.parametrize("command", ["metrics show", "metrics diff", "params diff"])
def test_help_has_an_example(command: str, tmp_path: Path):
    result = run_dvx(tmp_path, *command.split(), "--help")
    assert result.code == 0
    assert f"Example: dvx {command}" in result.out
