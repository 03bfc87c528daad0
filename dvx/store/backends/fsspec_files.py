"""File systems that fsspec and its companions have ready: S3, Azure, Google Cloud Storage, HDFS, memory..."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dvx.store.backends.target import Target

_PARTS_AT_ONCE = 4
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
    elif scheme.protocol == "gs" and options.pop("anon", False):
        options["token"] = "anon"  # noqa: S105  no secret
    files, path = fsspec.core.url_to_fs(f"{scheme.protocol}://{target.url.partition('://')[2]}", **options)
    if scheme.protocol == "s3":
        files.retries = 1
    return files, str(path)


def _tune_s3(options: dict[str, Any], jobs: int) -> None:
    """Bounded waiting: retries are ours alone, or each would be tried as often again by the libraries below."""
    limits = {"connect_timeout": 5, "read_timeout": 60, "retries": {"total_max_attempts": 1}}
    options["config_kwargs"] = limits | {"max_pool_connections": jobs * _PARTS_AT_ONCE} | options.get("config_kwargs", {})
    options["max_concurrency"] = _PARTS_AT_ONCE
    if "files" in options:
        options["session"] = _session(options.pop("files"), options.pop("profile", None))


def _session(settings: Mapping[str, str], profile: str | None) -> Any:
    """A session that reads its credentials or configuration from given files."""
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]

    session = AioSession(profile=profile)
    for variable, path in settings.items():
        session.set_config_variable(variable, os.path.expanduser(path))
    return session


def _complete_azure(options: dict[str, Any]) -> None:
    """What the options leave open comes from the configuration of Azure's own command, as DVC has it."""
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
