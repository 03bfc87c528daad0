"""Prepared folders, each with the command line that is killed or failed in it.

A trial's folder holds `repo` and `remote`; remotes are given relative to the repository, so that the folder can be copied.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Dvx = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prepare(repo, dvx)` makes the folder; `command` is what is tried in it.

    With `bare` the folder is no project yet. Of a `once` command the repetition may say that all is done already. `loose` are
    files that a stage writes itself, or that are changed in two steps. With `drops` the trash is what the command empties.
    """

    prepare: Callable[[Path, Dvx], None]
    command: Sequence[str]
    bare: bool = False
    once: bool = False
    loose: tuple[str, ...] = ()
    drops: bool = False
    dialects: tuple[str, ...] = ("dvx", "dvc")


def commit(repo: Path) -> None:
    """Commit everything."""
    subprocess.run(["git", "add", "--all"], cwd=repo, check=True, capture_output=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "all"], cwd=repo, check=True, capture_output=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _data(repo: Path) -> None:
    _write(repo / "d/a", "1\n")
    _write(repo / "d/sub/b", "2\n")
    _write(repo / "f", "file\n")


def _nothing(repo: Path, _dvx: Dvx) -> None:
    _write(repo / "mine", "1\n")


def _for_add(repo: Path, dvx: Dvx) -> None:
    _data(repo)
    dvx(repo, "add", "f")
    _write(repo / "f", "changed\n")


def _for_moved(repo: Path, dvx: Dvx) -> None:
    _data(repo)
    dvx(repo, "add", "d")
    commit(repo)
    os.unlink(repo / "d/a")
    os.rename(repo / "d/sub/b", repo / "d/c")


def _for_linked(kind: str) -> Callable[[Path, Dvx], None]:
    def prepare(repo: Path, dvx: Dvx) -> None:
        _for_add(repo, dvx)
        dvx(repo, "config", "cache.type", kind)

    return prepare


def _for_import(repo: Path, dvx: Dvx) -> None:
    """Beside the repository stand another one, with a remote of its own, and a folder."""
    _nothing(repo, dvx)
    other = repo.parent / "other"
    other.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=other, check=True)
    dvx(repo, "--cd", "../other", "init", *(["--dvc"] if (repo / ".dvc").exists() else []))
    dvx(repo, "--cd", "../other", "remote", "add", "-d", "store", "../store")
    _data(other)
    _publish(repo, dvx)
    for name in (".dvx", ".dvc"):
        shutil.rmtree(other / name / "cache", ignore_errors=True)
    _write(repo.parent / "outside/x", "x\n")


def _publish(repo: Path, dvx: Dvx) -> None:
    dvx(repo, "--cd", "../other", "add", "d", "f")
    commit(repo.parent / "other")
    dvx(repo, "--cd", "../other", "push")


def _for_update(repo: Path, dvx: Dvx) -> None:
    _for_import(repo, dvx)
    dvx(repo, "import", "../other", "d")
    commit(repo)
    _write(repo.parent / "other/d/a", "changed\n")
    _publish(repo, dvx)


def _for_another_import(repo: Path, dvx: Dvx) -> None:
    """The data of an import is not there, and its source is another by now."""
    _for_update(repo, dvx)
    shutil.rmtree(repo / "d")


def _for_dataset(repo: Path, dvx: Dvx) -> None:
    """A dataset that a stage depends on, and that is another by now."""
    _for_import(repo, dvx)
    dvx(repo, "dataset", "add", "--dvc", "../other", "known")
    dvx(repo, "stage", "add", "-n", "one", "-d", "ds://known", "-o", "made", "echo > made")
    dvx(repo, "repro")
    commit(repo)
    _write(repo.parent / "other/d/a", "changed\n")
    _publish(repo, dvx)


def _for_checkout(repo: Path, dvx: Dvx) -> None:
    _data(repo)
    dvx(repo, "add", "d", "f")
    commit(repo)
    _write(repo / "d/a", "another\n")
    _write(repo / "d/new", "3\n")
    os.unlink(repo / "f")
    dvx(repo, "add", "d")
    subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=repo, check=True)


def _for_left_behind(repo: Path, dvx: Dvx) -> None:
    """Data that only the branch tracks that Git was on before."""
    subprocess.run(["git", "checkout", "--quiet", "-b", "other"], cwd=repo, check=True)
    _data(repo)
    dvx(repo, "add", "d", "f")
    commit(repo)
    subprocess.run(["git", "checkout", "--quiet", "-"], cwd=repo, check=True)


def _for_forced_checkout(repo: Path, dvx: Dvx) -> None:
    _for_checkout(repo, dvx)
    _write(repo / "d/a", "not saved\n")
    _write(repo / "d/sub/new", "not saved either\n")
    _write(repo / "f", "nor this\n")


def _for_undo(repo: Path, dvx: Dvx) -> None:
    _for_forced_checkout(repo, dvx)
    dvx(repo, "checkout", "-f")
    # one thing has nothing in its place, and another is not what the command left
    os.unlink(repo / "d/a")
    _write(repo / "f", "a later edit\n")


def _undoing(prepare: Callable[[Path, Dvx], None], *commands: Sequence[str]) -> Callable[[Path, Dvx], None]:
    """What the commands did, the last of which is all that can be undone or redone."""

    def prepared(repo: Path, dvx: Dvx) -> None:
        prepare(repo, dvx)
        for command in commands:
            dvx(repo, *command)
        keep = 2 if commands and commands[-1][0] == "undo" else 1
        for state in (".dvx/tmp", ".dvc/tmp/dvx"):
            for entry in sorted((repo / state / "undo").glob("*"))[:-keep]:
                entry.unlink()

    return prepared


def _for_push(repo: Path, dvx: Dvx) -> None:
    dvx(repo, "remote", "add", "-d", "store", "../remote")
    _data(repo)
    dvx(repo, "add", "d", "f")
    commit(repo)


def _for_pull(repo: Path, dvx: Dvx) -> None:
    _for_push(repo, dvx)
    dvx(repo, "push")
    for name in (".dvx", ".dvc"):
        shutil.rmtree(repo / name / "cache", ignore_errors=True)
    shutil.rmtree(repo / "d")
    os.unlink(repo / "f")


def _age(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9))


def _for_claim(repo: Path, dvx: Dvx) -> None:
    """The remote has everything, and has had it for long."""
    _for_push(repo, dvx)
    dvx(repo, "push")
    _age(repo / "../remote")


def _for_packs(repo: Path, dvx: Dvx) -> None:
    """As many small files as are packed."""
    _for_push(repo, dvx)
    for number in range(16):
        _write(repo / f"d/small/{number}", f"{number} is small\n")
    dvx(repo, "add", "d")
    commit(repo)


def _for_packed(repo: Path, dvx: Dvx) -> None:
    _for_packs(repo, dvx)
    dvx(repo, "push")
    shutil.rmtree(repo / ".dvx/cache")
    shutil.rmtree(repo / "d")
    os.unlink(repo / "f")


def _for_rotten_pack(repo: Path, dvx: Dvx) -> None:
    _for_packs(repo, dvx)
    dvx(repo, "push")
    (path,) = (repo / "../remote/packs").glob("*/*.pack")
    path.chmod(0o644)
    path.write_bytes(b"rot" + path.read_bytes()[3:])


def _for_needless_pack(repo: Path, dvx: Dvx) -> None:
    """Most of a pack is not needed, and it is old."""
    _for_packs(repo, dvx)
    dvx(repo, "push")
    for number in range(3, 16):
        os.unlink(repo / f"d/small/{number}")
    dvx(repo, "add", "d")
    dvx(repo, "push")
    subprocess.run(["git", "update-ref", "-d", "HEAD"], cwd=repo, check=True)
    commit(repo)
    _age(repo / "../remote")


def _for_unneeded_pack(repo: Path, dvx: Dvx) -> None:
    """What is needed of such a pack is in a new one already; of another pack only half is there."""
    _for_needless_pack(repo, dvx)
    dvx(repo, "gc", "--workspace", "-f", "-c", "--grace", "1h")
    _write(repo / "../remote/packs/xxh128" / f"{'0' * 32}.pack", "half\n")
    _age(repo / "../remote")


def _for_stage(repo: Path, dvx: Dvx) -> None:
    _write(repo / "in", "1\n")
    dvx(repo, "stage", "add", "-n", "zero", "-d", "in", "-o", "z", "cp in z")
    commit(repo)


def _pipeline(repo: Path, dvx: Dvx) -> None:
    _write(repo / "in", "1\n")
    _write(repo / "params.yaml", "n: 1\n")
    dvx(repo, "add", "in")
    dvx(repo, "stage", "add", "-n", "one", "-d", "in", "-o", "mid", "cat in in > mid")
    second = ("-d", "mid", "-p", "n", "-o", "out", "-M", "m.json", "mkdir out; cp mid out/x; echo '{\"n\": 1}' > m.json")
    dvx(repo, "stage", "add", "-n", "two", *second)
    dvx(repo, "repro")
    commit(repo)


def _for_repro(repo: Path, dvx: Dvx) -> None:
    _pipeline(repo, dvx)
    _write(repo / "in", "22\n")
    _write(repo / "params.yaml", "n: 2\n")
    _write(repo / "out/mine", "made by hand\n")


def _for_snapshot(repo: Path, dvx: Dvx) -> None:
    _for_repro(repo, dvx)
    for name, setting in (("dvx.yaml", "    run: {snapshot: true}\n"), ("dvc.yaml", "    meta: {run: {snapshot: true}}\n")):
        if (repo / name).exists():
            text = (repo / name).read_text()
            (repo / name).write_text(text.replace("  two:\n", f"  two:\n{setting}"))


def _for_map(repo: Path, dvx: Dvx) -> None:
    for name in "ab":
        _write(repo / "img" / name, f"{name}\n")
    command = 'tr a-z A-Z < "$DVX_ITEM" > "$DVX_OUT"'
    _write(repo / "dvx.yaml", f"stages:\n  up:\n    map: img\n    cmd: {command}\n    outs: [ups]\n")
    dvx(repo, "repro")
    commit(repo)
    _write(repo / "img/b", "edited\n")
    _write(repo / "img/c", "new\n")


def _for_apply(repo: Path, dvx: Dvx) -> None:
    _pipeline(repo, dvx)
    dvx(repo, "exp", "run", "-n", "e1", "-S", "n=3")
    subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=repo, check=True)
    dvx(repo, "checkout")
    _write(repo / "params.yaml", "n: 5  # not saved\n")


def _for_exp_push(repo: Path, dvx: Dvx) -> None:
    _for_apply(repo, dvx)
    subprocess.run(["git", "init", "--quiet", "--bare", "../hub"], cwd=repo, check=True)
    subprocess.run(["git", "remote", "add", "origin", "../hub"], cwd=repo, check=True)
    dvx(repo, "remote", "add", "-d", "store", "../remote")


def _for_exp_pull(repo: Path, dvx: Dvx) -> None:
    _for_exp_push(repo, dvx)
    dvx(repo, "exp", "push", "origin", "e1")
    dvx(repo, "exp", "remove", "e1")
    dvx(repo, "gc", "-f", "-w", "--grace", "0")


def _for_commit(repo: Path, dvx: Dvx) -> None:
    _pipeline(repo, dvx)
    _data(repo)
    dvx(repo, "add", "--no-commit", "d", "f")
    _write(repo / "d/a", "edited\n")
    _write(repo / "d/new", "new\n")
    _write(repo / "mid", "1\n2\n")


def _for_part(repo: Path, dvx: Dvx) -> None:
    _data(repo)
    dvx(repo, "add", "d")
    commit(repo)
    _write(repo / "d/a", "not meant\n")
    _write(repo / "d/sub/b", "edited\n")
    _write(repo / "d/sub/c", "new\n")


def _for_outside(repo: Path, dvx: Dvx) -> None:
    dvx(repo, "remote", "add", "-d", "store", "../remote")
    _write(repo / "../source/a", "1\n")
    _write(repo / "../source/sub/b", "2\n")


def _for_relink(kind: str) -> Callable[[Path, Dvx], None]:
    def prepare(repo: Path, dvx: Dvx) -> None:
        _data(repo)
        dvx(repo, "add", "d", "f")
        _write(repo / "mine", "not tracked\n")
        dvx(repo, "config", "cache.type", kind)

    return prepare


def _linked(kind: str) -> Callable[[Path, Dvx], None]:
    def prepare(repo: Path, dvx: Dvx) -> None:
        dvx(repo, "config", "cache.type", kind)
        _data(repo)
        dvx(repo, "add", "d", "f")
        commit(repo)

    return prepare


def _for_relinked(repo: Path, dvx: Dvx) -> None:
    _linked("symlink")(repo, dvx)
    dvx(repo, "config", "cache.type", "copy")


def _for_remove(repo: Path, dvx: Dvx) -> None:
    _pipeline(repo, dvx)
    _data(repo)
    dvx(repo, "add", "d", "f")
    commit(repo)
    _write(repo / "d/a", "not saved\n")
    _write(repo / "out/mine", "made by hand\n")


def _for_gc(repo: Path, dvx: Dvx) -> None:
    """Versions that only history names, that nothing names, and that the workspace names, here and at the remote."""
    _for_push(repo, dvx)
    for text in ("lost\n", "now\n"):
        _write(repo / "d/a", text)
        _write(repo / "f", text)
        dvx(repo, "add", "d", "f")
        dvx(repo, "push")


def _rotten(*stores: str) -> Callable[[Path, Dvx], None]:
    """One file has a good copy in the workspace, one only in another store; a tree is broken too."""

    def prepare(repo: Path, dvx: Dvx) -> None:
        _for_push(repo, dvx)
        dvx(repo, "push")
        os.unlink(repo / "f")
        for store in stores:
            for path in sorted((repo / store).glob("files/*/??/*")):
                path.chmod(0o644)
                path.write_bytes(b"rot" + path.read_bytes()[3:])

    return prepare


def _for_migrate(repo: Path, dvx: Dvx) -> None:
    _pipeline(repo, dvx)
    _data(repo)
    _write(repo / "plain", "of no concern\n")
    dvx(repo, "add", "d", "f")
    commit(repo)


def _for_cache_migrate(repo: Path, _dvx: Dvx) -> None:
    """A project of DVC 2."""
    _data(repo)
    _write(repo / "f", "file\r\n")
    names = {name: _legacy(repo, (repo / name).read_bytes().replace(b"\r\n", b"\n"), name) for name in ("d/a", "d/sub/b", "f")}
    rows = [{"md5": names[f"d/{name}"], "relpath": name} for name in ("a", "sub/b")]
    tree = _legacy(repo, json.dumps(rows).encode(), "") + ".dir"
    os.rename(repo / ".dvc/cache" / tree[:2] / tree[2:-4], repo / ".dvc/cache" / tree[:2] / tree[2:])
    _write(repo / "f.dvc", f"outs:\n- md5: {names['f']}\n  size: 6\n  path: f\n")
    _write(repo / "d.dvc", f"outs:\n- md5: {tree}\n  size: 4\n  nfiles: 2\n  path: d\n")
    _write(repo / ".gitignore", "/d\n/f\n")
    commit(repo)


def _legacy(repo: Path, data: bytes, source: str) -> str:
    name = hashlib.md5(data).hexdigest()
    place = repo / ".dvc/cache" / name[:2] / name[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes((repo / source).read_bytes() if source else data)
    place.chmod(0o444)
    return name


_MADE = ("mid", "out/x", "m.json")
_GIT_SIDE = (".gitignore",)
SCENARIOS = {
    "init": Scenario(_nothing, ("init",), bare=True, once=True),
    "add": Scenario(_for_add, ("add", "d", "f")),
    "add moved": Scenario(_for_moved, ("add", "d")),
    "add hardlink": Scenario(_for_linked("hardlink"), ("add", "d", "f")),
    "add symlink": Scenario(_for_linked("symlink"), ("add", "d", "f")),
    "checkout": Scenario(_for_checkout, ("checkout",)),
    "checkout of another branch": Scenario(_for_left_behind, ("checkout",)),
    "checkout -f": Scenario(_for_forced_checkout, ("checkout", "-f")),
    # a place that nobody has agreed to yet
    "remote add": Scenario(_nothing, ("remote", "add", "-d", "store", "../new"), once=True),
    "push": Scenario(_for_push, ("push", "-j", "1")),
    "push what is known": Scenario(_for_claim, ("push", "-j", "1")),
    "fetch": Scenario(_for_pull, ("fetch", "-j", "1")),
    "pull": Scenario(_for_pull, ("pull", "-j", "1")),
    "push packs": Scenario(_for_packs, ("push", "-j", "1"), dialects=("dvx",)),
    "pull packs": Scenario(_for_packed, ("pull", "-j", "1"), dialects=("dvx",)),
    "fsck packs": Scenario(_for_rotten_pack, ("fsck", "--remote", "store", "-j", "1"), dialects=("dvx",)),
    "gc packs anew": Scenario(_for_needless_pack, ("gc", "--workspace", "-f", "-c", "--grace", "1d"), dialects=("dvx",)),
    "gc packs": Scenario(_for_unneeded_pack, ("gc", "--workspace", "-f", "-c", "--grace", "0", "-j", "1"), dialects=("dvx",)),
    "import": Scenario(_for_import, ("import", "../other", "d"), once=True),
    "import again": Scenario(_for_another_import, ("import", "../other", "d"), once=True),
    "import-url": Scenario(_for_import, ("import-url", "../outside"), once=True),
    "dataset add": Scenario(_for_dataset, ("dataset", "add", "--dvc", "../other", "--path", "d", "new"), once=True),
    "dataset update": Scenario(_for_dataset, ("dataset", "update", "known", "--rev", "HEAD~0")),
    "update": Scenario(_for_update, ("update", "d")),
    "stage add": Scenario(_for_stage, ("stage", "add", "-n", "one", "-d", "in", "-o", "mid", "cp in mid"), once=True),
    "repro": Scenario(_for_repro, ("repro",), loose=_MADE),
    "repro snapshot": Scenario(_for_snapshot, ("repro",), loose=_MADE),
    "repro map": Scenario(_for_map, ("repro", "-j", "1"), loose=("ups/b", "ups/c"), dialects=("dvx",)),
    "exp run": Scenario(_for_repro, ("exp", "run", "-n", "e1", "-S", "n=3"), loose=_MADE),
    "exp apply": Scenario(_for_apply, ("exp", "apply", "e1")),
    "undo": Scenario(_undoing(_for_undo), ("undo", "-f"), once=True),
    "undo move": Scenario(_undoing(_for_remove, ("move", "d", "e/moved")), ("undo",), once=True, loose=_GIT_SIDE),
    "undo remove": Scenario(_undoing(_for_remove, ("remove", "--outs", "d", "f", "two")), ("undo",), once=True, loose=_GIT_SIDE),
    "undo exp run": Scenario(_undoing(_for_repro, ("exp", "run", "-n", "e1", "-S", "n=3")), ("undo",), once=True, loose=_MADE),
    "undo exp apply": Scenario(_undoing(_for_apply, ("exp", "apply", "e1")), ("undo",), once=True),
    "undo import": Scenario(_undoing(_for_import, ("import", "../other", "d")), ("undo",), once=True),
    "undo --redo": Scenario(_undoing(_for_undo, ("undo", "-f")), ("undo", "--redo"), once=True),
    "exp remove": Scenario(_for_apply, ("exp", "remove", "e1"), once=True),
    "exp rename": Scenario(_for_apply, ("exp", "rename", "e1", "other"), once=True),
    "exp push": Scenario(_for_exp_push, ("exp", "push", "origin", "e1", "-j", "1")),
    "exp pull": Scenario(_for_exp_pull, ("exp", "pull", "origin", "e1", "-j", "1")),
    "add part": Scenario(_for_part, ("add", "d/sub")),
    "add --no-commit": Scenario(_for_add, ("add", "--no-commit", "d", "f")),
    "add -o": Scenario(_for_outside, ("add", "../source", "-o", "d")),
    "add --to-remote": Scenario(_for_outside, ("add", "../source", "-o", "d", "--to-remote", "--remote-jobs", "1")),
    "commit": Scenario(_for_commit, ("commit", "-f")),
    "checkout --relink hardlink": Scenario(_for_relink("hardlink"), ("checkout", "--relink")),
    "checkout --relink symlink": Scenario(_for_relink("symlink"), ("checkout", "--relink")),
    "checkout --relink copy": Scenario(_for_relinked, ("checkout", "--relink")),
    "unprotect hardlink": Scenario(_linked("hardlink"), ("unprotect", "d", "f")),
    "unprotect symlink": Scenario(_linked("symlink"), ("unprotect", "d", "f")),
    "remove": Scenario(_for_remove, ("remove", "d", "one"), once=True, loose=_GIT_SIDE),
    "remove --outs": Scenario(_for_remove, ("remove", "--outs", "d", "f", "two"), once=True, loose=_GIT_SIDE),
    "move": Scenario(_for_remove, ("move", "d", "e/moved"), once=True, loose=_GIT_SIDE),
    "freeze": Scenario(_for_remove, ("freeze", "one")),
    "config": Scenario(_nothing, ("config", "cache.type", "hardlink")),
    "gc": Scenario(_for_gc, ("gc", "-f", "--grace", "0")),
    "gc -c": Scenario(_for_gc, ("gc", "-f", "-c", "--grace", "0", "-j", "1")),
    "fsck": Scenario(_rotten(".dvx/cache", ".dvc/cache"), ("fsck", "-j", "1")),
    "fsck --remote": Scenario(_rotten("../remote"), ("fsck", "--remote", "store", "-j", "1")),
    "trash restore": Scenario(_for_undo, ("trash", "restore", "-f", "d/a", "f"), once=True),
    "trash empty": Scenario(_for_undo, ("trash", "empty", "-f"), drops=True),
    "migrate --hash": Scenario(_for_migrate, ("migrate", "--hash", "sha256"), dialects=("dvx",)),
    "migrate --native": Scenario(_for_migrate, ("migrate", "--native"), dialects=("dvc",)),
    "cache migrate": Scenario(_for_cache_migrate, ("cache", "migrate", "--dvc-files"), dialects=("dvc",)),
}
