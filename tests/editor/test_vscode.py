"""A real VS Code, in a browser: the tasks of `dvx vscode` run, and what goes wrong shows in the Problems panel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.story import STAGES
from tests.editor.conftest import INSTALLED, MODULES
from tests.helpers import ROOT, commit_all, dvx, git, write

pytestmark = pytest.mark.vscode
SCREENSHOTS = INSTALLED / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60
_SETTINGS = {
    "workbench.startupEditor": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "task.saveBeforeRun": "never",
}


@pytest.fixture
def penguins(native: Path) -> Path:
    """The example project with its pipeline, not run yet, set up for VS Code."""
    shutil.copytree(ROOT / "example-project", native, dirs_exist_ok=True)
    for name, parts in STAGES.items():
        dvx(native, "stage", "add", "-n", name, *parts.split(" "), "python3", f"{name}.py")
    dvx(native, "vscode")
    commit_all(native)
    return native


@pytest.fixture
def workbench(penguins: Path, node: Path, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Does a step in a VS Code that has the project open, and returns what it found."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("there is no Chromium")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = f"http://127.0.0.1:{port}"
    words = [node, MODULES / "code-server/out/node/entry.js", "--auth", "none", "--bind-addr", place.removeprefix("http://")]
    words += ["--user-data-dir", tmp_path / "data", "--extensions-dir", tmp_path / "extensions"]
    words += ["--disable-telemetry", "--disable-update-check", "--disable-workspace-trust", penguins]
    # a shell that knows nothing of this test's environment finds out what PATH is
    settings = {**_SETTINGS, "terminal.integrated.env.linux": {"PATH": os.environ["PATH"], "PYTHONPATH": os.fspath(ROOT)}}
    write(tmp_path / "data/User/settings.json", json.dumps(settings))
    drive = [node, ROOT / "tests/editor/workbench.js", f"{place}/?folder={penguins}", browser]
    with (
        open(tmp_path / "server.log", "wb") as log,
        subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True) as server,
    ):
        try:
            _await(lambda: urllib.request.urlopen(f"{place}/healthz").status == 200)
            # the path of a socket must be short
            environ = {**os.environ, "NODE_PATH": os.fspath(MODULES), "TMPDIR": "/tmp"}
            with subprocess.Popen(drive, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as driver:
                steps = _Steps(driver)
                yield steps
                steps("screenshot", path=os.fspath(SCREENSHOTS / "last.png"))
                assert driver.stdin is not None
                driver.stdin.close()
        finally:
            # with the processes that it started
            os.killpg(server.pid, signal.SIGKILL)


class _Steps:
    """The driver of the browser."""

    def __init__(self, driver: subprocess.Popen[str]) -> None:
        self._driver = driver
        assert self._answer() == {"ready": True}

    def __call__(self, step: str, **values: str) -> Any:
        assert self._driver.stdin is not None
        print(json.dumps({"step": step, **values}), file=self._driver.stdin, flush=True)
        answer = self._answer()
        assert "error" not in answer, answer
        return answer["value"]

    def _answer(self) -> Any:
        assert self._driver.stdout is not None
        line = self._driver.stdout.readline()
        assert line, "the browser is gone"
        return json.loads(line)


def _await(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if holds():
                return
        except OSError:
            pass
        assert time.monotonic() < end
        time.sleep(0.2)


def _ran(project: Path) -> str:
    """The states of the latest run."""
    runs = dvx(project, "runs", "list", "--json").json
    return str(runs[0]["status"]) if runs else ""


def test_tasks_run_and_mistakes_show_in_the_problems_panel(penguins: Path, workbench: Callable[..., Any]) -> None:
    def screenshot(name: str) -> None:
        workbench("screenshot", path=os.fspath(SCREENSHOTS / f"{name}.png"))

    tasks = workbench("offer", title="Tasks: Run Task", one="dvx: repro")
    assert {"dvx: repro", "dvx: pull", "dvx: push", "dvx: status", "dvx: exp run"} <= set(tasks)
    workbench("pick", one="dvx: repro")
    _await(lambda: (penguins / "metrics.json").exists() and _ran(penguins) == "success")
    assert dvx(penguins, "status").out == ""
    screenshot("1-repro")

    # one stage, which is picked
    workbench("offer", title="Tasks: Run Task", one="dvx: repro one stage")
    workbench("pick", one="dvx: repro one stage")
    assert set(STAGES) <= set(workbench("picks", one="evaluate"))
    screenshot("2-picker")
    before = len(dvx(penguins, "runs", "list", "--json").json)
    write(penguins / "params.yaml", (penguins / "params.yaml").read_text().replace("products: false", "products: true"))
    workbench("pick", one="featurize")
    _await(lambda: len(dvx(penguins, "runs", "list", "--json").json) > before and _ran(penguins) == "success")

    # a mistake in the pipeline file, found by the default build task
    pipeline = penguins / "dvx.yaml"
    good = pipeline.read_text()
    write(pipeline, good.replace("    deps:\n", "    dep:\n", 1))
    workbench("open", name="dvx.yaml")
    workbench("command", title="Tasks: Run Build Task")
    found = workbench("problems", text="unknown key")
    assert "unknown key `dep`" in found
    assert "dvx.yaml" in found
    assert "[Ln 4, Col 5]" in found
    screenshot("3-unknown-key")

    # a stage that fails; what was mended is gone
    write(pipeline, good.replace("cmd: python3 train.py", "cmd: exit 3"))
    workbench("command", title="Tasks: Run Build Task")
    found = workbench("problems", text="the stage `train` failed")
    assert "unknown key" not in found
    line = good[: good.index("  train:")].count("\n") + 1
    assert f"[Ln {line}, Col 3]" in found
    screenshot("4-failed-stage")

    # and nothing is left when all is well
    write(pipeline, good)
    workbench("command", title="Tasks: Run Build Task")
    workbench("problems", text="No problems have been detected")
    screenshot("5-mended")
    assert git(penguins, "status", "--porcelain", "dvx.yaml") == ""
