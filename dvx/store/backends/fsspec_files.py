"""File systems that fsspec and its companions have ready: S3, Azure, Google Cloud Storage, HDFS, memory..."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin

from dvx.errors import ConfigError
from dvx.model.paths import printable
from dvx.store.backends.origins import OtherServer, refuse_redirect
from dvx.store.backends.target import Target
from dvx.store.backends.unreadable import readable_credentials

_PARTS_AT_ONCE = 4
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_AZURE_WORDS = {
    "connection_string": "connection_string",
    "account": "account_name",
    "key": "account_key",
    "sas_token": "sas_token",
}


def open_files(target: Target) -> tuple[Any, str]:
    """The file system of a URL and the path in it.

    Raises:
        ImportError: its package is not installed.
        ValueError, TypeError: the URL or an option is wrong.
    """
    import fsspec

    scheme, options = target.scheme, dict(target.options)
    if scheme.flat:
        options["use_listings_cache"] = False
    if scheme.protocol == "s3":
        _tune_s3(options, target.jobs)
    elif scheme.protocol == "abfs":
        _complete_azure(options)
    elif scheme.protocol == "gs":
        options["session_kwargs"] = {"trace_configs": [_staying()]}
        if options.pop("anon", False):
            options["token"] = "anon"  # noqa: S105  no secret
    url = f"{scheme.protocol}://{target.url.partition('://')[2]}"
    if scheme.protocol == "gs" and "endpoint_url" in options:
        # the library's newer class would ask over gRPC, which only Google speaks, and for a minute, what kind of bucket it is
        from gcsfs.core import GCSFileSystem  # type: ignore[import-untyped]

        return _ask_once(GCSFileSystem(**options)), url.partition("://")[2].rstrip("/")
    files, path = fsspec.core.url_to_fs(url, **options)
    if scheme.protocol == "s3":
        files.retries = 1
    elif scheme.protocol == "abfs":
        _stay_at_azure(files)
    elif scheme.protocol == "gs":
        _ask_once(files)
    return files, str(path)


def _ask_once(files: Any) -> Any:
    """Retries are ours alone: gcsfs would try six times, however long each takes, and print why."""
    files._request = partial(inspect.unwrap(type(files)._request), files)  # noqa: SLF001
    return files


def _tune_s3(options: dict[str, Any], jobs: int) -> None:
    """Bounded waiting: retries are ours alone, or each would be tried as often again by the libraries below."""
    limits: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 60, "retries": {"total_max_attempts": 1}}
    limits |= {"max_pool_connections": jobs * _PARTS_AT_ONCE, "http_session_cls": _staying_session()}
    options["config_kwargs"] = limits | options.get("config_kwargs", {})
    options["max_concurrency"] = _PARTS_AT_ONCE
    options["session"] = _session(options.pop("files", {}), options.pop("profile", None))


def _session(settings: Mapping[str, str], profile: str | None) -> Any:
    """A session that may read its credentials or configuration from given files, and that stays with its server."""
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]

    class Session(AioSession):  # type: ignore[misc]
        async def get_credentials(self) -> Any:
            with readable_credentials():
                return await super().get_credentials()

    session = Session(profile=profile)
    session.get_component("event_emitter").register_first("needs-retry.s3", refuse_redirect)
    for variable, path in settings.items():
        session.set_config_variable(variable, os.path.expanduser(path))
    return session


def _complete_azure(options: dict[str, Any]) -> None:
    """What the options leave open comes from the configuration of Azure's own command, as DVC has it."""
    account = str(options.get("account_name", "x" * 3))
    if not _ACCOUNT.fullmatch(account):
        # it becomes a part of the server's name
        raise ConfigError(f"`account_name` cannot be `{printable(account)}`", "use 3 to 24 lower case letters and digits")
    excluded = options.pop("exclude", {})
    explicit = {"connection_string", "account_key", "sas_token", "client_secret", "anon"}
    if not explicit & options.keys():
        import configparser

        parser = configparser.ConfigParser()
        parser.read(os.path.expanduser("~/.azure/config"))
        section = dict(parser["storage"]) if parser.has_section("storage") else {}
        known = {
            "connection_string": "connection_string",
            "account": "account_name",
            "key": "account_key",
            "sas_token": "sas_token",
        }
        for key, option in known.items():
            if key in section:
                options.setdefault(option, section[key])
    if excluded and not explicit & options.keys():
        from azure.identity.aio import DefaultAzureCredential

        options["credential"] = DefaultAzureCredential(**excluded)


# none of these stores redirects to where its data is; the libraries would follow, with tokens, and with new signatures


def _staying() -> Any:
    """What makes aiohttp refuse to follow a redirect."""
    import aiohttp

    async def refuse(_session: Any, _context: Any, told: Any) -> None:
        location = told.response.headers.get("Location")
        # there is none where an upload is to be continued
        if location:
            raise OtherServer(urljoin(str(told.response.url), location))

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


def _staying_session() -> type:
    """botocore's session over aiohttp, without redirects: an answer that is one is an error of S3."""
    from aiobotocore.httpsession import AIOHTTPSession  # type: ignore[import-untyped]

    class Staying(AIOHTTPSession):  # type: ignore[misc]
        async def _get_session(self, proxy_url: Any) -> Any:
            session = await super()._get_session(proxy_url)
            return SimpleNamespace(request=partial(session.request, allow_redirects=False))

    return Staying


def _stay_at_azure(files: Any) -> None:
    from azure.core.pipeline.policies import AsyncRedirectPolicy

    # only here does it say which policies it has
    for policy in files.service_client._pipeline._impl_policies:  # noqa: SLF001
        if isinstance(policy, AsyncRedirectPolicy):
            policy.allow = False
