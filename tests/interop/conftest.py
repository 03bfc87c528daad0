"""The real DVC, run from its own environment, and a project made by each of the two tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import isolate
from tests.helpers import ROOT, Result, dvx, run_process
from tests.interop.steps import Tool, build

VERSION = "3.67.1"
# read here, since the fixture `home` hides it
PYTHON = Path(os.environ.get("DVX_TEST_DVC_PYTHON") or ROOT / ".cache" / "dvc-env" / "bin" / "python")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need DVC."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="package", autouse=True)
def package_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home folder for what is made once for all tests."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        isolate(tmp_path_factory.mktemp("interop") / "home", monkeypatch)
        yield


@pytest.fixture(scope="package")
def dvc_python(package_home: None) -> Path:
    """The Python that has DVC. These tests do not skip without it: agreeing with DVC is a promise."""
    version = run_process(ROOT, PYTHON, "-m", "dvc", "--version").out.strip() if PYTHON.exists() else "no DVC"
    if version != VERSION:
        pytest.fail(f"DVC {VERSION} is needed at {PYTHON}, there is {version}; `make test` installs it")
    return PYTHON


@pytest.fixture(scope="package")
def dvc(dvc_any: Tool) -> Tool:
    """Runs the real DVC; it must succeed."""

    def run(cwd: Path, /, *args: str | Path) -> Result:
        result = dvc_any(cwd, *args)
        assert result.code == 0, f"dvc {' '.join(map(str, args))} ended with {result.code}\n{result.out}{result.err}"
        return result

    return run


@pytest.fixture(scope="package")
def dvc_any(dvc_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """Runs the real DVC, however it ends."""
    printed = tmp_path_factory.mktemp("printed")
    out, err = printed / "out", printed / "err"
    server = Path(__file__).with_name("forking_dvc.py")
    with subprocess.Popen([dvc_python, server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, codes = process.stdin, process.stdout

        def run(cwd: Path, /, *args: str | Path) -> Result:
            words = [str(arg) for arg in args]
            request = {"args": words, "cwd": str(cwd), "env": dict(os.environ), "out": str(out), "err": str(err)}
            print(json.dumps(request), file=requests, flush=True)
            code = int(codes.readline())
            return Result(code, *(path.read_text(encoding="utf-8", errors="replace") for path in (out, err)))

        yield run
        requests.close()


@pytest.fixture(scope="package")
def tools(dvc: Tool) -> Mapping[str, Tool]:
    """Both tools by name."""
    return {"dvc": dvc, "dvx": as_dvc}


def as_dvc(cwd: Path, /, *args: str | Path) -> Result:
    """Runs dvx; a repository that it makes is one for DVC."""
    return dvx(cwd, "init", "--dvc", *args[1:]) if args[0] == "init" else dvx(cwd, *args)


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory, package_home: None) -> Callable[[str, Callable[[Path], None]], Path]:
    """`shared(name, make)`: a folder that `make` filled, once for all test processes; not to be changed."""
    top = tmp_path_factory.getbasetemp()
    top = (top.parent if "PYTEST_XDIST_WORKER" in os.environ else top) / "shared"
    top.mkdir(exist_ok=True)

    def get(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = top / name, top / f"{name}.done"
        with FileLock(top / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return get


@pytest.fixture(scope="package")
def made(tools: Mapping[str, Tool], shared: Callable[[str, Callable[[Path], None]], Path]) -> Callable[[str], Path]:
    """The folder in which a tool made the project (`work`) and its remote (`store`); not to be changed."""
    return lambda name: shared(name, lambda folder: build(folder / "work", tools[name]))


@pytest.fixture
def copy_of(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy, free to be changed, of the project that a tool made."""
    return lambda name: Path(shutil.copytree(made(name), tmp_path / name, symlinks=True)) / "work"
