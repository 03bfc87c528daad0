"""What must hold after every trial, judged without dvx's own stores: bytes hash to their names, files parse, nothing is lost."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash
import yaml

from tests.faults import gitread

# what commands are asked to rewrite
_MACHINERY = (".dvc", ".dvx", ".lock", ".gitignore", "params.yaml", "dvc.yaml", "dvx.yaml")
_OWN = (".git", ".dvx", ".dvc")
# how DVC 2 named objects, at another place
_LEGACY = "legacy"


def problems(trial: Path, before: dict[str, bytes]) -> list[str]:
    """Everything that is wrong in a trial's folder; `before` are the user's files by their path at the start."""
    found = [*_bad_names(trial), *_bad_documents(trial / "repo"), *_dangling_trees(trial)]
    return [*found, *lost(trial, before), *dangling(trial)]


def lost(trial: Path, before: dict[str, bytes]) -> list[str]:
    """Which of these files' bytes are nowhere: in no workspace, cache, trash, remote and not in Git."""
    alive = {path.read_bytes() for path in _walk(trial, skip=(".git",))} | set(gitread.blobs(trial / "repo"))
    alive |= {data for _, data in _packed(trial)}
    return [f"lost: {name}" for name, data in before.items() if data not in alive]


def dangling(trial: Path, *, in_git: bool = True) -> list[str]:
    """Objects that a pointer or a lock of the workspace names, or a pointer in Git, and no store has."""
    repo, there = trial / "repo", _good_objects(trial)
    pointers = (data for data in gitread.blobs(repo) if data.startswith(b"outs:")) if in_git else ()
    named = [one for data in pointers for one in _named_in(_parsed(data))]
    for path in _walk(repo, skip=(".git", "tmp", "cache")):
        if path.suffix in (".dvc", ".dvx") and path.name not in _OWN:
            named += _named_in(_parsed(path.read_bytes()))
        elif path.name in ("dvc.lock", "dvx.lock"):
            named += _named_by_lock(path)
    inner = [(f"{name}/{entry['relpath']}", child) for name, one in named for entry, child in _children(one, there)]
    return sorted({f"nowhere: the object `{one[0]}:{one[1]}` of {name}" for name, one in (*named, *inner) if one not in there})


def user_files(repo: Path) -> dict[str, bytes]:
    """The bytes of all files of the user's, by path."""
    return {name: data for name, data in files(repo).items() if not name.endswith(_MACHINERY)}


def trash(repo: Path) -> dict[str, bytes]:
    """The bytes of all files in the trash, by path."""
    folders = (repo / own / "tmp" / below for own in _OWN[1:] for below in ("trash", "dvx/trash"))
    return {
        str(path.relative_to(repo)): path.read_bytes() for folder in folders for path in _walk(folder) if path.name != "note.json"
    }


def files(repo: Path) -> dict[str, bytes]:
    """The bytes of all files outside of the tools' own folders, and of their configuration, by path."""
    found = {str(path.relative_to(repo)): path.read_bytes() for path in _walk(repo, skip=_OWN)}
    configs = (repo / folder / name for folder in _OWN[1:] for name in ("config", "config.local", ".gitignore"))
    return found | {str(path.relative_to(repo)): path.read_bytes() for path in configs if path.exists()}


def state(trial: Path) -> dict[str, object]:
    """What a finished command left: the user's files, the objects in the stores, experiments, HEAD, index and stash."""
    repo = trial / "repo"
    stores = [trial / "remote", *(repo / name / "cache" for name in _OWN[1:])]
    objects = [str(path.relative_to(trial)) for store in stores for path in _walk(store) if _is_object(path.relative_to(store))]
    # which packs hold them is a matter of chance
    objects += {f"remote/packs: {':'.join(name)}" for name, data in _packed(trial) if _hash(name[0], data) == name[1]}
    refs = gitread.refs(repo)
    experiments = {name: gitread.tree_of(repo, commit) for name, commit in refs.items() if name.startswith("refs/exps/")}
    return {
        "files": files(repo),
        "links": sorted(str(path.relative_to(repo)) for path in _walk(repo, skip=_OWN) if _is_linked(path)),
        "objects": sorted(objects),
        "experiments": {name: tree for name, tree in experiments.items() if "/exec/" not in name},
        "git": git_state(repo),
    }


def git_state(repo: Path) -> dict[str, Any]:
    """HEAD, the staged files and the refs outside of experiments, the stash among them."""
    refs = {name: commit for name, commit in gitread.refs(repo).items() if not name.startswith(("refs/exps/", "refs/dvx/"))}
    return {"refs": refs, "index": gitread.staged(repo)}


def torn(trial: Path, known: set[bytes]) -> list[str]:
    """Workspace files that hold what no finished command would leave there."""
    return [
        f"half-written: {name}" for name, data in files(trial / "repo").items() if data not in known and not name.endswith(".tmp")
    ]


def leftovers(trial: Path) -> list[str]:
    """Temporary files that are still there."""
    repo = trial / "repo"
    temporary = [trial / "remote/.tmp", repo / ".git/worktrees"]
    for own in _OWN[1:]:
        state = repo / own / "tmp"
        names = ("new", "exps/scratch", "exps/rooms", "exps/workers")
        temporary += [repo / own / "cache/tmp", *(place / name for place in (state, state / "dvx") for name in names)]
    found = [path for folder in temporary for path in _walk(folder)]
    found += [path for path in _walk(trial, skip=(".git", "tmp")) if path.name.endswith(".tmp")]
    trash = (repo / own / "tmp" / below for own in _OWN[1:] for below in ("trash", "dvx/trash"))
    found += [item for place in trash if place.exists() for item in place.iterdir() if not os.path.lexists(item / "content")]
    return sorted({f"left behind: {path.relative_to(trial)}" for path in found})


def halves(trial: Path) -> list[str]:
    """Old files of packs without the other half."""
    places = [*(trial / "remote").glob("packs/*/*")]
    lone = [path for path in places if sum(one.stem == path.stem for one in places) != 2]
    return [f"half a pack: {path.name}" for path in lone if path.stat().st_mtime < time.time() - 86_400]


def _walk(top: Path, skip: tuple[str, ...] = ()) -> Iterator[Path]:
    """All files below a folder; links count as what they name."""
    for folder, below, names in os.walk(top):
        below[:] = [name for name in below if name not in skip]
        for name in names:
            path = Path(folder, name)
            if path.exists():
                yield path


def _is_object(path: Path) -> bool:
    return not {"tmp", ".tmp", "quarantine", "claims", "packs"} & {*path.parts}


def _is_linked(path: Path) -> bool:
    return path.is_symlink() or path.stat().st_nlink > 1


def _good_objects(trial: Path) -> dict[tuple[str, str], Path]:
    """Where each object is whose bytes hash to its name, by algorithm and hash."""
    bad, repo = {problem.split()[0] for problem in _bad_names(trial)}, trial / "repo"
    found = {}
    for store in (trial / "remote", *(repo / own / "cache" for own in _OWN[1:])):
        for path in _walk(store):
            parts = path.relative_to(store).parts
            if parts[0] == "files" and str(path.relative_to(trial)) not in bad:
                found[parts[1], parts[2] + parts[3]] = path
            elif len(parts) == 2 and len(parts[0]) == 2:
                found[_LEGACY, parts[0] + parts[1]] = path
    return found | {name: trial / "remote" for name, data in _packed(trial) if _hash(name[0], data) == name[1]}


def _named_in(document: Any) -> list[tuple[str, tuple[str, str]]]:
    """Path and object of each output in a pointer, or in a stage of a lock."""
    outs = document.get("outs") if isinstance(document, dict) else None
    outs = [out for out in outs if isinstance(out, dict)] if isinstance(outs, list) else []
    named = [(out.get("path"), (out.get("hash", _LEGACY), out.get(out.get("hash", "md5")))) for out in outs]
    return [(str(path), one) for path, one in named if one[1] is not None]


def _named_by_lock(path: Path) -> list[tuple[str, tuple[str, str]]]:
    pipeline = path.with_suffix(".yaml")
    stages = _parsed(path.read_bytes()).get("stages") or {}
    written = _parsed(pipeline.read_bytes()) if pipeline.exists() else {}
    plain = {
        name
        for stage in (written.get("stages") or {}).values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind) or ()
        if isinstance(out, dict)
        for name, options in out.items()
        if options.get("cache") is False
    }
    return [one for stage in stages.values() for one in _named_in(stage) if one[0] not in plain]


def _children(one: tuple[str, str], there: dict[tuple[str, str], Path]) -> list[tuple[dict[str, Any], tuple[str, str]]]:
    if not one[1].endswith(".dir") or one not in there:
        return []
    key = "md5" if one[0] == _LEGACY else one[0]
    return [(entry, (one[0], entry[key])) for entry in _rows(there[one]) if key in entry]


def _rows(path: Path) -> list[dict[str, Any]]:
    """What a tree lists; one that is broken is found elsewhere."""
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_bytes())
    except ValueError:
        return []
    return rows


@functools.lru_cache(maxsize=10_000)
def _parsed(data: bytes) -> Any:
    try:
        document = yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return {}
    return document if isinstance(document, dict) else {}


def _bad_names(trial: Path) -> list[str]:
    bad = []
    for path in _walk(trial, skip=(".git",)):
        if len(path.parts) < 4 or path.parts[-4] != "files" or len(path.parts[-2]) != 2 or "quarantine" in path.parts:
            continue
        algorithm, name = path.parts[-3], path.parts[-2] + path.name.removesuffix(".dir")
        real = _hash(algorithm, path.read_bytes())
        if real != name:
            bad.append(f"{path.relative_to(trial)} hashes to {real}")
    packed = ((name, _hash(name[0], data)) for name, data in _packed(trial))
    return bad + [f"{name[1]} in a pack hashes to {real}" for name, real in packed if real != name[1]]


def _hash(algorithm: str, data: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(data) if algorithm == "xxh128" else hashlib.new(algorithm, data).hexdigest()


def _packed(trial: Path) -> Iterator[tuple[tuple[str, str], bytes]]:
    """The objects in packs at the remote, as `docs/formats.md` says; an index that is torn is told of.

    One without a pack means nothing: the power failed while both were removed.
    """
    for path in (trial / "remote").glob("packs/*/*.index"):
        index = path.read_bytes()
        algorithm, width = path.parent.name, 4 + len(path.stem) // 2
        if _hash(algorithm, index) != path.stem:
            yield (algorithm, path.stem), index
            continue
        header, _, records = index.partition(b"\n")
        assert header.split()[:3] == [b"dvx-pack", b"2", algorithm.encode()]
        if not path.with_suffix(".pack").exists():
            continue
        pack = path.with_suffix(".pack").read_bytes()
        for start in range(0, len(records), width):
            size = int.from_bytes(records[start : start + 4], "little")
            yield (algorithm, records[start + 4 : start + width].hex()), pack[:size]
            pack = pack[size:]


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
    packed = {name for name, _ in _packed(trial)}
    for path in (trial / "remote").rglob("files/*/??/*.dir"):
        for entry in _rows(path):
            algorithm = path.parts[-3]
            if algorithm not in entry or (algorithm, entry[algorithm]) in packed:
                continue
            if not (path.parents[1] / entry[algorithm][:2] / entry[algorithm][2:]).exists():
                bad.append(f"{path.name} at the remote names {entry['relpath']}, which is not there")
    return bad
