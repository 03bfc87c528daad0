"""The cases about long histories: what it costs to look at every commit of them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.cases import DVX, DVX_IN_DVC, Case, Goal
from benchmarks.lab import Lab, Tool
from benchmarks.measure import Side

_COMMITS, _OTHER_DATA = 50_000, 50
_AGAIN, _FIRST = "sleep 2", "sleep 6"
_VERSIONS = 10
_STAGES = 1_000


def _blob(path: str, text: str) -> str:
    return f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"


def _lock(data: str, key: str, number: int) -> str:
    dep, out = (f"hash: {key}\n      {key}: {digest}\n      size: 32\n" for digest in (data, data))
    return (
        "schema: '2.0'\nstages:\n  train:\n    cmd: python train.py\n    deps:\n    - path: raw.csv\n      "
        f"{dep}    params:\n      params.yaml:\n        lr: {number / 7}\n    outs:\n    - path: model.bin\n      {out}"
    )


def _commits(folder: Path, tool: Tool, pointers: list[str], head: str) -> Iterator[str]:
    """A stream for `git fast-import`: code changes in each commit, one in so many also has other data, params and metrics."""
    pipeline = (
        "stages:\n  train:\n    cmd: python train.py\n    deps:\n    - raw.csv\n    params:\n    - lr\n    outs:\n"
        "    - model.bin\n    metrics:\n    - m.json:\n        cache: false\n"
    )
    pointer = next(folder.glob("raw.csv.*")).name
    lock = tool.pipeline.replace(".yaml", ".lock")
    key = "xxh128" if tool.pipeline == "dvx.yaml" else "md5"
    for number in range(_COMMITS):
        start = f"from {head}\n" if not number else ""
        yield (
            f"commit refs/heads/main\ncommitter Bench <bench@example.com> {1_600_000_000 + number} +0000\n"
            f"data 2\nc\n{start}{_blob(f'src/part{number % 20}/code.py', f'x = {number}')}"
        )
        if not number:
            yield _blob(tool.pipeline, pipeline)
        if number % _OTHER_DATA == 0:
            text = pointers[number // _OTHER_DATA % _VERSIONS]
            digest = text.split(f"{key}: ")[1].split()[0]
            yield _blob(pointer, text) + _blob(lock, _lock(digest, key, number))
            yield _blob("params.yaml", f"lr: {number / 7}\n") + _blob("m.json", json.dumps({"acc": number / _COMMITS}))


def _long_history(lab: Lab, tool: Tool) -> Path:
    """A project of many commits, whose data is in the cache and at its remote."""
    folder = lab.project("history", tool)
    lab.run(("git", "config", "gc.auto", "0"), folder)
    lab.run((*tool.words, "remote", "add", "-d", "store", str(lab.fresh("store"))), folder)
    pointers = []
    for number in range(_VERSIONS):
        (folder / "raw.csv").write_text(hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest())
        lab.run((*tool.words, "add", "raw.csv"), folder)
        lab.run((*tool.words, "push"), folder)
        pointers.append(next(folder.glob("raw.csv.*")).read_text())
    lab.run(("git", "add", "--all"), folder)
    lab.run(("git", "commit", "--quiet", "--message", "start"), folder)
    head = lab.run(("git", "rev-parse", "HEAD"), folder).strip()
    stream = "".join(_commits(folder, tool, pointers, head))
    subprocess.run(("git", "fast-import", "--quiet"), cwd=folder, input=stream.encode(), check=True, env=lab.environ)
    lab.run(("git", "reset", "--quiet", "--hard"), folder)
    lab.run((*tool.words, "checkout"), folder)
    return folder


def _case(name: str, *words: str, first: bool = False) -> Case:
    def setup(lab: Lab) -> Mapping[str, Side]:
        def side(tool: Tool) -> Side:
            folder = _long_history(lab, tool)
            state = folder / (".dvx/tmp" if tool is lab.dvx else ".dvc/tmp/dvx")
            return Side((*tool.words, *words), _forgetful(folder, state) if first else lambda: folder)

        peer = _FIRST if first else _AGAIN
        return {
            DVX: side(lab.dvx),
            DVX_IN_DVC: side(lab.dvx_in_dvc),
            peer: Side(tuple(peer.split()), lambda: lab.folder / "home"),
        }

    limit = _FIRST if first else _AGAIN
    goals = (Goal(limit, 1, wall=True, memory=400_000_000), Goal(limit, 1, ours=DVX_IN_DVC, wall=True))
    work = f"{'first ' if first else ''}`{' '.join(words)}` of {_COMMITS:,} commits"
    return Case(name, work, setup, goals, slow=True, warm=not first, large=True)


def _forgetful(folder: Path, state: Path) -> Callable[[], Path]:
    """The project, without what earlier commands kept of its commits."""

    def prepare() -> Path:
        for place in state.glob("rows.db*"):
            place.unlink()
        return folder

    return prepare


def _explain(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        folder = _edited(lab, tool)
        return Side((*tool.words, "explain"), lambda: folder)

    return {
        DVX: side(lab.dvx),
        DVX_IN_DVC: side(lab.dvx_in_dvc),
        _AGAIN: Side(tuple(_AGAIN.split()), lambda: lab.folder / "home"),
    }


def _edited(lab: Lab, tool: Tool) -> Path:
    """Stages with an input each, which were all run and are all edited; every commit recorded another output of one of them."""
    folder = lab.project("explained", tool)
    lab.run(("git", "config", "gc.auto", "0"), folder)
    stages = (f"  s{one}: {{cmd: cp in/{one} out/{one}, deps: [in/{one}], outs: [out/{one}]}}\n" for one in range(_STAGES))
    (folder / tool.pipeline).write_text("stages:\n" + "".join(stages))
    for name in ("in", "out"):
        (folder / name).mkdir()
    for one in range(_STAGES):
        (folder / f"in/{one}").write_text(f"{one}\n")
    lab.run((*tool.words, "repro"), folder)
    lab.run(("git", "add", "--all"), folder)
    lab.run(("git", "commit", "--quiet", "--message", "start"), folder)
    head = lab.run(("git", "rev-parse", "HEAD"), folder).strip()
    lock = tool.pipeline.replace(".yaml", ".lock")
    parts = re.split(r"(?m)^(?=  s[0-9]+:$)", (folder / lock).read_text())
    stream = []
    for number in range(_STAGES):
        earlier = re.sub(r"\b[0-9a-f]{32}\b", hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest(), parts[number + 1])
        text = "".join([*parts[: number + 1], earlier, *parts[number + 2 :]])
        start = f"from {head}\n" if not number else ""
        committer = f"committer Bench <bench@example.com> {1_600_000_000 + number} +0000"
        stream.append(f"commit refs/heads/main\n{committer}\ndata 2\nc\n{start}{_blob(lock, text)}")
    stream.append(
        f"commit refs/heads/main\ncommitter Bench <bench@example.com> 1700000000 +0000\ndata 2\nc\n{_blob(lock, ''.join(parts))}"
    )
    subprocess.run(("git", "fast-import", "--quiet"), cwd=folder, input="".join(stream).encode(), check=True, env=lab.environ)
    lab.run(("git", "reset", "--quiet", "--hard"), folder)
    for one in range(_STAGES):
        (folder / f"in/{one}").write_text("edited\n")
    return folder


HISTORY_CASES = (
    _case("push-history", "push", "--all-commits"),
    _case("fetch-history", "fetch", "--all-commits"),
    _case("gc-history", "gc", "--all-commits"),
    _case("metrics-history", "metrics", "show", "--all-commits"),
    _case("exp-show-history-first", "exp", "show", "--all-commits", first=True),
    _case("exp-show-history", "exp", "show", "--all-commits"),
    Case(
        "explain-history",
        f"`explain` of {_STAGES:,} changed stages with {_STAGES:,} commits",
        _explain,
        (Goal(_AGAIN, 1, wall=True, memory=400_000_000), Goal(_AGAIN, 1, ours=DVX_IN_DVC, wall=True)),
        slow=True,
        large=True,
    ),
)
