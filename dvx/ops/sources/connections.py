"""Connections to remotes: the one way to open what a remote's settings describe."""

from __future__ import annotations

from dvx.config import RemoteSettings
from dvx.errors import ConfigError
from dvx.ops.sources.credentials import guard, options_for
from dvx.project import Project
from dvx.shell import output_of
from dvx.store.remotes.remote import Remote, open_remote


def connect(project: Project, settings: RemoteSettings, jobs: int) -> Remote:
    """The remote that `settings` describe; the network is not touched yet. Raises like `store.remotes.remote.open_remote`."""
    guard(project, settings)
    options = options_for(project, settings)
    if "bearer_token_command" in options:
        options["token"] = _token(settings.name, options.pop("bearer_token_command"))
    return open_remote(settings.name, settings.url, options, jobs or settings.jobs, project.ask, project.config.environ)


def _token(name: str, command: str) -> str:
    token = output_of(command)
    if not token:
        raise ConfigError(f"the `bearer_token_command` of the remote `{name}` gave no token", "run it by hand to see why")
    return token
