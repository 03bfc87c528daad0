"""destroy: what it says, and that it asks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers import dialect_of, dvx, run_dvx, write


@pytest.fixture
def data(dialect_repo: Path) -> Path:
    write(dialect_repo / "f", "1\n")
    write(dialect_repo / "g", "22\n")
    dvx(dialect_repo, "add", "f", "g")
    (dialect_repo / "g").unlink()
    return dialect_repo


def answer(project: Path, text: str) -> tuple[int, str]:
    """Run `dvx destroy` on a terminal and type an answer."""
    master, slave = os.openpty()
    plain = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(["dvx", "destroy"], cwd=project, env=plain, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        os.write(master, text.encode())
        said = b""
        while chunk := _read(master):
            said += chunk
    os.close(master)
    return process.returncode, said.decode().replace("\r\n", "\n")


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:
        return b""


def test_it_says_what_goes(data: Path) -> None:
    dialect = dialect_of(data)
    suffix = dialect.pointer_suffix
    assert dvx(data, "destroy", "--force").err == (
        f"To be removed: `{dialect.folder}`, `{dialect.ignore}`, `f{suffix}`, `g{suffix}`\n"
        "Only in the cache, and gone with it: 1 object (3 B), among them what is recorded of `g`\n"
        f"Removed 3 files and `{dialect.folder}`.\n"
    )
    assert (data / "f").read_text() == "1\n"


def test_it_removes_nothing_where_it_cannot_ask(data: Path) -> None:
    result = run_dvx(data, "destroy")
    assert result.code == 1
    said = "error: nothing was removed, as nobody can be asked\nhint: use `-f` to do it without being asked\n"
    assert result.err.endswith(said)
    assert (data / f"f{dialect_of(data).pointer_suffix}").exists()


def test_a_no_keeps_everything(data: Path) -> None:
    code, said = answer(data, "n\n")
    assert code == 1
    assert "Remove all this for good?" in said
    assert "error: nothing was removed" in said
    assert (data / f"f{dialect_of(data).pointer_suffix}").exists()


def test_a_yes_is_enough(data: Path) -> None:
    code, said = answer(data, "y\n")
    assert (code, "Removed 3 files" in said) == (0, True)
    assert not (data / dialect_of(data).folder).exists()
