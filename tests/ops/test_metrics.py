"""metrics and params of the workspace, of commits, and what differs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from dvx.errors import UnknownTarget
from dvx.formats import dump_yaml
from dvx.model.compare.params import Change
from dvx.model.digest import digest_bytes
from dvx.ops.compare.metrics import Several, compare, observed, show, table
from dvx.ops.compare.value_files import ValueChoice, What
from dvx.ops.tracked.index import load_index
from dvx.ops.tracked.sources import Workspace
from dvx.project import Project
from dvx.store.cache import Cache
from tests.helpers import commit_all, dialect_of, dvx, git, write

PARAMS = ValueChoice(What.PARAMS)
METRICS = ValueChoice(What.METRICS)


@pytest.fixture
def pipeline(dialect_repo: Path) -> Path:
    """A stage with params and a metric that Git tracks, as it stands after one run, committed."""
    write(
        dialect_repo / dialect_of(dialect_repo).pipeline,
        "params: [other.toml]\nmetrics: [top.json]\nstages:\n  train:\n    cmd: train\n"
        "    params: [train.lr, {extra.yaml: [a.b, 'l[1]']}]\n    metrics:\n    - m.json:\n        cache: false\n",
    )
    write(dialect_repo / "params.yaml", "train: {lr: 0.1, epochs: 2}\nseed: 7\n")
    write(dialect_repo / "extra.yaml", "a: {b: 1, c: 2}\nl: [5, 6]\n")
    write(dialect_repo / "other.toml", "k = 1\n")
    write(dialect_repo / "m.json", '{"acc": 0.25, "ok": true, "list": [1], "in": {"x": 1}}')
    write(dialect_repo / "top.json", '{"t": 1}')
    commit_all(dialect_repo, "first")
    return dialect_repo


def project_at(folder: Path) -> Project:
    return Project.find(str(folder))


def documents(folder: Path, *, param_deps: bool = False) -> tuple[object, object]:
    project = project_at(folder)
    source = Workspace(project)
    seen = observed(project, source, load_index(project, source), param_deps=param_deps)
    return tuple({path: one.document() for path, one in part.items()} for part in (seen.params, seen.metrics))  # type: ignore[return-value]


def test_observed_has_what_stages_and_files_name(pipeline: Path):
    params, metrics = documents(pipeline)
    assert params == {
        "params.yaml": {"data": {"train": {"lr": 0.1, "epochs": 2}, "seed": 7}},
        "extra.yaml": {"data": {"a": {"b": 1}, "l[1]": 6}},
        "other.toml": {"data": {"k": 1}},
    }
    assert metrics == {"m.json": {"data": {"acc": 0.25, "ok": True, "in": {"x": 1}}}, "top.json": {"data": {"t": 1}}}


def test_param_deps_has_only_what_stages_use(pipeline: Path):
    params, _ = documents(pipeline, param_deps=True)
    assert params == {"params.yaml": {"data": {"train": {"lr": 0.1}}}, "extra.yaml": {"data": {"a": {"b": 1}, "l[1]": 6}}}


def test_keys_that_templates_use_are_params(pipeline: Path):
    text = (pipeline / dialect_of(pipeline).pipeline).read_text()
    write(pipeline / "v.yaml", "v: {used: 1, unused: 2}\n")
    write(pipeline / dialect_of(pipeline).pipeline, "vars: [v.yaml]\n" + text.replace("cmd: train", "cmd: train ${v.used}"))
    params, _ = documents(pipeline, param_deps=True)
    assert isinstance(params, dict)
    assert params["v.yaml"] == {"data": {"v": {"used": 1}}}


def test_a_broken_or_absent_file_is_an_error_of_its_own(pipeline: Path):
    write(pipeline / "m.json", "{")
    (pipeline / "extra.yaml").unlink()
    params, metrics = documents(pipeline)
    assert isinstance(params, dict)
    assert isinstance(metrics, dict)
    assert params["extra.yaml"] == {"error": {"type": "FileNotFoundError", "msg": "`extra.yaml` does not exist"}}
    assert metrics["m.json"]["error"]["type"] == "FormatError"
    assert metrics["m.json"]["error"]["msg"].startswith("m.json:1:2: ")
    assert metrics["top.json"] == {"data": {"t": 1}}


def test_the_default_params_file_may_be_absent(pipeline: Path):
    write(pipeline / dialect_of(pipeline).pipeline, "stages: {}\n")
    (pipeline / "params.yaml").unlink()
    assert documents(pipeline) == ({}, {})


def test_the_workspace_is_compared_with_the_last_commit(pipeline: Path):
    write(pipeline / "m.json", '{"acc": 0.5, "ok": true, "new": "x"}')
    write(pipeline / "params.yaml", "train: {lr: 0.1, epochs: 3}\nseed: 7\nlayers: [1, {a: b}]\n")
    assert compare(project_at(pipeline), METRICS).changes() == {
        "m.json": {"acc": Change(0.25, 0.5), "in.x": Change(1, None), "new": Change(None, "x")}
    }
    assert compare(project_at(pipeline), PARAMS).changes() == {
        "params.yaml": {"layers": Change(None, "[1, {'a': 'b'}]"), "train.epochs": Change(2, 3)}
    }
    assert compare(project_at(pipeline), ValueChoice(What.PARAMS, param_deps=True)).changes() == {}


def test_unchanged_values_are_shown_on_demand(pipeline: Path):
    compared = compare(project_at(pipeline), ValueChoice(What.METRICS, ("top.json",)))
    assert compared.changes() == {}
    assert compared.changes(unchanged=True) == {"top.json": {"t": Change(1, 1)}}


def test_two_commits_are_compared(pipeline: Path):
    write(pipeline / "top.json", '{"t": 2}')
    commit_all(pipeline, "second")
    write(pipeline / "top.json", '{"t": 3}')
    changes = [
        compare(project_at(pipeline), METRICS, *names).changes()
        for names in (("HEAD~1", "HEAD"), ("HEAD~1",), ("workspace", "HEAD"))
    ]
    assert [change["top.json"]["t"] for change in changes] == [Change(1, 2), Change(1, 3), Change(3, 2)]


def test_an_unknown_revision_is_told(pipeline: Path):
    with pytest.raises(UnknownTarget, match="unknown Git revision `nope`"):
        compare(project_at(pipeline), METRICS, "nope")


def test_targets_are_shown_whole_even_if_no_pipeline_names_them(pipeline: Path):
    write(pipeline / "free.yaml", "a: 1\n")
    (shown,) = show(project_at(pipeline), ValueChoice(What.METRICS, ("free.yaml",)), Several())
    assert {path: reading.value for path, reading in shown.files.items()} == {"free.yaml": {"a": 1}}
    compared = compare(project_at(pipeline), ValueChoice(What.PARAMS, ("extra.yaml",)))
    assert list(compared.changes(unchanged=True)["extra.yaml"]) == ["a.b", "a.c", "l"]


def test_a_folder_stands_for_what_is_named_below_it(pipeline: Path):
    write(pipeline / dialect_of(pipeline).pipeline, "metrics: [top.json, deep/a.json, deep/b.json]\n")
    write(pipeline / "deep/a.json", '{"a": 1}')
    (shown,) = show(project_at(pipeline), ValueChoice(What.METRICS, ("deep",), recursive=True), Several())
    assert list(shown.files) == ["deep/a.json", "deep/b.json"]


def test_commits_are_shown_once_under_all_their_names(pipeline: Path):
    git(pipeline, "tag", "v1")
    git(pipeline, "branch", "side")
    write(pipeline / "top.json", '{"t": 2}')
    second = commit_all(pipeline, "second")
    first = git(pipeline, "rev-parse", "v1")
    project = project_at(pipeline)
    assert [one.revision for one in show(project, METRICS, Several(branches=True, tags=True))] == ["workspace", "main", "side,v1"]
    everything = {one.revision: one for one in show(project, METRICS, Several(commits=True))}
    assert everything[second].files["top.json"].value == {"t": 2}
    assert everything[first].files["top.json"].value == {"t": 1}


def test_a_commit_whose_pipeline_is_broken_spoils_no_other(pipeline: Path):
    name = dialect_of(pipeline).pipeline
    good = (pipeline / name).read_text()
    write(pipeline / name, "stages: [\n")
    broken = commit_all(pipeline, "broken")
    write(pipeline / name, good)
    shown = {one.revision: one for one in show(project_at(pipeline), METRICS, Several(commits=True))}
    assert shown[broken].files == {}
    assert f": {name}:1:" in shown[broken].unread[0]
    assert shown["workspace"].files["top.json"].value == {"t": 1}


def test_a_metric_in_the_cache_is_read_from_there(pipeline: Path):
    dialect, project = dialect_of(pipeline), project_at(pipeline)
    data = b'{"acc": 0.75}'
    digest = digest_bytes(data, dialect.algorithm)
    project.cache.put(data, digest)
    write(pipeline / dialect.pipeline, "stages:\n  s:\n    cmd: x\n    metrics: [m.json]\n")
    out = {"path": "m.json", "hash": digest.algorithm, digest.algorithm: digest.hex, "size": len(data)}
    write(pipeline / dialect.lock, "schema: '2.0'\n" + dump_yaml({"stages": {"s": {"cmd": "x", "outs": [out]}}}))
    git(pipeline, "rm", "--quiet", "--cached", "m.json")
    (pipeline / "m.json").unlink()
    commit_all(pipeline, "cached")
    write(pipeline / "m.json", '{"acc": 0.5}')
    assert compare(project, METRICS).changes() == {"m.json": {"acc": Change(0.75, 0.5)}}
    (pipeline / "m.json").unlink()
    assert compare(project, METRICS).changes() == {}


def test_the_table_has_a_column_for_every_key(pipeline: Path):
    write(pipeline / "m.json", "{")
    shown = show(project_at(pipeline), METRICS, Several())
    assert table(shown, lambda path: f"./{path}").columns == ("Revision", "Path", "t")
    assert table(shown, lambda path: f"./{path}").rows == (("workspace", "./m.json", None), ("workspace", "./top.json", 1))


def test_showing_changes_nothing_in_git(pipeline: Path):
    before = git(pipeline, "status", "--porcelain")
    show(project_at(pipeline), METRICS, Several(commits=True))
    compare(project_at(pipeline), PARAMS)
    assert git(pipeline, "status", "--porcelain") == before


def test_each_file_of_a_folder_counts(dialect_repo: Path) -> None:
    pipeline = (
        "metrics: [ev]\nparams: [conf]\nstages:\n  s:\n    cmd: sh run.sh\n    params: [conf/p.yaml: [lr]]\n    metrics: [st]\n"
    )
    write(dialect_repo / dialect_of(dialect_repo).pipeline, pipeline)
    write(dialect_repo / "run.sh", "mkdir -p st/in; echo 'acc: 1' > st/in/m.yaml; echo x,y > st/t.csv\n")
    for path, text in {
        "ev/x.json": '{"a": 1}',
        "ev/note.txt": "a: 9",
        "conf/p.yaml": "lr: 1\nk: 2\n",
        "conf/in/q.toml": "n = 3\n",
    }.items():
        write(dialect_repo / path, text)
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo, "first")
    params = {"conf/p.yaml": {"data": {"lr": 1, "k": 2}}, "conf/in/q.toml": {"data": {"n": 3}}}
    metrics = {"st/in/m.yaml": {"data": {"acc": 1}}, "ev/x.json": {"data": {"a": 1}}}
    assert documents(dialect_repo) == (params, metrics)
    # what is not here is in the cache
    shutil.rmtree(dialect_repo / "st")
    assert documents(dialect_repo) == (params, metrics)
    write(dialect_repo / "conf/in/q.toml", "n = 4\n")
    write(dialect_repo / "ev/x.json", '{"a": 2}')
    shown = json.loads(dvx(dialect_repo, "exp", "show", "--json").out)
    assert [one["data"]["metrics"]["ev/x.json"]["data"]["a"] for one in shown] == [2, 1]
    assert shown[1]["data"]["metrics"] == metrics
    assert json.loads(dvx(dialect_repo, "params", "diff", "--json").out) == {
        "conf/in/q.toml": {"n": {"old": 3, "new": 4, "diff": 1}}
    }
    assert list(json.loads(dvx(dialect_repo, "metrics", "show", "--json", "ev").out)[""]["data"]) == ["ev/x.json"]


def test_the_list_of_a_folder_is_read_once_for_all_its_files(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cmd = "mkdir m; for n in 1 2 3 4 5 6 7 8 9; do echo acc: $n > m/$n.yaml; done"
    write(native / "dvx.yaml", f"stages:\n  s:\n    cmd: '{cmd}'\n    metrics: [m]\n")
    dvx(native, "repro")
    shutil.rmtree(native / "m")
    listed = []
    read = Cache.read_tree
    monkeypatch.setattr(Cache, "read_tree", lambda cache, digest: listed.append(digest) or read(cache, digest))
    (found,) = show(project_at(native), METRICS, Several())
    assert [reading.value for reading in found.files.values()] == [{"acc": number} for number in range(1, 10)]
    assert len(listed) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_what_is_no_file_in_a_folder_hides_no_other(dialect_repo: Path) -> None:
    write(dialect_repo / dialect_of(dialect_repo).pipeline, "metrics: [ev]\nplots: [ev]\n")
    write(dialect_repo / "ev/x.json", '{"a": 1}')
    os.mkfifo(dialect_repo / "ev/pipe.json")
    (dialect_repo / "ev/device.json").symlink_to("/dev/zero")
    (dialect_repo / "ev/nothing.json").symlink_to("nowhere")
    shown = dvx(dialect_repo, "metrics", "show")
    assert "ev/x.json" in shown.out
    for name in ("device", "pipe"):
        assert f"`ev/{name}.json` cannot be read: it is not a regular file" in shown.err
    assert "`ev/nothing.json` does not exist" in shown.err
    drawn = dvx(dialect_repo, "plots", "show")
    assert "`ev/pipe.json` cannot be read: it is not a regular file" in drawn.err
