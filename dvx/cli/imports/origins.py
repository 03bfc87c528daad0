"""What the user types of another repository: its revision, and the configuration and remote that its data is at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from dvx.errors import UsageError
from dvx.model.tracked.origin import Origin

ConfigOption = Annotated[str, typer.Option("--config", help="Configuration file to use with the other repository.")]
SourceRemoteOption = Annotated[str, typer.Option("--remote", help="Remote of the other repository to download from.")]
RemoteConfigOption = Annotated[
    list[str] | None,
    typer.Option(
        "--remote-config",
        metavar="NAME=VALUE",
        help="Option for the other repository's remote; can be repeated.",
        show_default=False,
    ),
]


def origin_of(url: str, path: str, rev: str, config: str, remote: str, words: Sequence[str] | None) -> Origin:
    """Another repository as the options name it; raises UsageError."""
    options = {}
    if words:
        from dvx.ops.sources.urls import parse_options

        options = parse_options(list(words), "--remote-config")
    if config and options and remote:
        raise UsageError("`--config` says all that `--remote` with `--remote-config` can", "leave one out")
    if options and remote:
        return Origin(url, path, rev, config={"remote": {remote: options}, "core": {"remote": remote}})
    return Origin(url, path, rev, config=config, remote=options or remote)
