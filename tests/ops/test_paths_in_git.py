"""Facts about paths that Git sees otherwise than dvx: behind links to folders of the work tree, and in submodules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

BEHIND_A_LINK = """\
stages:
  a: {cmd: cat raw > lnk/made, deps: [raw], outs: [lnk/made]}
  b: {cmd: cat lnk/made > copy, deps: [lnk/made], outs: [copy]}
  c: {cmd: 'echo "{acc: 1}" > lnk/m.yaml', metrics: [{lnk/m.yaml: {cache: false}}]}
"""
OF_A_SUBMODULE = """\
stages:
  s:
    cmd: cat external/README.md external/inner/x params.yaml > out
    deps: [external/README.md, external/inner/x]
    params: [n]
    outs: [out]
"""


@pytest.fixture
def linked(dialect_repo: Path) -> Path:
    write(dialect_repo / "raw", "raw\n")
    write(dialect_repo / "real" / "kept", "kept\n")
    (dialect_repo / "lnk").symlink_to("real")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, BEHIND_A_LINK)
    commit_all(dialect_repo)
    return dialect_repo


@pytest.fixture
def submodules(dialect_repo: Path, tmp_path: Path) -> Path:
    for name, inner in (("inner", ""), ("outer", "inner")):
        git(tmp_path, "init", "--quiet", name)
        write(tmp_path / name / ("README.md" if inner else "x"), f"{name}\n")
        if inner:
            add_submodule(tmp_path / name, tmp_path / inner, inner)
        commit_all(tmp_path / name)
    add_submodule(dialect_repo, tmp_path / "outer", "external")
    write(dialect_repo / "params.yaml", "n: 1\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, OF_A_SUBMODULE)
    commit_all(dialect_repo)
    return dialect_repo


def add_submodule(folder: Path, source: Path, path: str) -> None:
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", source, path)
    git(folder, "-c", "protocol.file.allow=always", "submodule", "update", "--quiet", "--init", "--recursive")


def names(folder: Path) -> list[str]:
    document = json.loads(dvx(folder, "exp", "show", "--json").out)
    return sorted(row["name"] for baseline in document for row in baseline["experiments"] or ())


def test_outputs_behind_a_link_are_recorded_and_come_back(linked: Path, tmp_path: Path) -> None:
    done = dvx(linked, "repro")
    assert "real/.gitignore" in done.out + done.err
    assert (linked / "real" / ".gitignore").read_text() == "/made\n"
    assert dvx(linked, "repro").err.count("didn't change") == 3
    commit_all(linked)
    assert git(linked, "ls-files", "real").split() == ["real/.gitignore", "real/kept", "real/m.yaml"]
    dvx(linked, "remote", "add", "-d", "store", tmp_path / "store")
    dvx(linked, "push")
    (linked / "real" / "made").unlink()
    assert dvx(linked, "status").code == 0
    dvx(linked, "checkout")
    assert (linked / "real" / "made").read_text() == "raw\n"


def test_an_experiment_holds_what_lies_behind_a_link(linked: Path) -> None:
    dvx(linked, "exp", "run", "-n", "here")
    assert names(linked) == ["here"]
    commit = git(linked, "for-each-ref", "--format=%(objectname)", "refs/exps/").split()[0]
    assert git(linked, "show", f"{commit}:real/m.yaml") == "{acc: 1}"


def test_one_that_git_sees_under_two_names_is_tracked_under_both(linked: Path) -> None:
    (linked / "lnk" / "raw2").write_text("raw\n")
    git(linked, "add", "real/raw2")
    done = run_dvx(linked, "add", "lnk/raw2")
    assert "is tracked by Git" in done.err


def test_dependencies_in_submodules(submodules: Path) -> None:
    assert "does not hold" not in dvx(submodules, "exp", "run", "-n", "here", "-S", "n=2").err
    assert "does not hold" not in dvx(submodules, "exp", "run", "--temp", "-n", "apart", "-S", "n=3").err
    dvx(submodules, "exp", "run", "--queue", "-n", "later", "-S", "n=4")
    dvx(submodules, "queue", "work")
    assert names(submodules) == ["apart", "here", "later"]
    dvx(submodules, "exp", "apply", "later")
    assert (submodules / "out").read_text() == "outer\ninner\nn: 4\n"


def test_a_submodule_has_the_files_of_the_commit_that_is_recorded(submodules: Path) -> None:
    dvx(submodules, "exp", "run", "--queue", "-n", "later")
    external = submodules / "external"
    write(external / "README.md", "newer\n")
    git(external, "-c", "user.name=A", "commit", "--quiet", "-a", "-m", "newer")
    dvx(submodules, "queue", "work")
    dvx(submodules, "exp", "apply", "later")
    assert (submodules / "out").read_text() == "outer\ninner\nn: 1\n"


def test_one_that_is_not_filled_is_named(submodules: Path) -> None:
    git(submodules, "submodule", "deinit", "--quiet", "--force", "external")
    done = run_dvx(submodules, "repro")
    assert "hint: run `git submodule update --init external`" in done.err


def test_what_a_command_writes_into_an_empty_submodule_is_recorded(submodules: Path) -> None:
    git(submodules, "submodule", "deinit", "--quiet", "--force", "external")
    pipeline = "stages:\n  w: {cmd: echo 1 > external/o, outs: [external/o]}\n  v: {cmd: echo 1 > o, outs: [o]}\n"
    write(submodules / dialect_of(submodules).pipeline, pipeline)
    dvx(submodules, "repro")
    assert dvx(submodules, "repro").err.count("didn't change") == 2
    assert (submodules / ".gitignore").read_text() == "/o\n"


def test_a_failure_that_was_recorded_in_the_end_is_listed_once(linked: Path) -> None:
    write(linked / dialect_of(linked).pipeline, "stages:\n  a: {cmd: exit 1}\n")
    commit_all(linked)
    assert run_dvx(linked, "exp", "run", "-n", "one").code != 0
    dvx(linked, "exp", "save", "-n", "one")
    assert names(linked) == ["one"]
