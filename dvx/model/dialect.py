"""Dialect: the file names, default hash and conventions of the two dialects of one format.

The rest of the code never asks which dialect it works in; it uses these fields.
"""

from __future__ import annotations

from msgspec import Struct


class ExitCodes(Struct, frozen=True):
    """What the process returns for each kind of failure; `partial` is 0 where that is no kind of its own.

    `outside` is for a command that needs a repository where the user stands in none.
    """

    error: int
    usage: int
    bug: int
    partial: int
    interrupted: int
    config: int
    outside: int
    by_command: tuple[tuple[str, int], ...] = ()

    def for_error(self, command: str) -> int:
        """The code of a user's error in `command` (`add`, `remote add`...)."""
        codes = dict(self.by_command)
        return codes.get(command, codes.get(command.split(" ", maxsplit=1)[0], self.error))

    def for_partial(self, command: str) -> int:
        """The code of a `command` that did part of its work."""
        return self.partial or self.for_error(command)


class Dialect(Struct, frozen=True):
    """One dialect. Paths are names without folders.

    `exact_params` when `1` and `1.0` are two values of a parameter; `quotes_values` when what `${...}` puts into a command is
    protected from the shell; `packs` when small objects of a remote may lie in packs; `runs_in_parallel` when stages run at
    once if nobody says how many; `shares_locks` when DVC may work at the same time, so that its locks are taken as well;
    `queue_name` is what tables call the place where queued experiments run;
    `conforms_to` is the version of DVC that it is, for tools that ask; `no_repository` and `no_config` are said where a command
    needs a repository, or the configuration of one, and `{place}`, on the disk at `{mount}`, is in none.
    """

    name: str
    folder: str
    pipeline: str
    lock: str
    pointer_suffix: str
    ignore: str
    ignore_header: str
    algorithm: str
    algorithms: tuple[str, ...]
    rich_trees: bool
    run_settings_in_meta: bool
    exact_params: bool
    quotes_values: bool
    packs: bool
    runs_in_parallel: bool
    shares_locks: bool
    environment_prefix: str
    state_folder: str
    config_app: tuple[str, str]
    queue_name: str
    conforms_to: str
    no_repository: str
    no_config: str
    exit_codes: ExitCodes

    def is_machinery(self, name: str) -> bool:
        """Whether a file name is that of a pointer, pipeline or lock."""
        return name in (self.pipeline, self.lock) or (name.endswith(self.pointer_suffix) and name != self.pointer_suffix)


NATIVE = Dialect(
    name="dvx",
    folder=".dvx",
    pipeline="dvx.yaml",
    lock="dvx.lock",
    pointer_suffix=".dvx",
    ignore=".dvxignore",
    ignore_header="# Files that dvx leaves alone; same patterns as .gitignore\n",
    algorithm="xxh128",
    algorithms=("xxh128", "blake3", "sha256", "md5"),
    rich_trees=True,
    run_settings_in_meta=False,
    exact_params=True,
    quotes_values=True,
    packs=True,
    runs_in_parallel=True,
    shares_locks=False,
    environment_prefix="DVX",
    state_folder="tmp",
    config_app=("dvx", "dvx"),
    queue_name="queue",
    conforms_to="",
    no_repository="`{place}` is not inside a dvx or DVC repository",
    no_config="this is not a repository, so it has no configuration file",
    exit_codes=ExitCodes(error=1, usage=2, bug=3, partial=4, interrupted=130, config=1, outside=1),
)

DVC = Dialect(
    name="dvc",
    folder=".dvc",
    pipeline="dvc.yaml",
    lock="dvc.lock",
    pointer_suffix=".dvc",
    ignore=".dvcignore",
    ignore_header=(
        "# Add patterns of files dvc should ignore, which could improve\n"
        "# the performance. Learn more at\n"
        "# https://dvc.org/doc/user-guide/dvcignore\n"
    ),
    algorithm="md5",
    algorithms=("md5",),
    rich_trees=False,
    run_settings_in_meta=True,
    exact_params=False,
    quotes_values=False,
    packs=False,
    runs_in_parallel=False,
    shares_locks=True,
    environment_prefix="DVC",
    state_folder="tmp/dvx",
    config_app=("dvc", "iterative"),
    queue_name="dvc-task",
    conforms_to="3.67.1",
    no_repository="you are not inside of a DVC repository (checked up to mount point '{mount}')",
    no_config="configuration error - config file error: Not inside a DVC repo",
    exit_codes=ExitCodes(
        error=255,
        usage=254,
        bug=255,
        partial=0,
        interrupted=252,
        config=251,
        outside=253,
        by_command=tuple(
            (command, 1)
            for command in (
                "add", "commit", "push", "pull", "fetch", "status", "diff", "get", "get-url", "import", "import-url",
                "list-url", "update", "move", "remove",
                "freeze", "unfreeze", "unprotect", "plots", "init", "install", "destroy", "ls", "list",
                "exp show", "exp diff", "exp save", "remote default", "fsck",
            )
        ),
    ),
)  # fmt: skip

DIALECTS = (NATIVE, DVC)
