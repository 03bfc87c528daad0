"""Schemes: what a remote's URL and options mean to fsspec. Options are named as DVC names them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from dvx.errors import ConfigError, nearest
from dvx.model.setup.options import REACHED
from dvx.model.setup.settings import demand_reached

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_FLAGS = frozenset({"use_ssl", "allow_anonymous_login", "gss_auth", "allow_agent", "cache_regions", "version_aware"})
_SECONDS = frozenset({"timeout", "read_timeout", "connect_timeout", "connection_timeout"})
_NUMBERS = frozenset({"port"})


class Scheme(Struct, frozen=True):
    """One kind of remote. `protocol` is fsspec's name for it; `package` is what to install.

    A `flat` store puts an object at once or not at all, has no folders, and lists any prefix in one go.
    `container` is the word for the first part of its paths, which nobody but the user makes. `lists` says whether it can list.
    `options` maps an option to a dotted argument. Beside OSError its library raises `errors`, and `passing` ones: worth a retry.
    `backend` is the module of `dvx.store.backends` that opens it; `most` is how many connections it bears. `module` is what has
    to be installed for it, which is called like its package.
    """

    protocol: str
    package: str = ""
    flat: bool = False
    container: str = ""
    lists: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    backend: str = "fsspec_files"
    most: int = 64
    module: str = ""


_S3 = {
    "endpointurl": "endpoint_url",
    "access_key_id": "key",
    "secret_access_key": "secret",
    "session_token": "token",
    "profile": "profile",
    "use_ssl": "use_ssl",
    "allow_anonymous_login": "anon",
    "cache_regions": "cache_regions",
    "version_aware": "version_aware",
    "region": "client_kwargs.region_name",
    "ssl_verify": "client_kwargs.verify",
    "read_timeout": "config_kwargs.read_timeout",
    "connect_timeout": "config_kwargs.connect_timeout",
    "sse": "s3_additional_kwargs.ServerSideEncryption",
    "sse_kms_key_id": "s3_additional_kwargs.SSEKMSKeyId",
    "sse_customer_algorithm": "s3_additional_kwargs.SSECustomerAlgorithm",
    "sse_customer_key": "s3_additional_kwargs.SSECustomerKey",
    "acl": "s3_additional_kwargs.ACL",
    "grant_read": "s3_additional_kwargs.GrantRead",
    "grant_read_acp": "s3_additional_kwargs.GrantReadACP",
    "grant_write_acp": "s3_additional_kwargs.GrantWriteACP",
    "grant_full_control": "s3_additional_kwargs.GrantFullControl",
    "credentialpath": "files.credentials_file",
    "configpath": "files.config_file",
}
_GS = {"projectname": "project", "credentialpath": "token", "endpointurl": "endpoint_url", "allow_anonymous_login": "anon"}
_AZURE = {
    name: name
    for name in ("connection_string", "account_name", "account_key", "sas_token", "tenant_id", "client_id", "client_secret")
} | {
    "allow_anonymous_login": "anon",
    "timeout": "timeout",
    "read_timeout": "read_timeout",
    "connection_timeout": "connection_timeout",
    **{
        f"exclude_{name}_credential": f"exclude.exclude_{name}_credential"
        for name in ("environment", "visual_studio_code", "managed_identity")
    },
    "exclude_shared_token_cache_credential": "exclude.exclude_shared_token_cache_credential",
}
_SSH = {
    "user": "username",
    "port": "port",
    "password": "password",
    "passphrase": "passphrase",
    "keyfile": "key_filename",
    "timeout": "timeout",
    "gss_auth": "gss_auth",
    "allow_agent": "allow_agent",
}
_HTTP = {
    name: name
    for name in ("user", "password", "auth", "custom_auth_header", "method", "ssl_verify", "connect_timeout", "read_timeout")
}
_WEBDAV = {
    name: name
    for name in ("user", "password", "token", "custom_auth_header") + ("cert_path", "key_path", "ssl_verify", "timeout")
}
_REQUESTS_PASSING = tuple(f"requests.exceptions.{name}" for name in ("ConnectionError", "Timeout", "ChunkedEncodingError"))
_AZURE_PASSING = (
    "azure.core.exceptions.ServiceRequestError",
    "azure.core.exceptions.ServiceResponseError",
    "aiohttp.ClientError",
)
_DAV, _DAV_PASSING = ("httpx.HTTPError", "httpx.StreamError", "webdav4.client.ClientError"), ("httpx.TransportError",)
_AIOHTTP = ("aiohttp.ClientError",)
_BOTO = ("botocore.exceptions.BotoCoreError", "botocore.exceptions.ClientError", "botocore.parsers.ResponseParserError")
_BOTO_PASSING = ("botocore.exceptions.HTTPClientError", "botocore.exceptions.ConnectionError", *_AIOHTTP)
_WEB = Scheme(
    "http",
    "dvx-vc[http]",
    flat=True,
    lists=False,
    options=_HTTP,
    passing=_REQUESTS_PASSING,
    backend="http",
    most=16,
    module="requests",
)
_DAVS = Scheme(
    "webdav", "dvx-vc[webdav]", options=_WEBDAV, errors=_DAV, passing=_DAV_PASSING, backend="webdav", most=16, module="webdav4"
)
SCHEMES: dict[str, Scheme] = {
    "s3": Scheme(
        "s3",
        "s3fs",
        flat=True,
        container="bucket",
        options=_S3,
        errors=_BOTO,
        passing=_BOTO_PASSING,
        backend="s3",
        module="s3fs",
    ),
    "gs": Scheme(
        "gs",
        "dvx-vc[gs]",
        flat=True,
        container="bucket",
        options=_GS,
        errors=("gcsfs.retry.HttpError", "google.auth.exceptions.GoogleAuthError"),
        passing=(*_AIOHTTP, "requests.exceptions.ProxyError", "google.auth.exceptions.TransportError"),
        module="gcsfs",
    ),
    "azure": Scheme(
        "abfs",
        "dvx-vc[azure]",
        flat=True,
        container="container",
        options=_AZURE,
        errors=("azure.core.exceptions.AzureError",),
        passing=_AZURE_PASSING,
        module="adlfs",
    ),
    "ssh": Scheme(
        "ssh",
        "dvx-vc[ssh]",
        options=_SSH,
        errors=("paramiko.SSHException", "paramiko.SFTPError"),
        passing=("paramiko.SSHException", "builtins.EOFError"),
        backend="sftp",
        most=8,
        module="paramiko",
    ),
    "http": _WEB,
    "https": _WEB,
    "webdav": _DAVS,
    "webdavs": _DAVS,
    "memory": Scheme("memory", flat=True),
}


def scheme_of(url: str) -> str:
    """The scheme of a URL in lower case; empty for a local path."""
    match = _URL.match(url)
    return "" if match is None or match[1].lower() in ("file", "local") else match[1].lower()


def find_scheme(url: str) -> Scheme:
    """What is known of a URL's scheme; raises ConfigError when it is unknown, or known to be out of reach."""
    demand_reached(url)
    name = scheme_of(url)
    if name not in SCHEMES:
        known = [scheme for scheme in REACHED if scheme]
        hint = nearest(name, known) or f"known schemes: {', '.join(sorted(known))}, or a local path"
        raise ConfigError(f"unknown kind of remote: `{name}://`", hint)
    return SCHEMES[name]


def arguments(scheme: Scheme, options: Mapping[str, str]) -> dict[str, Any]:
    """The arguments for fsspec that the options of a remote mean; others (`jobs`, `verify`...) are not for it.

    Raises:
        ConfigError: a value is of the wrong kind.
    """
    found: dict[str, Any] = {}
    for option, target in scheme.options.items():
        if option in options:
            place = found
            *folders, last = target.split(".")
            for folder in folders:
                place = place.setdefault(folder, {})
            place[last] = _value(option, options[option])
    extra = found.get("s3_additional_kwargs", {})
    if "SSECustomerKey" in extra:
        extra.setdefault("SSECustomerAlgorithm", "AES256")
    return found


def _value(option: str, text: str) -> Any:
    lowered = str(text).lower()
    if option in _SECONDS:
        try:
            return float(text)
        except ValueError:
            raise ConfigError(f"the remote option `{option}` is a number of seconds, not `{text}`") from None
    if option in _FLAGS or option.startswith("exclude_") or (option == "ssl_verify" and lowered in ("true", "false")):
        if lowered not in ("true", "false"):
            raise ConfigError(f"the remote option `{option}` is `true` or `false`, not `{text}`")
        return lowered == "true"
    if option in _NUMBERS:
        if not lowered.isdecimal():
            raise ConfigError(f"the remote option `{option}` is a number, not `{text}`")
        return int(lowered)
    if option == "sse_customer_key":
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ConfigError(f"the remote option `{option}` is not base64") from None
    return text
