"""VersionedRemote: files under their own names in a bucket that keeps every version of each of them.

What was uploaded is known by the id that the store gave to exactly these bytes, never by a later look at the newest one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from dvx.errors import ConfigError, RemoteError, quoted
from dvx.model.transfer.versioned import Version
from dvx.store import files
from dvx.store.remotes.crowd import each
from dvx.store.remotes.network import NetworkRemote
from dvx.store.remotes.remote import Remote
from dvx.store.remotes.schemes import scheme_of
from dvx.store.verify import Check

T = TypeVar("T")
_BLOCK = 8 << 20
_PARTS = 9_000
_FEW = 32
NO_VERSION = (None, "", "null")
"""What stores say of a file that has no versions."""
_QUERY = "?versionId="


class VersionedRemote:
    """Files by their `/`-separated path below the URL. Threads may share it."""

    def __init__(self, remote: NetworkRemote) -> None:
        self.remote = remote

    def check(self) -> None:
        """Refuse a bucket that says it keeps no versions; whoever may not ask it finds out with the first upload."""
        try:
            answer = self.remote.direct(lambda store, root: store.call_s3("get_bucket_versioning", Bucket=_bucket(root)))
        except (RemoteError, FileNotFoundError):
            return  # the first upload says it better
        if answer.get("Status") != "Enabled":
            raise self._unversioned()

    def existing(self, wanted: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the (path, version id) that are there. The remote is asked; raises RemoteError."""
        if len(wanted) > _FEW:
            return set(wanted) & {(name, row["VersionId"]) for name, row in self._rows("")}
        answers = each(self._has, wanted, min(self.remote.jobs, len(wanted)))
        return {pair for pair, there in zip(wanted, answers, strict=True) if there}

    def latest(self, path: str) -> dict[str, Version]:
        """What is at `path` now: the newest versions of the files below it by their path there; `""` is the file itself."""
        try:
            return {"": self._newest(path)}
        except FileNotFoundError:
            rows = self._rows(f"{path}/")
        return {
            name: self._version(row["VersionId"], row["ETag"])
            for name, row in rows
            if row.get("IsLatest") and name and not name.endswith("/")
        }

    def upload(self, local: str, path: str, check: Check) -> Version:
        """Copy a local file to `path` and tell the version that this made.

        Raises:
            Corrupted: the bytes are not those that `check` expects; there is no new version then.
            RemoteError: the bucket keeps no versions.
            FileNotFoundError: there is no such local file.
        """
        size = os.stat(local).st_size
        if size > _BLOCK:
            return self._upload_parts(local, path, check, size)
        data = files.read(local)
        check.feed(data)
        check.finish()
        answer = self._ask(lambda store, root: store.call_s3("put_object", Bucket=_bucket(root), Key=_key(root, path), Body=data))
        check.moved(size)
        return self._version(answer.get("VersionId"), answer.get("ETag"))

    def name_of(self, path: str, version: Version) -> str:
        """What one version of a file is called at `remote`, for reading."""
        return versioned_name(path, version.id)

    def _upload_parts(self, local: str, path: str, check: Check, size: int) -> Version:
        part = max(_BLOCK, size // _PARTS + 1)

        def send(store: Any, root: str) -> str | None:
            # every try reads, and hashes, the whole file
            tried = Check(check.digest, None)
            sent = 0
            target = store.open(f"{root}/{path}", "wb", block_size=part)
            try:
                for chunk in _chunks(local):
                    tried.feed(chunk)
                    target.write(chunk)
                    check.moved(len(chunk))
                    sent += len(chunk)
                tried.finish()
                target.close()
            except BaseException:
                # without this the garbage collector would complete the upload
                target.discard()
                target.closed = True
                check.moved(-sent)
                raise
            found: str | None = target.version_id
            return found

        version = self._version(self._ask(send), "")
        answer = self._ask(lambda store, root: _head(store, root, path, version.id))
        return self._version(version.id, answer.get("ETag"))

    def _newest(self, path: str) -> Version:
        answer = self.remote.direct(lambda store, root: store.call_s3("head_object", Bucket=_bucket(root), Key=_key(root, path)))
        return self._version(answer.get("VersionId"), answer.get("ETag"))

    def _ask(self, call: Callable[[Any, str], T]) -> T:
        """Ask for what is there as long as the bucket is."""
        try:
            return self.remote.direct(call)
        except FileNotFoundError:
            where, name = self.remote.direct(lambda _, root: _bucket(root)), self.remote.name
            text = f"the bucket `{where}` of the remote `{name}` does not exist"
            raise RemoteError(text, f"make it, or correct `{self.remote.url}`") from None

    def _version(self, made: Any, etag: Any) -> Version:
        if made in NO_VERSION:
            raise self._unversioned()
        return Version(str(made), str(etag or "").strip('"'))

    def _has(self, wanted: tuple[str, str]) -> bool:
        try:
            self.remote.direct(lambda store, root: _head(store, root, *wanted))
        except FileNotFoundError:
            return False
        return True

    def _rows(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """What the store tells of every version of every file whose path begins with `prefix`, by the rest of the path."""
        marker: dict[str, str] = {}
        while True:
            skip, page = self.remote.direct(partial(_page, prefix, marker))
            for row in page.get("Versions") or ():
                yield row["Key"][skip:], row
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}

    def _unversioned(self) -> ConfigError:
        name = self.remote.name
        where = self.remote.direct(lambda _, root: _bucket(root))
        hint = f"turn versioning on there, or run `dvx remote modify {quoted(name)} version_aware false`"
        return ConfigError(f"the bucket `{where}` of the remote `{name}` keeps no versions", hint)


def versioned_name(path: str, version: str) -> str:
    """What one version of a file is called at a remote that was opened with `version_aware`, for reading."""
    return f"{path}{_QUERY}{version}"


def is_versioned(options: Mapping[str, str]) -> bool:
    """Whether a remote keeps files under their own names, and each version of them.

    Raises:
        ConfigError: the options contradict each other.
    """
    aware, worktree = (options.get(name, "").lower() for name in ("version_aware", "worktree"))
    if worktree == "true" and aware == "false":
        raise ConfigError("a remote with `worktree` needs `version_aware`", "remove `version_aware = false`")
    return "true" in (aware, worktree)


def is_worktree(options: Mapping[str, str]) -> bool:
    """Whether what others change at a remote comes in by updates."""
    return options.get("worktree", "").lower() == "true"


def open_versioned(name: str, url: str, connect: Callable[[], Remote]) -> VersionedRemote:
    """The remote at `url`, which `connect` opens; that asks for no secret where the URL is of the wrong kind.

    Raises:
        ConfigError: only S3 keeps versions here.
    """
    if scheme_of(url) == "s3":
        remote = connect()
        if isinstance(remote, NetworkRemote):
            return VersionedRemote(remote)
    raise ConfigError(
        f"the remote `{name}` cannot keep versions: only `s3://` ones can",
        f"run `dvx remote modify {quoted(name)} version_aware false` (or `worktree false`)",
    )


def _bucket(root: str) -> str:
    return root.partition("/")[0]


def _key(root: str, path: str) -> str:
    prefix = root.partition("/")[2]
    return f"{prefix}/{path}" if prefix else path


def _head(store: Any, root: str, path: str, version: str) -> Any:
    return store.call_s3("head_object", Bucket=_bucket(root), Key=_key(root, path), VersionId=version)


def _page(below: str, marker: Mapping[str, str], store: Any, root: str) -> tuple[int, Any]:
    prefix = _key(root, below)
    return len(prefix), store.call_s3("list_object_versions", Bucket=_bucket(root), Prefix=prefix, **marker)


def _chunks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(files.CHUNK):
            yield chunk
