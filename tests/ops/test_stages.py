"""Facts about writing and listing stages."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from dvx.errors import DvxError, GraphError, UnknownTarget, UsageError
from dvx.ops.stages.editing import NewOutput, NewStage, add_stage, join_command, set_frozen
from dvx.ops.stages.listing import DagOptions, ListStagesOptions, find_dag, list_stages
from dvx.ops.tracked.index import load_index
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, write

TRAIN = NewStage("train", ["python", "train.py"], deps=["data"], outs=[NewOutput("model")])


def pipeline(folder: Path) -> Path:
    return folder / dialect_of(folder).pipeline


def test_a_new_file_is_written_as_dvc_writes_it(dialect_repo: Path) -> None:
    (dialect_repo / "w").mkdir()
    new = NewStage(
        name="full",
        command=["python", "x.py", "a b", ""],
        deps=["z", "../data", "z"],
        params=["lr,epochs", "b.json:k", "a.yaml:", "b.json:j"],
        outs=[
            NewOutput("r", cached=False),
            NewOutput("m"),
            NewOutput("q", cached=False, persist=True),
            NewOutput("p", persist=True),
            NewOutput("m.json", "metrics", cached=False),
            NewOutput("p.csv", "plots"),
        ],
        workdir="w",
        always=True,
        desc="all there is",
    )
    added = add_stage(Project.find(str(dialect_repo)), new)
    assert pipeline(dialect_repo).read_text() == (
        "stages:\n"
        "  full:\n"
        "    desc: all there is\n"
        '    cmd: python x.py "a b" ""\n'
        "    wdir: w\n"
        "    deps:\n"
        "    - ../data\n"
        "    - z\n"
        "    params:\n"
        "    - epochs\n"
        "    - lr\n"
        "    - a.yaml:\n"
        "    - b.json:\n"
        "      - j\n"
        "      - k\n"
        "    outs:\n"
        "    - m\n"
        "    - p:\n"
        "        persist: true\n"
        "    - q:\n"
        "        cache: false\n"
        "        persist: true\n"
        "    - r:\n"
        "        cache: false\n"
        "    metrics:\n"
        "    - m.json:\n"
        "        cache: false\n"
        "    plots:\n"
        "    - p.csv\n"
        "    always_changed: true\n"
    )  # fmt: skip
    assert (dialect_repo / "w/.gitignore").read_text() == "/m\n/p\n/p.csv\n"
    assert added.for_git == (pipeline(dialect_repo).name, "w/.gitignore")
    assert added.address == "full"


def test_comments_of_an_existing_file_survive(native: Path) -> None:
    write(pipeline(native), "# ours\nstages:\n  first: # why\n    cmd: echo\n")
    add_stage(Project.find(str(native)), TRAIN)
    assert pipeline(native).read_text() == (
        "# ours\nstages:\n  first: # why\n    cmd: echo\n"
        "  train:\n    cmd: python train.py\n    deps:\n    - data\n    outs:\n    - model\n"
    )  # fmt: skip


def test_a_stage_is_replaced_in_its_place_only_by_force(native: Path) -> None:
    text = (
        "stages:\n  train:\n    # inside\n    desc: kept\n    cmd: old\n    meta: 1\n    outs:\n    - model:\n"
        "        desc: note\n    frozen: true\n  last:\n    cmd: echo\n"
    )  # fmt: skip
    write(pipeline(native), text)
    project = Project.find(str(native))
    with pytest.raises(DvxError, match=r"the stage `train` exists already in `dvx\.yaml`"):
        add_stage(project, TRAIN)
    assert pipeline(native).read_text() == text
    add_stage(project, replace(TRAIN, force=True))
    assert pipeline(native).read_text() == (
        "stages:\n  train:\n    # inside\n    desc: kept\n    cmd: python train.py\n    meta: 1\n"
        "    outs:\n    - model:\n        desc: note\n    deps:\n    - data\n  last:\n    cmd: echo\n"
    )  # fmt: skip


def test_stages_go_to_the_file_beside_the_user(native: Path) -> None:
    (native / "sub").mkdir()
    project = Project.find(str(native / "sub"))
    assert add_stage(project, TRAIN).address == "sub/dvx.yaml:train"
    assert (native / "sub/dvx.yaml").exists()
    assert load_index(project).stages["sub/dvx.yaml:train"].deps == ("sub/data",)


@pytest.mark.parametrize(
    ("new", "error", "message"),
    [
        (replace(TRAIN, name="b", deps=()), GraphError, "the output `model` belongs to both"),
        (NewStage("b", ["x"], outs=[NewOutput("model/part")]), GraphError, "lies in the output `model`"),
        (NewStage("b", ["x"], deps=["model"], outs=[NewOutput("data")]), GraphError, "in a circle"),
        (NewStage("b", ["x"], deps=["o"], outs=[NewOutput("o")]), GraphError, "depends on its own output"),
        (NewStage("b", ["x"], outs=[NewOutput("../o")]), DvxError, "`../o` .* lies outside of the repository"),
        (NewStage("b", ["x"], workdir="absent"), DvxError, "the working folder `absent` does not exist"),
        (NewStage("b", ["x"], outs=[NewOutput("tracked")]), DvxError, "the output `tracked` .* is tracked by Git"),
        (NewStage("b.c", ["x"]), UsageError, "a stage cannot be called `b.c`"),
        (NewStage("b@c", ["x"]), UsageError, "a stage cannot be called `b@c`"),
        (NewStage("b", [""]), UsageError, "has no command"),
    ],
)
def test_what_is_not_sound_is_refused_before_anything_is_written(
    native: Path, new: NewStage, error: type[DvxError], message: str
) -> None:
    write(native / "tracked", "1")
    commit_all(native)
    add_stage(Project.find(str(native)), TRAIN)
    before = pipeline(native).read_bytes(), (native / ".gitignore").read_bytes()
    with pytest.raises(error, match=message):
        add_stage(Project.find(str(native)), new)
    assert (pipeline(native).read_bytes(), (native / ".gitignore").read_bytes()) == before


def test_words_become_a_command() -> None:
    assert join_command(["python train.py  $X"]) == "python train.py  $X"
    assert join_command(["echo", "a b", "", "c'd e", 'x"y z', "$HOME"]) == 'echo "a b" "" "c\'d e" x"y z $HOME'


def test_freezing_writes_a_line_and_unfreezing_takes_it_out(native: Path) -> None:
    project = Project.find(str(native))
    add_stage(project, TRAIN)
    before = pipeline(native).read_text()
    assert set_frozen(project, load_index(project), ["train"], frozen=True) == ("dvx.yaml",)
    assert pipeline(native).read_text() == before + "    frozen: true\n"
    assert set_frozen(project, load_index(project), ["train"], frozen=True) == ()
    assert set_frozen(project, load_index(project), ["train"], frozen=False) == ("dvx.yaml",)
    assert pipeline(native).read_text() == before


def test_only_stages_that_have_a_place_can_be_frozen(native: Path) -> None:
    write(pipeline(native), "stages:\n  many:\n    foreach: [a]\n    do:\n      cmd: echo ${item}\n")
    project = Project.find(str(native))
    with pytest.raises(DvxError, match="is generated by a template"):
        set_frozen(project, load_index(project), ["many@a"], frozen=True)
    with pytest.raises(UnknownTarget) as caught:
        set_frozen(project, load_index(project), ["many@b"], frozen=True)
    assert caught.value.hint == "did you mean `many@a`?"


PIPELINE = """\
stages:
  prepare:
    cmd: cat raw > clean
    deps: [raw]
    outs: [clean]
  train:
    foreach: [a, b]
    do:
      cmd: echo ${item}
      deps: [clean]
      params: [lr]
      outs:
      - model-${item}
      metrics:
      - m-${item}.json: {cache: false}
  look:
    cmd: cat model-a
    deps: [model-a]
  apart:
    cmd: echo
    desc: |
      first line
      second
"""


@pytest.fixture
def project(native: Path) -> Project:
    write(native / "raw", "1\n")
    dvx(native, "add", "raw")
    write(pipeline(native), PIPELINE)
    write(native / "sub/dvx.yaml", "stages:\n  inner: {cmd: echo, outs: [o]}\n")
    return Project.find(str(native))


def test_stages_are_listed_with_a_summary(project: Project) -> None:
    listed = list_stages(project, ListStagesOptions())
    assert [(stage.address, stage.summary) for stage in listed] == [
        ("prepare", "Outputs clean"),
        ("train@a", "Outputs model-a; Reports m-a.json"),
        ("train@b", "Outputs model-b; Reports m-b.json"),
        ("look", "Depends on model-a"),
        ("apart", "first line"),
    ]


def test_all_of_the_repository_are_listed_with_pointers(project: Project) -> None:
    addresses = [stage.address for stage in list_stages(project, ListStagesOptions(everything=True))]
    assert addresses == ["raw.dvx", "prepare", "train@a", "train@b", "look", "apart", "sub/dvx.yaml:inner"]


def test_targets_choose_stages(project: Project) -> None:
    def names(*targets: str, recursive: bool = False) -> list[str]:
        return [stage.address for stage in list_stages(project, ListStagesOptions(targets, recursive=recursive))]

    assert names("train") == ["train@a", "train@b"]
    assert names("train@b") == ["train@b"]
    assert names("sub/dvx.yaml") == ["sub/dvx.yaml:inner"]
    assert names("sub/dvx.yaml:inner") == ["sub/dvx.yaml:inner"]
    assert names("sub", recursive=True) == ["sub/dvx.yaml:inner"]
    assert names("model-a") == ["train@a"]
    assert names("raw.dvx", "raw") == ["raw.dvx"]


def test_an_unknown_target_is_told_with_the_nearest(project: Project) -> None:
    with pytest.raises(UnknownTarget) as caught:
        list_stages(project, ListStagesOptions(("prepaer",)))
    assert caught.value.message == "`prepaer` is no stage, pipeline file or output"
    assert caught.value.hint == "did you mean `prepare`?"


def test_a_document_of_a_stage_says_what_is_declared_and_recorded(project: Project) -> None:
    dvx(project.root, "repro", "prepare")
    (prepare, train) = list_stages(project, ListStagesOptions(("prepare", "train@a")))
    one = "be573118fb47cf582ef3a1a12238c2e5"
    assert prepare.document == {
        "stage": "prepare",
        "cmd": "cat raw > clean",
        "deps": [{"path": "raw", "hash": f"xxh128:{one}", "size": 2}],
        "outs": [{"path": "clean", "hash": f"xxh128:{one}", "size": 2}],
    }
    assert train.document["params"] == {"params.yaml": ["lr"]}
    assert train.document["outs"] == [{"path": "model-a"}, {"path": "m-a.json", "kind": "metric", "cache": False}]


def test_the_graph_of_stages(project: Project) -> None:
    assert find_dag(project, DagOptions()).needs == {
        "raw.dvx": (),
        "prepare": ("raw.dvx",),
        "train@a": ("prepare",),
        "train@b": ("prepare",),
        "look": ("train@a",),
        "apart": (),
        "sub/dvx.yaml:inner": (),
    }
    assert list(find_dag(project, DagOptions("train@a")).needs) == ["raw.dvx", "prepare", "train@a"]
    assert list(find_dag(project, DagOptions("train@a", full=True)).needs) == ["raw.dvx", "prepare", "train@a", "train@b", "look"]


def test_generated_stages_can_be_shown_as_one(project: Project) -> None:
    needs = find_dag(project, DagOptions("look", collapse=True)).needs
    assert needs == {"raw.dvx": (), "prepare": ("raw.dvx",), "train": ("prepare",), "look": ("train",)}


def test_the_graph_of_outputs(project: Project) -> None:
    needs = find_dag(project, DagOptions("train@a", outs=True)).needs
    assert needs == {"raw": (), "clean": ("raw",), "model-a": ("clean",), "m-a.json": ("clean",)}
