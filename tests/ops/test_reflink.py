"""On a file system that can clone files, the workspace and the cache share bytes, and neither changes the other."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import initialised
from tests.helpers import dialect_of, dvx, git, run_dvx, write

_SIZE = 320 << 20
_DATA = 16 << 20
_SNAPSHOT = 96 << 20
"""More than is copied without being asked for."""
_MAKERS = (("mkfs.xfs", "-q", "-m", "reflink=1"), ("mkfs.btrfs", "-q"))


@pytest.fixture
def cloning(home: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own that can clone; needs the right to mount, and the tools of XFS or Btrfs."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    maker = next((words for words in _MAKERS if shutil.which(words[0], path=path)), None)
    if maker is None:
        pytest.skip("neither mkfs.xfs nor mkfs.btrfs is here")
    image, folder = tmp_path / "image", tmp_path / "cloning"
    with open(image, "xb") as file:
        file.truncate(_SIZE)
    folder.mkdir()
    subprocess.run([str(shutil.which(maker[0], path=path)), *maker[1:], image], check=True, capture_output=True)
    mounted = subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _free(folder: Path) -> int:
    subprocess.run(["sync", "-f", folder], check=True)
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize


@pytest.mark.parametrize("options", [(), ("--dvc",)], ids=["native", "dvc"])
def test_bytes_are_shared_and_stay_apart(cloning: Path, options: tuple[str, ...]):
    project = cloning / "repo"
    project.mkdir()
    git(project, "init", "--quiet")
    initialised(project, *options)
    data = os.urandom(1 << 20) * (_DATA >> 20)
    write(project / "d/large", data)
    before = _free(cloning)

    dvx(project, "add", "d")
    assert before - _free(cloning) < _DATA // 8
    [stored] = [
        path for path in (project / dialect_of(project).folder / "cache/files").rglob("*") if path.stat().st_size == _DATA
    ]
    with open(project / "d/large", "r+b") as file:
        file.write(b"an edit")
    assert stored.read_bytes() == data
    assert run_dvx(project, "status", "--json").json != {}

    dvx(project, "checkout", "-f")
    dvx(project, "trash", "empty", "--force")
    assert (project / "d/large").read_bytes() == data
    assert not (project / "d/large").is_symlink()
    assert (project / "d/large").stat().st_nlink == 1
    assert before - _free(cloning) < _DATA // 8
    assert run_dvx(project, "status", "--json").json == {}


@pytest.mark.parametrize("options", [(), ("--dvc",)], ids=["native", "dvc"])
def test_a_snapshot_for_a_stage_shares_bytes(cloning: Path, options: tuple[str, ...]):
    project = cloning / "repo"
    project.mkdir()
    git(project, "init", "--quiet")
    initialised(project, *options)
    data = os.urandom(1 << 20) * (_SNAPSHOT >> 20)
    write(project / "d/large", data)
    dvx(project, "add", "d")
    setting = "meta: {run: {snapshot: true}}" if options else "run: {snapshot: true}"
    command = f"df -k --output=avail . | tail -1 > free; echo edit > {project}/d/large; wc -c < d/large > o"
    write(project / dialect_of(project).pipeline, f"stages:\n  s: {{cmd: '{command}', deps: [d], outs: [o, free], {setting}}}\n")
    before = _free(cloning)
    dvx(project, "repro", "s")
    assert (project / "o").read_text().strip() == str(_SNAPSHOT)
    assert before - 1024 * int((project / "free").read_text()) < _SNAPSHOT // 8
    assert run_dvx(project, "status", "--json").json != {}
