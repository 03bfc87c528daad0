"""One project, made by the same commands of either tool: what is compared byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tests.helpers import Result, commit_all, git, write


class Tool(Protocol):
    """dvx or DVC: runs a command in a folder; it must succeed."""

    def __call__(self, cwd: Path, /, *args: str | Path) -> Result: ...


FILES = ("data.csv", "empty", "run.sh", "ünï [x]!#*? 'q'.txt", "sub/deep/table.tsv")
FOLDERS = ("images", "void", "größe ☃")
MEMBERS = {
    "a": "1\n",
    "b": "2\n",
    "copy of a": "1\n",
    "a/../a.txt": "sorts before a/b\n",
    "nested/deeper/é😀.bin": b"\x00\xff\r\n",
    "nested/\"quoted\" 'name'.txt": "q",
    "nested/back\\slash": "b",
    "nested/empty": "",
    "-dash": "d",
    "#hash": "h",
}
PARAMS = """\
# what the pipeline may change
train:
  lr: 0.1
  epochs: 10
  layers: [8, 4]
seed: 7
"""
TEMPLATE = """\
# stages made from patterns; this comment stays
vars:
- extra.yaml
- local: {shift: 3}
stages:
  each:
    foreach: [red, green]
    do:
      cmd: echo ${item} ${local.shift} > ${item}.txt
      deps:
      - ../data.csv
      outs:
      - ${item}.txt
  pair:
    foreach:
      one: {n: 1, name: first}
      two: {n: 2, name: "second one"}
    do:
      cmd: echo ${key} ${item.n} '${item.name}' > pair-${key}
      params:
      - extra.yaml:
        - depth
      outs:
      - pair-${key}
  grid:
    matrix:
      model: [cnn, mlp]
      rate: [0.5, 1e-5]
    cmd: echo ${item.model} ${item.rate} > grid-${item.model}-${item.rate}
    deps:
    - red.txt
    outs:
    - grid-${item.model}-${item.rate}
  options:
    cmd: echo run ${opts} > options.txt
    deps:
    - green.txt
    outs:
    - options.txt
  listed:
    desc: commands in a list
    cmd:
    - echo one > listed.txt
    - echo two >> listed.txt
    deps:
    - ../images
    outs:
    - listed.txt:
        cache: false
        desc: not in the cache
    meta: {team: [a, b]}
"""
EXTRA = "depth: {z: 1, a: [1, 2.50, null, true]}\nopts: {flag: true, off: false, many: [1, x y], nest: {deep: 1e-05}}\n"
LONG = (
    "sh step.sh --a-rather-long-option=with-value --another-long-option='two  blanks and \"quotes\"' "
    "--the-last-option: '# no comment' > long.txt"
)
TRAIN = (
    """sh step.sh train > model && chmod +x model && echo '{"acc": 0.5, "loss": {"a": 1e-3}}' > scores.json"""
    r""" && printf 'x,y\n1,2\n' > curve.csv"""
)
TRAIN_OPTIONS = "-d prepared -p train.lr,train.layers -p conf.json:b,a -p settings.py:RATE,Net.size -o model -M scores.json"
STAGES = (
    (
        "prepare",
        "-d data.csv -d images -d step.sh -p seed -p conf.toml:net.width -o prepared",
        "mkdir prepared && cp data.csv prepared/ && cp step.sh prepared/run && chmod +x prepared/run",
    ),
    ("train", f"{TRAIN_OPTIONS} --plots-no-cache curve.csv", TRAIN),
    (
        "evaluate",
        "-d model -p conf.toml: -m cached.json --plots cached.csv -O plain.txt",
        r"""echo '{"n": 3}' > cached.json && printf 'x,y\n3,4\n' > cached.csv && echo plain > plain.txt""",
    ),
    (
        "elsewhere",
        "-w work -d input.txt -d ../model -o ../from-work.txt -o here.txt --desc moved",
        "cp input.txt here.txt && cp input.txt ../from-work.txt",
    ),
    ("long", "-d step.sh -o long.txt", LONG),
    ("grow", "-d step.sh --outs-persist grown.txt", "echo grown >> grown.txt"),
)


def build(folder: Path, tool: Tool) -> None:
    """Make the whole project; afterwards everything is committed, pushed and up to date."""
    start(folder, tool)
    track(folder, tool)
    commit_all(folder, "data")
    pipeline(folder, tool)
    templates(folder, tool)
    tool(folder, "push")
    commit_all(folder, "pipeline")
    git(folder, "tag", "built")


def start(folder: Path, tool: Tool) -> None:
    """A repository with a remote and some options."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    tool(folder, "init")
    tool(folder, "remote", "add", "--default", "storage", "../store")
    tool(folder, "remote", "modify", "storage", "jobs", "3")
    tool(folder, "remote", "add", "Cloud.2", "s3://bucket/a, b#c")
    tool(folder, "remote", "modify", "--local", "Cloud.2", "profile", "team")
    tool(folder, "config", "core.checksum_jobs", "2")
    tool(folder, "config", "core.autostage", "false")
    tool(folder, "config", "core.analytics", "false")


def track(folder: Path, tool: Tool) -> None:
    """Files and folders with all kinds of names."""
    write(folder / "data.csv", "a,b\r\n1,2\r\n")
    write(folder / "empty", "")
    write(folder / "run.sh", "#!/bin/sh\necho run\n").chmod(0o755)
    write(folder / "ünï [x]!#*? 'q'.txt", "odd")
    write(folder / "sub/deep/table.tsv", "x\ty\n")
    write(folder / "sub/deep/.gitignore", "/kept-line-without-newline")
    members(folder / "images")
    (folder / "images/nested/hollow").mkdir()
    (folder / "images/nested/empty").chmod(0o755)
    (folder / "void").mkdir()
    write(folder / "größe ☃/ß", "ß")
    tool(folder, "add", *FILES, *FOLDERS)


def members(folder: Path) -> None:
    """The files of a tracked folder."""
    for name, content in MEMBERS.items():
        write(folder / name.replace("a/../", ""), content)


def pipeline(folder: Path, tool: Tool) -> None:
    """Stages written by `stage add`, in two folders, and run."""
    write(folder / "params.yaml", PARAMS)
    write(folder / "conf.toml", 'title = "t"\n[net]\nwidth = 3\nratio = 1.50\n')
    write(folder / "conf.json", '{"b": {"y": 1, "x": [1, 2]}, "a": "\\u00e9 text"}\n')
    write(folder / "settings.py", "RATE = 0.001\nNAME = 'it'\n\n\nclass Net:\n    size = 4\n")
    write(folder / "step.sh", 'echo "$@"\n')
    write(folder / "work/input.txt", "in\n")
    for name, options, command in STAGES:
        tool(folder, "stage", "add", "-n", name, *options.split(), command)
    tool(folder, "repro")
    write(folder / "low/in.txt", "low\n")
    tool(folder / "low", "stage", "add", "-n", "low", "-d", "in.txt", "-d", "../model", "-o", "out.txt", "cp in.txt out.txt")
    tool(folder / "low", "repro")


def templates(folder: Path, tool: Tool) -> None:
    """Stages generated from patterns that a person wrote."""
    write(folder / "many/extra.yaml", EXTRA)
    write(folder / "many/dvc.yaml", TEMPLATE)
    tool(folder / "many", "repro")
