"""doctor: what is wrong in a set-up is found, and a sound one is not blamed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dvx.model.upkeep.doctor import Diagnosis, Problem, ProblemKind, fall_back
from dvx.ops.upkeep.doctor import diagnose
from dvx.ops.upkeep.environment import file_system
from dvx.store.remotes.support import missing_package
from tests.helpers import ROOT, dialect_of, dvx, git, write


def found(
    project: Path, *, but: tuple[ProblemKind, ...] = (ProblemKind.LINKS_FALL_BACK, ProblemKind.HOOK_MISSING)
) -> list[Problem]:
    """The problems of a project, but for those that depend on the machine."""
    return [problem for problem in diagnose(str(project)).problems if problem.kind not in but]


def test_a_new_project_is_sound(dialect_repo: Path) -> None:
    assert found(dialect_repo) == []
    assert not diagnose(str(dialect_repo)).is_broken


def test_outside_of_a_project_only_the_environment_is_known(tmp_path: Path) -> None:
    diagnosis = diagnose(str(tmp_path))
    assert (diagnosis.problems, diagnosis.environment.repository, diagnosis.environment.links) == ((), "", ())


def test_the_environment_says_what_there_is(native: Path) -> None:
    environment = diagnose(str(native)).environment
    assert {"hardlink", "symlink"} <= set(environment.links)
    assert environment.repository == "dvx, git"
    assert environment.git.split(".")[0] == "2"
    assert dict(environment.supports["s3"])["s3fs"]
    assert " on " in environment.file_systems["workspace"]


def test_looking_leaves_nothing_behind(native: Path) -> None:
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    before = sorted(path for path in native.rglob("*") if ".git" not in path.parts)
    diagnose(str(native))
    after = {path for path in native.rglob("*") if ".git" not in path.parts} - set(before)
    assert after <= {native / ".dvx/tmp/new", native / ".dvx/cache/tmp"}
    assert not os.listdir(native / ".dvx/cache/tmp")


@pytest.mark.parametrize(
    ("configured", "working", "problem"),
    [
        (("reflink", "copy"), ("reflink", "hardlink"), None),
        (("reflink", "copy"), ("hardlink",), Problem(ProblemKind.LINKS_FALL_BACK, "reflink", "copy")),
        (("reflink", "hardlink", "copy"), ("hardlink",), Problem(ProblemKind.LINKS_FALL_BACK, "reflink", "hardlink")),
        (("copy",), (), None),
        (("reflink", "hardlink"), ("symlink",), Problem(ProblemKind.NO_LINK_WORKS, "reflink, hardlink")),
    ],
)
def test_link_types_that_do_not_work(configured: tuple[str, ...], working: tuple[str, ...], problem: Problem | None) -> None:
    assert fall_back(configured, working) == problem


def test_a_folder_in_which_no_file_can_be_made(native: Path) -> None:
    write(native / ".dvx/tmp/new", "a file where a folder belongs")
    assert found(native) == [Problem(ProblemKind.NOT_WRITABLE, str(native / ".dvx/tmp/new"), "file exists")]
    assert diagnose(str(native)).environment.links == ()


def test_a_remote_that_cannot_be_reached_for_want_of_a_package(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dvx(native, "remote", "add", "cloud", "gs://bucket/x")
    dvx(native, "remote", "add", "here", "../store")
    monkeypatch.setattr("dvx.store.remotes.support.find_spec", lambda module: None if module == "gcsfs" else object())
    assert found(native) == [Problem(ProblemKind.PACKAGE_MISSING, "cloud", "dvx-vc[gs]")]
    assert diagnose(str(native)).is_broken
    assert missing_package("s3://bucket") == ""


def test_a_remote_that_is_configured_wrongly(native: Path) -> None:
    write(native / ".dvx/config", "[core]\n    remote = gone\n['remote \"odd\"']\n    verify = true\n")
    assert [(problem.kind, problem.subject) for problem in found(native)] == [
        (ProblemKind.ERROR, "the remote `odd` has no url"),
        (ProblemKind.ERROR, "there is no remote `gone`, which `core.remote` names"),
    ]


def test_a_configuration_that_cannot_be_read(native: Path) -> None:
    write(native / ".dvx/config", "[core\n")
    problems = found(native)
    assert [problem.kind for problem in problems] == [ProblemKind.ERROR]
    assert ".dvx/config" in problems[0].subject


def test_a_pointer_that_cannot_be_read(native: Path) -> None:
    write(native / "x.dvx", "outs: [\n")
    assert [problem.kind for problem in found(native)] == [ProblemKind.ERROR]


def test_hooks_that_are_missing_or_do_not_work(native: Path) -> None:
    missing = found(native, but=(ProblemKind.LINKS_FALL_BACK,))
    assert missing == [Problem(ProblemKind.HOOK_MISSING, "post-checkout, pre-commit, pre-push")]
    assert not missing[0].is_broken
    dvx(native, "install")
    assert found(native, but=(ProblemKind.LINKS_FALL_BACK,)) == []
    hooks = native / ".git/hooks"
    (hooks / "pre-commit").chmod(0o644)
    (hooks / "pre-push").write_text("#!/bin/sh\nmake\n")
    (hooks / "post-checkout").unlink()
    assert found(native, but=(ProblemKind.LINKS_FALL_BACK,)) == [
        Problem(ProblemKind.HOOK_MISSING, "post-checkout"),
        Problem(ProblemKind.HOOK_NOT_EXECUTABLE, str(hooks / "pre-commit")),
        Problem(ProblemKind.HOOK_FOREIGN, "pre-push", "dvx git-hook pre-push"),
    ]


def test_hooks_that_call_what_is_not_there(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pre-commit", "pre-push", "post-checkout"):
        write(native / ".git/hooks" / name, f"#!/bin/sh\nexec dvc git-hook {name} $@\n").chmod(0o755)
    (native / "bin").mkdir()
    (native / "bin/git").symlink_to(shutil.which("git") or "git")
    monkeypatch.setenv("PATH", f"{native}/bin")
    assert found(native) == [Problem(ProblemKind.PROGRAM_MISSING, "dvc")]
    write(native / "bin/dvc", "").chmod(0o755)
    assert found(native) == []


def test_the_tool_pre_commit_counts_as_hooks(native: Path) -> None:
    dvx(native, "install", "--use-pre-commit-tool")
    assert found(native, but=(ProblemKind.LINKS_FALL_BACK,)) == []


def test_a_merge_driver_that_is_asked_for_and_not_set_up(dialect_repo: Path) -> None:
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / ".gitattributes", f"*{dialect.pointer_suffix} merge={dialect.name}\n")
    assert found(dialect_repo) == [Problem(ProblemKind.DRIVER_MISSING, dialect.name)]
    dvx(dialect_repo, "install")
    assert found(dialect_repo) == []


def test_what_killed_commands_left(native: Path) -> None:
    left = native / ".dvx/cache/tmp/0123456789abcdef"
    left.mkdir(parents=True)
    assert found(native) == [Problem(ProblemKind.STALE, str(left.parent), "1")]
    assert left.exists()


def test_ignore_files_that_hide_tracked_data(dialect_repo: Path) -> None:
    write(dialect_repo / "data/f", "1\n")
    dvx(dialect_repo, "add", "data")
    name = dialect_of(dialect_repo).ignore
    write(dialect_repo / name, "# all\ndata/\n")
    assert found(dialect_repo) == [Problem(ProblemKind.OUTPUT_HIDDEN, "data", f"{name}:2:data/")]


def test_lines_of_ignore_files_that_match_nothing(dialect_repo: Path) -> None:
    name = dialect_of(dialect_repo).ignore
    write(dialect_repo / name, "# !\n\n*.tmp\n!\n!keep.tmp\n<<<<<<< ours\n")
    write(dialect_repo / "sub/f", "1\n")
    dvx(dialect_repo, "add", "sub/f")
    write(dialect_repo / "sub" / name, "//\n")
    assert found(dialect_repo) == [
        Problem(ProblemKind.IGNORE_WRONG, f"{name}:4:!"),
        Problem(ProblemKind.IGNORE_WRONG, f"{name}:6:<<<<<<< ours"),
        Problem(ProblemKind.IGNORE_WRONG, f"sub/{name}:1://"),
    ]


def test_pointers_that_git_ignores(native: Path) -> None:
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    write(native / ".gitignore", "/f\n*.dvx\n")
    assert found(native) == [Problem(ProblemKind.POINTER_IGNORED, "f.dvx")]


def test_another_file_system_for_the_cache(native: Path) -> None:
    memory, disk = Path("/dev/shm"), ROOT / ".pytest_cache"
    disk.mkdir(exist_ok=True)
    here = native.stat().st_dev
    shared = next((place for place in (memory, disk) if place.is_dir() and place.stat().st_dev != here), None)
    if shared is None:
        pytest.skip("there is no second file system here")
    dvx(native, "cache", "dir", str(shared))
    problems = found(native)
    assert Problem(ProblemKind.OTHER_FILE_SYSTEM, str(shared)) in problems
    assert file_system(str(shared)).startswith("tmpfs on ") is (shared == memory)


def test_no_problem_means_sound() -> None:
    environment = diagnose("/").environment
    assert not Diagnosis(environment, (Problem(ProblemKind.STALE, "x", "1"),)).is_broken
    assert Diagnosis(environment, (Problem(ProblemKind.GIT_OLD, "2.1", "2.36"),)).is_broken


def test_a_git_that_is_too_old(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = f'#!/bin/sh\ncase " $* " in *" version "*) echo git version 2.30.1; exit;; esac\nexec {shutil.which("git")} "$@"\n'
    write(native / "bin/git", old).chmod(0o755)
    monkeypatch.setenv("PATH", f"{native}/bin", prepend=os.pathsep)
    assert found(native) == [Problem(ProblemKind.GIT_OLD, "2.30", "2.36")]


def test_git_is_asked_where_the_hooks_are(native: Path) -> None:
    git(native, "config", "core.hooksPath", "tools")
    dvx(native, "install")
    assert found(native, but=(ProblemKind.LINKS_FALL_BACK,)) == []
