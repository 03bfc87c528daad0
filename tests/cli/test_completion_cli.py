"""completion: the scripts that shells load, and what is offered after Tab."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from dvx.cli import main
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o default -F _dvx_completion dvx"),
        ("zsh", "#compdef dvx"),
        ("fish", "complete --command dvx --no-files"),
    ],
)
def test_each_shell_has_a_script(tmp_path: Path, shell: str, line: str) -> None:
    script = dvx(tmp_path, "completion", shell).out
    assert line in script
    assert dvx(tmp_path, "completion", "-s", shell).out == script


def test_bash_is_the_default_as_for_dvc(tmp_path: Path) -> None:
    assert dvx(tmp_path, "completion").out == dvx(tmp_path, "completion", "--shell", "bash").out


def test_bash_completes_with_the_script(native: Path) -> None:
    (native / "script").write_text(dvx(native, "completion", "bash").out)
    asked = 'source ./script; COMP_WORDS=(dvx comp); COMP_CWORD=1; _dvx_completion dvx; echo "${COMPREPLY[@]}"'
    assert run_process(native, "bash", "-c", asked).out == "completion\n"


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("dvx exp run -S train.l", ["train.lr="]),
        ("dvx exp run -S train.lr=", ["0.1"]),
        ("dvx exp run -S other.yaml:d", ["deep.er="]),
        ("dvx exp run -S other.yaml:deep.er=", ["3"]),
        ("dvx repro other.yaml:", []),
        ("dvx add sub/", []),
        ("dvx status da", [r"data\ one"]),
        ("dvx remote add x s3:", ["//"]),
    ],
)
def test_bash_completes_behind_the_signs_at_which_it_takes_words_apart(native: Path, line: str, replies: list[str]) -> None:
    project(native)
    write(native / "script", dvx(native, "completion", "bash").out)
    write(native / "data one", "1\n")
    dvx(native, "add", "data one")
    asked = (
        'source ./script; COMP_LINE="$1"; COMP_POINT=${#1}; COMP_WORDBREAKS="\\"\'@><=;|&(: "; _dvx_completion dvx; '
        '[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"'
    )
    result = run_process(native, "bash", "-c", asked, "bash", line)
    assert (result.out.splitlines(), result.err) == (replies, "")


def test_an_unknown_shell_is_refused(tmp_path: Path) -> None:
    result = run_dvx(tmp_path, "completion", "bush")
    assert (result.code, result.err) == (2, "error: there is no completion for `bush`\nhint: did you mean `bash`?\n")
    assert run_dvx(tmp_path, "completion", "bash", "-s", "zsh").code == 2


def completed(cwd: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a shell shows after Tab at the end of a line; nothing else may be printed."""
    with monkeypatch.context() as patched:
        patched.setenv("_DVX_COMPLETE", "complete_fish")
        patched.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        patched.setenv("_TYPER_COMPLETE_ARGS", line)
        out, err = io.StringIO(), io.StringIO()
        # typer exits when it has said what it offers
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
            main.run(["x"], str(cwd))
    assert err.getvalue() == ""
    return [word.partition("\t")[0] for word in out.getvalue().split("\n") if word]


PIPELINE = """params:
- other.yaml
datasets:
- {name: images, url: ../data, type: dvc}
stages:
  train:
    cmd: cp data model
    deps: [data]
    params: [train.lr]
    outs: [model]
    metrics: [{m.json: {cache: false}}]
  each:
    foreach: [a, b]
    do: {cmd: 'true', outs: ['${item}']}
plots:
- loss.csv
"""


def project(root: Path) -> None:
    """One of everything that can be completed."""
    dialect = dialect_of(root)
    write(root / dialect.pipeline, PIPELINE)
    write(root / "params.yaml", "train:\n  lr: 0.1\n  fast: true\nepochs: 3\nmodel: {layers: [1, 2]}\n")
    write(root / "other.yaml", "deep: {er: 3}\n")
    write(root / "m.json", '{"accuracy": 0.9}')
    write(root / "loss.csv", "step,loss\n1,2\n")
    write(root / "sub/data", "1\n")
    write(root / "sub" / dialect.pipeline, "stages:\n  inner: {cmd: 'true'}\n")
    dvx(root, "add", "sub/data")
    dvx(root, "remote", "add", "-d", "store", "../store")
    dvx(root, "remote", "add", "cloud", "s3://bucket/x")
    dvx(root, "config", "db.sales.url", "sqlite:///sales.db")
    commit_all(root)
    git(root, "tag", "v1")
    git(root, "remote", "add", "origin", "../elsewhere")
    dvx(root, "exp", "save", "-n", "first")


@pytest.fixture
def full(native: Path) -> Path:
    project(native)
    return native


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("repro ", ["each", "each@a", "each@b", "sub/dvx.yaml:inner", "train"]),
        ("repro tr", ["train"]),
        ("ds update ", ["images"]),
        ("dataset add --url remote://c", ["remote://cloud/"]),
        ("explain sub/", ["sub/dvx.yaml:inner"]),
        ("dag mo", ["model"]),
        ("status s", ["sub/data", "sub/dvx.yaml:inner"]),
        ("--cd sub status da", ["data"]),
        ("--cd sub repro ", ["../dvx.yaml:each", "../dvx.yaml:each@a", "../dvx.yaml:each@b", "../dvx.yaml:train", "inner"]),
        ("push -r ", ["cloud", "store"]),
        ("remote modify cl", ["cloud"]),
        ("remote modify cloud pro", ["profile"]),
        ("remote modify store pro", ["protected"]),
        ("remote modify cloud use_ssl ", ["false", "true"]),
        ("remote add new s", ["s3://", "ssh://"]),
        ("remote add new ", []),
        ("config core.ha", ["core.hardlink_lock", "core.hash"]),
        ("config remote.cloud.sec", ["remote.cloud.secret_access_key"]),
        ("config core.autostage ", ["false", "true"]),
        ("config core.remote ", ["cloud", "store"]),
        ("config core.hash b", ["blake3"]),
        ("config cache.type ha", ["hardlink"]),
        ("config remote.cloud.use_ssl f", ["false"]),
        ("config nothing.at ", []),
        ("config db.", ["db.sales.password", "db.sales.url", "db.sales.username"]),
        ("import-db --conn ", ["sales"]),
        ("import-db --output-format j", ["json"]),
        ("test-db --conn s", ["sales"]),
        ("exp apply f", ["first"]),
        ("exp diff v", ["v1"]),
        ("exp show --rev v", ["v1"]),
        ("exp show --sort-by ", ["accuracy", "deep.er", "epochs", "model.layers", "train.fast", "train.lr"]),
        ("exp show --sort-order ", ["asc", "desc"]),
        ("exp push ", ["origin"]),
        ("exp list o", ["origin"]),
        ("exp remove -g o", ["origin"]),
        ("gc --rev v", ["v1"]),
        ("gc -p s", ["sub"]),
        ("diff wor", ["workspace"]),
        ("exp run -S ", ["epochs=", "model.layers=", "other.yaml:deep.er=", "train.fast=", "train.lr="]),
        ("exp run -S train.f", ["train.fast="]),
        ("exp run -S train.fast=", ["train.fast=true"]),
        ("exp run --set-param other.yaml:", ["other.yaml:deep.er="]),
        ("exp run -S params.yaml:ep", ["params.yaml:epochs="]),
        ("exp run -S ~train.l", ["~train.lr"]),
        ("exp run -S ++tr", ["++train.fast=", "++train.lr="]),
        ("stage add -n x -p tr", ["train.fast", "train.lr"]),
        ("stage add -n x -p epochs,tr", ["epochs,train.fast", "epochs,train.lr"]),
        ("stage add -n x -p other", ["other.yaml:", "other.yaml:deep.er"]),
        ("params diff --targets ", ["other.yaml", "params.yaml"]),
        ("metrics show ", ["m.json"]),
        ("metrics diff --targets ", ["m.json"]),
        ("plots show ", ["loss.csv"]),
        ("plots show loss.csv -y l", ["loss"]),
        ("plots show -x ", ["loss", "step"]),
        ("plots show -t conf", ["confusion", "confusion_normalized"]),
        ("plots modify loss.csv --unset t", ["template", "title"]),
        ("plots templates lin", ["linear"]),
        ("data status --untracked-files ", ["no", "all"]),
        ("queue logs -e utf", ["utf-8", "utf-16"]),
        ("init --hash b", ["blake3"]),
        ("help tro", ["trouble"]),
        ("help exp sh", ["show"]),
        ("fetch --type m", ["metrics"]),
        ("shim install --dir s", ["sub"]),
        ("completion f", ["fish"]),
        ("schema po", ["pointer"]),
    ],
)
def test_values_are_offered(full: Path, monkeypatch: pytest.MonkeyPatch, line: str, offered: list[str]) -> None:
    assert completed(full, f"dvx {line}", monkeypatch) == offered


def test_runs_tasks_and_trash_are_offered(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(native / "params.yaml", "n: 1\n")
    write(native / "dvx.yaml", "stages:\n  s: {cmd: 'cat params.yaml > o', params: [n], outs: [o]}\n")
    commit_all(native)
    dvx(native, "repro")
    dvx(native, "exp", "run", "--queue", "-n", "later", "-S", "n=2")
    write(native / "o", "mine\n")
    dvx(native, "checkout", "-f")
    run = dvx(native, "runs", "list").out.splitlines()[1].split()[0]
    for line in ("runs show ", "runs logs --run ", "runs cancel ", "runs pause ", "runs resume "):
        assert completed(native, f"dvx {line}", monkeypatch) == [run, "later"]
    assert completed(native, "dvx runs retry 2", monkeypatch) == [run]
    for line in ("queue logs l", "queue kill ", "queue remove "):
        assert completed(native, f"dvx {line}", monkeypatch) == ["later"]
    assert "o" in completed(native, "dvx trash restore ", monkeypatch)


@pytest.mark.parametrize("line", ["exp run -S ", "repro ", "status ", "push -r ", "exp show --keep ", "plots show -x "])
def test_nothing_is_said_where_files_cannot_be_read(full: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    write(full / "dvx.yaml", "stages: [\n")
    write(full / "params.yaml", b"\xff: [")
    # what stands in other files is offered
    others = {"push -r ": ["cloud", "store"], "repro ": ["sub/dvx.yaml:inner"]}
    others["status "] = ["sub/data", *others["repro "]]
    assert completed(full, f"dvx {line}", monkeypatch) == others.get(line, [])
    write(full / ".dvx/config", "[core\n")
    assert completed(full, f"dvx {line}", monkeypatch) == []
    assert "core.remote" in completed(full, "dvx config core.r", monkeypatch)


@pytest.mark.parametrize("line", ["repro ", "exp run -S ", "push -r ", "nothing ", "exp nothing ", "--cd gone repro "])
def test_nothing_is_said_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    assert completed(tmp_path, f"dvx {line}", monkeypatch) == []


# values that nobody can know, and files of this machine, which the shell completes itself when dvx offers nothing
FREE = frozenset({
    "--ancestor", "--config", "--copy-paths", "--date", "--deps", "--desc", "--folder", "--fs-config", "--grace",
    "--html-template", "--include-untracked", "--label", "--message", "--meta", "--metrics", "--metrics-no-cache", "--name",
    "--older", "--our", "--out", "--outs", "--outs-no-cache", "--outs-persist", "--outs-persist-no-cache", "--password", "--path",
    "--plots", "--plots-no-cache", "--remote-config", "--sql", "--table", "--their", "--title", "--username", "--x-label",
    "--y-label", "add targets", "artifacts get name", "cache dir value", "check-ignore targets", "--dc", "dataset add name",
    "du path",    "exp branch branch", "exp rename name", "get path", "get-url out", "import path",
    "import-url out", "init directory", "move dst", "remote add name", "remote rename new", "stage add command",
})  # fmt: skip


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_value_that_can_be_known_is_offered(name: str) -> None:
    group, space, last = name.rpartition(" ")
    built: Any = main._command(group + space, last, main.COMMANDS[name])
    unknown = {
        parameter.opts[0] if parameter.param_type_name == "option" else f"{name} {parameter.name}"
        for parameter in built.params
        if type(parameter.type).__name__ == "StringParamType" and not parameter._custom_shell_complete
    }
    if name.startswith("git-hook "):
        unknown -= {f"{name} args"}
    if name == "add":
        unknown -= {"--type"}
    if name == "test-db":
        # SQLAlchemy has them for many kinds of databases
        unknown -= {"--url"}
    if name in ("import", "update", "du", "get", "artifacts get", "dataset add", "dataset update"):
        # of another repository
        unknown -= {"--rev", "--remote", "--stage"}
    assert unknown <= FREE
