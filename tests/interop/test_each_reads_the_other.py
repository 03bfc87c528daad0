"""What one tool made is clean, complete and usable for the other, in both directions."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import commit_all, git, run_dvx, tree, write
from tests.interop.steps import FILES, FOLDERS, Tool

DIRECTIONS = pytest.mark.parametrize(("maker", "reader"), [("dvc", "dvx"), ("dvx", "dvc")])
Tools = Mapping[str, Tool]
CopyOf = Callable[[str], Path]
OUTS = ("data.csv", "images", "prepared", "model", "work/here.txt", "from-work.txt", "low/out.txt", "many/pair-two")


def state(tool: Tool, folder: Path) -> Any:
    """What `status --json` says."""
    return json.loads(tool(folder, "status", "--json").out)


def snapshot(folder: Path) -> dict[str, tuple[bytes, bool, int]]:
    """Bytes, executable bit and time of all files but those of Git and of the tools' private state."""
    found = tree(folder, skip=(".git",))
    names = [name for name in found if not name.startswith(".dvc/tmp/")]
    return {name: (found[name], os.access(folder / name, os.X_OK), (folder / name).stat().st_mtime_ns) for name in names}


def content(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Bytes and executable bit of all files of the workspace; inside tracked folders DVC does not keep the bit."""
    kept = {name: seen for name, seen in snapshot(folder).items() if not name.startswith(".dvc/c")}
    return {name: (data, executable and "/" not in name) for name, (data, executable, _) in kept.items()}


@DIRECTIONS
def test_status_is_clean(copy_of: CopyOf, tools: Tools, maker: str, reader: str) -> None:
    assert state(tools[reader], copy_of(maker)) == {}


@DIRECTIONS
def test_repro_does_nothing(copy_of: CopyOf, tools: Tools, maker: str, reader: str) -> None:
    folder = copy_of(maker)
    before = snapshot(folder)
    tools[reader](folder, "repro", "--all-pipelines")
    assert snapshot(folder) == before
    assert git(folder, "status", "--porcelain") == ""


@DIRECTIONS
def test_a_fresh_clone_pulls_everything(copy_of: CopyOf, tools: Tools, maker: str, reader: str, tmp_path: Path) -> None:
    original, clone = copy_of(maker), tmp_path / maker / "clone"
    git(tmp_path, "clone", "--quiet", original, clone)
    tools[reader](clone, "pull")
    assert content(clone) == content(original)
    assert (clone / "void").is_dir()
    for tool in tools.values():
        assert state(tool, clone) == {}
    before = snapshot(clone)
    tools[maker](clone, "repro", "--all-pipelines")
    assert snapshot(clone) == before


@DIRECTIONS
def test_checkout_brings_back_what_is_gone_and_what_changed(copy_of: CopyOf, tools: Tools, maker: str, reader: str) -> None:
    folder = copy_of(maker)
    before = content(folder)
    for name in (*FILES, "model", "many/red.txt"):
        (folder / name).unlink()
    for name in ("void", "prepared", "images/nested"):
        shutil.rmtree(folder / name)
    (folder / "images/a").unlink()
    write(folder / "images/b", "1\n")
    tools[reader](folder, "checkout")
    assert content(folder) == before
    assert (folder / "void").is_dir()
    assert state(tools[maker], folder) == {}


@DIRECTIONS
def test_checkout_follows_git(copy_of: CopyOf, tools: Tools, maker: str, reader: str) -> None:
    """The workspace of an older commit, by way of the other tool's cache."""
    folder = copy_of(maker)
    write(folder / "data.csv", "a,b\r\n3,4\r\n")
    write(folder / "images/new", "new\n")
    tools[maker](folder, "add", "data.csv", "images")
    commit_all(folder, "newer")
    git(folder, "checkout", "--quiet", "built")
    tools[reader](folder, "checkout")
    assert (folder / "data.csv").read_bytes() == b"a,b\r\n1,2\r\n"
    assert not (folder / "images/new").exists()
    git(folder, "checkout", "--quiet", "main")
    tools[reader](folder, "checkout")
    assert (folder / "images/new").read_text() == "new\n"
    assert state(tools[maker], folder)["prepare"] == [{"changed deps": {"data.csv": "modified", "images": "modified"}}]


@pytest.mark.parametrize("maker", ["dvc", "dvx"])
def test_both_see_the_same_changes(copy_of: CopyOf, tools: Tools, maker: str) -> None:
    folder = copy_of(maker)
    write(folder / "data.csv", "a,b\r\n3,4\r\n")
    write(folder / "images/new", "new\n")
    (folder / "model").chmod(0o644)
    (folder / "run.sh").unlink()
    (folder / "low/out.txt").unlink()
    shutil.rmtree(folder / "void")
    write(folder / "scores.json", "{}")
    write(folder / "extra.csv", "")
    (folder / ".dvc/cache/files/md5/ba/8d2b9408ed255ee92a112fe7ba59be").unlink()
    edit(folder / "params.yaml", "lr: 0.1", "lr: 0.2")
    edit(folder / "settings.py", "    size = 4", "    width = 4")
    edit(folder / "conf.json", '"a"', '"c"')
    edit(folder / "dvc.yaml", "    - seed\n", "    - seed\n    - train.epochs\n")
    edit(folder / "dvc.yaml", "echo plain >", "echo plainer >")
    edit(
        folder / "dvc.yaml",
        "    - step.sh\n    outs:\n    - grown.txt",
        "    - step.sh\n    - added.txt\n    outs:\n    - grown.txt",
    )
    edit(folder / "many/extra.yaml", "depth: {z: 1", "depth: {z: 2")
    edit(folder / "many/dvc.yaml", "foreach: [red, green]", "foreach: [red, blue]")
    write(folder / "unknown.dvc", "outs:\n- path: unknown\n  hash: md5\n")
    write(folder / "fresh.dvc", "outs:\n- path: fresh\n")
    write(folder / "fresh", "never added")
    write(folder / "never.out", "never run")
    write(folder / "low/dvc.yaml", (folder / "low/dvc.yaml").read_text() + NEVER)
    seen = {name: state(tool, folder) for name, tool in tools.items()}
    assert seen["dvx"] == seen["dvc"]
    assert len(seen["dvc"]) >= 14


NEVER = """\
  never:
    cmd: cp ../never.in ../never.out
    wdir: .
    params: [some, nowhere.yaml: [other]]
    outs: [../never.out]
"""


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@DIRECTIONS
def test_runs_of_one_spare_the_other(copy_of: CopyOf, tools: Tools, maker: str, reader: str) -> None:
    """Without a lock, and with outputs gone, the run-cache has everything; a command that ran would leave a trace."""
    folder = copy_of(maker)
    locks = {name: (folder / name).read_bytes() for name in ("dvc.lock", "low/dvc.lock")}
    for name in (*locks, "many/dvc.lock", "model", "scores.json", "low/out.txt"):
        (folder / name).unlink()
    shutil.rmtree(folder / "prepared")
    runs = set(tree(folder / ".dvc/cache/runs"))
    tools[reader](folder, "repro", "--all-pipelines")
    assert set(tree(folder / ".dvc/cache/runs")) == runs


@DIRECTIONS
def test_a_remote_that_one_filled_is_full_for_the_other(copy_of: CopyOf, tools: Tools, maker: str, reader: str) -> None:
    folder = copy_of(maker)
    before = tree(folder.parent / "store")
    tools[reader](folder, "push")
    assert tree(folder.parent / "store") == before
    write(folder / "more", "more\n")
    tools[reader](folder, "add", "more")
    tools[reader](folder, "push", "more")
    (folder / "more").unlink()
    shutil.rmtree(folder / ".dvc/cache/files")
    tools[maker](folder, "pull", "more")
    assert (folder / "more").read_text() == "more\n"


@DIRECTIONS
def test_the_run_cache_travels(copy_of: CopyOf, tools: Tools, maker: str, reader: str) -> None:
    folder = copy_of(maker)
    runs = tree(folder / ".dvc/cache/runs")
    tools[maker](folder, "push", "--run-cache")
    assert tree(folder.parent / "store/runs") == runs
    shutil.rmtree(folder / ".dvc/cache")
    tools[reader](folder, "fetch", "--run-cache")
    assert tree(folder / ".dvc/cache/runs") == runs


def test_numbers_are_shown_alike(copy_of: CopyOf, tools: Tools) -> None:
    folder = copy_of("dvc")
    edit(folder / "params.yaml", "lr: 0.1", "lr: 0.2")
    edit(folder / "conf.json", '"y": 1', '"y": 5')
    write(folder / "scores.json", '{"acc": 0.75, "loss": {"a": 1e-3}}\n')
    for words in (
        ("metrics", "show"),
        ("metrics", "diff"),
        ("params", "diff"),
        ("metrics", "diff", "--all"),
        ("params", "diff", "--all"),
    ):
        said = {name: json.loads(tool(folder, *words, "--json").out) for name, tool in tools.items()}
        assert said["dvx"] == said["dvc"], words
        assert said["dvc"]


def test_folders_of_numbers_are_shown_alike(tools: Tools, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    tools["dvc"](tmp_path, "init")
    for path, text in {
        "ev/x.json": '{"a": 1}',
        "ev/in/y.yaml": "b: 2\n",
        "conf/p.yaml": "lr: 1\n",
        "conf/in/q.py": "k = 3\n",
    }.items():
        write(tmp_path / path, text)
    stage = "s: {cmd: sh run.sh, deps: [run.sh], metrics: [st, nc: {cache: false}]}"
    write(tmp_path / "dvc.yaml", f"metrics: [ev]\nparams: [conf]\nstages:\n  {stage}\n")
    write(tmp_path / "run.sh", "mkdir -p st/in nc; echo '{\"acc\": 1}' > st/in/m.json; echo 'q: 2' > nc/m.yaml\n")
    tools["dvc"](tmp_path, "repro")
    commit_all(tmp_path)
    edit(tmp_path / "run.sh", "1", "5")
    tools["dvc"](tmp_path, "repro")
    edit(tmp_path / "conf/p.yaml", "1", "7")
    edit(tmp_path / "ev/x.json", "1", "8")
    shutil.rmtree(tmp_path / "st")
    words = (
        ["metrics", "show"],
        ["metrics", "diff", "--all"],
        ["params", "diff"],
        ["exp", "show"],
        ["metrics", "show", "-R", "ev"],
    )
    for one in (*words, ["metrics", "diff", "HEAD"], ["params", "diff", "--targets", "conf"]):
        said = {name: json.loads(tool(tmp_path, one[0], one[1], "--json", *one[2:]).out) for name, tool in tools.items()}
        if one[0] == "exp":
            said = {name: [row["data"] for row in rows] for name, rows in said.items()}
            assert [sorted(row["metrics"]) for row in said["dvx"]][1] == [
                "ev/in/y.yaml",
                "ev/x.json",
                "nc/m.yaml",
                "st/in/m.json",
            ]
        assert said["dvx"] == said["dvc"], one


def test_the_graph_is_drawn_alike(made: CopyOf, tools: Tools) -> None:
    folder = made("dvc") / "work"
    for words in (("dag", "--dot"), ("dag", "--md"), ("dag", "--outs", "--md")):
        of_dvc, of_dvx = (drawing(tools[name](folder, *words).out) for name in ("dvc", "dvx"))
        assert of_dvx == of_dvc, words
        assert len(of_dvc) > 20


def drawing(text: str) -> list[str]:
    """The lines of a graph, sorted, with the numbers of nodes replaced by their labels."""
    labels = dict(re.findall(r'(node\d+)\[(".*")\]', text))
    lines = (re.sub(r"node\d+", lambda found: labels[found[0]], line).strip() for line in text.splitlines())
    return sorted(line for line in lines if line)


def test_stages_are_listed_alike(made: CopyOf, tools: Tools) -> None:
    folder = made("dvc") / "work"
    for words in (("stage", "list"), ("stage", "list", "--all", "--name-only")):
        assert sorted(tools["dvx"](folder, *words).out.splitlines()) == sorted(tools["dvc"](folder, *words).out.splitlines())


def test_configuration_is_shown_alike(made: CopyOf, tools: Tools) -> None:
    folder = made("dvc") / "work"
    for words in (("config", "--list"), ("remote", "list"), ("config", "core.remote"), ("config", "core.checksum_jobs")):
        assert tools["dvx"](folder, *words).out == tools["dvc"](folder, *words).out, words


@pytest.mark.parametrize("inner", ["images/nested", "images/a.txt"])
@DIRECTIONS
def test_a_part_of_a_folder_is_pulled(copy_of: CopyOf, tools: Tools, maker: str, reader: str, inner: str, tmp_path: Path) -> None:
    original, clone = copy_of(maker), tmp_path / maker / "clone"
    git(tmp_path, "clone", "--quiet", original, clone)
    tools[reader](clone, "pull", inner)
    wanted = {name: data for name, data in tree(original).items() if name == inner or name.startswith(inner + "/")}
    assert {name: data for name, data in tree(clone).items() if name.startswith("images/")} == wanted


def test_all_kinds_of_outputs_are_there(made: CopyOf) -> None:
    """The tests above would be empty without these."""
    for name in (*FILES, *FOLDERS, *OUTS):
        assert (made("dvc") / "work" / name).exists(), name
    assert run_dvx(made("dvc") / "work", "status").code == 0
