"""What DVC's extension for VS Code calls: dvx answers with DVC's exit code, the same JSON, and leaves the same files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Result, commit_all, git, run_dvx, tree, write
from tests.interop.steps import Tool
from tests.interop.test_experiments import comparable, make

USAGE = 254
AnyCode = Callable[..., Result]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the extension (source: vscode-dvc at a2c8ad7). `kept` is what it reads of stdout, or nothing; `before` changes
    the project.

    `later`: dvx has no such command yet. When it has, the test of the call fails until that is taken out here. `kept_file` is one
    that a later commit changed and dvx leaves as it is; DVC takes that back.
    """

    words: str
    kept: Callable[[str], Any] | None = None
    before: Callable[[Path], object] | None = None
    where: str = "."
    later: bool = False
    kept_file: str = ""


def _edit(project: Path) -> None:
    write(project / "params.yaml", (project / "params.yaml").read_text().replace("lr: 0.1", "lr: 0.7"))
    write(project / "data.csv", "3,4\n")


def _no_data(project: Path) -> None:
    (project / "data.csv").unlink()
    (project / "model").unlink()
    shutil.rmtree(project / ".dvc/cache")


def _remote(name: str, level: str = "config") -> Callable[[Path], None]:
    def add(project: Path) -> None:
        file = project / ".dvc" / level
        before = file.read_text() if file.exists() else ""
        write(file, f"{before}['remote \"{name}\"']\n    url = ../{name}\n")

    return add


def _new(project: Path) -> None:
    write(project / "new.csv", "5\n")
    (project / "sub").mkdir()


def _exact(text: str) -> str:
    return text


def _words(text: str) -> list[str]:
    """DVC breaks lines that are longer than a terminal, by the length of the folder in which the test is."""
    return text.split()


def _experiments(text: str) -> Any:
    return comparable(json.loads(text))


def _without_order(text: str) -> Any:
    # it makes sets of the lists
    document = json.loads(text)
    return {
        key: {part: sorted(value[part]) for part in value} if isinstance(value, dict) else sorted(value)
        for key, value in document.items()
    }


def _first_words(text: str) -> list[str]:
    names = [line.split()[0] for line in text.splitlines() if line.strip()]
    return [name for name in names if not name.endswith(".dvc")]


CALLS = [
    Call("root", _exact),
    Call("root", _exact, _new, "sub"),
    Call("data status --granular --unchanged --json", _without_order),
    Call("data status --granular --unchanged --json", _without_order, _edit),
    Call("data status --granular --unchanged --json", _without_order, _no_data),
    Call("exp show --rev HEAD --json", _experiments),
    Call("exp show --rev HEAD --rev HEAD~1 --json", _experiments, _edit),
    Call("plots diff workspace HEAD -o .dvc/tmp/plots --split --json", json.loads),
    Call("stage list", _first_words),
    Call("dag --md", _exact),
    Call("add new.csv", before=_new),
    Call("add nowhere"),
    Call("checkout", before=_edit),
    Call("checkout -f", before=_edit),
    Call("checkout data.csv -f", before=_edit),
    Call("commit -f", before=_edit),
    Call("commit data.csv -f", before=_edit),
    Call("commit data.csv.dvc -f", before=_edit),
    Call("push"),
    Call("push data.csv"),
    Call("push data.csv -f"),
    Call("pull", before=_no_data),
    Call("pull data.csv.dvc", before=_no_data),
    Call("pull data.csv -f", before=_edit),
    Call("exp apply changed", kept_file=".dvc/config"),
    Call("exp apply nowhere"),
    Call("exp branch changed other"),
    Call("exp rename changed better"),
    Call("exp remove plain changed"),
    Call("exp remove nowhere"),
    Call("exp remove --queue"),
    Call("exp push origin changed"),
    Call("exp run -S params.yaml:lr=0.5"),
    Call("exp run", before=_edit),
    Call("exp run --queue -S params.yaml:lr=0.5"),
    Call("queue start -j 1"),
    Call("queue stop"),
    Call("queue stop --kill"),
    Call("queue kill nowhere"),
    Call("queue logs nowhere --follow"),
    Call("init --subdir", before=_new, where="sub"),
    Call("remove data.csv.dvc"),
    Call("config studio.token", _exact),
    Call("config studio.offline", _exact),
    Call("config studio.url", _exact),
    Call("config --global studio.offline true"),
    Call("config --local studio.token abc"),
    Call("config --unset --global studio.token"),
    Call("config --unset --local studio.token"),
    Call("remote list --local", _words),
    Call("remote list --local", _words, _remote("other", "config.local")),
    Call("remote list --project", _words),
    Call("remote add -d --project first s3://bucket/path"),
    Call("remote add --project storage s3://bucket/path"),
    Call("remote modify --project storage url s3://other"),
    Call("remote modify --local storage url s3://other", before=_remote("storage", "config.local")),
    Call("remote rename --project storage store"),
    Call("remote rename --local nowhere store"),
    Call("remote remove --project storage"),
    Call("remote remove --local nowhere"),
]


def _prepare(folder: Path, tool: Tool) -> None:
    make(folder / "work", tool)
    project = folder / "work"
    tool(project, "remote", "add", "-d", "storage", "../storage")
    commit_all(project, "remote")
    tool(project, "push")


@pytest.fixture
def copies(shared: Callable[[str, Callable[[Path], None]], Path], dvc: Tool, tmp_path: Path) -> Callable[[str], Path]:
    """A repository that DVC made, once for each tool, with a remote beside it."""
    original = shared("vscode-extension", lambda folder: _prepare(folder, dvc))

    def get(name: str) -> Path:
        return Path(shutil.copytree(original, tmp_path / name, symlinks=True)) / "work"

    return get


def _left(project: Path) -> dict[str, bytes]:
    """All files but those that each tool keeps for itself."""
    found = tree(project)
    own = (".dvc/tmp/", ".dvc/cache/", "sub/.dvc/tmp/")
    # DVC leaves files of configuration behind that say nothing
    return {
        name: data for name, data in found.items() if not name.startswith(own) and (data.strip() or not name.startswith(".dvc/"))
    }


def _names(project: Path) -> list[str]:
    """The branches and experiments."""
    names = git(project, "for-each-ref", "--format=%(refname)", "refs/exps", "refs/heads").splitlines()
    return [name for name in names if not name.startswith(("refs/exps/exec/", "refs/exps/apply/"))]


def _mark(call: Call) -> Any:
    marks = [pytest.mark.xfail(reason="there is no such command yet", strict=True)] if call.later else []
    change = f" after {call.before.__name__.strip('_')}" if call.before else ""
    return pytest.param(call, id=f"{call.words}{change}", marks=marks)


@pytest.mark.parametrize("call", [_mark(call) for call in CALLS])
def test_a_call_is_answered_as_dvc_does(call: Call, dvc_any: AnyCode, copies: Callable[[str], Path]) -> None:
    results, left, names, printed = {}, {}, {}, {}
    for name, run in {"dvc": dvc_any, "dvx": run_dvx}.items():
        project = copies(name)
        if call.before:
            call.before(project)
        kept = (project / call.kept_file).read_bytes() if call.kept_file else b""
        results[name] = run(project / call.where, *call.words.split(" "))
        left[name] = _left(project)
        names[name] = _names(project)
        printed[name] = results[name].out.replace(str(project.parent), "")
    # what there is not has a code, too; the extension asks for some of it in vain
    unknown = re.match("error: (there is no command|`[^`]*` has no option)", results["dvx"].err)
    assert bool(unknown) is (results["dvc"].code == USAGE)
    if call.later:
        return
    assert results["dvx"].code == results["dvc"].code, (results["dvx"].err, results["dvc"].err)
    if call.kept_file:
        assert left["dvx"].pop(call.kept_file) == kept
        left["dvc"].pop(call.kept_file, None)
    assert left["dvx"] == left["dvc"]
    if "exp run" not in call.words:
        assert names["dvx"] == names["dvc"]
    if call.kept and results["dvc"].code == 0:
        assert call.kept(printed["dvx"]) == call.kept(printed["dvc"])


def test_the_version_is_one_that_the_extension_takes(dvc_like: Path) -> None:
    printed = run_dvx(dvc_like, "--version").out
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", printed)
    assert found
    assert tuple(map(int, found.groups())) >= (3, 33, 3)
    assert " dvx " in printed.replace("(", " ")


def test_a_refusal_names_the_way_that_the_extension_offers(dvc_any: AnyCode, copies: Callable[[str], Path]) -> None:
    project = copies("dvx")
    _edit(project)
    refused = run_dvx(project, "checkout")
    assert refused.code != 0
    assert re.search(r"Use\s['`](-f|--force).*?['`]\sto\sforce\.", refused.err)
