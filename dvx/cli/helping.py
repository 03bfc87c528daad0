"""The command help: topics, any command, and what became of each command of DVC."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.commands import ABSENT, CATEGORIES, COMMANDS, DIFFERENT, GROUPS
from dvx.cli.common import cwd
from dvx.cli.main import run
from dvx.cli.terminal import render, screen
from dvx.errors import UsageError, nearest

TOPICS = {
    "start": """Start: `dvx init` in a Git repository, `dvx add data/` to track data, `git commit` what it says.

`dvx remote add -d NAME URL` and `dvx push` put the data elsewhere; a colleague clones with Git and runs `dvx pull`.
`dvx status` says what changed, `dvx checkout` restores what Git's files name, `dvx undo` takes back the last
command.""",
    "data": """Data lives in the cache, once for each content, under the digest of its bytes. What stands in Git is a small
pointer file beside it, or the lock of a pipeline, which name the digest. Workspace files are reflinks or copies of what is
in the cache.

`dvx import`, `import-url` and `import-db` record where data came from, `dvx update` follows it there, `dvx get` only copies.

add, commit: into the cache. checkout: out of it. push, pull, fetch: between caches, through a remote. gc: removes what
nothing names any more.""",
    "pipelines": """A pipeline file (dvx.yaml; in a DVC repository dvc.yaml) says what each stage runs, reads and writes.

`dvx repro` runs the stages whose inputs changed, restores those that ran like that before, and leaves the others alone.
`dvx explain STAGE` says why one runs, `dvx dag` draws all of them, `dvx runs` shows and controls what ran.""",
    "experiments": """An experiment is a run of the pipeline, kept in Git without a branch.

`dvx exp run -S KEY=VALUE` makes one here, `--temp` beside, `--queue` later (a sweep with `KEY=1,2,3`), which
`dvx queue start` runs. `dvx exp show` compares them, `--html` in a browser; `exp apply` brings one here, `exp push` and
`exp pull` share them.""",
    "trouble": """Trouble: `dvx doctor` looks at the set-up and names the cure. `dvx fsck` finds rot in the cache and heals it
from the workspace or a remote. `dvx undo` undoes commands; what they took away lies in the trash for 14 days: `dvx trash list`.

A run that was killed goes on with the same command; `dvx runs list` shows it. A bug leaves its details in a file that is
named.""",
    "exit-codes": """Exit codes: 0 success, 1 an error that you can fix, 2 wrong usage, 3 a bug in dvx, 4 only partly done,
130 interrupted.

In DVC's repositories they are those of DVC: 1 or 255 an error, 251 wrong configuration, 252 interrupted, 254 wrong usage.
Called as `dvc` outside of a repository, dvx ends with 253.""",
    "commands": "",
    "dvc": "",
}
_OWN_GROUPS = frozenset({"runs", "trash", "shim"})
_OWN = frozenset(
    ("fsck", "migrate", "trust", "undo", "schema", "vscode", "help", "explain")
    + ("remote test", "stage run", "queue work", "queue retry")
)


def _topics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Topics and commands; behind the name of a group, its commands."""
    before = [str(word) for word in ctx.params.get("topic") or ()]
    names = [name.split() for name in (*([] if before else TOPICS), *GROUPS, *COMMANDS)]
    known = {words[len(before)] for words in names if len(words) > len(before) and words[: len(before)] == before}
    return sorted(word for word in known if word.startswith(incomplete))


def help_about(
    topic: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC]...", help="Topic or command.", autocompletion=_topics, show_default=False),
    ] = None,
) -> None:
    """Explain a topic, or show how a command is used.

    Example: dvx help experiments
    """
    name = " ".join(topic or ())
    if not name:
        screen.block(f"Topics: {', '.join(TOPICS)}\n\nOr a command: `dvx help exp run`. `dvx help commands` lists them all.")
    elif name in ("commands", "dvc"):
        for line in _commands() if name == "commands" else _about_dvc():
            render.data(line)
    elif name in COMMANDS or name in GROUPS:
        # what a word means is a topic, how a command is typed stands behind it
        if name in TOPICS:
            screen.block(TOPICS[name] + "\n")
        run([*name.split(), "--help"], cwd())
    elif name in TOPICS:
        screen.block(TOPICS[name])
    else:
        hint = nearest(name, [*TOPICS, *COMMANDS, *GROUPS]) or f"one of {', '.join(TOPICS)}, or a command"
        raise UsageError(f"there is no help about `{name}`", hint)


def _commands() -> list[str]:
    """Every command with a line about it, by what it is for."""
    width = max(map(len, COMMANDS)) + 2
    lines: list[str] = []
    for title, tops in CATEGORIES.items():
        names = [name for top in tops for name in COMMANDS if name.split(" ")[0] == top]
        lines += ["", f"{title}:", *(f"  {name:<{width}}{COMMANDS[name][2]}" for name in names)]
    return lines[1:]


def _about_dvc() -> list[str]:
    """Each command of DVC 3.67 with what it is here, then what dvx has besides."""
    own = [name for name in COMMANDS if name in _OWN or name.partition(" ")[0] in _OWN_GROUPS]
    absent = {name: f"none: {why}" for name, (why, _) in ABSENT.items()}
    states = {name: "the same" for name in COMMANDS if name not in own} | DIFFERENT | absent
    width = max(map(len, states)) + 2
    lines = ["Commands of DVC 3.67:", *(f"  {name:<{width}}{states[name]}" for name in sorted(states))]
    return [*lines, "", "Commands that DVC has not:", *(f"  {name:<{width}}{COMMANDS[name][2]}" for name in own)]
