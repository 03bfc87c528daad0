"""Typos: what was meant is said; and every command and option has words of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dvx.cli import main
from tests.helpers import commit_all, dvx, git, run_dvx, write

WORDS = {
    "psuh": "push",
    "remot list": "remote",
    "exp shwo": "show",
    "exp": "",
    "data stauts": "status",
    "shim instal": "install",
    "git-hook pre-comit": "pre-commit",
    "help trubble": "trouble",
    "push --jbos 3": "--jobs",
    "--verison": "--version",
    "--qiet status": "--quiet",
    "exp run --quue": "--queue",
    "add --too-remote x": "--to-remote",
    "fetch --type metrcs": "metrics",
    "schema pipline": "pipeline",
    "--color alway status": "always",
    "status --color nevr": "never",
    "completion fihs": "fish",
    "init --hash blak3": "blake3",
    "config core.autostge true": "autostage",
    "config cor.autostage true": "core",
    "config remote.store.ulr x": "url",
    "plots templates confuson": "confusion",
}
NAMES = {
    "pull -r stor": "store",
    "push -r stor": "store",
    "fsck -r stor": "store",
    "status -r stor": "store",
    "remote modify stroe url x": "store",
    "remote default stor": "store",
    "remote remove stor": "store",
    "remote rename stor b": "store",
    "remote test stor": "store",
    "remote modify store ulr x": "url",
    "repro trian": "train",
    "repro dvx.yml": "dvx.yaml",
    "explain trian": "train",
    "dag trian": "train",
    "freeze trian": "train",
    "unfreeze trian": "train",
    "remove trian": "train",
    "stage list trian": "train",
    "stage run trian": "train",
    "runs logs trian": "train",
    "status trian": "train",
    "checkout modl": "model",
    "push modl": "model",
    "fetch modl": "model",
    "commit modl": "model",
    "unprotect modl": "model",
    "move dat.csv x": "data.csv",
    "plots modify modl -x a": "model",
    "diff --targets modl": "model",
    "add parms.yaml": "params.yaml",
    "exp run -S lrr=1": "lr",
    "exp show --sort-by lrr": "lr",
    "exp apply frist": "first",
    "exp remove frist": "first",
    "exp rename frist b": "first",
    "exp branch frist": "first",
    "exp diff frist": "first",
    "exp push origin frist": "first",
    "exp push orign": "origin",
    "exp pull orign": "origin",
    "exp list orign": "origin",
    "exp remove -g orign first": "origin",
    "exp list --rev mian": "main",
    "exp show --rev mian": "main",
    "gc --rev mian": "main",
    "ls --rev mian": "main",
    "diff mian": "main",
    "params diff mian": "main",
    "metrics diff mian": "main",
    "plots diff mian": "main",
    "queue logs latr": "later",
    "queue remove latr": "later",
    "queue kill latr": "later",
    "queue retry latr": "later",
}


@pytest.mark.parametrize(("line", "meant"), [(line, meant) for line, meant in WORDS.items() if meant])
def test_what_was_meant_is_said_of_words(native: Path, line: str, meant: str) -> None:
    dvx(native, "remote", "add", "store", "../store")
    result = run_dvx(native, *line.split())
    assert result.code in (1, 2)
    assert result.err.splitlines()[-1] == f"hint: did you mean `{meant}`?"


def test_what_was_meant_is_said_of_names(native: Path) -> None:
    write(native / "params.yaml", "lr: 1\n")
    write(native / "dvx.yaml", "stages:\n  train: {cmd: cp params.yaml model, params: [lr], outs: [model]}\n")
    write(native / "data.csv", "1\n")
    dvx(native, "add", "data.csv")
    dvx(native, "remote", "add", "-d", "store", "../store")
    git(native, "branch", "-M", "main")
    git(native, "init", "--bare", "--quiet", "../origin")
    git(native, "remote", "add", "origin", "../origin")
    commit_all(native)
    dvx(native, "repro")
    dvx(native, "exp", "run", "-n", "first")
    dvx(native, "exp", "run", "--queue", "-n", "later", "-S", "lr=2")
    said = {line: run_dvx(native, *line.split()) for line in NAMES}
    for line, meant in NAMES.items():
        assert said[line].code in (1, 2), line
        assert f"hint: did you mean `{meant}`?" in said[line].err, (line, said[line].err)
    for verb in ("kill", "retry"):
        assert run_dvx(native, "queue", verb, "later").err == (
            "error: the experiment `later` is queued\nhint: `dvx queue status` shows all\n"
        )


def test_a_group_alone_gets_its_help(tmp_path: Path) -> None:
    result = run_dvx(tmp_path, "exp")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: dvx exp [OPTIONS] COMMAND [ARGS]...\n")
    assert "error:" not in result.err


def test_numbers_are_called_numbers(tmp_path: Path) -> None:
    assert run_dvx(tmp_path, "push", "-j", "x").err.startswith(
        "error: invalid value for '--jobs' / '-j': 'x' is not a whole number\n"
    )
    assert run_dvx(tmp_path, "nothing").err.startswith("error: there is no command `dvx nothing`\nhint: ")
    assert run_dvx(tmp_path, "push", "--nothing-like-it").err == (
        "error: `dvx push` has no option `--nothing-like-it`\nhint: run `dvx push --help` to see how it is used\n"
    )


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_argument_and_option_is_explained(name: str) -> None:
    group, space, last = name.rpartition(" ")
    built: Any = main._command(group + space, last, main.COMMANDS[name])
    assert re.search(rf"Example: +dvx {name}\b", built.help), built.help
    for parameter in built.params:
        told = parameter.help or ""
        assert re.match(r"[A-Z`\[]", told), (parameter.name, told)
        assert told.endswith((".", ":")), (parameter.name, told)
        if parameter.param_type_name == "option":
            assert any(option.startswith("--") for option in parameter.opts) or parameter.opts in (["-x"], ["-y"])


@pytest.mark.parametrize("name", main.GROUPS)
def test_every_group_is_explained_with_an_example_of_it(name: str) -> None:
    text, example = main.GROUPS[name]
    assert text[0].isupper()
    assert example.startswith(f"dvx {name} ")
    words = example.split()
    assert f"{name} {words[2]}" in main.COMMANDS
