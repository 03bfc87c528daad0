"""What must hold after every trial, judged without dvx's own stores: bytes hash to their names, files parse, nothing is lost."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import xxhash
import yaml

from tests.faults import gitread

# what commands are asked to rewrite
_MACHINERY = (".dvc", ".dvx", ".lock", ".gitignore", "params.yaml", "dvc.yaml", "dvx.yaml")
_OWN = (".git", ".dvx", ".dvc")


def problems(trial: Path, before: dict[str, bytes]) -> list[str]:
    """Everything that is wrong in a trial's folder; `before` are the user's files by their path at the start."""
    found = [*_bad_names(trial), *_bad_documents(trial / "repo"), *_dangling_trees(trial)]
    alive = {path.read_bytes() for path in _walk(trial, skip=(".git",))} | set(gitread.blobs(trial / "repo"))
    found += [f"lost: {name}" for name, data in before.items() if data not in alive]
    return found


def user_files(repo: Path) -> dict[str, bytes]:
    """The bytes of all files of the user's, by path."""
    return {name: data for name, data in files(repo).items() if not name.endswith(_MACHINERY)}


def files(repo: Path) -> dict[str, bytes]:
    """The bytes of all files outside of the tools' own folders, and of their configuration, by path."""
    found = {str(path.relative_to(repo)): path.read_bytes() for path in _walk(repo, skip=_OWN)}
    configs = (repo / folder / name for folder in _OWN[1:] for name in ("config", "config.local", ".gitignore"))
    return found | {str(path.relative_to(repo)): path.read_bytes() for path in configs if path.exists()}


def state(trial: Path) -> dict[str, object]:
    """What a finished command left: the user's files, the objects in the stores, experiments, HEAD, index and stash."""
    repo = trial / "repo"
    stores = [trial / "remote", *(repo / name / "cache" for name in _OWN[1:])]
    objects = [str(path.relative_to(trial)) for store in stores for path in _walk(store) if _is_object(path)]
    refs = gitread.refs(repo)
    experiments = {name: gitread.tree_of(repo, commit) for name, commit in refs.items() if name.startswith("refs/exps/")}
    return {
        "files": files(repo),
        "links": sorted(str(path.relative_to(repo)) for path in _walk(repo, skip=_OWN) if path.is_symlink()),
        "objects": sorted(objects),
        "experiments": {name: tree for name, tree in experiments.items() if "/exec/" not in name},
        "git": git_state(repo),
    }


def git_state(repo: Path) -> dict[str, object]:
    """HEAD, the staged files and the refs outside of experiments, the stash among them."""
    refs = {name: commit for name, commit in gitread.refs(repo).items() if not name.startswith("refs/exps/")}
    return {"refs": refs, "index": gitread.staged(repo)}


def torn(trial: Path, known: set[bytes]) -> list[str]:
    """Workspace files that hold what no finished command would leave there."""
    return [
        f"half-written: {name}" for name, data in files(trial / "repo").items() if data not in known and not name.endswith(".tmp")
    ]


def leftovers(trial: Path) -> list[str]:
    """Temporary files that are still there."""
    repo = trial / "repo"
    temporary = [trial / "remote/.tmp"]
    for own in _OWN[1:]:
        state = repo / own / "tmp"
        temporary += [repo / own / "cache/tmp", *(place / name for place in (state, state / "dvx") for name in ("new", "exps"))]
    found = [path for folder in temporary for path in _walk(folder)]
    found += [path for path in _walk(trial, skip=(".git", "tmp")) if path.name.endswith(".tmp")]
    trash = (repo / own / "tmp" / below for own in _OWN[1:] for below in ("trash", "dvx/trash"))
    found += [item for place in trash if place.exists() for item in place.iterdir() if not os.path.lexists(item / "content")]
    return sorted({f"left behind: {path.relative_to(trial)}" for path in found})


def _walk(top: Path, skip: tuple[str, ...] = ()) -> Iterator[Path]:
    """All files below a folder; links count as what they name."""
    for folder, below, names in os.walk(top):
        below[:] = [name for name in below if name not in skip]
        for name in names:
            path = Path(folder, name)
            if path.exists():
                yield path


def _is_object(path: Path) -> bool:
    return "tmp" not in path.parts and ".tmp" not in path.parts and "quarantine" not in path.parts


def _bad_names(trial: Path) -> list[str]:
    bad = []
    for path in _walk(trial, skip=(".git",)):
        if len(path.parts) < 4 or path.parts[-4] != "files" or len(path.parts[-2]) != 2:
            continue
        algorithm, name = path.parts[-3], path.parts[-2] + path.name.removesuffix(".dir")
        data = path.read_bytes()
        real = xxhash.xxh3_128_hexdigest(data) if algorithm == "xxh128" else hashlib.new(algorithm, data).hexdigest()
        if real != name:
            bad.append(f"{path.relative_to(trial)} hashes to {real}")
    return bad


def _bad_documents(repo: Path) -> list[str]:
    bad = []
    for path in _walk(repo, skip=(".git", "tmp", "cache")):
        if path.suffix in (".dvc", ".dvx") or path.name in ("dvc.yaml", "dvx.yaml", "dvc.lock", "dvx.lock"):
            try:
                document = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            except yaml.YAMLError as error:
                bad.append(f"{path.name}: {error}")
                continue
            if not isinstance(document, dict):
                bad.append(f"{path.name} is empty or no mapping")
    return bad


def _dangling_trees(trial: Path) -> list[str]:
    """Trees in the remote are a promise: all their files are there."""
    bad = []
    for path in (trial / "remote").rglob("files/*/??/*.dir"):
        for entry in json.loads(path.read_bytes()):
            algorithm = path.parts[-3]
            if algorithm in entry and not (path.parents[1] / entry[algorithm][:2] / entry[algorithm][2:]).exists():
                bad.append(f"{path.name} at the remote names {entry['relpath']}, which is not there")
    return bad
