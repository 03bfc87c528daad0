"""Credentials stay with the server that they were given for, also where the repository says that a remote is elsewhere now."""

from __future__ import annotations

import contextlib
import re

from dvx.config import RemoteSettings, trust
from dvx.errors import ConfigError
from dvx.model.paths import printable
from dvx.model.setup.power import is_inside, is_way
from dvx.model.setup.settings import Level, is_secret, scheme_of
from dvx.project import Project

_GOOGLE = frozenset({"gs", "gcs"})
_OF_GOOGLE = re.compile(r"https://(?:[a-z0-9-]+\.)*googleapis\.com(?:[:/]|$)")
_PORTS = {"http": 80, "https": 443, "webdav": 80, "webdavs": 443, "ssh": 22}


def guard(project: Project, remote: RemoteSettings) -> None:
    """Refuse to send the user's own credentials to another server than before, where a tracked file alone says so.

    The first use of credentials that were given in this project settles for which server they are.

    Raises:
        ConfigError: the remote leads to another server now, and the user did not say so.
    """
    config = project.config
    names = {place.name.name for place in remote.places}
    given = (one for key, one in config.settings.items() if key.section == "remote" and key.name in names)
    own = [one for one in given if is_secret(one.name) or one.name.option == "credentialpath"]
    if config.root is None or all(one.level is Level.REPO for one in own) or not any(is_inside(place) for place in remote.places):
        return
    server, name = server_of(remote), name_of(remote.name)
    record = trust.load(config.root, config.environ)
    if record.agrees(name, server):
        return
    # what was given in this clone was given for this server; what the user has for all projects was not
    settled = name in record.agreed or any(one.level not in (Level.REPO, Level.LOCAL) for one in own)
    if settled and not all(trust.is_agreed(config, place, None) for place in remote.places):
        what = "another server now" if name in record.agreed else "a server that the repository chose"
        text = f"the remote `{remote.name}` leads to {what}, `{printable(server)}`: your credentials may not be for it"
        raise ConfigError(text, "if they are, run `dvx trust`")
    with contextlib.suppress(OSError):
        trust.change(config.root, config.environ, lambda old: old.agreeing({name: server}))


def options_for(project: Project, remote: RemoteSettings) -> dict[str, str]:
    """The options of a remote, such that this machine's own login at Google goes to no server that a repository chose.

    Whoever gets such a token can use it. Amazon's keys only sign, and nothing logs in by itself elsewhere.
    """
    options = dict(remote.options)
    endpoint = options.get("endpointurl", "")
    if scheme_of(remote.url) not in _GOOGLE or not endpoint or "credentialpath" in options:
        return options
    named = any(place.name.option == "endpointurl" for place in remote.places)
    if not _OF_GOOGLE.match(endpoint) and not (named and project.config.chose(remote)):
        options["allow_anonymous_login"] = "true"
    return options


def name_of(remote: str) -> str:
    """Under which name the record keeps the server that the credentials of a remote are for."""
    return f"credentials.{remote}"


def server_of(remote: RemoteSettings) -> str:
    """What credentials are for: scheme, host, port, the endpoint where it is another, and what a tracked file says of the way."""
    scheme = scheme_of(remote.url)
    host = remote.url.partition("://")[2].partition("/")[0].rpartition("@")[2].lower()
    if scheme in _PORTS and ":" not in host.rpartition("]")[2]:
        host = f"{host}:{_PORTS[scheme]}"
    endpoint = remote.options.get("endpointurl") or remote.options.get("oss_endpoint") or remote.options.get("account_name", "")
    ways = sorted(f"{one.name.option}={one.text}" for one in remote.places if one.level is Level.REPO and is_way(one.name.option))
    return " ".join([f"{scheme}://{host}", *([endpoint] if endpoint else []), *ways])
