"""Data at a URL or path outside of repositories: what is there now, by what its store tells of it, and a copy of it."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.config import RemoteSettings
from dvx.errors import ConfigError, MissingData, UsageError, quoted
from dvx.model.digest import digest_bytes
from dvx.model.events import Progress, Tell
from dvx.model.paths import check_paths, printable
from dvx.model.pipelines.stage import is_url
from dvx.model.setup.settings import lacks_host, redact
from dvx.model.tracked.origin import versions_named
from dvx.model.tracked.pointer import Recorded
from dvx.ops.sources.connections import connect
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.crowd import each
from dvx.store.remotes.listed import modified_of
from dvx.store.remotes.network import NetworkRemote
from dvx.store.remotes.remote import Remote
from dvx.store.remotes.schemes import find_scheme, scheme_of
from dvx.store.remotes.versioned import NO_VERSION, versioned_name
from dvx.store.scan import walk

_DAV = frozenset({"webdav", "webdavs"})
_BY_ETAG = _DAV | {"s3", "gs", "abfs", "oss"}
_BY_CHECKSUM = frozenset({"http", "https"})


class There(Struct, frozen=True):
    """What is at a URL now: sizes of files by their path in the folder (`""` for a single file), None where nobody says.

    `tokens` change when the files do, if the store has such: `key` is what a pointer calls them. `versions` are the ids of those
    that are meant, where the store keeps others too. `times` are when files were written, as far as the store tells (seconds).
    """

    is_folder: bool
    sizes: Mapping[str, int | None]
    tokens: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)

    def entry(self, algorithm: str) -> dict[str, Any]:
        """The fields of a dependency that say what is there; none where the store gives no tokens."""
        if not self.key or len(self.tokens) < len(self.sizes):
            return {}
        sizes = list(self.sizes.values())
        total = {} if None in sizes else {"size": sum(size for size in sizes if size is not None)}
        if not self.is_folder:
            version = {"version_id": self.versions[""]} if self.versions else {}
            return {self.key: self.tokens[""], **total, **version, "hash": algorithm}
        if self.versions:
            return {"hash": algorithm, "files": [self._row(path) for path in sorted(self.versions)]}
        rows = [{self.key: self.tokens[path], "relpath": path} for path in sorted(self.tokens)]
        digest = digest_bytes(json.dumps(rows, sort_keys=True).encode(), algorithm)
        return {algorithm: f"{digest.hex}.dir", **total, "nfiles": len(rows), "hash": algorithm}

    def _row(self, path: str) -> dict[str, Any]:
        return {"relpath": path, self.key: self.tokens[path], "size": self.sizes[path], "version_id": self.versions[path]}


def there_of(dep: Recorded) -> There | None:
    """The versions that a dependency names, as they were when it was recorded; None if it names none. Raises UnsafePath."""
    named = versions_named(dep)
    return _there(named) if named else None


def _there(entries: Mapping[str, Mapping[str, Any]]) -> There:
    """What entries say of files, by their path in the folder; versions count only if each has one."""
    versions = {path: str(entry["version_id"]) for path, entry in entries.items() if entry.get("version_id") not in NO_VERSION}
    return There(
        "" not in entries,
        {path: entry.get("size") for path, entry in entries.items()},
        {path: str(entry["etag"]) for path, entry in entries.items() if entry.get("etag")},
        "etag",
        versions if len(versions) == len(entries) else {},
    )


class UrlSource:
    """Data at `url`, seen from the folder `base` (absolute) if it is a relative path; `options` are those of its file system.

    Of an `aware` one, versions are looked at: where `options` ask for them (`demanded`), or those of the remote it is at do.

    Raises:
        ConfigError: the scheme is unknown, its package is not installed, or an option is wrong.
        UnknownTarget: it begins with `remote://` and there is no such remote.
    """

    def __init__(self, project: Project, url: str, base: str, options: Mapping[str, str], jobs: int = 0) -> None:
        self.url = url
        if not url.strip("/."):
            raise UsageError(f"`{url}` is no place of data", "name a file or folder, or a URL")
        settings = _settings(project, url, options)
        self.demanded, wished = (one.get("version_aware", "").lower() == "true" for one in (options, settings.options))
        self.aware = self.demanded or (wished and scheme_of(settings.url) == "s3")
        if lacks_host(settings.url):
            raise ConfigError(f"`{redact(url)}` names no bucket or host", "write it behind `://`")
        self.local = "" if is_url(settings.url) else os.path.normpath(os.path.join(base, settings.url))
        if self.local:
            return
        above, _, self._name = settings.url.rstrip("/").rpartition("/")
        if above.endswith("/") or not above:
            above, self._name = settings.url, ""
        self._remote = connect(project, replace(settings, url=above), jobs)
        self._protocol = find_scheme(settings.url).protocol

    @property
    def name(self) -> str:
        """The last part of it."""
        return os.path.basename(self.local) if self.local else self._name.partition("?")[0]

    def look(self, *, for_stage: bool = False) -> There:
        """What is there now; of an `aware` source, in which versions. What is `for_stage` is all that a lock
        has: a weak ETag of HTTP, and a generation of Google's store.

        Raises:
            ConfigError: there are no versions, and they are demanded.
            MissingData: nothing is.
            RemoteError: the store cannot be reached.
        """
        if not self.aware:
            return self._look_here() if self.local else self._look_there(_network(self._remote), for_stage=for_stage)
        found = _there(self.versions())
        if self.demanded and not found.versions:
            text = f"the bucket of `{printable(redact(self.url))}` keeps no versions"
            raise ConfigError(text, "turn versioning on there, or leave `--version-aware` out")
        return found

    def keeps(self, there: There) -> bool:
        """Whether exactly what is there can be had from it later, too."""
        return self.aware and bool(there.versions)

    def versions(self) -> dict[str, dict[str, Any]]:
        """Size, version and ETag of each file that is there now, by its path in the folder (`""` for a single file).

        Raises:
            ConfigError: it is no store that keeps versions.
            MissingData: nothing is there.
            RemoteError: the store cannot be reached.
        """
        if self.local or self._protocol != "s3":
            text = f"`{printable(redact(self.url))}` is no place that keeps versions: only `s3://` ones are known to"
            raise ConfigError(text, "import the data with `dvx import-url`")
        infos = self._infos(_network(self._remote))
        return {
            path: {"size": int(info["size"]), "version_id": info.get("VersionId"), "etag": _token(info, self._protocol)}
            for path, info in infos.items()
        }

    def download(self, there: There, target: str, tell: Tell) -> None:
        """Copy what is there to `target`, which does not exist yet.

        Raises:
            MissingData: something went away meanwhile.
            RemoteError: the store cannot be reached.
            UnsafePath: a name there would lead out of the folder.
        """
        if there.is_folder:
            check_paths(list(there.sizes))
            files.make_folder(target)
        count = 0

        def copy(path: str) -> None:
            nonlocal count
            place = os.path.join(target, path) if path else target
            files.make_folder(os.path.dirname(place))
            if self.local:
                source = os.path.join(self.local, path) if path else self.local
                executable = os.stat(source).st_mode & stat.S_IXUSR
                files.copy_file(source, place, files.NEW_EXECUTABLE if executable else files.NEW_FILE)
            else:
                name = "/".join(part for part in (self._name, path) if part)
                self._remote.download(versioned_name(name, there.versions[path]) if self.keeps(there) else name, place)
            count += 1
            tell(Progress("downloading", count, len(there.sizes)))

        for _ in each(copy, there.sizes, 1 if self.local else self._remote.jobs):
            pass

    def _look_here(self) -> There:
        if not os.path.exists(self.local):
            raise _absent(self.url)
        if not os.path.isdir(self.local):
            if not os.path.isfile(self.local):
                raise ConfigError(f"`{printable(self.url)}` is neither a file nor a folder", "give the path of data")
            return There(False, {"": os.stat(self.local).st_size})
        found = walk(self.local, "", self.local, _never)
        return There(True, {one.path: one.status.st_size for one in found})

    def _look_there(self, remote: NetworkRemote, *, for_stage: bool) -> There:
        infos = self._infos(remote)
        sizes = {path: None if one["size"] is None else int(one["size"]) for path, one in infos.items()}
        key = "etag" if self._protocol in _BY_ETAG else "checksum" if self._protocol in _BY_CHECKSUM else ""
        tokens = {path: token for path, one in infos.items() if key and (token := _token(one, self._protocol, weak=for_stage))}
        times = {path: time for path, one in infos.items() if (time := modified_of(one)) < math.inf}
        # of a file alone, the store says its version unasked
        version = infos[""].get("generation" if for_stage and self._protocol == "gs" else "VersionId") if "" in infos else None
        return There("" not in infos, sizes, tokens, key, {"": version} if version not in NO_VERSION else {}, times)

    def blocks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file in the folder (`""` for a single file) of a source that is not local, in parts."""
        return _network(self._remote).blocks("/".join(part for part in (self._name, path) if part))

    def _infos(self, remote: NetworkRemote) -> dict[str, Any]:
        info = self._info(remote)
        if info is not None and info["type"] == "file":
            return {"": info}
        found = remote.infos(self._name) if remote.lists else {}
        if not found:
            raise _absent(self.url)
        return {path[len(self._name) :].removeprefix("/"): info for path, info in found.items()}

    def _info(self, remote: NetworkRemote) -> Any:
        if not self._name:
            return None
        try:
            return remote.direct(lambda system, root: system.info(f"{root.rstrip('/')}/{self._name}"))
        except FileNotFoundError:
            return None


def parse_options(words: list[str] | None, option: str) -> dict[str, str]:
    """Options of a file system or remote, written `name=value`; raises UsageError."""
    found = {}
    for word in words or ():
        name, sign, value = word.partition("=")
        if not name or not sign:
            raise UsageError(
                f"`{option} {word}` is not `NAME=VALUE`", f"write for example `{option} endpointurl=https://example.com`"
            )
        found[name] = value
    return found


def _settings(project: Project, url: str, options: Mapping[str, str]) -> RemoteSettings:
    if not url.startswith("remote://"):
        scheme, sign, rest = url.partition("://")
        if sign and scheme.lower() == "file":
            url = rest
        return RemoteSettings(redact(url), os.path.expanduser(url) if not is_url(url) else url, dict(options), 0)
    name, _, below = url.removeprefix("remote://").partition("/")
    if not name:
        raise ConfigError(f"`{printable(url)}` names no remote", "write `remote://NAME/PATH`")
    known = project.config.remote(name)
    if any(option != "version_aware" for option in options):
        text = f"options of `{printable(url)}` cannot be given with it, as they would go with your credentials for `{name}`"
        raise ConfigError(text, f"set them for the remote: `dvx remote modify {quoted(name)} OPTION VALUE`")
    place = f"{known.url.rstrip('/')}/{below}" if below else known.url
    return replace(known, url=place, options={**known.options, **options})


def _network(remote: Remote) -> NetworkRemote:
    if not isinstance(remote, NetworkRemote):
        raise ConfigError(f"`{remote.url}` cannot be looked at", "give a URL or a path")
    return remote


def _token(info: Mapping[str, Any], protocol: str, *, weak: bool = False) -> str:
    """What changes when a file does, as DVC writes it; a weak one of HTTP says less than that."""
    found = str(info.get("ETag") or info.get("etag") or "")
    if protocol in _BY_CHECKSUM:
        return "" if found.startswith("W/") and not weak else found
    if protocol == "gs":
        with contextlib.suppress(ValueError):
            return base64.b64decode(found, validate=True).hex()
    bare = found.strip('"')
    return found if protocol in _DAV else f'"{bare}"' if protocol == "abfs" and bare else bare


def _never(_path: str, _is_folder: bool) -> bool:
    return False


def _absent(url: str) -> MissingData:
    return MissingData(
        f"there is nothing at `{printable(redact(url))}`", "check the path; `dvx list-url` shows what a place holds"
    )
