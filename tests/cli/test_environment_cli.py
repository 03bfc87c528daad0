"""check-ignore, cache dir, cache migrate: what they print and write, as DVC 3.67.1 does."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.helpers import dialect_of, dvx, run_dvx, run_process, write


@pytest.fixture
def ignoring(dialect_repo: Path) -> Path:
    name = dialect_of(dialect_repo).ignore
    write(dialect_repo / name, "*.tmp\n!keep.tmp\nsub/\n")
    write(dialect_repo / "d" / name, "x\n*.tmp\n")
    write(dialect_repo / "sub/q", "")
    write(dialect_repo / "nested/.dvc/config", "")
    return dialect_repo


def test_ignored_paths_are_printed(ignoring: Path) -> None:
    result = dvx(ignoring, "check-ignore", "a.tmp", "keep.tmp", "d/x", "d/y", "sub/q", "nested/f", ".git", "other")
    assert result.out == "a.tmp\nd/x\nsub/q\nnested/f\n.git\n"
    assert run_dvx(ignoring, "check-ignore", "keep.tmp", "nope", "/etc/passwd").code == 1
    assert dvx(ignoring / "d", "check-ignore", "x", "../a.tmp").out == "x\n../a.tmp\n"


def test_the_deciding_pattern_is_shown(ignoring: Path) -> None:
    name = dialect_of(ignoring).ignore
    words = ("a.tmp", "keep.tmp", "d/x", "d/y", "sub", "sub/q", "nested/f", ".git", ".dvc")
    assert dvx(ignoring, "check-ignore", "-d", *words).out == (
        f"{name}:1:*.tmp\ta.tmp\n{name}:2:!keep.tmp\tkeep.tmp\nd/{name}:1:x\td/x\n{name}:3:sub/\tsub\n{name}:3:sub/\tsub/q\n"
        "in sub_repo:nested\tnested/f\n:.git\t.git\n:.dvc/\t.dvc\n"
    )
    assert dvx(ignoring, "check-ignore", "-d", "-n", "a.tmp", "d/y").out == f"{name}:1:*.tmp\ta.tmp\n::\td/y\n"
    assert run_dvx(ignoring, "check-ignore", "-d", "d/y").code == 1
    assert dvx(ignoring, "check-ignore", "-d", "-a", "d/keep.tmp").out == (
        f"{name}:1:*.tmp\td/keep.tmp\n{name}:2:!keep.tmp\td/keep.tmp\nd/{name}:2:*.tmp\td/keep.tmp\n"
    )


def test_paths_from_standard_input(ignoring: Path) -> None:
    result = run_process(ignoring, "dvx", "check-ignore", "--stdin", stdin="a.tmp\nother\n\nd/x\n")
    assert (result.code, result.out) == (0, "a.tmp\nd/x\n")


@pytest.mark.parametrize("words", [("-n", "a"), ("-a", "a"), ("--stdin", "a"), ()])
def test_check_ignore_wants_words_that_go_together(ignoring: Path, words: tuple[str, ...]) -> None:
    result = run_dvx(ignoring, "check-ignore", *words)
    assert result.code in (2, 254)
    assert "hint:" in result.err


def test_where_the_cache_is(dialect_repo: Path) -> None:
    folder = dialect_repo / dialect_of(dialect_repo).folder
    (dialect_repo / "sub").mkdir()
    assert dvx(dialect_repo, "cache", "dir").out == f"{folder}/cache\n"
    dvx(dialect_repo / "sub", "cache", "dir", "../other")
    assert "[cache]\n    dir = ../other\n" in (folder / "config").read_text()
    assert dvx(dialect_repo, "cache", "dir").out == f"{dialect_repo}/other\n"
    dvx(dialect_repo, "cache", "dir", "--local", "/mnt/x")
    assert dvx(dialect_repo, "cache", "dir").out == "/mnt/x\n"
    assert dvx(dialect_repo, "cache", "dir", "--project").out == f"{dialect_repo}/other\n"
    dvx(dialect_repo, "cache", "dir", "-u")
    dvx(dialect_repo, "cache", "dir", "--unset", "--local")
    result = run_dvx(dialect_repo, "cache", "dir", "-u")
    assert result.code in (1, 251)
    assert "`cache.dir` is not set" in result.err
    assert dvx(dialect_repo, "cache", "dir").out == f"{folder}/cache\n"


class Legacy:
    """A repository of DVC 2, as it is found in the wild: objects named by the hash of their text with Unix line ends."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = self.put(b"1\r\n2\r\n")
        self.plain = self.put(b"plain\n")
        rows = [{"md5": self.file, "relpath": "a"}, {"md5": self.plain, "relpath": "s/b"}]
        self.tree = self.put(json.dumps(rows, sort_keys=True).encode(), ".dir")
        write(root / "f.dvc", f"# c\nouts:\n- md5: {self.file}\n  size: 6\n  path: f\n")
        write(root / "d.dvc", f"outs:\n- md5: {self.tree}\n  size: 12\n  nfiles: 2\n  path: d\n")
        write(
            root / "i.dvc",
            f"md5: aaaa\nfrozen: true\ndeps:\n- md5: {self.plain}\n  size: 6\n  path: /x/src\n"
            f"outs:\n- md5: {self.plain}\n  size: 6\n  path: i\n",
        )
        write(
            root / "dvc.yaml",
            "stages:\n  s:\n    cmd: cp f o\n    deps:\n    - f\n    - d\n    - code\n    outs:\n    - o\n",
        )
        code = hashlib.md5(b"x\n", usedforsecurity=False).hexdigest()
        write(
            root / "dvc.lock",
            f"schema: '2.0'\nstages:\n  s:\n    cmd: cp f o\n    deps:\n    - path: code\n      md5: {code}\n      size: 3\n"
            f"    - path: d\n      md5: {self.tree}\n      size: 12\n      nfiles: 2\n    - path: f\n      md5: {self.file}\n"
            f"      size: 6\n    outs:\n    - path: o\n      md5: {self.file}\n      size: 6\n",
        )
        write(root / "code", b"x\r\n")

    def put(self, data: bytes, suffix: str = "") -> str:
        name = hashlib.md5(data.replace(b"\r\n", b"\n"), usedforsecurity=False).hexdigest()
        place = write(self.root / ".dvc/cache" / name[:2] / (name[2:] + suffix), data)
        place.chmod(0o444)
        return name + suffix


@pytest.fixture
def legacy(dvc_like: Path) -> Legacy:
    return Legacy(dvc_like)


def test_old_objects_get_new_names_and_keep_the_old(legacy: Legacy) -> None:
    assert dvx(legacy.root, "cache", "migrate", "--dry").err == "3 objects would be hashed anew and migrated\n"
    assert not (legacy.root / ".dvc/cache/files").exists()
    assert dvx(legacy.root, "cache", "migrate").err == "Migrated 3 objects.\n"
    new = legacy.root / ".dvc/cache/files/md5"
    assert (new / "81/cdee4ea0850f3d4e5eea27e4be496e").read_bytes() == b"1\r\n2\r\n"
    assert os.stat(new / "58/39145a19c13f3ffb0a3b9527e0a912").st_nlink == 2
    assert (new / "f5/c8316f91d37d1d9b3039ef91b18065.dir").exists()
    assert (legacy.root / ".dvc/cache" / legacy.file[:2] / legacy.file[2:]).exists()
    assert dvx(legacy.root, "cache", "migrate").err == "Migrated 0 objects.\n"


def test_pointers_and_locks_use_the_new_names(legacy: Legacy) -> None:
    result = dvx(legacy.root, "cache", "migrate", "--dvc-files", "--dry")
    assert result.out == "d.dvc\ndvc.lock\nf.dvc\ni.dvc\n"
    dvx(legacy.root, "cache", "migrate", "--dvc-files")
    # what DVC 3.67.1 writes from the same files
    assert (legacy.root / "f.dvc").read_text() == (
        "# c\nouts:\n- md5: 81cdee4ea0850f3d4e5eea27e4be496e\n  size: 6\n  path: f\n  hash: md5\n"
    )
    assert (legacy.root / "d.dvc").read_text() == (
        "outs:\n- md5: f5c8316f91d37d1d9b3039ef91b18065.dir\n  size: 12\n  nfiles: 2\n  path: d\n  hash: md5\n"
    )
    assert (legacy.root / "i.dvc").read_text() == (
        "md5: 984ca78d0f385baa88abab4ea5d20777\nfrozen: true\ndeps:\n- md5: 5839145a19c13f3ffb0a3b9527e0a912\n  size: 6\n"
        "  path: /x/src\n  hash: md5\nouts:\n- md5: 5839145a19c13f3ffb0a3b9527e0a912\n  size: 6\n  path: i\n  hash: md5\n"
    )
    code = hashlib.md5(b"x\r\n", usedforsecurity=False).hexdigest()
    assert (legacy.root / "dvc.lock").read_text() == (
        "schema: '2.0'\nstages:\n  s:\n    cmd: cp f o\n    deps:\n"
        f"    - path: code\n      hash: md5\n      md5: {code}\n      size: 3\n"
        "    - path: d\n      hash: md5\n      md5: f5c8316f91d37d1d9b3039ef91b18065.dir\n      size: 12\n      nfiles: 2\n"
        "    - path: f\n      hash: md5\n      md5: 81cdee4ea0850f3d4e5eea27e4be496e\n      size: 6\n"
        "    outs:\n    - path: o\n      hash: md5\n      md5: 81cdee4ea0850f3d4e5eea27e4be496e\n      size: 6\n"
    )
    dvx(legacy.root, "checkout")
    assert (legacy.root / "d/a").read_bytes() == b"1\r\n2\r\n"
    assert "changed checksum" not in dvx(legacy.root, "status").out


def test_what_has_no_data_here_stays_as_it_was(legacy: Legacy) -> None:
    place = legacy.root / ".dvc/cache" / legacy.file[:2] / legacy.file[2:]
    place.unlink()
    before = (legacy.root / "f.dvc").read_text(), (legacy.root / "d.dvc").read_text()
    result = dvx(legacy.root, "cache", "migrate", "--dvc-files")
    assert "run `dvx fetch`, then this again" in result.err
    assert ((legacy.root / "f.dvc").read_text(), (legacy.root / "d.dvc").read_text()) == before
    assert "hash: md5" in (legacy.root / "i.dvc").read_text()


def test_an_old_object_with_wrong_bytes_gets_no_new_name(legacy: Legacy) -> None:
    place = legacy.root / ".dvc/cache" / legacy.plain[:2] / legacy.plain[2:]
    place.chmod(0o644)
    place.write_bytes(b"rotten")
    result = dvx(legacy.root, "cache", "migrate", "--dvc-files")
    assert "it was put aside" in result.err
    assert (legacy.root / ".dvc/cache/quarantine").is_dir()
    assert "hash: md5" not in (legacy.root / "i.dvc").read_text()
