"""What Git ignores is not searched for pipeline files and pointers, unless it tracks it all the same: beside DVC."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dvx.config.git_excludes import excludes_file
from dvx.git.places import find_place
from tests.helpers import commit_all, dvx, git, run_dvx, write
from tests.interop.steps import Tool

EMPTY = "outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  hash: md5\n  path: {name}\n"
BROKEN = "stages:\n  p:\n    cmd: echo ${nope}\n    outs: [data.csv]\n"
STAGE = "stages:\n  s:\n    cmd: echo\n"


@pytest.fixture
def project(repo: Path, dvc: Tool) -> Path:
    dvc(repo, "init")
    write(repo / "data.csv", "data\n")
    dvc(repo, "add", "data.csv")
    return repo


def pointer(folder: Path, path: str) -> None:
    write(folder / f"{path}.dvc", EMPTY.format(name=Path(path).name))


def stages(tool: Callable[..., object], folder: Path) -> set[str]:
    return set(tool(folder, "stage", "list", "--all", "--names-only").out.split())  # type: ignore[attr-defined]


def test_a_package_below_an_ignored_folder_is_none_of_the_projects(project: Path, dvc: Tool) -> None:
    write(project / ".gitignore", "/data.csv\n.venv/\nbuild\n")
    write(project / ".venv/lib/pkg/dvc.yaml", BROKEN)
    write(project / "sub/build/dvc.yaml", STAGE)
    pointer(project, ".venv/share/data")
    commit_all(project)
    for words in (
        ("status", "--json"),
        ("stage", "list", "--all"),
        ("data", "status", "--json"),
        ("dag", "--dot"),
        ("ls", ".", "-R"),
    ):
        assert dvx(project, *words).out.split() == dvc(project, *words).out.split(), words
    write(project / "more", "1\n")
    dvx(project, "add", "more")


@pytest.mark.parametrize(
    "place", [".gitignore", "sub/.gitignore", ".git/info/exclude", "the user's", "the default one", "included"]
)
def test_every_ignore_file_of_git_counts(project: Path, dvc: Tool, home: Path, place: str) -> None:
    commit_all(project)
    file = {
        "the user's": home / "my-ignore",
        "the default one": home / ".config/git/ignore",
        "included": home / "mine",
    }.get(place, project / place)
    if place == "the user's":
        git(project, "config", "--global", "core.excludesFile", "~/my-ignore")
    if place == "included":
        git(project, "config", "--global", "include.path", "more-config")
        write(home / "more-config", "[core]\n\texcludesFile = ~/mine\n")
    before = file.read_text() if file.exists() else ""
    write(file, before + "hid*\n!hid-not.dvc\n")
    for name in ("sub/hidden", "sub/hid-not", "sub/hides/x", "sub/seen"):
        pointer(project, name)
    expected = {"data.csv.dvc", "sub/hid-not.dvc", "sub/seen.dvc"}
    assert stages(dvx, project) == expected
    # DVC does not follow includes of Git's configuration
    if place != "included":
        assert stages(dvc, project) == expected


def test_included_files_count_in_the_order_in_which_git_reads_them(project: Path, home: Path) -> None:
    write(home / "a", "[core]\n\texcludesFile = x\n[include]\n\tpath = none\n")
    write(home / "b", "[include]\n\tpath = a\n\tpath = ./a\n[core]\n\texcludesFile = y\n")
    for lines in ("ab", "ba", "aba", "bab", "abb", "aby", "yab"):
        own = "".join("[core]\n\texcludesFile = z\n" if one == "y" else f"[include]\n\tpath = {one}\n" for one in lines)
        write(home / ".gitconfig", own)
        place = find_place(str(project))
        assert place is not None
        expected = git(project, "config", "core.excludesFile").strip()
        assert os.path.basename(excludes_file(place, os.environ)) == expected


def test_files_that_include_each_other_many_times_are_read_once(project: Path) -> None:
    """A repository that came as an archive brings its own configuration."""
    config = (project / ".git/config").read_text()
    again = "".join(f"[include]\n\tpath = {name}\n" for name in ("config", "./config", "one") for _ in range(20))
    write(project / ".git/one", again)
    write(project / ".git/config", config + again)
    before = time.monotonic()
    assert stages(dvx, project) == {"data.csv.dvc"}
    assert time.monotonic() - before < 10


def test_a_name_that_no_file_can_have_is_no_ignore_file(project: Path) -> None:
    config = (project / ".git/config").read_text()
    for option in ("[core]\n\texcludesFile = a\0b\n", "[include]\n\tpath = a\0b\n"):
        write(project / ".git/config", config + option)
        assert stages(dvx, project) == {"data.csv.dvc"}
        assert "NUL" in run_dvx(project, "data", "status").err or "include" not in option


def test_a_project_in_a_folder_of_a_repository_goes_by_what_stands_above(repo: Path, dvc: Tool) -> None:
    inner = repo / "a/project"
    inner.mkdir(parents=True)
    dvc(inner, "init", "--subdir")
    write(repo / ".gitignore", "/a/project/one\ntwo/\n")
    write(repo / "a/.gitignore", "/project/three\n*.tmp.dvc\n")
    write(inner / ".gitignore", "!/three/four\n")
    for name in ("one/x", "deep/two/x", "three/x", "three/four/x", "x.tmp", "seen"):
        pointer(inner, name)
    assert stages(dvx, inner) == stages(dvc, inner) == {"seen.dvc"}


def test_what_git_tracks_is_read_though_it_is_ignored(project: Path, dvc: Tool) -> None:
    write(project / ".gitignore", "/data.csv\n/forced\n*.tmp.dvc\n")
    for name in ("forced/deep/x", "forced/other", "y.tmp", "z.tmp"):
        pointer(project, name)
    write(project / "forced/dvc.yaml", STAGE)
    git(project, "add", "-f", "forced/deep/x.dvc", "forced/dvc.yaml", "y.tmp.dvc")
    commit_all(project)
    assert stages(dvx, project) == {"data.csv.dvc", "forced/deep/x.dvc", "forced/dvc.yaml:s", "y.tmp.dvc"}
    # DVC passes over what every clone has
    assert stages(dvc, project) == {"data.csv.dvc"}
    for version in ("4", "2"):
        git(project, "update-index", "--index-version", version)
        assert "y.tmp.dvc" in stages(dvx, project)
    assert "y.tmp" in json.loads(dvx(project, "data", "status", "--json").out)["not_in_cache"]


def test_a_target_that_git_ignores_is_said_to_be(project: Path, dvc_any: Tool) -> None:
    write(project / ".gitignore", "/data.csv\n/hidden\n")
    pointer(project, "hidden/x")
    write(project / "hidden/dvc.yaml", STAGE)
    commit_all(project)
    for words in (
        "status hidden/x.dvc",
        "checkout hidden/x.dvc",
        "remove hidden/x.dvc",
        "stage list hidden/dvc.yaml",
        "repro hidden/dvc.yaml:s",
    ):
        theirs, ours = dvc_any(project, *words.split()), run_dvx(project, *words.split())
        assert "git-ignored" in theirs.err
        assert ours.code == theirs.code, words
        assert "is ignored by Git" in ours.err
        assert "git add -f hidden/" in ours.err


def test_an_ignore_file_that_is_a_link_or_a_pipe_is_passed_over(project: Path) -> None:
    write(project / "rules", "*.dvc\n")
    (project / "sub").mkdir()
    (project / "sub/.gitignore").symlink_to("../rules")
    (project / "other").mkdir()
    os.mkfifo(project / "other/.gitignore")
    for name in ("sub/x", "other/x"):
        pointer(project, name)
    assert stages(dvx, project) == {"data.csv.dvc", "sub/x.dvc", "other/x.dvc"}


def test_pointers_that_the_ignore_file_of_dvc_names_are_not_read(project: Path, dvc: Tool) -> None:
    write(project / ".dvcignore", "hid*\n")
    for name in ("hidden", "sub/hid/x", "sub/hides", "seen"):
        pointer(project, name)
    commit_all(project)
    assert stages(dvx, project) == stages(dvc, project) == {"data.csv.dvc", "seen.dvc"}


def test_without_git_nothing_is_ignored(tmp_path: Path, dvc: Tool) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    dvc(folder, "init", "--no-scm")
    write(folder / ".gitignore", "*.dvc\n")
    pointer(folder, "x")
    assert stages(dvx, folder) == stages(dvc, folder) == {"x.dvc"}
