"""What the schemas say of each key to a person who writes a file: what it means, its default, examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Word(Struct, frozen=True):
    """What a key means. `default` is what holds without it; None where nothing does."""

    text: str
    default: Any = None
    examples: tuple[Any, ...] = ()


_ANNOTATIONS = {
    "desc": Word("A description for people. It changes nothing."),
    "type": Word("What kind of thing it is, for people and tools.", examples=("model", "dataset")),
    "labels": Word("Labels for people and tools.", examples=(["images", "raw"],)),
    "meta": Word("Whatever you or other tools keep here. It changes nothing."),
}
_FLAGS = {
    **_ANNOTATIONS,
    "cache": Word("Whether the cache keeps it; with `false` it is left to Git.", True),
    "persist": Word("Whether it stays when the stage runs, instead of being removed first.", False),
    "remote": Word("The remote that it is pushed to, instead of the default one.", examples=("storage",)),
    "push": Word("Whether `push` sends it to a remote.", True),
    "checkpoint": Word("Written by older versions of DVC; it is not used any more.", False),
}
_PLOT = {
    "x": Word("The field along the horizontal axis.", examples=("step",)),
    "y": Word("The field along the vertical axis; in `plots` at the top also fields by file.", examples=("loss",)),
    "x_label": Word("What stands at the horizontal axis."),
    "y_label": Word("What stands at the vertical axis."),
    "title": Word("The title above the plot."),
    "template": Word("How it is drawn: the name of a template, or a file.", "linear", ("confusion", "scatter", "simple")),
}
_PIPELINE: Mapping[str, Mapping[str, Word]] = {
    "top": {
        "vars": Word(
            "Values for `${...}`, beside those of `params.yaml`: files, files with keys (`file:key,key`), or mappings.",
            examples=(["settings.yaml", {"epochs": 10}],),
        ),
        "stages": Word("The stages, by name."),
        "params": Word("Files of parameters to show and compare, beside those of stages.", examples=(["params.yaml"],)),
        "metrics": Word("Files of metrics to show and compare, beside those of stages.", examples=(["metrics.json"],)),
        "plots": Word(
            "Plots, by name or by the file that they draw.", examples=([{"loss": {"x": "step", "y": {"log.csv": "loss"}}}],)
        ),
        "artifacts": Word("Things with names for other projects: models, datasets.", examples=({"net": {"path": "model.bin"}},)),
        "datasets": Word(
            "Datasets that stages depend on as `ds://NAME`; `dvx dataset add` writes them.",
            examples=([{"name": "images", "url": "git@example.com:team/data.git", "type": "dvc", "rev": "v2"}],),
        ),
    },
    "stage": {
        **_ANNOTATIONS,
        "cmd": Word(
            "The command, or several that run one after the other.", examples=("python train.py", ["./get.sh", "./sort.sh"])
        ),
        "wdir": Word("The folder in which it runs, and from which its paths begin.", ".", ("models",)),
        "vars": Word("Values for `${...}` in this stage only."),
        "deps": Word("Files and folders that it reads: a change of one makes it run.", examples=(["train.py", "data/features"],)),
        "params": Word(
            "Parameters that it reads: keys of `params.yaml`, or of other files. A change of one makes it run.",
            examples=(["train.lr", {"settings.toml": ["model.layers"]}],),
        ),
        "outs": Word(
            "Files and folders that it writes. The cache keeps them.", examples=(["model.bin", {"log.txt": {"cache": False}}],)
        ),
        "metrics": Word("Files of numbers that it writes.", examples=([{"metrics.json": {"cache": False}}],)),
        "plots": Word("Files that it writes for plots.", examples=([{"loss.csv": {"x": "step", "y": "loss"}}],)),
        "frozen": Word("Whether it never runs, whatever changes.", False),
        "always_changed": Word("Whether it runs each time.", False),
        "matrix": Word(
            "Makes a stage of each combination: `${item.NAME}` is its value.", examples=({"model": ["a", "b"], "seed": [1, 2]},)
        ),
    },
    "native": {
        "run": Word("How the command runs: retries, limits, resources, environment."),
        "map": Word(
            "Runs the command for each file of a folder, or each item of a list: `$DVX_ITEM` is what, `$DVX_OUT` where to.",
            examples=("images", {"over": "images", "to": "{stem}.png"}),
        ),
    },
    "group": {
        "foreach": Word("Makes a stage `NAME@KEY` of each: `${item}` is its value, `${key}` its key.", examples=(["eu", "us"],)),
        "do": Word("What each of these stages is."),
    },
    "output": _FLAGS,
    "plot output": {**_FLAGS, **_PLOT, "header": Word("Whether the first line of a CSV file names its columns.", True)},
    "plot": _PLOT,
    "dataset": {
        "name": Word("What stages call it: `ds://NAME`.", examples=("images",)),
        "url": Word("The repository, or the place in a store.", examples=("git@example.com:team/data.git", "s3://bucket/raw")),
        "type": Word(
            "What it is of: `dvc`, another repository; `url`, a store that keeps versions; `dc`, DataChain.", examples=("dvc",)
        ),
        "path": Word("A file or folder of the repository; all of it without.", examples=("images/train",)),
        "rev": Word("A branch, tag or commit of the repository.", examples=("v2",)),
    },
    "artifact": {**_ANNOTATIONS, "path": Word("The file or folder, relative to this file.", examples=("model.bin",))},
}
_RUN: Mapping[str, Word] = {
    "retry": Word("When a failed command runs again; a number is short for `maximum_attempts`.", examples=(3,)),
    "timeout": Word("An attempt that takes longer is stopped, and has failed.", examples=("30s", "6h")),
    "heartbeat": Word("An attempt that gives no sign of life for that long is stopped, and has failed.", examples=("10m",)),
    "resources": Word(
        "What the stage takes while it runs; any other name is a token.", examples=({"cpu": 4, "memory": "16GiB", "gpu": 1},)
    ),
    "env": Word("Variables for the command. A change of one makes the stage run.", examples=({"OMP_NUM_THREADS": 4},)),
    "shell": Word("The shell that gets the command; yours (`$SHELL`) without it.", examples=("bash",)),
    "snapshot": Word(
        "Whether the command works in a clone of what it reads, which nobody else changes; `copy` copies what cannot be cloned.",
        False,
    ),
    "maximum_attempts": Word("How often the command is tried in all.", 1),
    "initial_interval": Word("The pause before the second attempt.", "1s", ("10s",)),
    "backoff_coefficient": Word("Each pause is so many times the one before.", 2),
    "maximum_interval": Word("No pause is longer; without it, 100 times the first.", examples=("5m",)),
    "non_retryable_exit_codes": Word("Exit codes after which it is not tried again.", examples=([2],)),
}
_ENTRY: Mapping[str, Word] = {
    "path": Word("The file or folder, relative to this file (in a lock: to the folder of the stage)."),
    "hash": Word("The algorithm of the digest."),
    "size": Word("Bytes in all."),
    "nfiles": Word("How many files a folder holds."),
    "isexec": Word("Whether the file may be executed.", False),
    "etag": Word("The ETag of what was imported."),
    "checksum": Word("The checksum that another system gave."),
    "version_id": Word("The version at a remote that keeps versions."),
    "cloud": Word("Where remotes that keep versions have it, by name of the remote."),
    "files": Word("The files of a folder, where each is listed."),
    "fs_config": Word("Options of the file system that it was imported from."),
    "repo": Word("The repository that it was imported from: `url`, `rev`, `rev_lock`..."),
    "db": Word("The query or table that it was imported from."),
    "dataset": Word("The dataset that it depends on."),
    **{key: _FLAGS[key] for key in ("cache", "persist", "remote", "push")},
    **_ANNOTATIONS,
}
_QUERY: Mapping[str, Word] = {
    "connection": Word("The connection to the database, as the configuration calls it: `db.NAME`.", examples=("main",)),
    "query": Word("The SQL query that was asked.", examples=("select * from sales where year = 2026",)),
    "table": Word("The table, all of which was asked for.", examples=("sales",)),
    "file_format": Word("How the answer is written.", "csv", ("json",)),
}
_FILES: Mapping[str, Word] = {
    "md5": Word("A checksum of this file, where it has dependencies."),
    "wdir": Word("The folder from which its paths begin.", "."),
    "deps": Word("What was read: where an import comes from, or what a stage depended on."),
    "outs": Word("What is tracked."),
    "frozen": Word("Whether updates leave it alone.", False),
    "locked": Word("The old name of `frozen`.", False),
    "always_changed": Word("Whether it counts as changed each time.", False),
    "schema": Word("The version of the format of locks."),
    "datasets": Word("The datasets of other systems, as they were."),
    "stages": Word("Each stage as it was when it ran last."),
    "cmd": Word("The command that ran."),
    "params": Word("The values of parameters, by file."),
    "env": Word("The variables of `run.env`."),
    **{key: _ANNOTATIONS[key] for key in ("desc", "meta")},
}


def pipeline_word(table: str, key: str) -> Word:
    """What a key of a table of `pipeline_schema` means."""
    return _PIPELINE[table][key]


def run_word(key: str) -> Word:
    """What a key of `run` means."""
    return _RUN[key]


def entry_word(key: str) -> Word:
    """What a key of one recorded path means; the name of an algorithm is a key, too."""
    return _ENTRY.get(key) or Word(f"The {key} digest of the content; that of a folder ends in `.dir`.")


def query_word(key: str) -> Word:
    """What a key of `db` means."""
    return _QUERY[key]


def file_word(key: str) -> Word:
    """What a key at the top of a pointer or lock, or of a stage of a lock, means."""
    return _FILES[key]
