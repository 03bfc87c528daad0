"""A hostile repository and a hostile remote: nothing outside of the workspace changes, and nothing is run."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xxhash
import yaml

from dvx.ops.workspace import links
from tests.helpers import commit_all, dialect_of, dvx, git, is_record, run_dvx, write
from tests.unit.test_paths import ATTACKS

Count = Callable[[str, int], None]
_EVIL = b"evil\n"
# what a stranger's repository may make a user do
_COMMANDS = (
    ("status",),
    ("data", "status", "--granular"),
    ("fetch", "--run-cache"),
    ("pull",),
    ("checkout", "-f", "--allow-missing"),
    ("pull", "-f", "--run-cache"),
    ("diff", "HEAD"),
    ("repro", "--dry"),
    ("commit", "-f"),
    ("fsck", "--remote", "store"),
    ("gc", "-c"),
    ("push",),
    ("unprotect", "d"),
    ("undo",),
)
# beside what is no path at all: paths that look harmless, behind links and beside machinery
_MORE = [
    *("../outside/evil", "../../outside/evil", "../../../outside/evil", "../outside/canary", "../.git/hooks/post-checkout"),
    *(
        "link/evil",
        "link/canary",
        "d/link/evil",
        "to-git/hooks/post-checkout",
        "to-git/config",
        "file-link",
        ".git",
        "d/../../outside/evil",
    ),
    *("a" * 5000, "a/" * 2000 + "a", "d" + "/.." * 50, "~/evil", "$HOME/evil", "link"),
]


_LINKED = ("link/evil", "to-git/hooks/post-checkout")


class _Stage:
    """A repository that a stranger wrote, its remote, and the places that must not change."""

    def __init__(self, repo: Path, top: Path) -> None:
        self.repo, self.top, self.dialect = repo, top, dialect_of(repo)
        write(top / "outside/canary", "untouched\n")
        (top / "outside/folder").mkdir()
        dvx(repo, "remote", "add", "-d", "store", "../remote")
        for name, leads in {"link": "../outside", "to-git": ".git", "file-link": "../outside/canary"}.items():
            (repo / name).symlink_to(leads)
        write(repo / "d/a", "1\n")
        (repo / "d/link").symlink_to("../../outside")
        self.evil = self.store(_EVIL)
        commit_all(repo)

    def store(self, data: bytes, *, is_tree: bool = False) -> str:
        """Make an object that the remote has; returns its hash."""
        algorithm = self.dialect.algorithm
        name = xxhash.xxh3_128_hexdigest(data) if algorithm == "xxh128" else hashlib.new(algorithm, data).hexdigest()
        write(self.top / "remote/files" / algorithm / name[:2] / (name[2:] + (".dir" if is_tree else "")), data)
        return name + (".dir" if is_tree else "")

    def entry(self, path: str, name: str = "") -> dict[str, object]:
        """An output as pointers and locks record it."""
        return {self.dialect.algorithm: name or self.evil, "size": len(_EVIL), "hash": self.dialect.algorithm, "path": path}

    def outside(self) -> dict[str, object]:
        """Everything that must stay as it is."""
        found: dict[str, object] = {}
        for place in (self.top / "outside", self.top / "home", self.repo / ".git", self.top):
            for path in place.iterdir() if place == self.top else place.rglob("*"):
                if is_record(str(path)):
                    continue
                if "index" not in path.name and path.name != "tmp" and path.parent.name != "tmp":
                    what = path.lstat().st_mode, path.read_bytes() if path.is_file() else b""
                    found[str(path)] = what if place != self.top else ""
        return found

    def clear(self) -> None:
        """The next attack begins with what Git has."""
        git(self.repo, "checkout", "--quiet", "HEAD", "--", ".")
        git(self.repo, "clean", "-ffdqx", "-e", f"/{self.dialect.folder}")


def _in_a_pointer(stage: _Stage, path: str) -> None:
    write(stage.repo / f"evil{stage.dialect.pointer_suffix}", yaml.safe_dump({"outs": [stage.entry(path)]}))


def _in_a_pointer_below(stage: _Stage, path: str) -> None:
    document = {"wdir": path, "outs": [stage.entry("evil")], "deps": [stage.entry(path)]}
    write(stage.repo / f"d/evil{stage.dialect.pointer_suffix}", yaml.safe_dump(document))


def _in_a_tree(stage: _Stage, path: str) -> None:
    rows = [{stage.dialect.algorithm: stage.evil, "relpath": path}, {stage.dialect.algorithm: stage.evil, "relpath": "a"}]
    name = stage.store(json.dumps(sorted(rows, key=lambda row: row["relpath"])).encode("utf-8", "surrogateescape"), is_tree=True)
    write(stage.repo / f"d{stage.dialect.pointer_suffix}", yaml.safe_dump({"outs": [stage.entry("d", name)]}))


def _in_an_empty_folder(stage: _Stage, path: str) -> None:
    name = stage.store(json.dumps([{"relpath": path + "/"}]).encode("utf-8", "surrogateescape"), is_tree=True)
    write(stage.repo / f"d{stage.dialect.pointer_suffix}", yaml.safe_dump({"outs": [stage.entry("d", name)]}))


def _in_a_stage(stage: _Stage, path: str) -> None:
    command = f"echo evil > {stage.top}/outside/ran"
    write(stage.repo / stage.dialect.pipeline, yaml.safe_dump({"stages": {"one": {"cmd": command, "outs": [path], "wdir": "d"}}}))
    lock = {"schema": "2.0", "stages": {"one": {"cmd": command, "outs": [stage.entry(path)]}}}
    write(stage.repo / stage.dialect.lock, yaml.safe_dump(lock))


def _in_a_lock(stage: _Stage, path: str) -> None:
    pipeline = {"stages": {"one": {"cmd": f"echo evil > {stage.top}/outside/ran", "outs": ["d/o"]}}}
    write(stage.repo / stage.dialect.pipeline, yaml.safe_dump(pipeline))
    outs = [stage.entry(path), stage.entry("d/o")]
    lock = {"schema": "2.0", "stages": {"one": {"cmd": pipeline["stages"]["one"]["cmd"], "outs": outs}}}
    write(stage.repo / stage.dialect.lock, yaml.safe_dump(lock))


def _in_a_run(stage: _Stage, path: str) -> None:
    """A run-cache entry at the remote, under names of the right length."""
    run = yaml.safe_dump({"cmd": "true", "outs": [stage.entry(path)]}).encode()
    key = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
    write(stage.top / "remote/runs" / key[:2] / key / hashlib.sha256(run).hexdigest(), run)


def _in_a_command(stage: _Stage, path: str) -> None:
    """The user types what somebody told them to."""
    for words in (
        ("checkout", "-f"),
        ("add",),
        ("remove",),
        ("move", "d"),
        ("add", "d/a", "-o"),
        ("unprotect",),
        ("trash", "restore", "-f"),
    ):
        run_dvx(stage.repo, *words, *(["--"] if path.startswith("-") else []), path.replace("\0", ""))


_CHANNELS = (
    _in_a_pointer,
    _in_a_pointer_below,
    _in_a_tree,
    _in_an_empty_folder,
    _in_a_stage,
    _in_a_lock,
    _in_a_run,
    _in_a_command,
)


def _attacks(*, everything: bool) -> Iterator[tuple[Callable[[_Stage, str], None], str]]:
    chance = random.Random(14)
    for path in [*_MORE, *(ATTACKS if everything else chance.sample(ATTACKS, 10))]:
        yield from (
            (channel, path) for channel in (chance.sample(_CHANNELS, 1 + everything) if path not in _LINKED else _CHANNELS)
        )


def _attack(stage: _Stage, channel: Callable[[_Stage, str], None], path: str) -> None:
    before = stage.outside()
    channel(stage, path)
    for command in _COMMANDS:
        result = run_dvx(stage.repo, *command)
        assert "Traceback" not in result.err, (channel.__name__, path, command, result.err)
        assert "this is a bug" not in result.err, (channel.__name__, path, command, result.err)
    after = stage.outside()
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed == set(), (channel.__name__, path)
    stage.clear()


def test_nothing_outside_changes(dialect_repo: Path, tmp_path: Path, all_points: bool, count: Count):
    stage = _Stage(dialect_repo, tmp_path)
    attacks = list(_attacks(everything=all_points))
    for channel, path in attacks:
        _attack(stage, channel, path)
    count(f"hostile paths ({stage.dialect.name})", len(attacks))


def test_an_escape_is_found(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stage = _Stage(native, tmp_path)
    monkeypatch.setattr(links, "check_inside", lambda *_: None)
    with pytest.raises(AssertionError, match="outside/evil"):
        _attack(stage, _in_an_empty_folder, "link/evil")


def test_what_is_behind_a_link_in_the_place_of_a_file_stays(dialect_repo: Path, tmp_path: Path):
    write(tmp_path / "outside/x", "not dvx's\n")
    write(dialect_repo / "a", "recorded\n")
    dvx(dialect_repo, "add", "a")
    (dialect_repo / "a").unlink()
    (dialect_repo / "a").symlink_to("../outside")
    for command in (("unprotect", "a"), ("checkout", "-f"), ("pull", "-f"), ("remove", "--outs", "a")):
        run_dvx(dialect_repo, *command)
        assert (tmp_path / "outside/x").read_text() == "not dvx's\n", command


@pytest.mark.parametrize("text", ["", "outs: []\n", "outs:\n", "# nothing\n"])
def test_a_pointer_that_says_nothing_removes_nothing(dialect_repo: Path, text: str):
    pointer = dialect_repo / f"a{dialect_of(dialect_repo).pointer_suffix}"
    write(dialect_repo / "a", "mine\n")
    dvx(dialect_repo, "add", "a")
    pointer.write_text(text)
    for command in (("commit", "-f"), ("checkout", "-f"), ("status",), ("add", "a")):
        dvx(dialect_repo, *command)
        assert (dialect_repo / "a").read_text() == "mine\n"
    assert "path: a" in pointer.read_text()
