"""Facts about the words, streams and exit codes of the pipeline commands."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.helpers import dialect_of, dvx, run_dvx, write

ONE = "stages:\n  train:\n    cmd: cp raw model\n    deps: [raw]\n    outs: [model]\n"


@pytest.fixture
def ready(native: Path) -> Path:
    write(native / "raw", "1\n")
    write(native / "dvx.yaml", ONE)
    return native


def test_stage_add_takes_every_option(native: Path) -> None:
    (native / "w").mkdir()
    result = dvx(
        native, "stage", "add", "-n", "s", "-d", "in", "-p", "lr,n", "-p", "c.json:k", "-o", "a", "-O", "b",
        "--outs-persist", "c", "--outs-persist-no-cache", "d", "-m", "e", "-M", "f", "--plots", "g",
        "--plots-no-cache", "h", "-w", "w",
        "--always-changed", "--desc", "a line", "python", "x.py", "--flag", "-o", "two words",
    )  # fmt: skip
    assert result.out == ""
    assert result.err == (
        "Added stage 's' in 'dvx.yaml'\nTo keep it in Git: git add dvx.yaml w/.gitignore\n"
    )  # fmt: skip
    assert (native / "dvx.yaml").read_text() == (
        "stages:\n  s:\n    desc: a line\n"
        '    cmd: python x.py --flag -o "two words"\n'
        "    wdir: w\n    deps:\n    - in\n    params:\n    - lr\n    - n\n    - c.json:\n      - k\n"
        "    outs:\n    - a\n    - b:\n        cache: false\n    - c:\n        persist: true\n"
        "    - d:\n        cache: false\n        persist: true\n"
        "    metrics:\n    - e\n    - f:\n        cache: false\n    plots:\n    - g\n    - h:\n        cache: false\n"
        "    always_changed: true\n"
    )


def test_stage_add_can_run_at_once(dialect_repo: Path) -> None:
    result = dvx(dialect_repo, "stage", "add", "--run", "-n", "s", "-o", "o", "echo hi > o")
    names = dialect_of(dialect_repo)
    assert (dialect_repo / "o").read_text() == "hi\n"
    assert f"To keep it in Git: git add .gitignore {names.lock} {names.pipeline}\n" in result.err


def test_stage_add_needs_a_name_and_a_command(native: Path) -> None:
    for words in (["-n", "s"], ["echo"]):
        result = run_dvx(native, "stage", "add", *words)
        assert result.code == 2
        assert "missing" in result.err
    assert not (native / "dvx.yaml").exists()


def test_stage_add_refuses_an_output_that_has_an_owner(ready: Path) -> None:
    result = run_dvx(ready, "stage", "add", "-n", "other", "-o", "model", "echo")
    assert result.code == 1
    assert result.err.startswith("error: the output `model` belongs to both `train` and `other`\nhint: choose another output, ")
    assert (ready / "dvx.yaml").read_text() == ONE


def test_stage_list(ready: Path) -> None:
    dvx(ready, "add", "raw")
    dvx(ready, "stage", "add", "-n", "look", "-d", "model", "--desc", "x" * 100, "echo")
    assert dvx(ready, "stage", "list").out == f"train  Outputs model\nlook   {'x' * 100}\n"
    assert dvx(ready, "stage", "list", "--all", "--name-only").out == "raw.dvx\ntrain\nlook\n"
    assert dvx(ready, "stage", "list", "--json", "train").json == [
        {"stage": "train", "cmd": "cp raw model", "deps": [{"path": "raw"}], "outs": [{"path": "model"}]}
    ]


def test_repro_tells_what_it_does(ready: Path) -> None:
    write(ready / "dvx.yaml", ONE.replace("cp raw model", "echo working; cp raw model"))
    first = dvx(ready, "repro")
    assert first.out == ""
    lines = first.err.splitlines()
    assert lines[:3] == ["Running stage 'train' (never ran):", "> echo working; cp raw model", "working"]
    assert lines[3].startswith("Stage 'train' done in ")
    assert lines[4] == "To keep it in Git: git add .gitignore dvx.lock"
    assert re.fullmatch(r"Stages: 1 ran; commands took \d+\.\d s", lines[5])
    assert lines[6:] == ["Use `dvx push` to send your updates to remote storage."]
    assert dvx(ready, "repro").err == "Stage 'train' didn't change, skipping\nData and pipelines are up to date.\n"


def test_repro_as_json(ready: Path) -> None:
    (outcome,) = dvx(ready, "repro", "--json").json
    assert (outcome["stage"], outcome["action"]) == ("train", "run")
    assert outcome["reasons"] == [{"cause": "never ran", "subject": ""}]
    write(ready / "raw", "2\n")
    (outcome,) = dvx(ready, "repro", "--json", "--dry").json
    assert outcome["reasons"] == [{"cause": "modified dependency", "subject": "raw"}]


def test_a_command_that_fails_is_one_error_with_its_log(ready: Path) -> None:
    write(ready / "dvx.yaml", ONE.replace("cp raw model", "echo why; exit 7"))
    result = run_dvx(ready, "repro")
    assert result.code == 1
    tail = result.err[result.err.index("dvx.yaml:") :].splitlines()
    assert tail[0] == "dvx.yaml:2:3: error: the stage `train` failed: `echo why; exit 7` exited with 7"
    assert tail[1].startswith("hint: its output is in `.dvx/tmp/logs/")
    assert result.err.count("\nwhy\n") == 1
    assert "Traceback" not in result.err


def test_keeping_going_ends_with_the_code_of_partial_success(ready: Path) -> None:
    write(ready / "dvx.yaml", ONE.replace("cp raw model", "exit 7"))
    result = run_dvx(ready, "repro", "-k")
    assert result.code == 4
    assert "error: failed: `train`\n" in result.err


def test_dvc_s_exit_code_in_dvc_s_dialect(dvc_like: Path) -> None:
    write(dvc_like / "dvc.yaml", "stages:\n  s: {cmd: exit 7}\n")
    assert run_dvx(dvc_like, "repro").code == 255


def test_a_mistake_in_the_pipeline_file_is_shown_where_it_is(ready: Path) -> None:
    write(ready / "dvx.yaml", ONE.replace("deps:", "dep:"))
    result = run_dvx(ready, "repro")
    assert result.code == 1
    assert result.err.startswith("dvx.yaml:4:5: error: unknown key `dep`\n")
    assert "hint: did you mean `deps`?" in result.err


def test_an_unknown_stage_is_told_with_the_nearest(ready: Path) -> None:
    result = run_dvx(ready, "repro", "trian")
    assert result.code == 1
    assert result.err == "error: `trian` is no stage, pipeline file or output\nhint: did you mean `train`?\n"


def test_a_circle_is_told(ready: Path) -> None:
    write(ready / "dvx.yaml", "stages:\n  a: {cmd: x, deps: [y], outs: [x]}\n  b: {cmd: x, deps: [x], outs: [y]}\n")
    result = run_dvx(ready, "repro")
    assert result.code == 1
    assert result.err.startswith("error: the stages depend on each other in a circle: `a` -> `b` -> `a`\n")


def test_each_option_of_repro_is_taken(ready: Path) -> None:
    dvx(ready, "repro", "-s", "train")
    dvx(ready, "repro", "-f", "-p", "train", "--no-run-cache", "--no-commit")
    dvx(ready, "repro", "-P", "--force-downstream", "--allow-missing")
    dvx(ready, "repro", "--downstream", "train")
    dvx(ready, "repro", "-R", ".", "-j", "2")
    assert dvx(ready, "repro", "--glob", "tr*", "--ignore-errors").err.startswith("Stage 'train' didn't change")


def test_dag_in_each_form(ready: Path) -> None:
    dvx(ready, "add", "raw")
    dvx(ready, "stage", "add", "-n", "look", "-d", "model", "-o", "o", "echo")
    assert dvx(ready, "dag", "--list").out == "raw.dvx\ntrain    <-  raw.dvx\nlook     <-  train\n"
    assert dvx(ready, "dag", "train", "--full", "--json").json == {"raw.dvx": [], "train": ["raw.dvx"], "look": ["train"]}
    assert dvx(ready, "dag", "train", "--dot").out == (
        'strict digraph {\n"raw.dvx";\n"train";\n"raw.dvx" -> "train";\n}\n'
    )  # fmt: skip
    assert dvx(ready, "dag", "--outs", "--mermaid").out == (
        'flowchart TD\n\tnode1["raw"]\n\tnode2["model"]\n\tnode3["o"]\n\tnode1-->node2\n\tnode2-->node3\n'
    )
    assert dvx(ready, "dag", "raw.dvx", "--md").out == '```mermaid\nflowchart TD\n\tnode1["raw.dvx"]\n```\n'


def test_an_empty_repository_has_an_empty_graph(native: Path) -> None:
    assert dvx(native, "dag").out == ""
    assert dvx(native, "stage", "list", "--all").out == ""


DIAMOND = """\
stages:
  prep: {cmd: make prep, outs: [p], desc: Prepare <it>}
  train: {cmd: make train, deps: [p], outs: [t]}
  eval: {cmd: make eval, deps: [p, t], outs: [e]}
  alone: {cmd: make alone, outs: [z]}
"""


def test_a_graph_is_drawn_as_boxes_each_below_what_it_needs(native: Path) -> None:
    write(native / "dvx.yaml", DIAMOND)
    drawn = dvx(native, "dag").out.splitlines()
    rows = {
        name: next(number for number, line in enumerate(drawn) if f"| {name} |" in line) for name in ("prep", "train", "eval")
    }
    assert rows["prep"] < rows["train"] < rows["eval"]
    for number in range(rows["prep"] + 2, rows["eval"] - 1):
        assert "*" in drawn[number], "the line from prep to eval has no hole"
    assert drawn[-3:] == ["+-------+", "| alone |", "+-------+"]


def test_a_graph_of_many_stages_is_a_list(native: Path) -> None:
    write(native / "dvx.yaml", "stages:\n" + "".join(f"  s{number}: {{cmd: x, outs: [o{number}]}}\n" for number in range(201)))
    assert dvx(native, "dag").out.splitlines()[:2] == ["s0", "s1"]


def test_a_graph_as_a_page_needs_nothing_else(native: Path) -> None:
    write(native / "dvx.yaml", DIAMOND)
    text = dvx(native, "dag", "--html").out
    assert text.startswith("<!DOCTYPE html>")
    assert re.search("https?:", text.replace("http://www.w3.org/2000/svg", "")) is None
    assert "<title>Prepare &lt;it&gt;\nmake prep</title>" in text
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert sorted(one.attrib["data-name"] for one in root.iter(f"{space}g") if "data-name" in one.attrib) == [
        "alone",
        "eval",
        "prep",
        "train",
    ]
    assert sorted((one.attrib["data-a"], one.attrib["data-b"]) for one in root.iter(f"{space}polyline")) == [
        ("prep", "eval"),
        ("prep", "train"),
        ("train", "eval"),
    ]
