"""Console sessions in documents: read, run, compared, and brought up to date by `python -m tests.docs.session FILE...`.

A session is what stands in ```console blocks: `$ command` lines, each followed by what it prints. In that, `...` stands for any
text of one line, and a line `...` for any lines. A command whose output has an `error:` must fail, every other one must not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.narrator import environment
from tests.docs.surroundings import NOTHING, Surroundings, around

_PROMPT = "$ "
_BLANKS = re.compile(" +")
_ERROR = re.compile(r"(^|: )error: ")
# what differs from run to run: durations, times, names of runs and processes, ids of commits and of what is in the trash
_VOLATILE = re.compile(
    r"(?<=in )\d+\.\d(?= s$)|(?<=commands took ).*|; [\d.]+ s saved$|\b\d+\.\d(?= ms$)|\d\d:\d\d [AP]M"
    r"|\b\d{8}-\d{6}-\d+\b|\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b|(?<=process )\d+|^[0-9a-f]{16}(?=  )"
    r"|^[0-9a-f]{7}(?= )|(?<=── )[0-9a-f]{7}|\b[0-9a-f]{2}/[0-9a-f]{38}\b|\b[0-9a-f]{40}\b"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a document, its line number (1-based), and the lines that should follow."""

    command: str
    line: int
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step printed."""

    step: Step
    printed: tuple[str, ...]
    code: int

    @property
    def as_shown(self) -> bool:
        """Whether the document tells the truth."""
        return matches(self.step.shown, self.printed)

    @property
    def as_meant(self) -> bool:
        """Whether it failed where the document shows an error, and only there."""
        return (self.code != 0) == any(_ERROR.search(line) for line in self.step.shown)


def steps(text: str) -> tuple[Step, ...]:
    """The commands of a document's console blocks."""
    found: list[Step] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside and line == "```console"
        elif inside and line.startswith(_PROMPT):
            found.append(Step(line.removeprefix(_PROMPT), number, ()))
        elif inside:
            last = found.pop()
            found.append(Step(last.command, last.line, (*last.shown, line)))
    return tuple(found)


def matches(shown: tuple[str, ...], printed: tuple[str, ...]) -> bool:
    """Whether lines are as shown, up to what `...` leaves open."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(matches(shown[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and _line_matches(shown[0], printed[0]) and matches(shown[1:], printed[1:])


def _line_matches(shown: str, printed: str) -> bool:
    if "..." not in shown:
        return shown == printed
    # columns of a table stay in line under `...`, so the blanks after it say nothing
    pattern = ".*".join(re.escape(part) for part in _BLANKS.sub(" ", shown).split("..."))
    return re.fullmatch(pattern, _BLANKS.sub(" ", printed)) is not None


def perform(text: str, folder: Path, surroundings: Surroundings = NOTHING) -> tuple[Outcome, ...]:
    """Run a document's session in `folder`; `cd` moves later commands."""
    env = {**environment(folder), **surroundings.variables}
    for name, content in surroundings.files.items():
        path = folder / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    cwd = folder
    outcomes = []
    for step in steps(text):
        if step.command.startswith("cd "):
            cwd = (cwd / step.command.removeprefix("cd ")).resolve(strict=True)
            outcomes.append(Outcome(step, (), 0))
        else:
            outcomes.append(_run(step, cwd, env, surroundings))
    return tuple(outcomes)


def untrue(name: str, outcomes: tuple[Outcome, ...]) -> list[str]:
    """What a document says wrongly, for people: where, and what the command printed."""
    return [
        f"{name}:{outcome.step.line}: $ {outcome.step.command} (exit code {outcome.code})\n" + "\n".join(outcome.printed)
        for outcome in outcomes
        if not (outcome.as_shown and outcome.as_meant)
    ]


def _run(step: Step, cwd: Path, env: Mapping[str, str], surroundings: Surroundings) -> Outcome:
    done = subprocess.run(
        ["bash", "-c", surroundings.meant(step.command)],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        check=False,
    )
    printed = surroundings.told(done.stdout).replace(env["HOME"].removesuffix("/home"), "...").rstrip()
    return Outcome(step, tuple(line.rstrip() for line in printed.splitlines()), done.returncode)


def brought_up_to_date(text: str, outcomes: tuple[Outcome, ...]) -> str:
    """The document with the output of each step that was not as shown replaced; what differs from run to run is left open."""
    lines = text.splitlines()
    for outcome in reversed(outcomes):
        if not outcome.as_shown:
            start = outcome.step.line
            lines[start : start + len(outcome.step.shown)] = [
                _VOLATILE.sub(_left_open, line).rstrip() for line in outcome.printed
            ]
    return "\n".join(lines) + "\n"


def _left_open(found: re.Match[str]) -> str:
    return "...".ljust(len(found[0])) if "──" in found.string or ":" in found[0] else "..."


def prepare(folder: Path, root: Path) -> None:
    """What a reader has before a session: the example project in the current folder."""
    shutil.copytree(root / "example-project", folder / "example-project")


def main(names: list[str]) -> int:
    """Rewrite the documents; one in which a command fails is left as it is."""
    root = Path(__file__).resolve().parent.parent.parent
    failures = 0
    for name in names:
        text = Path(name).read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix="dvx-docs-") as place:
            folder, servers = Path(place).resolve() / "reader", Path(place).resolve() / "servers"
            folder.mkdir()
            servers.mkdir()
            prepare(folder, root)
            with around(name, servers) as surroundings:
                outcomes = perform(text, folder, surroundings)
        failed = [outcome for outcome in outcomes if not outcome.as_meant]
        for outcome in failed:
            print(f"{name}:{outcome.step.line}: $ {outcome.step.command}", *outcome.printed, sep="\n")
        if not failed:
            Path(name).write_text(brought_up_to_date(text, outcomes), encoding="utf-8")
            print(f"{name}: {sum(not outcome.as_shown for outcome in outcomes)} of {len(outcomes)} outputs replaced")
        failures += len(failed)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
