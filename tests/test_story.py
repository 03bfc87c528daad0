"""The story of `make demo` holds, in each dialect with another kind of remote, and breaks where it does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo.narrator import Broken
from demo.story import EXAMPLE, Setting, tell
from tests.helpers import ROOT, run_process
from tests.servers import S3Server


def test_with_a_local_remote_and_dvcs_files(tmp_path: Path) -> None:
    tell(tmp_path / "story", Setting(str(tmp_path / "remote"), dvc=True))
    assert list((tmp_path / "remote" / "files" / "md5").iterdir())


@pytest.mark.s3
def test_with_an_s3_server(tmp_path: Path, s3: S3Server, bucket: str) -> None:
    options = s3.options()
    secrets = {name: options.pop(name) for name in ("access_key_id", "secret_access_key")}
    tell(tmp_path / "story", Setting(f"s3://{bucket}/data", options=options, secrets=secrets))
    assert s3.files().ls(f"{bucket}/data/files")


def test_a_false_claim_breaks_it(tmp_path: Path) -> None:
    """A training that ignores the learning rate makes the same model again, so `evaluate` has no reason to run."""
    project = shutil.copytree(EXAMPLE, tmp_path / "project")
    train = project / "train.py"
    train.write_text(train.read_text().replace("row[index] -= lr * value", "row[index] -= 0.01 * value"))
    with pytest.raises(Broken, match="this is not so: only the stages that depend on it ran"):
        tell(tmp_path / "story", Setting(str(tmp_path / "remote"), project=project))


def test_the_demo_exits_with_1_when_a_step_fails(tmp_path: Path) -> None:
    project = shutil.copytree(EXAMPLE, tmp_path / "project")
    (project / "evaluate.py").write_text("raise SystemExit(3)\n")
    done = run_process(ROOT, "python", "-m", "demo.story", "--project", project)
    assert done.code == 1
    assert "The story broke: `dvx repro` ended with exit code" in done.err
