"""Runs the trials of scenarios, each in a fork of a single-threaded process that has dvx loaded.

Requests are lines of JSON on stdin: `env`, and `series` as FOLDER SCENARIO DIALECT KIND LIMIT SABOTAGE. Each is answered with
a report as JSON, or with the error that ended it, on one line.

KIND is `kill`, the name of an error, `sample` (or `each`): kills and all errors in turn, or `power`: cuts after the end, and
then at points on the way. At most LIMIT points are tried,
evenly spread; all with 0. With a SABOTAGE the first trial that finds something is the last.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from dvx.config.trust import change
from tests.faults import fsck, power
from tests.faults.harness import ERRORS, Ended, Fault, Trial, copy, run
from tests.faults.sabotage import SABOTAGES
from tests.faults.scenarios import SCENARIOS, Scenario, commit
from tests.helpers import is_record

_SEEDS = 20
_RECORDS = (".dvc", ".dvx", ".lock", "dvc.yaml", "dvx.yaml")


@dataclass(frozen=True, slots=True)
class Series:
    """Trials of one scenario from the folder `base`; `before` and `wanted` are what it holds and what should come of it.

    What was broken at the start, or is no more than named at the end, is `excused` on the way.
    """

    scenario: Scenario
    base: Path
    trial: Trial
    before: dict[str, bytes]
    start: dict[str, object]
    wanted: dict[str, object]
    excused: frozenset[str]


def main(folder: Path, name: str, dialect: str, kind: str, limit: int, sabotage: str) -> dict[str, object]:
    """All trials; the report counts them and lists what went wrong."""
    scenario = SCENARIOS[name]
    base, reference = folder / "base", folder / "reference"
    (base / "repo").mkdir(parents=True)
    (base / "remote").mkdir()
    words = ("--dvc",) if scenario.bare and dialect == "dvc" else ()
    _prepare(base, scenario, dialect)
    _copy(base, reference)
    trial = Trial((*scenario.command, *words), reference, syncs=kind != "kill", sabotage=SABOTAGES[sabotage])
    whole = run(trial)
    if whole.code != 0:
        return {"points": 0, "wrong": [f"without a fault it ends with {whole.code}: {whole.text}"]}
    before = fsck.user_files(base / "repo") | ({} if scenario.drops else fsck.trash(base / "repo"))
    trial = replace(trial, root=folder / "trial")
    unstored = {*fsck.dangling(reference)}
    excused = frozenset({*fsck.problems(base, before), *unstored})
    series = Series(scenario, base, trial, before, fsck.state(base), fsck.state(reference), excused)
    outside = _outside(folder)
    wrong = [f"without a fault: {problem}" for problem in fsck.problems(reference, before) if problem not in unstored]
    if kind == "power":
        cuts = (limit or _SEEDS) + min(limit or whole.mutations, whole.mutations)
        return {"points": cuts, "wrong": wrong + _cuts(series, whole, limit, one=bool(sabotage))}
    faults = _faults(kind, whole.mutations, limit)
    for fault in faults:
        wrong += [f"{fault}: {problem}" for problem in _try(series, fault)]
        if wrong and sabotage:
            break
    if _outside(folder) != outside:
        # who is killed while it records trust leaves a file there, which goes when trust is recorded again
        run(replace(trial, command=("remote", "add", "-f", "next", "../next"), sabotage=SABOTAGES[""]))
    if _outside(folder) != outside:
        wrong.append(f"files outside of the repository: {_outside(folder) ^ outside}")
    return {"points": len(faults), "wrong": wrong}


def _faults(kind: str, mutations: int, limit: int) -> list[Fault]:
    points = range(1, mutations + 1)
    if limit and limit < mutations:
        points = [1 + number * mutations // limit for number in range(limit)]  # type: ignore[assignment]
    if kind == "kill":
        return [Fault(at) for at in points]
    if kind in ("sample", "each"):
        codes = [0, *ERRORS.values()]
        turns = [divmod(number, len(codes)) for number in range(len(points))]
        return [Fault(at, codes[one], lasting=(one + turn) % 2 == 1) for at, (turn, one) in zip(points, turns, strict=True)]
    return [Fault(at, ERRORS[kind], lasting) for at in points for lasting in (False, True)]


def _copy(source: Path, target: Path) -> None:
    """Copy a folder; the user agrees to its remote, since a copy is another clone to dvx."""
    copy(source, target)
    url = {"remote.store.url": str(target / "remote")}
    change(str(target / "repo"), os.environ, lambda record: record.agreeing(url))


def _try(series: Series, fault: Fault) -> list[str]:
    """One trial: the fault, what it left, and the same command again."""
    trial, scenario = series.trial, series.scenario
    _copy(series.base, trial.root)
    struck = run(trial, fault)
    found = [f"after {struck.struck}: {problem}" for problem in (*_inspect(series), *_judge(series, struck, fault))]
    again = run(replace(trial, sabotage=SABOTAGES[""]))
    if again.code != 0 and not (scenario.once and "error:" in again.text):
        found.append(f"after {struck.struck}, run again it ends with {again.code}: {again.text[-600:]}")
        return found
    found += [f"run again: {problem}" for problem in _inspect(series)]
    # what was uploaded for nothing stays for a day: its owner may live on another machine
    waste = [left for left in fsck.leftovers(trial.root) if "remote/.tmp" not in left] if again.code == 0 else []
    if "gc" in scenario.command:
        waste += fsck.halves(trial.root)
    found += [f"after {struck.struck}, run again: {problem}" for problem in (*_differs(series), *waste)]
    return found


def _cuts(series: Series, whole: Ended, limit: int, *, one: bool) -> list[str]:
    """Power cuts, with other dice each time: some when the command has ended, then one at each point that it was killed at.

    With `one` the first that finds something is the last.
    """
    faults = _faults("kill", whole.mutations, limit)
    found = []
    for seed, fault in enumerate((*[None] * (limit or _SEEDS), *faults)):
        trial = replace(series.trial, watched=True)
        _copy(series.base, trial.root)
        ended = run(trial, fault)
        power.cut(series.base, trial.root, ended.watched, seed)
        when = f"the power fails {f'at {ended.struck}' if fault else 'at the end'} ({seed})"
        found += [f"{when}: {problem}" for problem in _after_cut(series)]
        found += [f"{when}: it is not durable: {problem}" for problem in _forgotten(series)] if ended.code == 0 else []
        run(replace(trial, watched=False, sabotage=SABOTAGES[""]))
        found += [f"{when}, run again: {problem}" for problem in _after_cut(series)]
        if found and one:
            break
    return found


def _after_cut(series: Series) -> list[str]:
    """What is wrong, but that data in the workspace, which is in the cache, may be torn."""
    return [problem for problem in fsck.problems(series.trial.root, series.before) if problem not in series.excused]


def _forgotten(series: Series) -> list[str]:
    """What the finished command left and the cut took: objects, experiments, pointers and locks."""
    now, wanted = fsck.state(series.trial.root), series.wanted
    lacking = {*_listed(wanted, "objects")} - {*_listed(now, "objects")}
    records = [name for name, data in wanted["files"].items() if name.endswith(_RECORDS) and now["files"].get(name) != data]  # type: ignore[attr-defined]
    return [*sorted(lacking), *records, *([] if now["experiments"] == wanted["experiments"] else ["experiments"])]


def _listed(state: dict[str, object], part: str) -> list[str]:
    listed = state[part]
    assert isinstance(listed, list)
    return listed


def _inspect(series: Series) -> list[str]:
    root = series.trial.root
    known = {b"", *_contents(series.start), *_contents(series.wanted)} if series.scenario.loose else None
    known = known or {*_contents(series.start), *_contents(series.wanted)}
    loose = tuple(f": {name}" for name in series.scenario.loose)
    torn = [one for one in fsck.torn(root, known) if not one.endswith((*loose, ".lock"))]
    found = [problem for problem in fsck.problems(root, series.before) if problem not in series.excused]
    return [*found, *torn, *_moved(series)]


def _moved(series: Series) -> list[str]:
    """Git's HEAD, stash or index are neither as they were nor as they should be; what is staged may be there in part."""
    git = fsck.git_state(series.trial.root / "repo")
    start, wanted = (state["git"] for state in (series.start, series.wanted))
    assert isinstance(start, dict)
    assert isinstance(wanted, dict)
    refs = git["refs"] in (start["refs"], wanted["refs"])
    index = {*start["index"]} & {*wanted["index"]} <= {*git["index"]} <= {*start["index"], *wanted["index"]}
    return [] if refs and index else [f"Git's HEAD, index or stash changed: {git}"]


def _contents(state: dict[str, object]) -> set[bytes]:
    files = state["files"]
    assert isinstance(files, dict)
    return set(files.values())


def _judge(series: Series, struck: Ended, fault: Fault) -> list[str]:
    if not fault.code:
        return [] if struck.code in (-9, 0) else [f"it ended with {struck.code} before the kill: {struck.text[-600:]}"]
    found = []
    if "Traceback" in struck.text or "this is a bug" in struck.text or struck.code < 0 or struck.code == 70:
        found.append(f"a bug is shown: {struck.code} {struck.text[-600:]}")
    if struck.code == 0:
        found += [f"it succeeds, but {problem}" for problem in _differs(series)]
    elif not _is_helpful(struck.text):
        found.append(f"it fails with {struck.code} and does not name file and cure: {struck.text[-600:]}")
    if not fault.lasting and struck.struck not in ("os.remove", "os.rmdir"):
        found += fsck.leftovers(series.trial.root)
    return found


def _is_helpful(text: str) -> bool:
    """One error, which quotes a name, and a way out."""
    errors = [line for line in text.splitlines() if re.match(r"(\S+:\d+: )?error: ", line)]
    return len(errors) == 1 and "`" in errors[0] and "hint: " in text


def _differs(series: Series) -> list[str]:
    reached, wanted = fsck.state(series.trial.root), series.wanted
    return [f"`{part}` differ: {_difference(wanted[part], reached[part])}" for part in wanted if wanted[part] != reached[part]]


def _difference(wanted: object, reached: object) -> str:
    if isinstance(wanted, dict) and isinstance(reached, dict):
        keys = [key for key in {*wanted, *reached} if wanted.get(key) != reached.get(key)]
        return ", ".join(f"{key}: {str(wanted.get(key))[:200]} != {str(reached.get(key))[:200]}" for key in sorted(keys))
    if isinstance(wanted, list) and isinstance(reached, list):
        return f"lacks {sorted(set(wanted) - set(reached))}, has {sorted(set(reached) - set(wanted))}"
    return f"{wanted} != {reached}"


def _outside(folder: Path) -> set[str]:
    """The names in the home folder, but for the records of projects, and in the folder of all trials but for theirs."""
    home = Path(os.environ["HOME"])
    names = {str(path) for path in home.rglob("*") if not is_record(str(path))} | {path.name for path in folder.iterdir()}
    return names - {"trial"}


def _prepare(base: Path, scenario: Scenario, dialect: str) -> None:
    repo = base / "repo"
    subprocess.run(["git", "init", "--quiet", "--template="], cwd=repo, check=True)
    (repo / ".git/info").mkdir(exist_ok=True)

    def dvx(_cwd: Path, *arguments: str) -> None:
        ended = run(Trial(arguments, base))
        if ended.code != 0:
            raise SystemExit(f"dvx {' '.join(arguments)} ended with {ended.code}: {ended.text}")

    if scenario.bare:
        (repo / "README").write_text("a project\n")
    else:
        dvx(repo, "init", *(["--dvc"] if dialect == "dvc" else []))
    commit(repo)
    scenario.prepare(repo, dvx)


def _warm_up() -> None:
    """Import what the commands import, once, so that a fork has it."""
    import gc
    import importlib
    import pkgutil

    import dvx

    for module in pkgutil.walk_packages(dvx.__path__, "dvx."):
        importlib.import_module(module.name)
    for name in ("filelock", "ruamel.yaml", "git", "fsspec", "yaml"):
        importlib.import_module(name)
    gc.freeze()


def serve() -> None:
    """Answer requests until stdin ends."""
    _warm_up()
    answers = os.dup(1)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _answer(json.loads(line), answers)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            os.write(answers, b'{"error": "the driver died"}\n')


def _answer(request: dict[str, Any], answers: int) -> NoReturn:
    os.environ.clear()
    os.environ.update(request["env"])
    folder, *words, limit, sabotage = request["series"]
    try:
        report = main(Path(folder), *words, int(limit), sabotage)
    except BaseException:  # noqa: BLE001 - whatever it is, the test that asked is to show it
        report = {"error": traceback.format_exc()}
    with os.fdopen(answers, "w", encoding="utf-8") as stream:
        print(json.dumps(report), file=stream)
    os._exit(0)


if __name__ == "__main__":
    serve()
