"""A tree that cannot be read may name anything: nothing that it may name is removed, in the cache and at remotes."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dvx.model.digest import Digest, digest_bytes
from dvx.store.objects import lying
from tests.helpers import Result, commit_all, dialect_of, dvx, run_dvx, run_process, write

Lose = Callable[[Path, Path], None]


def age(folder: Path) -> None:
    """Make all objects look old."""
    moment = time.time() - 30 * 86_400
    for path in folder.rglob("*"):
        if path.is_file() and "files" in path.parts:
            os.utime(path, (moment, moment))


def _cache(repo: Path) -> Path:
    return repo / dialect_of(repo).folder / "cache"


def _digests(folder: Path, *, trees: bool = False) -> set[Digest]:
    return {one.digest for one in lying(str(folder)) if one.digest and one.digest.is_tree == trees}


def _versions(repo: Path) -> Path:
    """Two committed versions of a folder and a file of neither; returns the tree of the older one, in a cache that looks old."""
    write(repo / "d/x", "first")
    write(repo / "d/y", "the same")
    dvx(repo, "add", "d")
    commit_all(repo)
    (tree,) = (one.place for one in lying(str(_cache(repo))) if one.digest and one.digest.is_tree)
    write(repo / "d/x", "second")
    dvx(repo, "add", "d")
    commit_all(repo)
    write(repo / "loose", "nothing names it")
    dvx(repo, "add", "loose")
    for path in repo.glob("loose*"):
        path.unlink()
    write(repo / ".gitignore", "/d\n")
    age(_cache(repo))
    return Path(tree)


def _quarantined(tree: Path, repo: Path) -> None:
    _rotten(tree, repo)
    assert "wrong bytes" in run_dvx(repo, "fsck").out
    assert not tree.exists()


def _rotten(tree: Path, _: Path) -> None:
    tree.chmod(0o644)
    tree.write_bytes(tree.read_bytes().replace(b"x", b"z"))


def _missing(tree: Path, _: Path) -> None:
    tree.unlink()


def _a_folder(tree: Path, _: Path) -> None:
    tree.unlink()
    tree.mkdir()


def _renamed(old: bytes, new: bytes) -> Lose:
    def lose(tree: Path, repo: Path) -> None:
        """Another tree takes its place, whose bytes are those of its name."""
        data = tree.read_bytes().replace(old, new)
        algorithm = "md5" if dialect_of(repo).name == "dvc" else "xxh128"
        name = digest_bytes(data, algorithm).hex
        before = tree.parent.name + tree.name.removesuffix(".dir")
        tree.unlink()
        write(tree.parents[1] / name[:2] / f"{name[2:]}.dir", data)
        for pointer in repo.glob("d.*"):
            now = pointer.read_text()
            write(pointer, _first_pointer(repo, pointer.name).replace(before, name))
            commit_all(repo)
            write(pointer, now)
            commit_all(repo)

    return lose


def _first_pointer(repo: Path, name: str) -> str:
    first = run_process(repo, "git", "log", "--format=%H", "--reverse", "--", name).out.split()[0]
    return run_process(repo, "git", "show", f"{first}:{name}").out


WAYS = {
    "quarantined": _quarantined,
    "rotten": _rotten,
    "missing": _missing,
    "a folder": _a_folder,
    "unsafe": _renamed(b'"x"', b'"../x"'),
    "not a tree": _renamed(b'"relpath"', b'"nothing"'),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_only_an_unreadable_tree_names_stays(dialect_repo: Path, way: str) -> None:
    tree = _versions(dialect_repo)
    files = _digests(_cache(dialect_repo))
    WAYS[way](tree, dialect_repo)
    age(_cache(dialect_repo))
    done = dvx(dialect_repo, "gc", "-f")
    assert _digests(_cache(dialect_repo)) == files
    assert "`d`" in done.err
    assert "--skip-failed" in done.err
    done = dvx(dialect_repo, "gc", "-f", "--skip-failed")
    assert len(_digests(_cache(dialect_repo))) == 2
    assert "`d`" in done.err


@pytest.mark.parametrize("way", WAYS)
def test_at_a_remote_it_stays_too(dialect_repo: Path, tmp_path: Path, way: str) -> None:
    dvx(
        dialect_repo,
        "config",
        *(("core.pack", "false") if dialect_of(dialect_repo).name == "dvx" else ("core.autostage", "false")),
    )
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "store"))
    tree = _versions(dialect_repo)
    dvx(dialect_repo, "push", "--all-commits")
    shutil.copytree(_cache(dialect_repo) / "files", tmp_path / "store/files", dirs_exist_ok=True)
    files = _digests(tmp_path / "store")
    shutil.rmtree(tmp_path / "store/files" / tree.relative_to(_cache(dialect_repo) / "files").parent)
    files &= _digests(tmp_path / "store")
    WAYS[way](tree, dialect_repo)
    for folder in (_cache(dialect_repo), tmp_path / "store"):
        age(folder)
    done = dvx(dialect_repo, "gc", "--cloud", "-f")
    assert _digests(tmp_path / "store") == files
    assert "`d`" in done.err
    dvx(dialect_repo, "gc", "--cloud", "-f", "--skip-failed")
    assert len(_digests(tmp_path / "store")) < len(files)


@pytest.mark.parametrize("way", ["quarantined", "rotten", "missing"])
def test_a_tree_that_a_remote_has_is_no_doubt(dialect_repo: Path, tmp_path: Path, way: str) -> None:
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "store"))
    tree = _versions(dialect_repo)
    dvx(dialect_repo, "push", "--all-commits")
    files = _digests(_cache(dialect_repo))
    (tmp_path / "store").rename(tmp_path / "away")  # so that it heals nothing
    WAYS[way](tree, dialect_repo)
    (tmp_path / "away").rename(tmp_path / "store")
    age(_cache(dialect_repo))
    done = dvx(dialect_repo, "gc", "-f")
    gone = files - _digests(_cache(dialect_repo))
    assert [digest.hex for digest in gone] == [digest_bytes(b"nothing names it", next(iter(gone)).algorithm).hex]
    assert "`d`" not in done.err


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="needs setpriv to do without the rights of root"
)
def test_what_only_a_tree_names_that_may_not_be_read_stays(dialect_repo: Path) -> None:
    tree = _versions(dialect_repo)
    files = _digests(_cache(dialect_repo))
    tree.chmod(0)
    done = _as_anybody(dialect_repo, "gc", "-f")
    assert (done.code, _digests(_cache(dialect_repo))) == (0, files)
    assert "Permission denied" in done.err


def test_a_workspace_whose_tree_is_lost_keeps_its_files(dialect_repo: Path) -> None:
    """One that was never committed, too; what another algorithm or no tree can name goes."""
    write(dialect_repo / "d/x", "inside")
    dvx(dialect_repo, "add", "d")
    shutil.rmtree(dialect_repo / "d")
    (tree,) = (Path(one.place) for one in lying(str(_cache(dialect_repo))) if one.digest and one.digest.is_tree)
    files = _digests(_cache(dialect_repo))
    tree.unlink()
    other = hashlib.sha256(b"other").hexdigest()
    write(_cache(dialect_repo) / f"files/sha256/{other[:2]}/{other[2:]}", "other")
    age(_cache(dialect_repo))
    dvx(dialect_repo, "gc", "-f")
    assert _digests(_cache(dialect_repo)) == files


def test_a_clone_that_never_pulled_has_no_doubts_that_matter(dialect_repo: Path, tmp_path: Path) -> None:
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "store"))
    _versions(dialect_repo)
    dvx(dialect_repo, "push", "--all-commits")
    run_process(tmp_path, "git", "clone", "-q", dialect_repo, "clone")
    clone = tmp_path / "clone"
    assert "kept, since" not in dvx(clone, "gc", "-f").err
    dvx(clone, "pull")
    write(clone / "e", "never committed")
    dvx(clone, "add", "e")
    for path in clone.glob("e*"):
        path.unlink()
    age(_cache(clone))
    done = dvx(clone, "gc", "-f")
    assert "removed 1 object" in done.err
    assert run_process(clone, "git", "status", "--porcelain", "--", "d*").out == ""


@pytest.mark.parametrize("kind", ["outs", "plots"])
def test_a_folder_that_is_not_kept_in_the_cache_is_no_doubt(dialect_repo: Path, kind: str) -> None:
    name = dialect_of(dialect_repo).pipeline
    write(
        dialect_repo / name, f"stages:\n  s:\n    cmd: mkdir -p d && echo 1 > d/x\n    {kind}:\n    - d:\n        cache: false\n"
    )
    dvx(dialect_repo, "repro")
    write(dialect_repo / "loose", "nothing names it")
    dvx(dialect_repo, "add", "loose")
    for path in dialect_repo.glob("loose*"):
        path.unlink()
    for one in lying(str(_cache(dialect_repo))):
        if one.digest and one.digest.is_tree:
            os.unlink(one.place)
    commit_all(dialect_repo)
    age(_cache(dialect_repo))
    done = dvx(dialect_repo, "gc", "-f")
    assert "kept, since" not in done.err
    loose = digest_bytes(b"nothing names it", "md5" if dialect_of(dialect_repo).name == "dvc" else "xxh128")
    assert loose not in _digests(_cache(dialect_repo))


def test_one_that_was_kept_once_is(dialect_repo: Path) -> None:
    name = dialect_of(dialect_repo).pipeline
    text = "stages:\n  s:\n    cmd: mkdir -p d && echo 1 > d/x\n    outs:\n    - d:\n        cache: {}\n"
    write(dialect_repo / name, text.format("true"))
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    write(dialect_repo / name, text.format("false"))
    commit_all(dialect_repo)
    files = _digests(_cache(dialect_repo))
    for one in lying(str(_cache(dialect_repo))):
        if one.digest and one.digest.is_tree:
            os.unlink(one.place)
    write(dialect_repo / "d/x", "2\n")
    dvx(dialect_repo, "commit", "-f")
    age(_cache(dialect_repo))
    write(dialect_repo / "d/x", "3\n")
    assert "kept, since" in dvx(dialect_repo, "gc", "-f").err
    assert _digests(_cache(dialect_repo)) >= files


def _as_anybody(cwd: Path, *words: str) -> Result:
    drop = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all") if os.geteuid() == 0 else ()
    return run_process(cwd, *drop, "dvx", *words)


COUNTED = """
import collections, os, sys
opened = collections.Counter()
sys.addaudithook(lambda event, args: event == "open" and str(args[0]).endswith(".dir") and opened.update([str(args[0])]))
from dvx.cli.main import run
run(sys.argv[1:], os.getcwd())
print(max(opened.values()), len(opened))
"""


@pytest.mark.parametrize(("words", "most"), [(("gc", "-f"), 1), (("fsck",), 2), (("push", "--all-commits"), 2), (("du",), 1)])
def test_each_tree_is_opened_few_times(dialect_repo: Path, tmp_path: Path, words: tuple[str, ...], most: int) -> None:
    """fsck reads each to hash it, and once more for its names; a push to send it."""
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "store"))
    _versions(dialect_repo)
    done = run_process(dialect_repo, sys.executable, "-c", COUNTED, *words)
    times, trees = map(int, done.out.split()[-2:])
    assert (times <= most, trees) == (True, 2), done


def test_a_migration_opens_each_tree_twice(native: Path) -> None:
    """To know what it names, and to write it anew."""
    write(native / "d/x", "x")
    dvx(native, "add", "d")
    done = run_process(native, sys.executable, "-c", COUNTED, "migrate", "--hash", "blake3")
    assert done.out.split()[-2:] == ["2", "1"], done
