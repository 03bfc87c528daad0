"""Facts about the command `dvc` that is dvx."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from dvx.model.dialect import DVC
from tests.helpers import dvx, run_dvx, run_process, write


def test_the_command_is_dvx_and_goes_away_again(native: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    dvx(native, "shim", "install", "--dir", str(programs))
    said = subprocess.run([programs / "dvc", "root"], cwd=native, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "."
    dvx(native, "shim", "install", "--dir", str(programs))
    assert (programs / "dvc").exists()
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


def test_called_dvc_it_speaks_dvc_where_there_is_no_repository(repo: Path, tmp_path: Path) -> None:
    dvx(tmp_path, "shim", "install", "--dir", tmp_path)
    called = tmp_path / "dvc"
    assert run_process(tmp_path, called, "--version").out.startswith("3.67.1 ")
    outside = run_process(tmp_path, called, "status")
    assert outside.code == 253
    assert outside.err.startswith("error: you are not inside of a DVC repository (checked up to mount point '/")
    refused = run_process(tmp_path, called, "config", "--local", "core.remote", "x")
    assert (refused.code, "Not inside a DVC repo" in refused.err) == (251, True)
    assert run_process(tmp_path, called, "nothing").code == 254
    assert run_process(tmp_path, called, "config", "--global", "core.autostage", "true").code == 0
    assert (tmp_path / "home/.config/dvc/config").read_text() == "[core]\n    autostage = true\n"
    assert run_process(repo, called, "init").code == 0
    assert ((repo / ".dvc").is_dir(), (repo / ".dvx").exists()) == (True, False)
    assert run_process(repo, called, "config", "core.hash", "blake3").code == 251


def test_it_is_the_name_that_counts(repo: Path, native: Path, tmp_path: Path) -> None:
    (tmp_path / "dvc").symlink_to(shutil.which("dvx") or "")
    other = tmp_path / "other"
    other.mkdir()
    assert run_process(other, tmp_path / "dvc", "init", "--no-scm").code == 0
    assert (other / ".dvc").is_dir()
    # in a repository it is what the repository is
    assert run_process(native, tmp_path / "dvc", "nothing").code == 2
    assert run_process(native, tmp_path / "dvc", "root").code == 0


def test_called_dvx_it_speaks_its_own(tmp_path: Path) -> None:
    assert run_dvx(tmp_path, "status").code == 1
    assert "is not inside a dvx or DVC repository" in run_dvx(tmp_path, "status").err
    assert run_dvx(tmp_path, "config", "--local", "core.remote", "x").code == 1


def test_a_subfolder_of_a_native_repository_gets_what_the_name_says(native: Path) -> None:
    (native / "sub").mkdir()
    assert run_dvx(native / "sub", "init", "--subdir", spoken=DVC).code == 0
    assert (native / "sub/.dvc").is_dir()
