"""Uploads of large objects to S3 in parts, which go on where an earlier try was cut off.

An upload that was cut off stays at the server, with the parts that arrived. The next one of that object takes over those
whose bytes are right, by their MD5, and sends the others. It is ended for good by success, or by an error that will not pass.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.config  # type: ignore[import-untyped]
import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]

_LEAST = 16 << 20
_MOST_PARTS = 9_000
_AT_ONCE = 4
_DEFINITE = (400, 401, 403, 404, 405, 411, 412, 413)
Moved = Callable[[int], None]


class Multipart:
    """Uploads to one bucket. `options` are those of `S3Files`; threads may share it."""

    def __init__(self, bucket: str, options: dict[str, Any]) -> None:
        limits = {"connect_timeout": 5, "read_timeout": 60} | options["config_kwargs"]
        config = botocore.config.Config(
            retries={"total_max_attempts": 1}, max_pool_connections=4 * _AT_ONCE, s3={"addressing_style": "path"}, **limits
        )
        if options.get("anon"):
            config = config.merge(botocore.config.Config(signature_version=botocore.UNSIGNED))
        self._bucket = bucket
        self._client: Any = botocore.session.Session().create_client(
            "s3",
            aws_access_key_id=options.get("key"),
            aws_secret_access_key=options.get("secret"),
            aws_session_token=options.get("token"),
            endpoint_url=options.get("endpoint_url"),
            use_ssl=options.get("use_ssl", True),
            config=config,
            **options["client_kwargs"],
        )

    def upload(self, local: str, key: str, moved: Moved) -> None:
        """Copy a local file to `key`; `moved` is told how many bytes are there, those of an earlier try at once.

        Raises:
            botocore's errors.
        """
        size = os.path.getsize(local)
        part = max(_LEAST, -(-size // _MOST_PARTS))
        upload, there = self._resume(key)
        try:
            pool = ThreadPoolExecutor(_AT_ONCE)
            try:
                count = -(-size // part)
                work = [pool.submit(self._part, local, key, upload, number, part, there, moved) for number in range(1, count + 1)]
                done = [{"PartNumber": number, "ETag": each.result()} for number, each in enumerate(work, 1)]
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
            self._client.complete_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": done})
        except botocore.exceptions.ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _DEFINITE:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
            raise

    def _resume(self, key: str) -> tuple[str, dict[int, tuple[int, str]]]:
        """The upload to go on with, and its parts: their sizes and MD5s; or a new one. Others of the same key are ended."""
        listed = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key).get("Uploads", [])
        ours = sorted((one for one in listed if one["Key"] == key), key=lambda one: str(one.get("Initiated", "")))
        if not ours:
            return str(self._client.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]), {}
        upload = str(ours[-1]["UploadId"])
        found: dict[int, tuple[int, str]] = {}
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload)
        for page in pages:
            found |= {one["PartNumber"]: (one["Size"], one["ETag"].strip('"')) for one in page.get("Parts", [])}
        return upload, found

    def _part(
        self, local: str, key: str, upload: str, number: int, length: int, there: dict[int, tuple[int, str]], moved: Moved
    ) -> str:
        with open(local, "rb") as file:
            file.seek((number - 1) * length)
            data = file.read(length)
        known = there.get(number)
        if known is None or known != (len(data), hashlib.md5(data, usedforsecurity=False).hexdigest()):
            answer = self._client.upload_part(Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)
            etag = str(answer["ETag"])
        else:
            etag = f'"{known[1]}"'
        moved(len(data))
        return etag
