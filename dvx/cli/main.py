"""The command line: a table of commands, each imported only when it is called."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
import typer.core
import typer.main

from dvx.cli import colour, common, common_options, endings, render
from dvx.cli.session import SESSION, Session
from dvx.cli.words import Command
from dvx.errors import DvxError, UsageError, nearest
from dvx.model.dialect import NATIVE

COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("dvx.cli.data", "init", "Make a dvx (or DVC) repository here"),
    "add": ("dvx.cli.data", "add", "Track files and folders"),
    "commit": ("dvx.cli.record", "commit", "Record what the workspace holds now"),
    "checkout": ("dvx.cli.data", "checkout", "Restore tracked data from the cache"),
    "status": ("dvx.cli.data", "status", "Show what changed in data and pipelines"),
    "data status": ("dvx.cli.compare", "data_status", "Show what changed in tracked data, since commits and records"),
    "diff": ("dvx.cli.compare", "diff", "Compare tracked data of revisions and the workspace"),
    "root": ("dvx.cli.data", "root", "Show where the repository is"),
    "ls": ("dvx.cli.listing", "ls", "List what a repository holds, data that is not here too"),
    "remove": ("dvx.cli.manage", "remove", "Stop tracking data, or take stages out"),
    "move": ("dvx.cli.manage", "move", "Give tracked data another name or place"),
    "unprotect": ("dvx.cli.manage", "unprotect", "Make tracked files safe to edit"),
    "freeze": ("dvx.cli.manage", "freeze", "Keep stages from running and imports from updates"),
    "unfreeze": ("dvx.cli.manage", "unfreeze", "Undo freeze"),
    "push": ("dvx.cli.sync", "push", "Copy objects that a remote lacks"),
    "pull": ("dvx.cli.sync", "pull", "Get data from a remote into the workspace"),
    "fetch": ("dvx.cli.sync", "fetch", "Get data from a remote into the cache"),
    "remote add": ("dvx.cli.config", "remote_add", "Add a remote"),
    "remote list": ("dvx.cli.config", "remote_list", "List remotes"),
    "remote default": ("dvx.cli.config", "remote_default", "Show or set the default remote"),
    "remote modify": ("dvx.cli.config", "remote_modify", "Change an option of a remote"),
    "remote remove": ("dvx.cli.config", "remote_remove", "Remove a remote"),
    "remote rename": ("dvx.cli.config", "remote_rename", "Rename a remote"),
    "remote test": ("dvx.cli.config", "remote_test", "Say whether a remote works, and what you may do there"),
    "config": ("dvx.cli.config", "config", "Show or change options"),
    "cache dir": ("dvx.cli.config", "cache_dir", "Show or change where the cache is"),
    "cache migrate": ("dvx.cli.environment", "cache_migrate", "Give objects of DVC 2 the names of DVC 3"),
    "check-ignore": ("dvx.cli.environment", "check_ignore", "Show which paths are left alone"),
    "stage add": ("dvx.cli.pipeline", "stage_add", "Write a stage into the pipeline file"),
    "stage list": ("dvx.cli.pipeline", "stage_list", "List stages"),
    "stage run": ("dvx.cli.runs", "stage_run", "Bring one stage up to date, for other programs"),
    "repro": ("dvx.cli.pipeline", "repro", "Run the stages whose inputs changed"),
    "explain": ("dvx.cli.explaining", "explain", "Say why stages must run"),
    "runs list": ("dvx.cli.runs", "runs_list", "List runs"),
    "runs show": ("dvx.cli.runs", "runs_show", "Show what was done in a run"),
    "runs logs": ("dvx.cli.runs", "runs_logs", "Print what the commands of a run wrote"),
    "runs cancel": ("dvx.cli.runs", "runs_cancel", "Stop a run"),
    "runs pause": ("dvx.cli.runs", "runs_pause", "Let a run start no more stages"),
    "runs resume": ("dvx.cli.runs", "runs_resume", "Let a paused run go on"),
    "runs retry": ("dvx.cli.runs", "runs_retry", "Do what is left of a run"),
    "dag": ("dvx.cli.pipeline", "dag", "Show how stages depend on each other"),
    "params diff": ("dvx.cli.metrics", "params_diff", "Compare parameters between revisions"),
    "metrics show": ("dvx.cli.metrics", "metrics_show", "Show metrics"),
    "metrics diff": ("dvx.cli.metrics", "metrics_diff", "Compare metrics between revisions"),
    "plots show": ("dvx.cli.plots", "plots_show", "Draw plots"),
    "plots diff": ("dvx.cli.plots", "plots_diff", "Draw plots of several revisions"),
    "plots modify": ("dvx.cli.plots", "plots_modify", "Say how an output is drawn"),
    "plots templates": ("dvx.cli.plots", "plots_templates", "List the templates of plots"),
    "exp run": ("dvx.cli.exp_run", "exp_run", "Run an experiment, here, apart or later, and record it"),
    "exp show": ("dvx.cli.exp_compare", "exp_show", "Show experiments in a table"),
    "exp diff": ("dvx.cli.exp_compare", "exp_diff", "Compare params and metrics of experiments"),
    "exp list": ("dvx.cli.experiments", "exp_list", "List experiments"),
    "exp apply": ("dvx.cli.experiments", "exp_apply", "Make the workspace hold an experiment"),
    "exp remove": ("dvx.cli.experiments", "exp_remove", "Remove experiments"),
    "exp rename": ("dvx.cli.experiments", "exp_rename", "Give an experiment another name"),
    "exp branch": ("dvx.cli.experiments", "exp_branch", "Make a Git branch from an experiment"),
    "exp save": ("dvx.cli.experiments", "exp_save", "Record the workspace as an experiment, running nothing"),
    "exp push": ("dvx.cli.exp_share", "exp_push", "Push experiments and their data"),
    "exp pull": ("dvx.cli.exp_share", "exp_pull", "Get experiments and their data"),
    "exp clean": ("dvx.cli.exp_share", "exp_clean", "Remove what killed experiments left behind"),
    "queue start": ("dvx.cli.queue", "queue_start", "Run what waits, in the background"),
    "queue work": ("dvx.cli.queue", "queue_work", "Run what waits, here"),
    "queue stop": ("dvx.cli.queue", "queue_stop", "Let workers end after what runs"),
    "queue status": ("dvx.cli.queue", "queue_status", "Show what waits, runs, failed or is done"),
    "queue logs": ("dvx.cli.queue", "queue_logs", "Print what an experiment wrote"),
    "queue kill": ("dvx.cli.queue", "queue_kill", "Stop experiments that run"),
    "queue retry": ("dvx.cli.queue", "queue_retry", "Queue again what failed"),
    "queue remove": ("dvx.cli.queue", "queue_remove", "Take experiments out of the queue"),
    "gc": ("dvx.cli.upkeep", "gc", "Remove objects that nothing needs"),
    "fsck": ("dvx.cli.upkeep", "fsck", "Find rot in the stores, and heal it"),
    "du": ("dvx.cli.stores", "du", "Show what the cache holds, by path and by revision"),
    "migrate": ("dvx.cli.migrate", "migrate", "Go over to another hash, or from DVC to dvx"),
    "trash list": ("dvx.cli.stores", "trash_list", "Show what is in the trash"),
    "trash restore": ("dvx.cli.stores", "trash_restore", "Bring things back from the trash"),
    "trash empty": ("dvx.cli.stores", "trash_empty", "Remove what is in the trash for good"),
    "undo": ("dvx.cli.stores", "undo", "Bring back what the last command took away"),
    "install": ("dvx.cli.hooks", "install", "Let Git call dvx: hooks, and a driver that merges pointers"),
    "git-hook pre-commit": ("dvx.cli.hooks", "git_hook_pre_commit", "Show what changed, before a commit"),
    "git-hook post-checkout": ("dvx.cli.hooks", "git_hook_post_checkout", "Restore tracked data, after a checkout"),
    "git-hook pre-push": ("dvx.cli.hooks", "git_hook_pre_push", "Push tracked data, before a push"),
    "git-hook merge-driver": ("dvx.cli.hooks", "git_hook_merge_driver", "Merge two versions of a pointer or lock"),
    "schema": ("dvx.cli.editors", "schema", "Print the JSON Schema of a kind of file, for editors"),
    "vscode": ("dvx.cli.editors", "vscode", "Set up VS Code: tasks, checks of files, what to leave alone"),
    "destroy": ("dvx.cli.destroy", "destroy", "Take dvx out of a project; the data stays"),
    "completion": ("dvx.cli.completion", "completion", "Print the script that completes commands after Tab"),
    "doctor": ("dvx.cli.doctor", "doctor", "Show what is wrong in the set-up, and the cure"),
    "shim install": ("dvx.cli.shim", "shim_install", "Put a command `dvc` on the PATH that is dvx"),
    "shim remove": ("dvx.cli.shim", "shim_remove", "Take that command away again"),
    "help": ("dvx.cli.helping", "help_about", "Say what things mean, or how a command is used"),
    "version": ("dvx.cli.doctor", "version", "Show the version and the environment"),
}  # fmt: skip
GROUPS: dict[str, tuple[str, str]] = {
    "remote": ("Manage where data is pushed to", "dvx remote add --default storage s3://bucket/path"),
    "cache": ("Manage the local store of data", "dvx cache dir /mnt/shared/cache"),
    "stage": ("Write and list stages", "dvx stage add -n train -d train.py -o model.bin python train.py"),
    "runs": ("See and control runs of pipelines", "dvx runs logs -f train"),
    "params": ("Compare parameters", "dvx params diff HEAD~1"),
    "metrics": ("Show and compare metrics", "dvx metrics diff HEAD~1"),
    "plots": ("Draw what runs wrote", "dvx plots diff main small-steps --open"),
    "exp": ("Run, record and compare experiments", "dvx exp run -S train.lr=0.1 -n small-steps"),
    "queue": ("Run experiments that wait", "dvx queue start -j 4"),
    "data": ("Look at tracked data", "dvx data status --granular"),
    "trash": ("See and bring back what commands took away", "dvx trash restore data/raw.csv"),
    "shim": ("Let dvx answer to the name `dvc`", "dvx shim install"),
    "git-hook": ("What Git calls, once `dvx install` has told it to", "dvx git-hook pre-commit"),
}
ALIASES = {"experiments": "exp", "rm": "remove", "mv": "move", "list": "ls"}


class LazyGroup(typer.core.TyperGroup):
    """A group that knows its commands by the table and builds only the one that is called."""

    prefix = ""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002  typer's type is private
        """Names in the order of the table."""
        names = (name[len(self.prefix) :].split(" ")[0] for name in COMMANDS if name.startswith(self.prefix))
        return list(dict.fromkeys(names))

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Build one command; None when there is none of that name."""
        cmd_name = ALIASES.get(cmd_name, cmd_name) if not self.prefix else cmd_name
        if not self.prefix and cmd_name in GROUPS:
            return _group(cmd_name)
        entry = COMMANDS.get(self.prefix + cmd_name)
        if entry is None:
            hint = nearest(cmd_name, self.list_commands(ctx)) or f"run `{ctx.command_path} --help` to see the commands"
            raise UsageError(f"there is no command `{ctx.command_path} {cmd_name}`", hint)
        return _command(cmd_name, entry)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """List the commands without building them."""
        with formatter.section("Commands"):
            formatter.write_dl(self._described(ctx))

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> list[Any]:  # type: ignore[override]
        """Offer commands without building them."""
        if incomplete.startswith("-"):
            return super(typer.core.TyperGroup, self).shell_complete(ctx, incomplete)
        from typer._click.shell_completion import CompletionItem

        return [CompletionItem(name, help=text) for name, text in self._described(ctx) if name.startswith(incomplete)]

    def _described(self, ctx: typer.Context) -> list[tuple[str, str]]:
        names = self.list_commands(ctx)
        return [(name, COMMANDS[self.prefix + name][2] if self.prefix + name in COMMANDS else GROUPS[name][0]) for name in names]


def main() -> NoReturn:
    """The entry point of the `dvx` command."""
    try:
        cwd = os.getcwd()
    except FileNotFoundError:
        render.error("the folder that you stand in does not exist any more", "go to one that does, then run the command there")
        sys.exit(NATIVE.exit_codes.error)
    code = run(sys.argv[1:], cwd)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    # all is written and closed. To take the interpreter apart costs a tenth of a short command, and it would wait for threads
    # that hang in a network
    os._exit(code)


def run(arguments: Sequence[str], cwd: str) -> int:
    """Run one command line, as if typed in the folder `cwd`; returns the exit code."""
    session = Session(cwd=cwd)
    token = SESSION.set(session)
    try:
        return _run(list(arguments), session)
    finally:
        session.close()
        SESSION.reset(token)
        colour.choose(colour.When.AUTO)


def _run(arguments: list[str], session: Session) -> int:
    try:
        result = _root().main(args=arguments, prog_name="dvx", standalone_mode=False)
        render.leave_line()
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
        # commands inherit it
        context_settings={"help_option_names": ["-h", "--help"]},
        help=common_options.ABOUT,
        epilog=common_options.CODES,
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


def _command(name: str, entry: tuple[str, str, str]) -> Any:
    module, function, _ = entry
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    settings = {"allow_interspersed_args": function != "stage_add"}
    app.command(name, cls=Command, context_settings=settings)(
        common.with_verbosity(getattr(importlib.import_module(module), function))
    )
    return typer.main.get_command(app)
