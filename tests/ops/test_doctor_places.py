"""doctor: who may read and write in dvx's folders, clocks, extras, and what died."""

from __future__ import annotations

import os
import stat
import time
from importlib import metadata
from pathlib import Path

import pytest

from dvx.model.upkeep.doctor import Problem, ProblemKind, clock_is_off
from dvx.store.remotes.support import missing_package
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.ops.test_doctor import found


def cure_of(project: Path, kind: ProblemKind) -> str:
    """What `dvx doctor --json` says to do about a problem."""
    return str(next(one["cure"] for one in run_dvx(project, "doctor", "--json").json["problems"] if one["kind"] == kind.value))


def test_a_shared_cache_in_which_the_group_may_not_write(dialect_repo: Path) -> None:
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f")
    dvx(dialect_repo, "config", "cache.shared", "group")
    cache = dialect_repo / dialect_of(dialect_repo).folder / "cache"
    problems = found(dialect_repo)
    assert [(one.kind, one.subject, one.is_broken) for one in problems] == [(ProblemKind.GROUP_SHUT_OUT, str(cache), True)]
    cure = cure_of(dialect_repo, ProblemKind.GROUP_SHUT_OUT)
    assert cure == f"run `chmod -R g+rX {cache} && find {cache} -type d -exec chmod g+ws {{}} +`"
    assert os.system(cure.removeprefix("run `").removesuffix("`")) == 0
    assert found(dialect_repo) == []


def test_a_shared_cache_that_dvx_made_is_sound(native: Path) -> None:
    dvx(native, "config", "cache.shared", "group")
    write(native / "f", "1\n")
    dvx(native, "add", "f")
    dvx(native, "doctor")
    assert found(native) == []


def test_a_private_file_that_others_can_read(dialect_repo: Path) -> None:
    dvx(dialect_repo, "remote", "add", "cloud", "s3://bucket/x")
    dvx(dialect_repo, "remote", "modify", "cloud", "secret_access_key", "s3cr3t")
    assert found(dialect_repo) == []
    private = dialect_repo / dialect_of(dialect_repo).folder / "config.local"
    private.chmod(0o644)
    assert found(dialect_repo) == [Problem(ProblemKind.PRIVATE_READABLE, str(private))]
    assert cure_of(dialect_repo, ProblemKind.PRIVATE_READABLE) == f"run `chmod 600 {private}`"
    assert "s3cr3t" not in run_dvx(dialect_repo, "doctor").out
    write(private, "[core]\n    autostage = true\n")
    assert found(dialect_repo) == []


def test_a_secret_in_the_file_that_git_tracks(native: Path) -> None:
    write(native / ".dvx/config", "['remote \"cloud\"']\n    url = s3://bucket/x\n    secret_access_key = s3cr3t\n")
    assert found(native) == [Problem(ProblemKind.PRIVATE_TRACKED, "remote.cloud.secret_access_key")]
    assert cure_of(native, ProblemKind.PRIVATE_TRACKED).startswith(
        "run `dvx config --project --unset remote.cloud.secret_access_key`"
    )
    dvx(native, "config", "--project", "--unset", "remote.cloud.secret_access_key")
    assert found(native) == []


def test_what_git_does_not_ignore_of_dvx_own_folder(dialect_repo: Path) -> None:
    folder = dialect_of(dialect_repo).folder
    write(dialect_repo / folder / ".gitignore", "/tmp\n")
    problem = Problem(ProblemKind.OWN_NOT_IGNORED, f"{folder}/.gitignore", "/config.local /cache")
    assert found(dialect_repo) == [problem]
    assert run_dvx(dialect_repo, "doctor").code == 1
    write(dialect_repo / ".gitignore", f"{folder}/c*\n")
    assert found(dialect_repo) == []


def test_what_a_migration_that_is_taken_back_leaves(dvc_like: Path) -> None:
    write(dvc_like / "f", "1\n")
    dvx(dvc_like, "add", "f")
    commit_all(dvc_like)
    dvx(dvc_like, "migrate", "--native")
    commit_all(dvc_like)
    assert found(dvc_like) == []
    git(dvc_like, "revert", "--no-edit", "HEAD")
    assert git(dvc_like, "status", "--porcelain") == "?? .dvx/"
    assert found(dvc_like) == [Problem(ProblemKind.FOLDER_LEFT, ".dvx")]
    assert cure_of(dvc_like, ProblemKind.FOLDER_LEFT) == "write `*` into `.dvx/.gitignore`"
    write(dvc_like / ".dvx/.gitignore", "*\n")
    assert found(dvc_like) == []
    dvx(dvc_like, "migrate", "--native")
    assert found(dvc_like) == []
    assert git(dvc_like, "status", "--porcelain", "--untracked-files=no", "--", ".dvx") != ""


def test_a_cache_elsewhere_need_not_be_ignored(native: Path) -> None:
    dvx(native, "cache", "dir", "../cache")
    write(native / ".dvx/.gitignore", "/tmp\n/config.local\n")
    assert found(native, but=(ProblemKind.LINKS_FALL_BACK, ProblemKind.HOOK_MISSING, ProblemKind.OTHER_FILE_SYSTEM)) == []


def test_a_clock_that_is_wrong(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    problems = found(native)
    assert [(one.kind, one.subject) for one in problems] == [(ProblemKind.CLOCK_OFF, str(native / ".dvx/tmp"))]
    assert problems[0].detail in ("3600 s ahead", "3599 s ahead")
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert [one.detail for one in found(native)] == ["3600 s behind"]
    assert "time server" in cure_of(native, ProblemKind.CLOCK_OFF)
    assert [clock_is_off(seconds) for seconds in (-2.0, 2.0, -4.0, 4.0)] == [False, False, True, True]


def test_workers_that_died(native: Path) -> None:
    write(native / "params.yaml", "n: 1\n")
    write(native / "dvx.yaml", "stages:\n  s: {cmd: 'true', params: [n]}\n")
    commit_all(native)
    write(native / ".dvx/tmp/exps/workers/12345-0123abcd", "")
    problems = found(native)
    assert (problems, problems[0].is_broken) == ([Problem(ProblemKind.WORKER_DEAD, "1")], False)
    assert "note: 1 worker of runs died -> run `dvx repro` or `dvx queue start`" in dvx(native, "doctor").out
    dvx(native, "exp", "clean")
    assert found(native) == []


def test_scratch_of_experiments_that_were_killed(native: Path) -> None:
    left = native / ".dvx/tmp/exps/scratch/0123456789abcdef"
    left.mkdir(parents=True)
    assert found(native) == [Problem(ProblemKind.STALE, str(left.parent), "1")]


@pytest.mark.parametrize(
    ("option", "value", "package", "extra"),
    [("core.hash", "blake3", "blake3", "dvx-vc[blake3]"), ("hydra.enabled", "true", "hydra-core", "dvx-vc[hydra]")],
)
def test_extras_that_options_need(
    native: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str, package: str, extra: str
) -> None:
    dvx(native, "config", option, value)
    without(monkeypatch, package)
    assert found(native) == [Problem(ProblemKind.EXTRA_MISSING, f"{option} = {value}", extra)]
    assert cure_of(native, ProblemKind.EXTRA_MISSING) == f"run `pip install '{extra}'`"


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("ssh://host/x", "paramiko", "dvx-vc[ssh]"),
        ("http://host/x", "requests", "dvx-vc[http]"),
        ("https://host/x", "requests", "dvx-vc[http]"),
        ("webdav://host/x", "webdav4", "dvx-vc[webdav]"),
        ("azure://box/x", "adlfs", "dvx-vc[azure]"),
        ("gs://bucket/x", "gcsfs", "dvx-vc[gs]"),
    ],
)
def test_extras_that_remotes_need(native: Path, monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str) -> None:
    from importlib import util

    dvx(native, "remote", "add", "far", url)
    real = util.find_spec
    monkeypatch.setattr("dvx.store.remotes.support.find_spec", lambda name: None if name == module else real(name))
    assert missing_package(url) == extra
    assert found(native) == [Problem(ProblemKind.PACKAGE_MISSING, "far", extra)]
    assert cure_of(native, ProblemKind.PACKAGE_MISSING) == f"run `pip install '{extra}'`"


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Let a package be one that is not installed."""
    real = metadata.version

    def version(name: str) -> str:
        if name == package:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr("dvx.store.remotes.support.version", version)


def test_looking_makes_folders_as_a_shared_cache_needs_them(native: Path) -> None:
    dvx(native, "config", "cache.shared", "group")
    cache = native / ".dvx/cache"
    cache.mkdir()
    cache.chmod(0o2775)
    dvx(native, "doctor")
    assert stat.S_IMODE((cache / "tmp").stat().st_mode) == 0o2775
    assert git(native, "status", "--porcelain", "--", ".dvx/cache") == ""
