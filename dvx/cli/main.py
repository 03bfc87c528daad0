"""The command line: commands by their table, each imported only when it is called."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import typer
import typer.core
import typer.main

from dvx.cli import common, common_options, endings
from dvx.cli.commands import ABSENT, ALIASES, CATEGORIES, COMMANDS, GROUPS, MOST_USED, described
from dvx.cli.session import SESSION, Session
from dvx.cli.terminal import colour, render, screen
from dvx.cli.words import Command, Parser, parser_of
from dvx.config import environment
from dvx.errors import DvxError, UsageError, nearest
from dvx.model.dialect import DIALECTS, NATIVE, Dialect


class LazyGroup(typer.core.TyperGroup):
    """A group that knows its commands by the table and builds only the one that is called."""

    prefix = ""

    def make_parser(self, ctx: Any) -> Parser:
        """See typer."""
        return parser_of(self, ctx)

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002  typer's type is private
        """Names in the order of the table."""
        names = (name[len(self.prefix) :].split(" ")[0] for name in COMMANDS if name.startswith(self.prefix))
        return list(dict.fromkeys(names))

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Build one command; None when there is none of that name."""
        cmd_name = ALIASES.get(self.prefix + cmd_name, cmd_name)
        if not self.prefix and cmd_name in GROUPS:
            return _group(cmd_name)
        entry = COMMANDS.get(self.prefix + cmd_name)
        if entry is None and not self.prefix and cmd_name in ABSENT:
            why, instead = ABSENT[cmd_name]
            raise UsageError(why, instead)
        if entry is None:
            hint = nearest(cmd_name, self.list_commands(ctx)) or f"run `{ctx.command_path} --help` to see the commands"
            raise UsageError(f"there is no command `{ctx.command_path} {cmd_name}`", hint)
        return _command(self.prefix, cmd_name, entry)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """List the commands without building them; all of dvx's by what they are for, with a line on the most used."""
        if self.prefix:
            with formatter.section("Commands"):
                formatter.write_dl(self._described(ctx))
            return
        with formatter.section("Most used"):
            formatter.write_dl([(name, described(name)) for name in MOST_USED])
        with formatter.section("Commands"):
            formatter.write_dl(list(_by_category(formatter.width)))

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> list[Any]:  # type: ignore[override]
        """Offer commands without building them."""
        if incomplete.startswith("-"):
            return super(typer.core.TyperGroup, self).shell_complete(ctx, incomplete)
        from typer._click.shell_completion import CompletionItem

        return [CompletionItem(name, help=text) for name, text in self._described(ctx) if name.startswith(incomplete)]

    def _described(self, ctx: typer.Context) -> list[tuple[str, str]]:
        return [(name, described(self.prefix + name)) for name in self.list_commands(ctx)]


def _by_category(width: int) -> Iterator[tuple[str, str]]:
    from textwrap import wrap

    for title, names in CATEGORIES.items():
        # names are not broken at their hyphens
        for number, line in enumerate(wrap(", ".join(names), width - 20, break_on_hyphens=False)):
            yield "" if number else title, line


def main() -> NoReturn:
    """The entry point of the `dvx` command."""
    try:
        # what libraries write themselves, such as warnings
        sys.stderr = screen.Filter(sys.stderr)
        cwd = os.getcwd()
    except FileNotFoundError:
        render.error("the folder that you stand in does not exist any more", "go to one that does, then run the command there")
        sys.exit(NATIVE.exit_codes.error)
    code = run(sys.argv[1:], cwd, _spoken(sys.argv[0]))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    # all is written and closed. To take the interpreter apart costs a tenth of a short command, and it would wait for threads
    # that hang in a network
    os._exit(code)


def _spoken(program: str) -> Dialect:
    """The dialect that the name of the program stands for."""
    name = os.path.basename(program).lower().removesuffix(".exe")
    return next((dialect for dialect in DIALECTS if dialect.name == name), NATIVE)


def run(arguments: Sequence[str], cwd: str, spoken: Dialect = NATIVE) -> int:
    """Run one command line, as if typed in the folder `cwd`; returns the exit code. `spoken` is as in `Session`."""
    session = Session(cwd, spoken)
    token = SESSION.set(session)
    try:
        return _run(list(arguments), session)
    finally:
        session.close()
        SESSION.reset(token)
        colour.choose(colour.When.AUTO)


def _run(arguments: list[str], session: Session) -> int:
    if endings.is_completing():
        from dvx.cli.setup.answers import ASKED, listen

        # the scripts of `dvx completion` ask in this way alone; others would let their shell evaluate what is offered
        if environment()["_DVX_COMPLETE"] != ASKED:
            return 0
        listen()
    try:
        result = _root().main(args=arguments, prog_name="dvx", standalone_mode=False)
        screen.leave_line()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except typer.Abort:
        render.error("aborted")
        return session.exit_codes.error
    except typer.TyperException as error:
        return endings.usage(error, session)
    except DvxError as error:
        return endings.expected(error, session)
    except OSError as error:
        return endings.os_error(error, session)
    except Exception as error:  # noqa: BLE001  the last line of defence: a bug is told as such, with its details in a file
        return endings.bug(error, session)
    code = result if isinstance(result, int) else 0
    # typer's answer to Ctrl-C
    return endings.interrupted(session) if code == 130 else code


def _root() -> Any:
    app = typer.Typer(
        cls=LazyGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        # its script for zsh evaluates the names that are offered
        add_completion=False,
        # commands inherit it
        context_settings={"help_option_names": ["-h", "--help"]},
        help=common_options.ABOUT,
        epilog=common_options.MORE,
        name="dvx",
    )
    app.callback()(common_options.options)
    return typer.main.get_command(app)


def _group(name: str) -> Any:
    group = type("Group", (LazyGroup,), {"prefix": name + " "})
    text = "{}.\n\nExample: {}".format(*GROUPS[name])
    app = typer.Typer(cls=group, rich_markup_mode=None, no_args_is_help=True, add_completion=False, name=name, help=text)
    app.callback()(_nothing)
    return typer.main.get_command(app)


def _nothing() -> None:
    pass


def _command(prefix: str, name: str, entry: tuple[str, str, str]) -> Any:
    module, function, _ = entry
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    settings = {"allow_interspersed_args": function != "stage_add"}
    app.command(name, cls=Command, context_settings=settings)(
        common.with_verbosity(getattr(importlib.import_module(module), function), prefix + name)
    )
    return typer.main.get_command(app)
