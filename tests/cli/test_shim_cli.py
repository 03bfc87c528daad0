"""Facts about the command `dvc` that is dvx."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.helpers import dvx, run_dvx, write


def test_the_command_is_dvx_and_goes_away_again(native: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    dvx(native, "shim", "install", "--dir", str(programs))
    said = subprocess.run([programs / "dvc", "root"], cwd=native, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "."
    dvx(native, "shim", "install", "--dir", str(programs))
    dvx(native, "shim", "remove", "--dir", str(programs))
    assert os.listdir(programs) == []


def test_another_program_is_not_replaced(native: Path, tmp_path: Path) -> None:
    write(tmp_path / "bin/dvc", "#!/bin/sh\necho real\n")
    result = run_dvx(native, "shim", "install", "--dir", str(tmp_path / "bin"))
    assert result.code != 0
    assert "is another program" in result.err
    assert run_dvx(native, "shim", "remove", "--dir", str(tmp_path / "bin")).code != 0
    assert (tmp_path / "bin/dvc").read_text() == "#!/bin/sh\necho real\n"
    dvx(native, "shim", "install", "--dir", str(tmp_path / "bin"), "--force")
    assert "dvx" in (tmp_path / "bin/dvc").read_text()
    assert run_dvx(native, "shim", "install", "--dir", str(tmp_path / "nowhere")).code != 0
