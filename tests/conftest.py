"""Fixtures that keep tests hermetic: own HOME, own Git configuration, no writes outside the test's folder."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.guard import WriteGuard
from tests.helpers import PROGRAMS, ROOT, SSH_CONFIG, commit_all, dvx, git, write

pytest_plugins = ("tests.servers", "tests.more_servers")

# what runs in the background may ignore signals (`nohup make test &`), but the processes that tests start have to hear them:
# a handler does not pass to another program, "ignore" does
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else lambda *_: None)

# no example database: it would be written into the checkout; no deadlines: machines differ
settings.register_profile("dvx", database=None, deadline=None)
settings.load_profile("dvx")

# here a fact is tried in one of the dialects, by turns, unless both are asked for: most of the code does not know which it is.
# Comparisons with DVC always try both; so do kills and faults at every point, which choose for themselves
_BY_TURNS = ("tests/ops/", "tests/cli/", "tests/store/", "tests/faults/")

# what other tests tell as well, in other words
_TOLD_TWICE = frozenset({"tests/test_story.py::test_with_an_s3_server"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test-all` asks for both."""
    parser.addoption("--both-dialects", action="store_true", help="try every fact in both dialects")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the turns that it is not."""
    if config.getoption("--both-dialects") or config.getoption("--all-points", default=False):
        return
    kept, left_out = [], []
    for item in items:
        if item.nodeid in _TOLD_TWICE:
            left_out.append(item)
            continue
        dialect = getattr(item, "callspec", None) and item.callspec.params.get("dialect_repo")  # type: ignore[attr-defined]
        turn = ("native", "dvc")[zlib.crc32(item.name.replace("native", "dvc").encode()) % 2]
        by_turns = dialect is not None and item.nodeid.startswith(_BY_TURNS)
        (left_out if by_turns and dialect != turn else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


_GIT_CONFIG = """\
[user]
\tname = Ada Tester
\temail = ada@example.org
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
_FOREIGN = ("GIT_", "DVC_", "DVX_", "AWS_", "XDG_")
_SET_BELOW_HOME = {
    "HOME": "",
    "XDG_CONFIG_HOME": ".config",
    "XDG_CONFIG_DIRS": "etc/xdg",
    "XDG_CACHE_HOME": ".cache",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_RUNTIME_DIR": "run",
    "GIT_CONFIG_GLOBAL": ".gitconfig",
    "DVX_GLOBAL_CONFIG_DIR": ".config/dvx",
    "DVX_SYSTEM_CONFIG_DIR": "etc/xdg/dvx",
    "DVC_GLOBAL_CONFIG_DIR": ".config/dvc",
    "DVC_SYSTEM_CONFIG_DIR": "etc/xdg/dvc",
    "DVC_SITE_CACHE_DIR": "var/dvc",
    "AWS_CONFIG_FILE": ".aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": ".aws/credentials",
}
_SET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "DVC_NO_ANALYTICS": "1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    "COLUMNS": "120",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}


@pytest.fixture(scope="session", autouse=True)
def write_guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WriteGuard]:
    """Refuses every write of this process outside the tests' own folder."""
    caches = (ROOT / ".pytest_cache", ROOT / ".mypy_cache", ROOT / ".ruff_cache")
    guard = WriteGuard.install((tmp_path_factory.getbasetemp().parent, *caches, Path("/dev"), Path("/proc")))
    yield guard
    guard.active = False


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of this test; the current folder is the test's own, so that a stray relative path stays in it."""
    folder = tmp_path / "home"
    isolate(folder, monkeypatch)
    monkeypatch.chdir(tmp_path)
    return folder


def isolate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `folder` the home folder, with a Git configuration of its own, and forget what the outer environment says."""
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in _SET.items():
        monkeypatch.setenv(name, value)
    for name, below in _SET_BELOW_HOME.items():
        monkeypatch.setenv(name, str(folder / below))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", os.pathsep.join([os.path.dirname(sys.executable), str(PROGRAMS), os.environ["PATH"]]))
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (folder / "tmp").mkdir()
    (folder / ".gitconfig").write_text(_GIT_CONFIG)
    write(folder / ".ssh/all", SSH_CONFIG.format(home=folder))


@pytest.fixture
def repo(home: Path, tmp_path: Path) -> Path:
    """A fresh Git repository without commits."""
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


@pytest.fixture
def native(repo: Path) -> Path:
    """A native project with one commit."""
    return initialised(repo)


@pytest.fixture
def dvc_like(repo: Path) -> Path:
    """A project in DVC's dialect with one commit."""
    return initialised(repo, "--dvc")


@pytest.fixture(params=["native", "dvc"])
def dialect_repo(request: pytest.FixtureRequest, repo: Path) -> Path:
    """A project with one commit, in each dialect in turn."""
    return initialised(repo, *(["--dvc"] if request.param == "dvc" else []))


@pytest.fixture
def new_project(home: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes further projects: `new_project("other", "--dvc")`."""

    def make(name: str, *options: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet")
        return initialised(folder, *options)

    return make


def initialised(folder: Path, *options: str) -> Path:
    """Make a Git repository a project with one commit."""
    dvx(folder, "init", *options)
    commit_all(folder, "start")
    return folder
