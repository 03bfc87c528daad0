"""What `repro` runs, in which order, and what it leaves: beside the real DVC."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import Result, commit_all, dvx, git, run_dvx, tree, write
from tests.interop.steps import Tool

Both = Callable[..., Mapping[str, tuple[int, list[str], dict[str, bytes]]]]

PIPELINE = """\
stages:
  a:
    cmd: echo a >> ran && cat src > fa
    deps: [src]
    outs: [fa]
  f:
    cmd: echo f >> ran && cat fa > ff
    deps: [fa]
    outs: [ff]
    frozen: true
  c:
    cmd: echo c >> ran && cat ff data > fc
    deps: [ff, data]
    outs: [fc]
  d:
    cmd: echo d >> ran && cat fa other > fd
    deps: [fa, other]
    outs: [fd]
  e:
    cmd: echo e >> ran && cat fd > fe
    deps: [fd]
    outs: [fe]
"""


@pytest.fixture
def start(dvc: Tool, shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The folder of a project whose pipeline ran once and is pushed, with its remote; not to be changed."""
    return shared("repro", lambda folder: _make(folder / "work", dvc))


def _make(folder: Path, dvc: Tool) -> None:
    folder.mkdir()
    git(folder, "init", "--quiet")
    dvc(folder, "init")
    dvc(folder, "remote", "add", "-d", "store", "../store")
    write(folder / "src", "1\n")
    write(folder / "other", "1\n")
    write(folder / "data", "1\n")
    dvc(folder, "add", "data")
    write(folder / "dvc.yaml", PIPELINE.replace("    frozen: true\n", ""))
    dvc(folder, "repro")
    write(folder / "dvc.yaml", PIPELINE)
    dvc(folder, "push")
    (folder / "ran").unlink()
    commit_all(folder)


@pytest.fixture
def both(start: Path, dvc_any: Tool, tmp_path: Path) -> Both:
    """`both(edit, *args)`: edit a copy for each tool and run it there: its code, what ran, and the files that it left."""

    def run(edit: Callable[[Path], object], *args: str) -> Mapping[str, tuple[int, list[str], dict[str, bytes]]]:
        found = {}
        for name, tool in {"dvc": dvc_any, "dvx": run_dvx}.items():
            shutil.rmtree(tmp_path / name, ignore_errors=True)
            folder = Path(shutil.copytree(start, tmp_path / name, symlinks=True)) / "work"
            edit(folder)
            result: Result = tool(folder, *args)
            log = folder / "ran"
            ran = log.read_text().split() if log.exists() else []
            log.unlink(missing_ok=True)
            found[name] = (result.code, ran, tree(folder, skip=(".git", ".dvc")))
        return found

    return run


def nothing(folder: Path) -> None:
    """No edit."""


def without_data(folder: Path) -> None:
    """A fresh clone: all tracked data is at the remote only."""
    shutil.rmtree(folder / ".dvc/cache")
    for name in ("data", "fa", "ff", "fc", "fd", "fe"):
        (folder / name).unlink()


def changed(folder: Path) -> None:
    write(folder / "src", "2\n")


def changed_without_data(folder: Path) -> None:
    without_data(folder)
    write(folder / "other", "2\n")


@pytest.mark.parametrize(
    "targets",
    [
        ("c", "d"),
        ("d", "c"),
        ("-s", "d", "a"),
        ("-s", "e", "a", "d"),
        ("-s", "c", "d", "c"),
        ("-s", "--downstream", "a"),
        ("--downstream", "a"),
        ("--downstream", "f"),
        ("-p", "a"),
        ("-p", "f"),
        ("-p", "--downstream", "e"),
        ("-s", "-p", "e"),
        ("-s", "-R", "."),
        ("-P", "c"),
    ],
)
def test_the_stages_that_run_and_their_order_are_the_same(both: Both, targets: tuple[str, ...]) -> None:
    found = both(nothing, "repro", "-f", *targets)
    (code, ran, files), (like, there, made) = found["dvx"], found["dvc"]
    assert (code, files) == (like, made)
    # stages that do not need each other have no order, unless they are named alone
    assert ran == there if "-s" in targets else sorted(ran) == sorted(there)
    assert ran


@pytest.mark.parametrize(
    ("edit", "flags"),
    [
        (changed, ("-k",)),
        (changed, ("--force-downstream",)),
        (lambda folder: (folder / "fa").unlink(), ("--force-downstream",)),
        (lambda folder: write(folder / "data", "2\n"), ("--force-downstream", "c")),
        (without_data, ("--pull",)),
        (without_data, ("--pull", "data.dvc")),
        (without_data, ("--pull", "--allow-missing")),
        (changed_without_data, ("--pull",)),
        (changed_without_data, ("--pull", "--allow-missing")),
        (changed_without_data, ("--pull", "-s", "d")),
        (changed_without_data, ("--pull", "--allow-missing", "e")),
    ],
)
def test_what_is_left_is_the_same(both: Both, edit: Callable[[Path], object], flags: tuple[str, ...]) -> None:
    found = both(edit, "repro", *flags)
    assert found["dvx"] == found["dvc"]


def breaking(name: str) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        changed(folder)
        write(folder / "dvc.yaml", PIPELINE.replace(f"echo {name} >> ran &&", f"echo {name} >> ran && false &&"))

    return edit


@pytest.mark.parametrize("name", ["a", "d"])
def test_what_does_not_need_a_failed_stage_goes_on(both: Both, name: str) -> None:
    found = both(breaking(name), "repro", "-k")
    assert found["dvx"] == found["dvc"]
    assert found["dvx"][0] == 255


@pytest.mark.parametrize(
    "edit", [changed, lambda folder: write(folder / "data", "2\n"), lambda folder: write(folder / "fd", "mine\n")]
)
def test_without_commit_nothing_enters_the_cache(both: Both, edit: Callable[[Path], object], tmp_path: Path) -> None:
    def forget(folder: Path) -> None:
        edit(folder)
        shutil.rmtree(folder / ".dvc/cache")

    found = both(forget, "repro", "--no-commit")
    kept = [set(tree(tmp_path / name / "work/.dvc/cache")) for name in found]
    assert kept == [set(), set()]


FOLDERS = """\
stages:
  made:
    cmd: mkdir sd && touch sd/x
    outs: [sd]
  deep:
    cmd: mkdir -p td/u && cp src td/u/x && rmdir td/empty 2>/dev/null; test -e td/u/x
    deps: [src]
    outs: [td]
  below:
    cmd: mkdir nd && cp src nd/f
    deps: [src]
    outs: [nd/f]
"""


def test_commands_make_their_own_folders(both: Both) -> None:
    def edit(folder: Path) -> None:
        write(folder / "dvc.yaml", FOLDERS)
        (folder / "sd/empty/deeper").mkdir(parents=True)
        (folder / "td/empty").mkdir(parents=True)

    found = both(edit, "repro")
    assert found["dvx"] == found["dvc"]
    assert found["dvx"][0] == 0


def test_a_new_stage_makes_no_folder_for_its_outputs(both: Both) -> None:
    found = both(nothing, "stage", "add", "-n", "below", "-d", "src", "-o", "nd/e/f", "mkdir nd nd/e && cp src nd/e/f")
    assert found["dvx"] == found["dvc"]
    found = both(lambda folder: (folder / "nd").mkdir(), "stage", "add", "-n", "below", "-o", "nd/f", "echo > nd/f")
    assert found["dvx"] == found["dvc"]
    assert "nd/.gitignore" in found["dvx"][2]


@pytest.mark.parametrize("target", [":e", "dvc.yaml:e", ":", "dvc.yaml", "e"])
@pytest.mark.parametrize("command", [("checkout",), ("pull",), ("commit", "-f"), ("repro", "--pull"), ("status",), ("freeze",)])
def test_stages_can_be_named_with_a_colon(both: Both, command: tuple[str, ...], target: str) -> None:
    if command == ("freeze",) and target in (":", "dvc.yaml"):
        return
    found = both(nothing if command[0] in ("commit", "freeze") else lambda folder: (folder / "fe").unlink(), *command, target)
    assert found["dvx"] == found["dvc"]
    assert found["dvx"][0] == 0


def test_a_name_means_the_stage_of_the_folder_that_one_stands_in(native: Path) -> None:
    for where in ("", "sub/"):
        write(native / where / "dvx.yaml", "stages:\n  s: {cmd: echo 1 > o, outs: [o]}\n")
    dvx(native, "repro", "-P")
    for place in (native, native / "sub"):
        (place / "o").unlink()
    for target in ("s", ":s", "dvx.yaml:s", ":"):
        (native / "sub/o").unlink(missing_ok=True)
        dvx(native / "sub", "checkout", target)
        assert (native / "sub/o").exists()
        assert not (native / "o").exists()
    dvx(native / "sub", "checkout", "../dvx.yaml:s")
    assert (native / "o").exists()


@pytest.mark.parametrize("remote", ["", "store", "other", "third"])
def test_what_goes_to_another_remote_is_left_alone(both: Both, dvc: Tool, tmp_path: Path, remote: str) -> None:
    def edit(folder: Path) -> None:
        shutil.rmtree(tmp_path / folder.parent.name / "store")
        for name in ("other", "third"):
            dvc(folder, "remote", "add", name, f"../{name}")
        write(folder / "own", "own\n")
        dvc(folder, "add", "own")
        write(folder / "own.dvc", (folder / "own.dvc").read_text().replace("  path:", "  remote: other\n  path:"))

    chosen = ("-r", remote) if remote else ()
    found = both(edit, "push", *chosen)
    assert found["dvx"] == found["dvc"]
    for name in ("store", "other", "third"):
        there = [set(tree(tmp_path / tool / name)) if (tmp_path / tool / name).exists() else set() for tool in ("dvc", "dvx")]
        assert there[0] == there[1], name
    for tool, run in {"dvc": dvc, "dvx": run_dvx}.items():
        folder = tmp_path / tool / "work"
        run(folder, "push")
        shutil.rmtree(folder / ".dvc/cache")
        run(folder, "fetch", *(chosen if remote != "third" else ()))
    assert set(tree(tmp_path / "dvx/work/.dvc/cache/files")) == set(tree(tmp_path / "dvc/work/.dvc/cache/files"))


@pytest.mark.parametrize(
    "words", [("checkout", "new"), ("pull", "new.txt"), ("checkout", "fe", "new"), ("checkout", "new", "--allow-missing")]
)
def test_what_was_never_made_is_not_called_up_to_date(both: Both, words: tuple[str, ...]) -> None:
    def edit(folder: Path) -> None:
        write(folder / "dvc.yaml", PIPELINE + "  new:\n    cmd: echo 1 > new.txt\n    outs: [new.txt]\n")
        (folder / "fe").unlink()

    found = both(edit, *words)
    assert found["dvx"] == found["dvc"]
    assert found["dvx"][0] == (0 if "--allow-missing" in words else 255 if words[0] == "checkout" else 1)


def test_a_params_file_that_is_absent_as_a_whole_is_a_change(tools: Mapping[str, Tool], dvc_any: Tool, tmp_path: Path) -> None:
    said = {}
    for name, tool in tools.items():
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet")
        tool(folder, "init")
        write(folder / "dvc.yaml", "stages:\n  s:\n    cmd: echo 1\n    params:\n    - q.yaml:\n")
        rows = []
        for text in (None, "{}\n", "a: 1\n", "a: 2\n"):
            if text:
                write(folder / "q.yaml", text)
            rows.append(tool(folder, "status", "--json").out)
        tool(folder, "repro")
        rows.append(tool(folder, "status", "--json").out)
        (folder / "q.yaml").unlink()
        rows.append(tool(folder, "status", "--json").out)
        any_end = {"dvc": dvc_any, "dvx": run_dvx}[name]
        rows += [str(any_end(folder, *words).code) for words in (["repro"], ["commit", "-f"])]
        said[name] = [row.strip() for row in rows]
    assert said["dvx"][:6] == said["dvc"][:6]
    assert [code == "0" for code in said["dvx"][6:]] == [code == "0" for code in said["dvc"][6:]] == [False, False]


def test_a_pull_fails_where_an_output_was_never_made(tools: Mapping[str, Tool], dvc_any: Tool, tmp_path: Path) -> None:
    for name, tool in tools.items():
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet")
        tool(folder, "init")
        tool(folder, "remote", "add", "-d", "store", tmp_path / f"{name}-store")
        write(folder / "a", "1")
        tool(folder, "add", "a")
        tool(folder, "push")
        (folder / "a").unlink()
        write(folder / "dvc.yaml", "stages:\n  s:\n    cmd: cp a b\n    deps: [a]\n    outs: [b]\n")
        assert {"dvc": dvc_any, "dvx": run_dvx}[name](folder, "pull").code == 1
        assert (folder / "a").read_text() == "1"
        assert tool(folder, "pull", "--allow-missing").code == 0
