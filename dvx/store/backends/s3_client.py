"""Botocore's client for S3: what obstore cannot do, or not slowly enough."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import botocore.config  # type: ignore[import-untyped]
import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]
from msgspec import Struct

from dvx.store.backends.answers import refusal
from dvx.store.backends.origins import refuse_redirect
from dvx.store.backends.unreadable import readable_credentials

ClientError: type[Exception] = botocore.exceptions.ClientError


class BucketPlace(Struct, frozen=True):
    """A remote's bucket and the path in it, and the `options` for s3fs; `jobs` is how many requests it gets at once."""

    bucket: str
    root: str
    options: dict[str, Any]
    jobs: int


class Client:
    """Asks S3 at a place; threads share it. Raises botocore's errors."""

    def __init__(self, place: BucketPlace) -> None:
        self.place = place
        self._client = _client(place)
        self._extra = place.options.get("s3_additional_kwargs", {})

    def ask(self, operation: str, words: dict[str, Any]) -> dict[str, Any]:
        """Call an operation, with those of the remote's options (encryption, access) that it takes."""
        known = self._client.meta.service_model.operation_model(operation).input_shape.members
        extra = {name: value for name, value in self._extra.items() if name in known}
        answer: dict[str, Any] = getattr(self._client, botocore.xform_name(operation))(Bucket=self.place.bucket, **extra, **words)
        return answer

    def all(self, operation: str, words: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """What all pages of a listing have as `key`."""
        pages = self._client.get_paginator(operation).paginate(Bucket=self.place.bucket, **words)
        return [one for page in pages for one in page.get(key, [])]


@contextlib.contextmanager
def translated(key: str) -> Iterator[None]:
    """Botocore's errors become those of Python's own that say the same."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        said = error.response.get("Error", {})
        reason = f"{said.get('Message') or 'the server refuses'} ({said.get('Code')})"
        raise refusal(status_of(error), reason, key, code_of(error)) from error
    except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError) as error:
        raise ConnectionError(str(error)) from error


def status_of(error: Any) -> int:
    """The HTTP status of a ClientError."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: Any) -> str:
    """S3's own word for a ClientError."""
    return str(error.response.get("Error", {}).get("Code", ""))


class _Session(botocore.session.Session):  # type: ignore[misc]
    """A session that says so where credentials cannot be read, such as those of a command that prints something else."""

    def get_credentials(self) -> Any:
        with readable_credentials():
            return super().get_credentials()


def _client(place: BucketPlace) -> Any:
    """Botocore's client; keys that no option gives come from where it finds them."""
    options = place.options
    config = botocore.config.Config(
        retries={"total_max_attempts": 1},
        max_pool_connections=2 * place.jobs,
        s3={"addressing_style": "path"},
        # the MD5s that we send are understood everywhere
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        **{"connect_timeout": 5, "read_timeout": 60, **options.get("config_kwargs", {})},
    )
    if options.get("anon"):
        config = config.merge(botocore.config.Config(signature_version=botocore.UNSIGNED))
    session = _Session(profile=options.get("profile"))
    for variable, file in options.get("files", {}).items():
        session.set_config_variable(variable, os.path.expanduser(file))
    client = session.create_client(
        "s3",
        aws_access_key_id=options.get("key"),
        aws_secret_access_key=options.get("secret"),
        aws_session_token=options.get("token"),
        endpoint_url=options.get("endpoint_url"),
        use_ssl=options.get("use_ssl", True),
        config=config,
        **options.get("client_kwargs", {}),
    )
    client.meta.events.register_first("needs-retry.s3", refuse_redirect)
    for operation in ("PutObject", "UploadPart"):
        client.meta.events.register(f"before-sign.s3.{operation}", _sign_md5)
    return client


def _sign_md5(request: Any, **_: Any) -> None:
    """Let the signature cover a body by its MD5, where that is sent. Else botocore hashes it once more, by SHA-256, to send it
    over plain HTTP, and the server does, too; over HTTPS that is botocore's own way."""
    if "Content-MD5" in request.headers:
        config = request.context["client_config"]
        signing = botocore.config.Config(s3={**(config.s3 or {}), "payload_signing_enabled": False})
        request.context["client_config"] = config.merge(signing)
