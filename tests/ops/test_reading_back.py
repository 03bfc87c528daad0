"""Facts about what a push reads back: a byte that flipped at the remote is found, told and mended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dvx.model.digest import digest_bytes
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.more_servers import Served
from tests.servers import S3Server


@dataclass(frozen=True)
class Stored:
    """A repository whose data was pushed, and its remote's objects."""

    repo: Path
    options: dict[str, str]
    read: Callable[[str], bytes]
    put: Callable[[str, bytes], Any]
    names: Callable[[], list[str]]

    def connect(self, repo: Path) -> Path:
        for option, value in self.options.items():
            dvx(repo, "remote", "modify", "--local", "storage", option, value)
        return repo

    def flip(self, name: str) -> None:
        data = self.read(name)
        self.put(name, data[:-1] + bytes([data[-1] ^ 1]))

    def pulled(self) -> dict[str, bytes]:
        """What a clone with an empty cache gets."""
        git(self.repo.parent, "clone", "--quiet", self.repo, "clone")
        clone = self.connect(self.repo.parent / "clone")
        dvx(clone, "pull")
        return {path.name: path.read_bytes() for path in (clone / "data").iterdir()}


@pytest.fixture(params=["folder", "s3", "dav"])
def stored(request: pytest.FixtureRequest, dialect_repo: Path, tmp_path: Path) -> Stored:
    """Thirty small files and a larger one at a remote, packed where packs are made."""
    top = f"x{os.urandom(4).hex()}"
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        files, place = server.files(), f"{request.getfixturevalue('bucket')}/{top}"
        url = f"s3://{place}"
        made = Stored(
            dialect_repo,
            server.options(),
            lambda name: files.cat_file(f"{place}/{name}"),
            lambda name, data: files.pipe_file(f"{place}/{name}", data),
            lambda: [path.removeprefix(f"{place}/") for path in files.find(place)],
        )
    else:
        served: Served | None = request.getfixturevalue("dav") if request.param == "dav" else None
        root = served.folder / top if served is not None else tmp_path / "remote"
        url = f"webdav://127.0.0.1:{served.port}/{top}" if served is not None else str(root)

        def put(name: str, data: bytes) -> None:
            (root / name).chmod(0o644)
            (root / name).write_bytes(data)

        made = Stored(
            dialect_repo,
            served.options if served is not None else {},
            lambda name: (root / name).read_bytes(),
            put,
            lambda: [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()],
        )
    for number in range(30):
        write(dialect_repo / f"data/{number}", f"{number}" * 50)
    write(dialect_repo / "data/large", b"large" * 300_000)
    dvx(dialect_repo, "remote", "add", "-d", "storage", url)
    made.connect(dialect_repo)
    dvx(dialect_repo, "add", "data")
    commit_all(dialect_repo)
    dvx(dialect_repo, "push")
    return made


def _large(repo: Path) -> str:
    return digest_bytes(b"large" * 300_000, dialect_of(repo).algorithm).object_name


def _aside(repo: Path) -> list[bytes]:
    top = repo / dialect_of(repo).folder / "cache/quarantine/remotes/storage"
    return [path.read_bytes() for path in top.rglob("*") if path.is_file()]


def test_what_is_right_is_told_to_be(stored: Stored) -> None:
    result = dvx(stored.repo, "push", "--verify")
    assert "objects read back from `storage`: 32, wrong or missing: 0" in result.err
    assert "Everything is up to date." in result.err


def test_a_flipped_byte_is_found_and_mended(stored: Stored) -> None:
    name = _large(stored.repo)
    stored.flip(name)
    wrong = stored.read(name)

    result = dvx(stored.repo, "push", "--verify")

    assert "wrong or missing: 1" in result.err
    assert "`data/large` was wrong at `storage`, and was sent again: the object" in result.err
    assert _aside(stored.repo) == [wrong]
    assert stored.read(name) == b"large" * 300_000
    assert stored.pulled()["large"] == b"large" * 300_000


def test_a_flipped_byte_in_a_small_file_or_its_tree_is_mended(stored: Stored) -> None:
    for name in [name for name in stored.names() if name.endswith((".pack", ".dir")) or "files/md5" in name]:
        stored.flip(name)

    result = dvx(stored.repo, "push", "--verify")

    assert "was sent again" in result.err
    assert stored.pulled() == {path.name: path.read_bytes() for path in (stored.repo / "data").iterdir()}


def test_without_a_good_copy_it_is_an_error(stored: Stored) -> None:
    stored.flip(_large(stored.repo))
    cached = stored.repo / dialect_of(stored.repo).folder / "cache" / _large(stored.repo)
    cached.unlink()

    result = run_dvx(stored.repo, "push", "--verify")

    assert result.code in (1, 255)
    assert "`data/large` was not pushed: the object" in result.err
    assert "and the cache has no good copy of it" in result.err


def test_a_store_that_tells_hashes_is_believed_to_be_wrong_at_once(
    stored: Stored, request: pytest.FixtureRequest, record_property: object
) -> None:
    if "s3" not in request.node.name:
        pytest.skip("this kind of remote tells no hashes")
    stored.flip(_large(stored.repo))

    result = dvx(stored.repo, "push")

    assert "`data/large` was wrong at `storage`, and was sent again" in result.err
    assert stored.read(_large(stored.repo)) == b"large" * 300_000
    assert "Everything is up to date." in dvx(stored.repo, "push").err


@pytest.mark.s3
def test_versions_are_not_read_back(native: Path, s3: S3Server, bucket: str) -> None:
    write(native / "a", "a")
    dvx(native, "add", "a")
    dvx(native, "remote", "add", "-d", "storage", f"s3://{bucket}/x")
    for option, value in {**s3.options(), "version_aware": "true"}.items():
        dvx(native, "remote", "modify", "--local", "storage", option, value)
    result = run_dvx(native, "push", "--verify")
    assert result.code == 1
    assert "keeps versions, which are not read back" in result.err


def test_what_was_not_made_here_is_not_sent_to_mend_a_remote(dialect_repo: Path, tmp_path: Path) -> None:
    """The author of a repository may put nonsense under the name of data that the user has elsewhere."""
    dialect = dialect_of(dialect_repo)
    dvx(dialect_repo, "config", "--global", "cache.dir", str(tmp_path / "shared"))
    write(dialect_repo / "secret", "hunter2\n" * 200_000)
    dvx(dialect_repo, "add", "secret")
    author = tmp_path / "author"
    shutil.copytree(dialect_repo / dialect.folder, author / dialect.folder, ignore=shutil.ignore_patterns("tmp", "cache"))
    git(author, "init", "--quiet")
    with (author / dialect.folder / "config").open("a") as config:
        config.write(f"['remote \"evil\"']\n    url = {tmp_path / 'evil'}\n")
    pointer = f"secret{dialect.pointer_suffix}"
    shutil.copy(dialect_repo / pointer, author / pointer)
    commit_all(author)
    git(tmp_path, "clone", "--quiet", "author", "clone")
    digest = digest_bytes(b"hunter2\n" * 200_000, dialect.algorithm)
    nonsense = write(tmp_path / "evil" / digest.object_name, "nonsens\n" * 200_000)

    result = run_dvx(tmp_path / "clone", "push", "-r", "evil", "--verify")

    assert result.code != 0
    assert "dvx trust" in result.err
    assert b"hunter2" not in nonsense.read_bytes()
