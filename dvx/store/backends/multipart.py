"""Uploads to S3 that take long, by botocore: its limits are for each piece that is sent, obstore's for the whole body.

A large object goes in parts. An upload that was cut off stays at the server, with the parts that arrived. The next one of
that object takes over those whose bytes are right, by their MD5, and sends the others. It is ended for good by success, by an
error that will not pass, or by the first large upload of a later process when it is a week old.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from msgspec import Struct

from dvx.store.backends.answers import Busy
from dvx.store.backends.s3_client import BucketPlace, Client, ClientError, code_of, status_of, translated
from dvx.store.remotes.crowd import Crowd

_LEAST = 16 << 20
_MOST_PARTS = 9_000
_CHUNK = 1 << 20
_KEPT = timedelta(days=7)
_DEFINITE = (400, 401, 403, 404, 405, 411, 412, 413, 507)
_MAY_NOT = (400, 403, 405, 501)
Moved = Callable[[int], None]


class Uploads:
    """Uploads to one remote; threads share it. Errors are Python's own, and botocore's about credentials."""

    def __init__(self, place: BucketPlace) -> None:
        self._client = Client(place)
        self._pool = Crowd(place.jobs)
        self._guard = threading.Lock()
        self._begun: dict[str, str] | None = None

    def put(self, data: bytes, key: str) -> None:
        """Write an object in one go."""
        hasher = hashlib.md5(data, usedforsecurity=False)
        with translated(key):
            self._send("PutObject", io.BytesIO(data), hasher, {"Key": key})

    def upload(self, local: str, key: str, moved: Moved) -> None:
        """Copy a local file to `key`; `moved` is told how many bytes are there, those of an earlier try at once."""
        size = os.path.getsize(local)
        length = max(_LEAST, -(-size // _MOST_PARTS))
        count = -(-size // length)
        with translated(key):
            upload = self._begin(key)
            try:
                there = self._parts(key, upload)
                parts = [_Part(local, key, upload, number, length, there.get(number)) for number in range(1, count + 1)]
                done = self._all(parts, moved)
                self._client.ask("CompleteMultipartUpload", {"Key": key, "UploadId": upload, "MultipartUpload": {"Parts": done}})
            except ClientError as error:
                # another process may have completed it, or the answer to our own completion was lost
                if code_of(error) != "NoSuchUpload" or not self._is_whole(key, size, count):
                    self._give_up(key, upload, error)
                    raise
            self._forget(key)
            if not self._is_whole(key, size):
                raise Busy(f"what arrived has not the {size} bytes that were sent")

    def _all(self, parts: list[_Part], moved: Moved) -> list[dict[str, Any]]:
        """Send the parts of an object, unless they are there; returns how S3 is told of them."""
        work: list[Future[str]] = [self._pool.submit(self._one, part, moved) for part in parts]
        try:
            return [{"PartNumber": part.number, "ETag": each.result()} for part, each in zip(parts, work, strict=True)]
        except ClientError:
            _cancel(work)
            wait(work)
            raise
        except BaseException:
            _cancel(work)
            raise

    def _one(self, part: _Part, moved: Moved) -> str:
        with open(part.local, "rb") as file:
            body = _Slice(file, (part.number - 1) * part.length, part.length)
            hasher = hashlib.md5(usedforsecurity=False)
            while chunk := body.read(_CHUNK):
                hasher.update(chunk)
            size, md5 = body.seek(0, os.SEEK_END), hasher.hexdigest()
            etag = f'"{md5}"'
            if part.there != (size, md5):
                where = {"Key": part.key, "UploadId": part.upload, "PartNumber": part.number}
                etag = self._send("UploadPart", body, hasher, where)
        moved(size)
        return etag

    def _send(self, operation: str, body: Any, hasher: Any, where: dict[str, Any]) -> str:
        """Send bytes with their MD5, which the server compares; what it says it has is compared, where that is an MD5."""
        body.seek(0)
        md5 = base64.b64encode(hasher.digest()).decode()
        answer = self._client.ask(operation, {**where, "Body": body, "ContentMD5": md5})
        etag = str(answer["ETag"])
        plain = answer.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in answer
        if plain and len(etag.strip('"')) == len(hasher.hexdigest()) and etag.strip('"').lower() != hasher.hexdigest():
            raise Busy("what arrived are not the bytes that were sent")
        return etag

    def _begin(self, key: str) -> str:
        """The upload to go on with, or a new one."""
        with self._guard:
            if self._begun is None:
                self._begun = self._listed()
            upload = self._begun.get(key)
        if upload is None:
            upload = str(self._client.ask("CreateMultipartUpload", {"Key": key})["UploadId"])
            with self._guard:
                self._begun[key] = upload
        return upload

    def _listed(self) -> dict[str, str]:
        """The uploads that were begun, the newest of each key. Old ones are ended."""
        found: dict[str, str] = {}
        root = self._client.place.root
        try:
            listed = self._client.all("list_multipart_uploads", {"Prefix": f"{root}/" if root else ""}, "Uploads")
        except ClientError as error:
            if status_of(error) not in _MAY_NOT:
                raise
            return {}  # who may not list them begins anew
        for one in sorted(listed, key=_age):
            if datetime.now(UTC) - _age(one) > _KEPT:
                self._abort(one["Key"], one["UploadId"])
            else:
                found[one["Key"]] = one["UploadId"]
        return found

    def _parts(self, key: str, upload: str) -> dict[int, tuple[int, str]]:
        """The parts that are there: their sizes and MD5s."""
        try:
            listed = self._client.all("list_parts", {"Key": key, "UploadId": upload}, "Parts")
            return {one["PartNumber"]: (one["Size"], one["ETag"].strip('"')) for one in listed}
        except ClientError as error:
            if status_of(error) not in _MAY_NOT:
                raise
            return {}

    def _is_whole(self, key: str, size: int, count: int = 0) -> bool:
        """Whether there is an object of that size, made of `count` parts."""
        try:
            answer = self._client.ask("HeadObject", {"Key": key})
        except ClientError as error:
            if status_of(error) not in (403, 404):
                raise
            # who may not look has the server's word for it
            return status_of(error) == 403 and not count
        return answer["ContentLength"] == size and (not count or str(answer["ETag"]).strip('"').endswith(f"-{count}"))

    def _give_up(self, key: str, upload: str, error: Exception) -> None:
        if status_of(error) in _DEFINITE:
            self._abort(key, upload)
            self._forget(key)

    def _abort(self, key: str, upload: str) -> None:
        with contextlib.suppress(ClientError):
            self._client.ask("AbortMultipartUpload", {"Key": key, "UploadId": upload})

    def _forget(self, key: str) -> None:
        with self._guard:
            if self._begun is not None:
                self._begun.pop(key, None)


class _Part(Struct, frozen=True):
    """A part of a file on its way; `there` is the size and MD5 of what the server has of it."""

    local: str
    key: str
    upload: str
    number: int
    length: int
    there: tuple[int, str] | None


class _Slice(io.RawIOBase):
    """Part of an open file as a file of its own, so that no part is ever in memory as a whole."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._length = max(0, min(length, os.fstat(file.fileno()).st_size - start))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._length - self._at)
        data = os.pread(self._file.fileno(), left if size < 0 else min(size, left), self._start + self._at)
        self._at += len(data)
        return data


def _age(listed: dict[str, Any]) -> datetime:
    found = listed.get("Initiated")
    return found if isinstance(found, datetime) else datetime.now(UTC)


def _cancel(work: list[Future[str]]) -> None:
    for each in work:
        each.cancel()
