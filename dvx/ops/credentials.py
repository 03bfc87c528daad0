"""Credentials stay with the server that they were given for, also where the repository says that a remote is elsewhere now."""

from __future__ import annotations

import contextlib

from dvx.config import RemoteSettings, trust
from dvx.errors import ConfigError
from dvx.model.paths import printable
from dvx.model.power import is_inside
from dvx.model.settings import Level, is_secret, scheme_of
from dvx.project import Project

_PORTS = {"http": 80, "https": 443, "webdav": 80, "webdavs": 443, "ssh": 22}


def guard(project: Project, remote: RemoteSettings) -> None:
    """Refuse to send the user's own credentials to another server than before, where a tracked file alone says so.

    The first use of credentials settles for which server they are.

    Raises:
        ConfigError: the remote leads to another server now, and the user did not say so.
    """
    config = project.config
    names = {url.name.name for url in remote.urls}
    own = [one for key, one in config.settings.items() if key.section == "remote" and key.name in names and is_secret(key)]
    if config.root is None or all(one.level is Level.REPO for one in own) or not any(is_inside(url) for url in remote.urls):
        return
    server, name = server_of(remote), name_of(remote.name)
    record = trust.load(config.root, config.environ)
    if record.agrees(name, server):
        return
    if name in record.agreed and not all(trust.is_agreed(config, url, None) for url in remote.urls):
        text = f"the remote `{remote.name}` leads to another server now, `{printable(server)}`, than your credentials are for"
        raise ConfigError(text, "if they are for that one, too, run `dvx trust`")
    with contextlib.suppress(OSError):
        trust.change(config.root, config.environ, lambda old: old.agreeing({name: server}))


def name_of(remote: str) -> str:
    """Under which name the record keeps the server that the credentials of a remote are for."""
    return f"credentials.{remote}"


def server_of(remote: RemoteSettings) -> str:
    """What credentials are for: scheme, host and port, and the endpoint where it is another."""
    scheme = scheme_of(remote.url)
    host = remote.url.partition("://")[2].partition("/")[0].rpartition("@")[2].lower()
    if scheme in _PORTS and ":" not in host.rpartition("]")[2]:
        host = f"{host}:{_PORTS[scheme]}"
    return f"{scheme}://{host} {remote.options.get('endpointurl', '')}".rstrip()
