"""The command trust: shows what a repository's own files ask for, and records what the user agrees to."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dvx.cli.common import JsonOption, cwd
from dvx.cli.session import SESSION
from dvx.cli.terminal import render, screen
from dvx.config import environment, find_root
from dvx.errors import DvxError, NotARepository, UsageError
from dvx.git.places import find_place
from dvx.model.paths import printable
from dvx.ops.setup.trust import Question, agree, questions, revoke


def trust(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Trust everything that is shown, without asking.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List what needs your trust and what you trust; change nothing.")] = False,
    revoke_: Annotated[bool, typer.Option("--revoke", help="Stop trusting this repository on this machine.")] = False,
    json: JsonOption = False,
) -> None:
    """Review and trust settings of this repository that need your consent.

    A repository that you cloned or unpacked can hold settings that run commands, that place the cache outside of the repository,
    that name a database or a remote, options of Git that start programs, and links in place of dvx's own folders. dvx honors
    them only after you agreed on this machine. What you set yourself with `dvx config`, `dvx remote` and `dvx cache dir` is
    trusted from then on.

    Example: dvx trust
    """
    if sum((yes, list_, revoke_)) > 1:
        raise UsageError("only one of `--yes`, `--list` and `--revoke` can be given", "leave out the others")
    # `init` asks for it before it makes anything
    found = find_root(cwd()) or ((cwd(), SESSION.get().spoken) if find_place(cwd()) else None)
    if found is None:
        raise NotARepository(f"`{printable(cwd())}` is not inside a dvx or DVC repository", "go into the one to trust")
    root, dialect = found
    if revoke_:
        known = revoke(root, environment())
        render.note("This repository is not trusted anymore." if known else "This repository was not trusted.")
        return
    asked = questions(root, dialect, environment())
    new = tuple(one for one in asked if not one.trusted)
    if json:
        render.json([{**_fields(one), "trusted": one.trusted} for one in asked])
        return
    for one in asked if list_ else new:
        _show(one, state=list_)
    if not asked:
        render.note("Nothing in this repository needs your trust.")
    elif not new:
        render.note("You trust everything that this repository asks for.")
    if list_ or not new:
        return
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise DvxError(
                "nothing was trusted, because there is no terminal to ask on", "check the list, then run `dvx trust --yes`"
            )
        if not screen.confirm("Do you trust this on this machine?"):
            raise DvxError("nothing was trusted", "")
    agree(root, dialect, environment(), new)
    render.note("Trusted on this machine. `dvx trust --revoke` takes it back.")


def _show(one: Question, *, state: bool) -> None:
    trusted = (", trusted" if one.trusted else ", not trusted") if state else ""
    render.data(f"{printable(one.place)}: {printable(one.name)} = {printable(one.value)}")
    render.data(f"    {one.what}{trusted}")


def _fields(one: Question) -> dict[str, str]:
    return {"kind": one.kind.value, "name": one.name, "value": one.value, "place": one.place, "what": one.what}
