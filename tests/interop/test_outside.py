"""Paths of stages that lie outside of the project: both tools read, record and order them alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, tree, write
from tests.interop.steps import Tool
from tests.interop.test_bytes import blocks

BESIDE = """\
stages:
  use:
    cmd: cp ../made two
    deps: [../made]
    outs: [two]
  make:
    cmd: cat ../conf/p.yaml > ../made; echo '{"m":1}' > ../m.json; echo in > inside
    params: [{../conf/p.yaml: [lr]}]
    outs:
    - ../made: {cache: false}
    - inside
    metrics:
    - ../m.json: {cache: false}
metrics: [../top.json]
"""


def beside(folder: Path, tool: Callable[..., object]) -> Path:
    """A project in a subfolder whose stages read and write above it, reproduced."""
    project = folder / "repo/project"
    project.mkdir(parents=True)
    git(folder / "repo", "init", "--quiet")
    tool(project, "init", "--subdir")
    write(folder / "repo/conf/p.yaml", "lr: 1\n")
    write(folder / "repo/top.json", '{"t": 2}')
    write(project / "dvc.yaml", BESIDE)
    tool(project, "repro")
    commit_all(folder / "repo")
    return project


@pytest.fixture
def projects(tmp_path: Path, tools: Mapping[str, Tool]) -> dict[str, Path]:
    return {name: beside(tmp_path / name, tool) for name, tool in tools.items()}


def both(tools: Mapping[str, Tool], folders: Mapping[str, Path], *args: str) -> dict[str, str]:
    """What each tool says in its folder, without the folder's name."""
    return {
        name: tool(folders[name], *args).out.replace(str(folders[name].parent.parent), "").strip() for name, tool in tools.items()
    }


def test_what_is_above_the_project_is_recorded_as_dvc_records_it(projects: dict[str, Path], tools: Mapping[str, Tool]) -> None:
    assert (projects["dvx"] / "dvc.lock").read_bytes() == (projects["dvc"] / "dvc.lock").read_bytes()
    assert tree(projects["dvx"] / ".dvc/cache") == tree(projects["dvc"] / ".dvc/cache")
    assert (projects["dvx"] / ".gitignore").read_text() == "/inside\n/two\n"
    for args in (
        ("status", "--json"),
        ("dag", "--dot"),
        ("dag", "--dot", "--outs"),
        ("data", "status", "--json"),
        ("stage", "list"),
    ):
        said = both(tools, projects, *args)
        assert sorted(said["dvx"].split()) == sorted(said["dvc"].split())
    assert both(tools, projects, "status", "--json")["dvx"] == "{}"


def test_a_change_above_the_project_is_named_as_dvc_names_it(projects: dict[str, Path], tools: Mapping[str, Tool]) -> None:
    for project in projects.values():
        write(project.parent / "conf/p.yaml", "lr: 2\n")
        write(project.parent / "made", "edited\n")
    said = {name: json.loads(text) for name, text in both(tools, projects, "status", "--json").items()}
    assert said["dvx"] == said["dvc"]
    assert said["dvx"]["make"] == [
        {"changed deps": {"/repo/conf/p.yaml": {"lr": "modified"}}},
        {"changed outs": {"/repo/made": "modified"}},
    ]
    both(tools, projects, "checkout")
    assert {(project.parent / "made").read_text() for project in projects.values()} == {"edited\n"}
    both(tools, projects, "repro")
    assert (projects["dvx"] / "dvc.lock").read_bytes() == (projects["dvc"] / "dvc.lock").read_bytes()
    assert (projects["dvx"] / "two").read_text() == "lr: 2\n"
    for project in projects.values():
        write(project.parent / "m.json", '{"m": 5}')
    both(tools, projects, "commit", "--force")
    assert (projects["dvx"] / "dvc.lock").read_bytes() == (projects["dvc"] / "dvc.lock").read_bytes()


def test_values_above_the_project_are_read_where_dvc_loses_them(projects: dict[str, Path]) -> None:
    """DVC looks for them below the project."""
    project = projects["dvx"]
    write(project.parent / "conf/p.yaml", "lr: 2\n")
    write(project.parent / "m.json", '{"m": 5}')
    shown = dvx(project, "metrics", "show", "--json").json[""]["data"]
    assert shown == {"../m.json": {"data": {"m": 5}}, "../top.json": {"data": {"t": 2}}}
    assert dvx(project, "metrics", "diff", "--json").json == {"../m.json": {"m": {"old": 1, "new": 5, "diff": 4}}}
    assert dvx(project, "params", "diff", "--json").json == {"../conf/p.yaml": {"lr": {"old": 1, "new": 2, "diff": 1}}}
    assert dvx(project, "exp", "show", "--json").json[1]["data"]["params"] == {"../conf/p.yaml": {"data": {"lr": 1}}}


ABSOLUTE = """\
stages:
  make:
    cmd: cp {out}/in {out}/made; mkdir -p {out}/d; echo 1 > {out}/d/f; echo 2 > {here}/inside
    wdir: w
    deps: [{here}/x, {out}/in]
    params: [{{{here}/p.yaml: [lr]}}]
    outs:
    - {here}/inside
    - {out}/made: {{cache: false}}
    - ../../out/d: {{cache: false}}
  file:
    cmd: cp {out}/d/f got
    deps: [../out/d/f]
    outs: [got]
  folder:
    cmd: cp {out}/d/f also
    deps: [{out}/d]
    outs: [also]
"""


def absolute(folder: Path, tool: Callable[..., object]) -> Path:
    """A project whose pipeline has absolute paths, in the project and out of it, reproduced."""
    project, out = folder / "repo/project", folder / "repo/out"
    (project / "w").mkdir(parents=True)
    git(project, "init", "--quiet")
    tool(project, "init")
    write(out / "in", "in\n")
    write(project / "x", "x\n")
    write(project / "p.yaml", "lr: 1\n")
    write(project / "dvc.yaml", ABSOLUTE.format(here=project, out=out))
    tool(project, "repro")
    return project


def test_absolute_paths_are_recorded_as_dvc_records_them(tmp_path: Path, tools: Mapping[str, Tool]) -> None:
    folders = {}
    for name, tool in tools.items():
        # absolute paths are recorded, so both have to be made at one place
        place = tmp_path / "made"
        absolute(place, tool)
        folders[name] = place.rename(tmp_path / name)
    of_dvc, of_dvx = ((folders[name] / "repo/project/dvc.lock").read_text() for name in ("dvc", "dvx"))
    assert blocks(of_dvx) == blocks(of_dvc)
    runs = [sorted(tree(folders[name] / "repo/project/.dvc/cache/runs")) for name in ("dvc", "dvx")]
    assert runs[0] == runs[1]
    assert len(runs[0]) == 2


@pytest.mark.parametrize("first", ["dvc", "dvx"])
def test_each_finds_up_to_date_what_the_other_made(tmp_path: Path, tools: Mapping[str, Tool], first: str) -> None:
    project = absolute(tmp_path, tools[first])
    for tool in tools.values():
        assert tool(project, "status", "--json").out.strip() == "{}"
    write(tmp_path / "repo/out/d/f", "edited\n")
    (tmp_path / "repo/out/made").unlink()
    said = [json.loads(tool(project, "status", "--json").out) for tool in tools.values()]
    assert said[0] == said[1]
    assert said[0] == {
        "make": [{"changed outs": {f"{tmp_path}/repo/out/made": "deleted", f"{tmp_path}/repo/out/d": "modified"}}],
        "file": [{"changed deps": {f"{tmp_path}/repo/out/d/f": "modified"}}],
        "folder": [{"changed deps": {f"{tmp_path}/repo/out/d": "modified"}}],
    }


COMES_BACK = """\
stages:
  use: {cmd: cp b c, deps: [b], outs: [c]}
  pass: {cmd: cp a b, deps: [../back/a], params: [../back/p.yaml: [lr]], outs: [../back/b: {cache: false}]}
  make: {cmd: echo 1 > a, outs: [a]}
"""


def test_a_path_that_leaves_the_project_and_comes_back_lies_in_it(tmp_path: Path, tools: Mapping[str, Tool]) -> None:
    locks = {}
    for name, tool in tools.items():
        project = tmp_path / name / "back"
        project.mkdir(parents=True)
        git(project, "init", "--quiet")
        tool(project, "init")
        write(project / "p.yaml", "lr: 1\n")
        write(project / "dvc.yaml", COMES_BACK)
        tool(project, "repro")
        # DVC does not find the parameters again that it has recorded
        assert dvx(project, "status", "--json").json == {}
        assert json.loads(tools["dvc"](project, "status", "--json").out) == {"pass": [{"changed deps": {"p.yaml": "new"}}]}
        locks[name] = (project / "dvc.lock").read_bytes()
    assert locks["dvx"] == locks["dvc"]
    assert b"path: ../back/a" in locks["dvx"]


@pytest.mark.parametrize("outs", ["[../o]", "['{root}/o']", "['s3://bucket/o']"])
def test_what_lies_outside_is_not_kept_in_the_cache(repo: Path, tools: Mapping[str, Tool], dvc_any: Tool, outs: str) -> None:
    """DVC runs the command first, and then refuses what it made."""
    dvx(repo, "init", "--dvc")
    write(repo / "dvc.yaml", f"stages:\n  s:\n    cmd: echo 1 > ran\n    outs: {outs.format(root=repo.parent)}\n")
    assert tools["dvx"](repo, "dag", "--dot", "--outs").out.split() == tools["dvc"](repo, "dag", "--dot", "--outs").out.split()
    refused = run_dvx(repo, "repro")
    assert refused.code == 255
    assert "lies outside of the repository, so it cannot be kept in the cache" in refused.err
    assert not (repo / "ran").exists()
    assert dvc_any(repo, "repro").code == 255
    assert run_dvx(repo, "commit", "-f").code == 1


def test_stage_add_writes_absolute_paths_as_dvc_does(tmp_path: Path, tools: Mapping[str, Tool], dvc_any: Tool) -> None:
    texts = {}
    for name, tool in tools.items():
        project = tmp_path / name
        project.mkdir()
        git(project, "init", "--quiet")
        tool(project, "init")
        write(project / "x", "x\n")
        write(project / "p.yaml", "lr: 1\n")
        here = ("-d", project / "x", "-p", f"{project}/p.yaml:lr", "-o", project / "bar")
        out = ("-d", "/dev/null", "-O", tmp_path / "out/o", "-O", "../o", "-M", "../m.json")
        tool(project, "stage", "add", "-n", "s", *here, *out, "cp x bar")
        texts[name] = (project / "dvc.yaml").read_text()
        assert (project / ".gitignore").read_text() == "/bar\n"
    assert texts["dvx"] == texts["dvc"]
    refused = run_dvx(tmp_path / "dvx", "stage", "add", "-n", "t", "-o", tmp_path / "out/p", "x")
    assert refused.code == dvc_any(tmp_path / "dvc", "stage", "add", "-n", "t", "-o", tmp_path / "out/p", "x").code == 255
    assert (tmp_path / "dvx/dvc.yaml").read_text() == texts["dvx"]
