"""S3, through obstore where it can do what the options ask for, else through s3fs.

obstore needs an eighth of botocore's CPU time for a request, and nothing of its half second at the start. What it cannot do
is left to botocore, which knows every way to get credentials: roles, single sign-on, the metadata of machines.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from dvx.store.backends import fsspec_files
from dvx.store.backends.answers import refusal
from dvx.store.backends.target import Target

if TYPE_CHECKING:
    from dvx.store.backends.multipart import Uploads

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_KNOWN = frozenset(
    {"endpoint_url", "key", "secret", "token", "use_ssl", "anon", "client_kwargs", "config_kwargs", "cache_regions"}
)
_BORROWED = frozenset({"profile", "files"})
_INDIRECT = frozenset(
    {"role_arn", "sso_session", "sso_start_url", "credential_process", "source_profile", "endpoint_url", "services"}
)
_PROXIES = frozenset({"http_proxy", "all_proxy"})
_STATUS = re.compile(r"status code: (\d+)")
_KIND = re.compile(r"HttpError \{\s*kind: (\w+)")
_CODE = re.compile(r"<Code>(.*?)</Code>(?:\s*<Message>(.*?)</Message>)?", re.DOTALL)
# obstore's read timeout is for all of an upload: what may take long on a slow line goes another way
_QUICK = 256 << 10


def open_files(target: Target) -> tuple[Any, str]:
    """The file system of a URL and the path in it. Raises like `fsspec_files.open_files`."""
    path = target.url.partition("://")[2].strip("/")
    bucket, _, root = path.partition("/")
    options = _direct(target)
    if options is None or any(part in ("", ".", "..") for part in path.split("/")):
        files, path = fsspec_files.open_files(target)
        files.put_large = Slow(bucket, root, target.options, target.jobs).put_large
        return files, path
    proxied = any(name.lower() in _PROXIES for name in target.environ)
    return S3Files(bucket, options, Slow(bucket, root, options, target.jobs), proxied=proxied), path


class Slow:
    """Uploads that may take long; botocore is loaded when the first is made. Threads share it."""

    def __init__(self, bucket: str, root: str, options: dict[str, Any], jobs: int) -> None:
        self._bucket, self._root, self._options, self._jobs = bucket, root, options, jobs
        self._guard = threading.Lock()
        self._made: Uploads | None = None

    def put_large(self, local: str, path: str, moved: Callable[[int], None]) -> None:
        """Copy a large file, in parts; `moved` is told how many bytes went."""
        self._uploads().upload(local, path.partition("/")[2], moved)

    def put(self, data: bytes, path: str) -> None:
        """Write an object in one go."""
        self._uploads().put(data, path.partition("/")[2])

    def _uploads(self) -> Uploads:
        from dvx.store.backends.multipart import Uploads
        from dvx.store.backends.s3_client import BucketPlace

        with self._guard:
            if self._made is None:
                self._made = Uploads(BucketPlace(self._bucket, self._root, self._options, self._jobs))
            return self._made


class S3Files:
    """The objects of a bucket by `bucket/key`. Threads may share it. `proxied` says that a proxy may stand between."""

    def __init__(self, bucket: str, options: dict[str, Any], slow: Slow, *, proxied: bool) -> None:
        self._bucket = bucket
        self.put_large = slow.put_large
        self._slow = slow
        client, config = options["client_kwargs"], options["config_kwargs"]
        endpoint = options.get("endpoint_url") or ("" if options.get("use_ssl", True) else "http://s3.amazonaws.com")
        plain = endpoint.startswith("http://")
        limits = {
            "allow_http": plain,
            # where none is ever shown, the system's own need not be read, which takes longer than a request
            "allow_invalid_certificates": client.get("verify") is False or (plain and not proxied),
            "connect_timeout": timedelta(seconds=config.get("connect_timeout", _CONNECT_SECONDS)),
            "read_timeout": timedelta(seconds=config.get("read_timeout", _READ_SECONDS)),
            "timeout": timedelta(days=1),
        }
        settings = {
            "access_key_id": options.get("key"),
            "secret_access_key": options.get("secret"),
            "token": options.get("token"),
            "region": client.get("region_name"),
            "endpoint": endpoint,
            "skip_signature": options.get("anon", False),
            # the server checks what arrives
            "checksum_algorithm": "SHA256",
        }
        self._store = S3Store(
            bucket,
            config={key: value for key, value in settings.items() if value},  # type: ignore[arg-type]
            client_options=limits,  # type: ignore[arg-type]
            retry_config={"max_retries": 0, "retry_timeout": timedelta(0)},
        )

    def info(self, path: str) -> dict[str, Any]:
        """Size and time of an object."""
        with _translated(path):
            return self._info(path, obstore.head(self._store, self._key(path)))

    def find(self, path: str, detail: bool = True) -> dict[str, dict[str, Any]]:  # noqa: ARG002  fsspec's
        """All objects below a path, without those that only mark a folder."""
        found: dict[str, dict[str, Any]] = {}
        with _translated(path):
            for page in obstore.list(self._store, self._key(path) or None, chunk_size=1000):
                found |= {f"{self._bucket}/{one['path']}": self._info(f"{self._bucket}/{one['path']}", one) for one in page}
            # an empty object whose name ends in a slash is one, which obstore does not tell: it leaves the slash out
            found.pop(path, None)
            for folder in {name.rpartition("/")[0] for name, info in found.items() if not info["size"]}:
                for name in obstore.list_with_delimiter(self._store, self._key(folder) or None)["common_prefixes"]:
                    found.pop(f"{self._bucket}/{name}", None)
        return found

    def exists(self, path: str) -> bool:
        """Whether there is an object, or the bucket."""
        try:
            with _translated(path):
                if path == self._bucket:
                    next(iter(obstore.list(self._store, chunk_size=1)), None)
                else:
                    obstore.head(self._store, self._key(path))
        except FileNotFoundError:
            return False
        return True

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of an object, or part of them."""
        with _translated(path):
            if end is None:
                return bytes(obstore.get(self._store, self._key(path)).bytes())
            start = start or 0
            found = obstore.get(self._store, self._key(path), options={"range": (start, end)})
            # a body that goes on after what was asked for is not read to its end, which it may not have
            return bytes(next(iter(found.stream(min_chunk_size=end - start)), b""))[: end - start]

    def pipe_file(self, path: str, value: bytes) -> None:
        """Write an object in one go."""
        if len(value) > _QUICK:
            self._slow.put(value, path)
            return
        with _translated(path):
            obstore.put(self._store, self._key(path), value, use_multipart=False)

    def create(self, path: str) -> None:
        """Make an empty object; raises FileExistsError where there is one already."""
        with _translated(path):
            obstore.put(self._store, self._key(path), b"", mode="create", use_multipart=False)

    def rm_file(self, path: str) -> None:
        """Remove an object."""
        with _translated(path):
            obstore.delete(self._store, self._key(path))

    def _key(self, path: str) -> str:
        return path[len(self._bucket) + 1 :]

    def _info(self, path: str, meta: Any) -> dict[str, Any]:
        told = {"size": meta["size"], "LastModified": meta["last_modified"], "ETag": meta["e_tag"], "VersionId": meta["version"]}
        return {"name": path, "type": "file", **told}


@contextlib.contextmanager
def _translated(path: str) -> Iterator[None]:
    """Errors become those of Python's own that say the same."""
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise PermissionError(errno.EACCES, _reason(str(error)), path) from error
    except obstore.exceptions.AlreadyExistsError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
    except BaseError as error:
        text = str(error)
        status, code = _STATUS.search(text), _CODE.search(text)
        if status is None:
            raise ConnectionError(_reason(text)) from error
        raise refusal(int(status[1]), _reason(text), path, code[1] if code else "") from error


def _reason(text: str) -> str:
    """What a server said, or what went wrong before it could, without the address and the details for debugging."""
    said = _CODE.search(text)
    if said:
        return f"{said[2].strip()} ({said[1]})" if said[2] else said[1]
    status = _STATUS.search(text)
    if status:
        return f"the server answers {status[1]}"
    kind = _KIND.search(text)
    if kind and kind[1] == "Timeout":
        return "no answer in time"
    return text.partition("\n")[0].rpartition(" - ")[2] or text.partition("\n")[0]


def _direct(target: Target) -> dict[str, Any] | None:
    """The options with plain keys and a region; None where obstore cannot serve them."""
    options = target.options
    client, config = options.get("client_kwargs", {}), options.get("config_kwargs", {})
    if options.keys() - _KNOWN - _BORROWED or isinstance(client.get("verify"), str):
        return None
    found = {key: value for key, value in options.items() if key in _KNOWN}
    if not (options.get("anon") or ("key" in options and "secret" in options)):
        borrowed = _environment_keys(target) or _file_keys(target)
        if borrowed is None:
            return None
        region = borrowed.pop("region", None)
        found |= borrowed
        client = ({"region_name": region} if region else {}) | client
    elif options.keys() & _BORROWED:
        return None
    if found.get("token"):
        # obstore follows redirects, and takes it along
        return None
    environ = target.environ
    region = client.get("region_name") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if any(name.startswith("AWS_ENDPOINT_URL") for name in environ) or not (region or options.get("endpoint_url")):
        return None
    return {**found, "client_kwargs": {**client, "region_name": region or "us-east-1"}, "config_kwargs": config}


def _environment_keys(target: Target) -> dict[str, Any] | None:
    environ = target.environ
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not (key and secret) or target.options.keys() & _BORROWED:
        return None
    return {"key": key, "secret": secret, "token": environ.get("AWS_SESSION_TOKEN")}


def _file_keys(target: Target) -> dict[str, Any] | None:
    """Plain keys from the files of Amazon's own command, if the profile says nothing that needs more than them."""
    environ, given = target.environ, target.options.get("files", {})
    profile = target.options.get("profile") or environ.get("AWS_PROFILE") or "default"
    places = {
        "credentials": given.get("credentials_file") or environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials",
        "config": given.get("config_file") or environ.get("AWS_CONFIG_FILE") or "~/.aws/config",
    }
    credentials, config = (_section(places[name], profile, name) for name in ("credentials", "config"))
    if credentials is None or config is None or (credentials.keys() | config.keys()) & _INDIRECT:
        return None
    key, secret = credentials.get("aws_access_key_id"), credentials.get("aws_secret_access_key")
    if not (key and secret):
        return None
    region = config.get("region") or credentials.get("region")
    return {"key": key, "secret": secret, "token": credentials.get("aws_session_token"), "region": region}


def _section(place: str, profile: str, kind: str) -> dict[str, str] | None:
    """What a file says of a profile; None where it cannot be read as we do."""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(os.path.expanduser(place))
    except (configparser.Error, UnicodeDecodeError):
        return None
    title = f"profile {profile}" if kind == "config" and profile != "default" else profile
    return dict(parser[title]) if parser.has_section(title) else {}
