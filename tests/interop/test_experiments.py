"""Experiments made by one tool are listed, shown and applied by the other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import commit_all, git, write
from tests.interop.steps import Tool

Tools = Mapping[str, Tool]
DIRECTIONS = pytest.mark.parametrize(("maker", "reader"), [("dvc", "dvx"), ("dvx", "dvc")])
NAMES = ("plain", "changed", "several")


def make(folder: Path, tool: Tool) -> None:
    """A pipeline with three experiments; the workspace is at the baseline again."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    tool(folder, "init")
    write(folder / "params.yaml", "# rates\nlr: 0.1\nnet:\n  width: 4 # layers\n  names:\n  - a\n  - b\n")
    write(folder / "conf.toml", "# width\nsize = 3\n")
    write(folder / "data.csv", "1,2\n")
    write(
        folder / "code.sh", "cat data.csv params.yaml conf.toml > model\necho '{\"n\": '$(cat model | wc -c)'}' > metrics.json\n"
    )
    tool(folder, "add", "data.csv")
    words = "stage add -n train -d data.csv -d code.sh -p lr,net -p conf.toml:size -o model -M metrics.json"
    tool(folder, *words.split(), "sh code.sh")
    tool(folder, "repro")
    commit_all(folder, "baseline")
    tool(folder, "exp", "run", "-n", "plain")
    tool(folder, "exp", "run", "-n", "changed", "-S", "lr=0.25")
    git(folder, "checkout", "--quiet", ".")
    tool(folder, "checkout")
    words = ("-S", "net.width=12", "-S", "net.names=[c,'d e']", "-S", "+extra.deep=null", "-S", "conf.toml:size=5")
    tool(folder, "exp", "run", "-n", "several", *words)
    git(folder, "checkout", "--quiet", ".")
    tool(folder, "checkout")


@pytest.fixture
def made(shared: Callable[[str, Callable[[Path], None]], Path], tools: Tools, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the repository with experiments that a tool made."""

    def get(name: str) -> Path:
        original = shared(f"experiments-{name}", lambda folder: make(folder / "work", tools[name]))
        return Path(shutil.copytree(original / "work", tmp_path / name, symlinks=True))

    return get


def refs(folder: Path) -> dict[str, str]:
    """The experiments of a repository: full name of the ref to commit."""
    lines = git(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").splitlines()
    found = dict(line.split() for line in lines)
    return {name: commit for name, commit in found.items() if not name.startswith(("refs/exps/exec", "refs/exps/apply"))}


def test_both_record_the_same(made: Callable[[str], Path]) -> None:
    """Names, messages, parents and trees. (dvx would also keep `[a, b]` and two blanks before a comment, which DVC rewrites.)"""
    seen = {}
    for name in ("dvc", "dvx"):
        folder = made(name)
        head = git(folder, "rev-parse", "HEAD")
        found = refs(folder)
        assert sorted(found) == sorted(f"refs/exps/{head[:2]}/{head[2:]}/{experiment}" for experiment in NAMES)
        seen[name] = {
            ref.rpartition("/")[2]: (
                git(folder, "log", "-1", "--format=%B", commit),
                git(folder, "rev-parse", f"{commit}^@") == head,
                git(folder, "ls-tree", "-r", commit),
            )
            for ref, commit in found.items()
        }
        assert git(folder, "symbolic-ref", "HEAD") == "refs/heads/main"
        assert git(folder, "stash", "list") == ""
    assert seen["dvx"] == seen["dvc"]
    assert all(is_child for _, is_child, _ in seen["dvc"].values())


@DIRECTIONS
def test_experiments_are_listed(made: Callable[[str], Path], tools: Tools, maker: str, reader: str) -> None:
    folder = made(maker)
    for words in ((), ("--name-only",), ("--sha-only",), ("--all-commits",)):
        said = {name: sorted(tool(folder, "exp", "list", *words).out.split()) for name, tool in tools.items()}
        assert said["dvx"] == said["dvc"], words
    assert sorted(tools[reader](folder, "exp", "list", "--name-only").out.split()) == sorted(NAMES)


@DIRECTIONS
def test_experiments_are_shown(made: Callable[[str], Path], tools: Tools, maker: str, reader: str) -> None:
    folder = made(maker)
    said = {name: json.loads(tool(folder, "exp", "show", "--json").out) for name, tool in tools.items()}
    assert comparable(said["dvx"]) == comparable(said["dvc"])
    assert [row["name"] for row in said[reader][1]["experiments"]]


def comparable(rows: Any) -> Any:
    """The order of experiments made within one second is open."""
    for row in rows:
        row["experiments"] = sorted(row["experiments"] or [], key=lambda found: found["name"])
    return rows


@DIRECTIONS
def test_experiments_are_applied(made: Callable[[str], Path], tools: Tools, maker: str, reader: str) -> None:
    folder = made(maker)
    tools[reader](folder, "exp", "apply", "several")
    assert "width: 12" in (folder / "params.yaml").read_text()
    assert (folder / "model").read_text().endswith("size = 5\n")
    assert json.loads((folder / "metrics.json").read_text()) == {"n": len((folder / "model").read_bytes())}
    for tool in tools.values():
        assert json.loads(tool(folder, "status", "--json").out) == {}
    tools[reader](folder, "exp", "apply", "changed")
    assert "lr: 0.25" in (folder / "params.yaml").read_text()
    assert "lr: 0.25" in (folder / "model").read_text()


@DIRECTIONS
def test_experiments_are_compared(made: Callable[[str], Path], tools: Tools, maker: str, reader: str) -> None:
    folder = made(maker)
    for words in (("plain", "several"), ("changed",), ("several", "changed")):
        said = {name: json.loads(tool(folder, "exp", "diff", "--json", *words).out) for name, tool in tools.items()}
        assert said["dvx"] == said["dvc"], words
    assert said[reader]


@DIRECTIONS
def test_experiments_are_removed(made: Callable[[str], Path], tools: Tools, maker: str, reader: str) -> None:
    folder = made(maker)
    tools[reader](folder, "exp", "remove", "plain", "several")
    assert [ref.rpartition("/")[2] for ref in refs(folder)] == ["changed"]
    assert tools[maker](folder, "exp", "list", "--name-only").out.split() == ["changed"]


@DIRECTIONS
def test_an_experiment_of_the_other_is_not_run_again(made: Callable[[str], Path], tools: Tools, maker: str, reader: str) -> None:
    """The run-cache of one serves an experiment of the other, and gives the same tree."""
    folder = made(maker)
    runs = list((folder / ".dvc/cache/runs").glob("*/*/*"))
    tools[reader](folder, "exp", "run", "-n", "again", "-S", "lr=0.25")
    assert list((folder / ".dvc/cache/runs").glob("*/*/*")) == runs
    found = {ref.rpartition("/")[2]: commit for ref, commit in refs(folder).items()}
    assert git(folder, "diff", "--stat", found["changed"], found["again"]) == ""


@DIRECTIONS
def test_experiments_travel_between_them(
    made: Callable[[str], Path], tools: Tools, tmp_path: Path, maker: str, reader: str
) -> None:
    """One pushes to a bare Git repository and a folder for data, the other pulls into a clone and has all of it."""
    folder = made(maker)
    git(tmp_path, "init", "--quiet", "--bare", "hub")
    tools[maker](folder, "remote", "add", "--default", "data", str(tmp_path / "data"))
    # DVC looks for the remote in the experiment's own commit
    tools[maker](folder, "config", "--global", "core.remote", "data")
    tools[maker](folder, "config", "--global", "remote.data.url", str(tmp_path / "data"))
    git(folder, "remote", "add", "origin", str(tmp_path / "hub"))
    git(folder, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    tools[maker](folder, "exp", "push", "origin", "changed", "several")
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(tmp_path / "hub"), "clone")
    clone = tmp_path / "clone"
    assert "changed" in tools[reader](clone, "exp", "list", "origin").out
    tools[reader](clone, "exp", "pull", "origin")
    expected = {name: commit for name, commit in refs(folder).items() if name.endswith(("/changed", "/several"))}
    assert refs(clone) == expected
    tools[reader](clone, "exp", "apply", "several")
    assert (clone / "model").read_bytes().endswith(b"size = 5\n")


def test_what_ran_in_the_queue_is_an_experiment_to_dvc(made: Callable[[str], Path], tools: Tools) -> None:
    folder = made("dvx")
    tools["dvx"](folder, "exp", "run", "--queue", "-n", "swept", "-S", "lr=0.5,0.7")
    tools["dvx"](folder, "queue", "work", "-j", "2")
    rows = json.loads(tools["dvc"](folder, "exp", "show", "--json").out)[1]["experiments"]
    found = {row["name"]: row["revs"][0]["data"]["params"]["params.yaml"]["data"]["lr"] for row in rows}
    assert found["swept-1"] == 0.5
    assert found["swept-2"] == 0.7
    tools["dvc"](folder, "exp", "apply", "swept-2")
    assert b"lr: 0.7" in (folder / "model").read_bytes()


@pytest.mark.parametrize("sweep", ["lr=1,2", "lr=range(1,4)", "lr=choice(1,2.5)", "lr=range(0,0.3,0.1)", "net.names=[a,b],[c]"])
def test_both_take_a_sweep_apart_the_same_way(made: Callable[[str], Path], tools: Tools, sweep: str) -> None:
    seen = []
    for name in ("dvc", "dvx"):
        folder = made(name)
        tools[name](folder, "exp", "run", "--queue", "-n", "s", "-S", sweep)
        rows = json.loads(tools[name](folder, "exp", "show", "--json").out)[1]["experiments"]
        queued = [row for row in rows if row["executor"] and row["executor"]["state"] == "queued"]
        seen.append(sorted((row["name"], str(row["revs"][0]["data"]["params"]["params.yaml"]["data"])) for row in queued))
    assert seen[0] == seen[1]
    assert len(seen[0]) > 1


@pytest.mark.parametrize("overrides", [[], ["db=sqlite", "+net.deep=[1,a]"], ["db.port=null", "~net.width", "name='x y'"]])
def test_hydra_composes_the_same_for_both(tools: Tools, tmp_path: Path, overrides: list[str]) -> None:
    texts = []
    for name in ("dvc", "dvx"):
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet")
        tools[name](folder, "init")
        tools[name](folder, "config", "hydra.enabled", "true")
        write(folder / "conf/config.yaml", "defaults:\n- db: mysql\nname: one\nnet:\n  width: 3\n  double: ${net.width}\n")
        write(folder / "conf/db/mysql.yaml", "kind: mysql\nport: 3306\n")
        write(folder / "conf/db/sqlite.yaml", "kind: sqlite\nport: 0\n")
        write(folder / "params.yaml", "old: 1\n")
        tools[name](folder, *["stage", "add", "-n", "s", "-p", "name", "-o", "out", "cp", "params.yaml", "out"])
        commit_all(folder)
        if "~net.width" in overrides:
            write(folder / "conf/config.yaml", "defaults:\n- db: mysql\nname: one\nnet:\n  width: 3\n")
        words = [word for one in overrides for word in ("-S", one)]
        tools[name](folder, "exp", "run", *words)
        texts.append((folder / "params.yaml").read_text())
    assert texts[0] == texts[1]
    assert "kind:" in texts[1]


DECLARED = """\
stages:
  s:
    cmd: sh s.sh
    deps: [s.sh]
metrics: [m.json, absent.json]
params: [own.yaml]
plots:
- p.csv
- folder
- curve:
    x: {x.json: n}
    y: {y.json: n}
"""
WRITING = """\
for name in m x y; do echo '{"n": 1}' > $name.json; done
mkdir -p folder; echo '{"n": 2}' > folder/z.json; echo n > p.csv
"""


@pytest.mark.parametrize("words", ["run", "run --temp", "save"])
def test_an_experiment_holds_the_files_at_the_top_of_the_pipeline_file(tools: Tools, tmp_path: Path, words: str) -> None:
    """Git does not know them. (DVC does not take untracked params into its temporary folder, so there they are tracked.)"""
    seen = []
    for name in ("dvc", "dvx"):
        folder = project_of(tools[name], tmp_path / name)
        write(folder / "dvc.yaml", DECLARED)
        write(folder / "s.sh", WRITING)
        git(folder, "add", "dvc.yaml", "s.sh")
        write(folder / "own.yaml", "own: 1\n")
        if words == "run --temp":
            git(folder, "add", "own.yaml")
        git(folder, "commit", "--quiet", "--message", "pipeline")
        if words == "save":
            tools[name](folder, "repro")
        tools[name](folder, "exp", *words.split(), "-n", "kept")
        seen.append(held_by_the_only(folder))
        assert {"m.json", "p.csv", "folder/z.json", "x.json", "y.json", "own.yaml"} <= paths(seen[-1])
    assert seen[0] == seen[1]


def test_save_includes_what_is_named_even_where_git_ignores_it(tools: Tools, tmp_path: Path) -> None:
    seen = []
    for name in ("dvc", "dvx"):
        folder = project_of(tools[name], tmp_path / name)
        write(folder / ".gitignore", "ignored\nhidden\n")
        commit_all(folder)
        for path in ("plain", "ignored", "deep/one", "hidden/one", "left"):
            write(folder / path, path)
        tools[name](
            folder / "deep", "exp", "save", "-n", "kept", "-I", "one", "-I", "../plain", "-I", "../ignored", "-I", "../hidden"
        )
        seen.append(held_by_the_only(folder))
        assert {"plain", "ignored", "deep/one", "hidden/one"} <= paths(seen[-1])
    assert seen[0] == seen[1]


def test_paths_to_copy_are_no_matter_to_a_run_in_the_workspace(tools: Tools, tmp_path: Path) -> None:
    for name in ("dvc", "dvx"):
        folder = project_of(tools[name], tmp_path / name)
        write(folder / "dvc.yaml", "stages:\n  s:\n    cmd: cat extra > out\n    outs: [out]\n")
        commit_all(folder)
        write(folder / "extra", "1\n")
        tools[name](folder, "exp", "run", "-n", "kept", "-C", "extra")
        assert (folder / "out").read_text() == "1\n"


@pytest.mark.parametrize("place", [[], ["--temp"]])
def test_a_run_takes_absent_data_from_the_cache(made: Callable[[str], Path], tools: Tools, place: list[str]) -> None:
    trees = []
    for name in ("dvc", "dvx"):
        folder = made(name)
        (folder / "data.csv").unlink()
        tools[name](folder, "exp", "run", *place, "-n", "without", "-S", "lr=0.5")
        found = refs(folder)
        (commit,) = [commit for ref, commit in found.items() if ref.endswith("/without")]
        trees.append(git(folder, "ls-tree", "-r", commit))
    assert trees[0] == trees[1]


def project_of(tool: Tool, folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "--quiet")
    tool(folder, "init")
    commit_all(folder, "init")
    return folder


def held_by_the_only(folder: Path) -> list[str]:
    """What the one experiment of a repository holds, without DVC's own scratch files."""
    (commit,) = refs(folder).values()
    return [line for line in git(folder, "ls-tree", "-r", commit).splitlines() if "\t.dvc/" not in line]


def paths(rows: list[str]) -> set[str]:
    return {row.partition("\t")[2] for row in rows}
