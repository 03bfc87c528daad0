"""The cases about experiments: showing, listing, saving, queueing and removing many."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cases import DVC, DVX, DVX_IN_DVC, Case, Goal
from benchmarks.lab import Lab, Tool
from benchmarks.measure import Side

_SOME, _MANY = 1_000, 10_000
_FILES, _SWEEP = 20_000, 1_000
_VALUES = 10


def _project(lab: Lab, tool: Tool, name: str) -> Path:
    folder = lab.project(name, tool)
    # Git tidies up in the background otherwise, while the folder is removed
    lab.run(("git", "config", "gc.auto", "0"), folder)
    # DVC does not ask the environment who it is
    lab.run(("git", "config", "user.name", "Bench"), folder)
    lab.run(("git", "config", "user.email", "bench@example.com"), folder)
    (folder / "params.yaml").write_text("".join(f"p{number}: {number}\n" for number in range(_VALUES)))
    (folder / "m.json").write_text(json.dumps({f"m{number}": number for number in range(_VALUES)}))
    (folder / tool.pipeline).write_text(
        "stages:\n  train:\n    cmd: 'true'\n    params: [p0]\n    metrics:\n    - m.json: {cache: false}\n"
    )
    return folder


def _committed(lab: Lab, tool: Tool, name: str) -> Path:
    folder = _project(lab, tool, name)
    lab.run(("git", "add", "--all"), folder)
    lab.run(("git", "commit", "--quiet", "--message", "start"), folder)
    return folder


def _with_experiments(lab: Lab, tool: Tool, count: int) -> Path:
    """A project with experiments of ten params and ten metrics each, all on top of HEAD."""
    folder = _committed(lab, tool, f"experiments{count}")
    head = subprocess.run(("git", "rev-parse", "HEAD"), cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    parts = []
    for number in range(count):
        message = f"dvc: commit experiment {number}"
        params = "".join(f"p{key}: {number * key / 7}\n" for key in range(_VALUES))
        metrics = json.dumps({f"m{key}": number * key / 3 for key in range(_VALUES)})
        parts.append(
            f"commit refs/exps/{head[:2]}/{head[2:]}/exp-{number}\n"
            f"committer Bench <bench@example.com> {1_790_000_000 + number} +0000\n"
            f"data {len(message)}\n{message}\nfrom {head}\n"
            f"M 100644 inline params.yaml\ndata {len(params)}\n{params}\nM 100644 inline m.json\ndata {len(metrics)}\n{metrics}\n"
        )
    subprocess.run(("git", "fast-import", "--quiet"), cwd=folder, input="".join(parts).encode(), check=True)
    return folder


def _show_first(lab: Lab) -> Mapping[str, Side]:
    def fresh(tool: Tool) -> Callable[[], Path]:
        return lambda: _with_experiments(lab, tool, _SOME)

    return {
        DVX: Side((*lab.dvx.words, "exp", "show"), fresh(lab.dvx)),
        DVX_IN_DVC: Side((*lab.dvx_in_dvc.words, "exp", "show"), fresh(lab.dvx_in_dvc)),
        DVC: Side((*lab.dvc.words, "exp", "show"), fresh(lab.dvc)),
    }


def _show_again(lab: Lab) -> Mapping[str, Side]:
    def seen(tool: Tool) -> Side:
        folder = _with_experiments(lab, tool, _SOME)
        lab.run((*tool.words, "exp", "show"), folder)
        return Side((*tool.words, "exp", "show"), lambda: folder)

    return {DVX: seen(lab.dvx), DVC: seen(lab.dvc)}


def _many(lab: Lab) -> Mapping[str, Side]:
    folder, few = _with_experiments(lab, lab.dvx, _MANY), _with_experiments(lab, lab.dvx, _SOME)
    for place in (folder, few):
        lab.run((*lab.dvx.words, "exp", "show"), place)
    return {
        DVX: Side((*lab.dvx.words, "exp", "show"), lambda: folder),
        "dvx, a tenth of them": Side((*lab.dvx.words, "exp", "show"), lambda: few),
        "dvx, listing them": Side((*lab.dvx.words, "exp", "list"), lambda: folder),
    }


def _save(lab: Lab) -> Mapping[str, Side]:
    def big(tool: Tool) -> Side:
        folder = _project(lab, tool, "save")
        for number in range(_FILES):
            place = folder / f"src{number // 200:03}/{number}.txt"
            place.parent.mkdir(exist_ok=True)
            place.write_text(f"{number}\n")
        lab.run(("git", "add", "--all"), folder)
        lab.run(("git", "commit", "--quiet", "--message", "start"), folder)

        def edited() -> Path:
            with (folder / "params.yaml").open("a") as file:
                file.write("# edited\n")
            return folder

        return Side((*tool.words, "exp", "save"), edited)

    return {DVX: big(lab.dvx), DVX_IN_DVC: big(lab.dvx_in_dvc), DVC: big(lab.dvc)}


def _queue(lab: Lab) -> Mapping[str, Side]:
    """DVC needs half a minute for a tenth of them, so that is what it is given."""
    words = ("exp", "run", "--queue", "-S")
    whole, tenth = f"p0=range({_SWEEP})", f"p0=range({_SWEEP // 10})"
    return {
        DVX: Side((*lab.dvx.words, *words, whole), lambda: _committed(lab, lab.dvx, "queue")),
        "DVC, a tenth of them": Side((*lab.dvc.words, *words, tenth), lambda: _committed(lab, lab.dvc, "queue")),
    }


def _remove(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        return Side((*tool.words, "exp", "remove", "--all-commits"), lambda: _with_experiments(lab, tool, _SOME))

    return {DVX: side(lab.dvx), DVC: side(lab.dvc)}


EXPERIMENT_CASES = (
    Case(
        "exp-show",
        f"first `exp show` of {_SOME:,} experiments",
        _show_first,
        (Goal(DVC, 0.1), Goal(DVC, 0.1, ours=DVX_IN_DVC)),
        slow=True,
        warm=False,
        large=True,
    ),
    Case("exp-show-again", f"`exp show` of {_SOME:,} experiments again", _show_again, (Goal(DVC),), slow=True, large=True),
    Case(
        "exp-show-many",
        f"`exp show` of {_MANY:,} experiments again",
        _many,
        (Goal("dvx, a tenth of them", 12, memory=400_000_000), Goal("dvx, listing them")),
        slow=True,
        large=True,
    ),
    Case(
        "exp-save",
        f"`exp save` in a repository of {_FILES:,} files of Git",
        _save,
        (Goal(DVC, 0.3), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
        large=True,
    ),
    Case(
        "exp-queue",
        f"`exp run --queue` of a sweep of {_SWEEP:,}, DVC of a tenth",
        _queue,
        (Goal("DVC, a tenth of them", 1),),
        slow=True,
        warm=False,
        large=True,
    ),
    Case("exp-remove", f"`exp remove` of {_SOME:,} experiments", _remove, (Goal(DVC),), slow=True, warm=False, large=True),
)
