"""migrate: the same data and pipelines under another hash or in the native dialect; nothing is stale afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dvx.store.objects import lying
from tests.helpers import commit_all, dvx, git, run_dvx, run_process, tree, write

PIPELINE = """\
vars:
- name: Ada B
stages:
  # greets
  greet:
    cmd: echo ${name} > greeting && cat code.txt data/x a >> greeting
    deps: [code.txt, data, a]
    outs: [greeting]
    metrics:
    - metric.json: {cache: false}
    meta: {run: {retry: 2}, owner: me}
"""


def _project(repo: Path) -> Path:
    write(repo / "a", "one file\r\n")
    write(repo / "data/x", "in a folder")
    write(repo / "data/sub/run.sh", "#!/bin/sh\n").chmod(0o755)
    (repo / "data/empty").mkdir()
    write(repo / "code.txt", "code")
    write(repo / "metric.json", "{}")
    dvx(repo, "add", "a", "data")
    folder, pipeline = (".dvc", "dvc.yaml") if (repo / ".dvc").exists() else (".dvx", "dvx.yaml")
    text = PIPELINE.replace("cmd: echo", "cmd: echo '{}' > metric.json; echo")
    write(repo / pipeline, text if folder == ".dvc" else text.replace("meta: {run: {retry: 2}, owner: me}", "run: {retry: 2}"))
    write(repo / f"{folder}ignore", "*.bak\n")
    dvx(repo, "remote", "add", "--default", "storage", str(repo.parent / "remote"))
    dvx(repo, "repro")
    commit_all(repo)
    assert dvx(repo, "status", "--json").json == {}
    return repo


def test_a_dvc_repository_becomes_native_and_nothing_is_stale(dvc_like: Path) -> None:
    _project(dvc_like)
    write(dvc_like / ".dvc/config.local", '[remote "storage"]\n    jobs = 3\n')
    user = {name: data for name, data in tree(dvc_like, skip=(".git", ".dvc")).items() if "dvc" not in name}
    dvx(dvc_like, "migrate", "--native", "--hash", "blake3")
    assert dvx(dvc_like, "status", "--json").json == {}
    assert dvx(dvc_like, "repro").err.count("didn't change, skipping") == 1
    assert sorted(path.name for path in dvc_like.glob("*dvx*")) == [
        ".dvx",
        ".dvxignore",
        "a.dvx",
        "data.dvx",
        "dvx.lock",
        "dvx.yaml",
    ]
    assert not list(dvc_like.glob("[!.]*.dvc")) + list(dvc_like.glob("dvc.*")) + list(dvc_like.glob(".dvcignore"))
    assert oct((dvc_like / ".dvx/config.local").stat().st_mode)[-3:] == "600"
    assert {name: data for name, data in tree(dvc_like, skip=(".git", ".dvc", ".dvx")).items() if name in user} == user
    assert {one.algorithm for one in lying(str(dvc_like / ".dvx/cache"))} == {"blake3"}
    assert "# greets" in (dvc_like / "dvx.yaml").read_text()
    assert dvx(dvc_like, "remote", "default").out.strip() == "storage"


def test_the_migration_is_staged_and_a_clone_works(dvc_like: Path) -> None:
    _project(dvc_like)
    dvx(dvc_like, "migrate", "--native")
    assert git(dvc_like, "status", "--porcelain", "--no-renames").splitlines() == sorted(
        git(dvc_like, "diff", "--cached", "--name-status", "--no-renames").replace("\t", "  ").splitlines(),
        key=lambda row: row[3:],
    )
    git(dvc_like, "commit", "--quiet", "--message", "native")
    dvx(dvc_like, "push")
    git(dvc_like.parent, "clone", "--quiet", dvc_like, "clone")
    clone = dvc_like.parent / "clone"
    dvx(clone, "pull")
    assert (clone / "data/empty").is_dir()
    assert os.access(clone / "data/sub/run.sh", os.X_OK)
    assert dvx(clone, "status", "--json").json == {}


def test_history_still_works(dvc_like: Path) -> None:
    _project(dvc_like)
    before = git(dvc_like, "rev-parse", "HEAD")
    dvx(dvc_like, "migrate", "--native")
    commit_all(dvc_like, "native")
    git(dvc_like, "checkout", "--quiet", before)
    assert (dvc_like / ".dvc/config").exists()
    (dvc_like / "a").unlink()
    dvx(dvc_like, "checkout")
    assert (dvc_like / "a").read_bytes() == b"one file\r\n"
    git(dvc_like, "checkout", "--quiet", "main")
    assert dvx(dvc_like, "status", "--json").json == {}


@pytest.mark.parametrize(("old", "new"), [("xxh128", "sha256"), ("sha256", "blake3"), ("blake3", "md5"), ("md5", "xxh128")])
def test_any_hash_becomes_any_other(repo: Path, old: str, new: str) -> None:
    dvx(repo, "init", "--hash", old)
    _project(repo)
    dvx(repo, "migrate", "--hash", new)
    assert dvx(repo, "status", "--json").json == {}
    assert "didn't change, skipping" in dvx(repo, "repro").err
    assert f"hash = {new}" in (repo / ".dvx/config").read_text()
    assert old not in (repo / "a.dvx").read_text() + (repo / "dvx.lock").read_text()
    shutil.rmtree(repo / ".dvx/cache/files" / old)
    (repo / "a").unlink()
    shutil.rmtree(repo / "data")
    dvx(repo, "checkout")
    assert os.access(repo / "data/sub/run.sh", os.X_OK)
    assert "Everything is in" in dvx(repo, "migrate", "--hash", new).err


def test_a_dry_run_changes_nothing(dvc_like: Path) -> None:
    before = tree(_project(dvc_like))
    found = dvx(dvc_like, "migrate", "--native", "--dry-run", "--json").json
    assert (found["dialect"], found["algorithm"], found["absent"]) == ("dvx", "xxh128", 0)
    assert ["a.dvc", "a.dvx"] in found["files"]
    assert tree(dvc_like) == before


def test_what_is_not_here_keeps_its_hash(dvc_like: Path) -> None:
    _project(dvc_like)
    dvx(dvc_like, "push")
    shutil.rmtree(dvc_like / ".dvc/cache")
    (dvc_like / "a").unlink()
    dvx(dvc_like, "migrate", "--native")
    assert "hash: md5" in (dvc_like / "a.dvx").read_text()
    assert "xxh128" in (dvc_like / "data.dvx").read_text()
    dvx(dvc_like, "pull", "a")
    assert (dvc_like / "a").read_bytes() == b"one file\r\n"
    dvx(dvc_like, "migrate", "--hash", "xxh128")
    assert "md5" not in (dvc_like / "a.dvx").read_text()


def test_a_dvc_repository_has_only_md5(dvc_like: Path) -> None:
    refused = run_dvx(dvc_like, "migrate", "--hash", "blake3")
    assert refused.code == 254
    assert "--native" in refused.err


def test_old_md5_of_dvc_2(dvc_like: Path) -> None:
    """`md5` without `hash` is of the kind that reads line ends as one."""
    write(dvc_like / "a", "one\r\ntwo\r\n")
    write(dvc_like / ".gitignore", "/a\n")
    write(
        dvc_like / "a.dvc",
        "outs:\n- md5: 2f5b3cb5e1bea6a9ab0f0ad9ae0c3d35\n  path: a\n".replace(
            "2f5b3cb5e1bea6a9ab0f0ad9ae0c3d35", _legacy(b"one\ntwo\n")
        ),
    )
    place = dvc_like / ".dvc/cache" / _legacy(b"one\ntwo\n")[:2] / _legacy(b"one\ntwo\n")[2:]
    write(place, "one\r\ntwo\r\n")
    dvx(dvc_like, "migrate")
    assert "hash: md5" in (dvc_like / "a.dvc").read_text()
    (dvc_like / "a").unlink()
    dvx(dvc_like, "checkout")
    assert (dvc_like / "a").read_bytes() == b"one\r\ntwo\r\n"


def _legacy(data: bytes) -> str:
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_an_interrupted_migration_is_finished_by_the_same_command(dvc_like: Path, tmp_path: Path) -> None:
    """Killed at every third of its renames and removals."""
    _project(dvc_like)
    killer = write(tmp_path / "killer.py", KILLER)
    finished = False
    for count in range(0, 400, 3):
        # a process looks for what others left once in each folder
        folder = tmp_path / f"trial{count}"
        shutil.copytree(dvc_like, folder, symlinks=True)
        died = run_process(folder, "python", killer, str(count), "migrate", "--native")
        finished = died.code == 0
        again = ["migrate", "--native"] if not (folder / ".dvx/config").exists() else ["migrate"]
        dvx(folder, *again)
        assert dvx(folder, "status", "--json").json == {}, count
        assert not list(folder.glob("[!.]*.dvc")) + list(folder.glob("dvc.*"))
        assert not (folder / ".dvc/config").exists()
        lines = git(folder, "status", "--porcelain", "--no-renames").splitlines()
        assert [line for line in lines if line[:3] not in ("A  ", "D  ")] == [], count
        shutil.rmtree(folder)
        if finished:
            break
    assert finished


KILLER = """\
import os, sys, signal

left = int(sys.argv[1])

def guarded(call):
    def counting(*args, **words):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return call(*args, **words)
    return counting

for name in ("replace", "rename", "unlink", "link"):
    setattr(os, name, guarded(getattr(os, name)))

from dvx.cli.main import run

sys.exit(run(sys.argv[2:], os.getcwd()))
"""
