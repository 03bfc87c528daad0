"""Every way to open a remote: the user's credentials go to no other server, and secrets are asked for."""

from __future__ import annotations

import os
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from dvx.store.objects import lying
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write

NOWHERE = "127.0.0.1:1"
KINDS = {
    "webdav": ("webdav://{}/x", "", "password"),
    "s3": ("s3://bucket/x", "    endpointurl = http://{}\n", "secret_access_key"),
    "versioned": ("s3://bucket/x", "    endpointurl = http://{}\n    version_aware = true\n", "secret_access_key"),
    "worktree": ("s3://bucket/x", "    endpointurl = http://{}\n    worktree = true\n", "secret_access_key"),
}
ANY = ("webdav", "s3", "versioned", "worktree")
STORES = ("webdav", "s3")
# the words of a command, and the kinds of remotes that it opens; others it refuses
WAYS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("push",): ANY,
    ("push", "--all-commits"): ANY,
    ("push", "--run-cache"): ANY,
    ("fetch",): ANY,
    ("pull",): ANY,
    ("pull", "--run-cache"): ANY,
    ("repro", "--pull"): ANY,
    ("remote", "test", "store"): ANY,
    ("status", "--cloud"): STORES,
    ("data", "status", "--not-in-remote"): STORES,
    ("gc", "--cloud", "-f"): STORES,
    ("gc", "--not-in-remote", "-f"): STORES,
    ("gc", "--grace", "0", "-f"): STORES,
    ("fsck",): STORES,
    ("fsck", "--remote", "store"): STORES,
    ("ls", ".", "d"): STORES,
    ("add", "--to-remote", "new"): STORES,
    ("import-url", "--to-remote", "../outside", "got"): STORES,
    ("get-url", "remote://store/y"): ANY,
    ("list-url", "remote://store/y"): ANY,
    ("import-url", "remote://store/y"): ANY,
    ("import-url", "--version-aware", "remote://store/y"): ANY,
    ("import-url", "--no-download", "remote://store/y"): ANY,
    ("update", "imported.{}"): ANY,
    ("status", "--updates"): ANY,
    ("update", "f.{}"): ("worktree",),
}
CASES = [pytest.param(words, kind, id=f"{' '.join(words)}-{kind}") for words in WAYS for kind in KINDS]


@dataclass
class Elsewhere:
    """A server, and how often somebody connected to it."""

    place: str
    calls: list[object] = field(default_factory=list)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            found.calls.append(self.client_address)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        found = Elsewhere(f"127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def _lay(repo: Path, kind: str, place: str) -> None:
    """The tracked configuration says that the remote is at a place."""
    url, more, _ = KINDS[kind]
    core = "    remote = store\n" + ("    hash = xxh128\n" if dialect_of(repo).packs else "")
    text = f"[core]\n{core}['remote \"store\"']\n    url = {url.format(place)}\n{more.format(place)}"
    write(repo / dialect_of(repo).folder / "config", text)


def _repo(repo: Path, kind: str) -> Path:
    """One with data that is not at the remote, data that is nowhere, an import, and a file that has a version."""
    suffix = dialect_of(repo).pointer_suffix
    for name in ("f", "g", "d/x"):
        write(repo / name, f"{name}\n")
    dvx(repo, "add", "f", "g", "d")
    (repo / "g").unlink()
    for one in lying(str(repo / dialect_of(repo).folder / "cache")):
        if one.digest and (one.digest.is_tree or Path(one.place).read_text() == "g\n"):
            os.unlink(one.place)
    for path in repo.glob("d/*"):
        path.unlink()
    (repo / "d").rmdir()
    pointer = repo / f"f{suffix}"
    document = yaml.safe_load(pointer.read_text())
    if kind in ("versioned", "worktree"):
        document["outs"][0]["cloud"] = {"store": {"version_id": "v", "etag": "e"}}
    pointer.write_text(yaml.safe_dump(document))
    imported = {"deps": [{"path": "remote://store/z", "etag": "e"}], "outs": [{**document["outs"][0], "path": "imported"}]}
    imported["outs"][0].pop("cloud", None)
    write(repo / f"imported{suffix}", yaml.safe_dump(imported))
    write(repo / dialect_of(repo).pipeline, "stages:\n  s:\n    cmd: cp g out\n    deps: [g]\n    outs: [out]\n")
    _lay(repo, kind, NOWHERE)
    commit_all(repo)
    write(repo / "new", "not tracked yet\n")
    write(repo.parent / "outside", "outside\n")
    return repo


def _words(repo: Path, words: tuple[str, ...]) -> list[str]:
    return [word.format(dialect_of(repo).pointer_suffix.removeprefix(".")) for word in words]


@pytest.mark.parametrize(("words", "kind"), CASES)
def test_credentials_go_to_no_other_server(dialect_repo: Path, elsewhere: Elsewhere, words: tuple[str, ...], kind: str) -> None:
    _repo(dialect_repo, kind)
    dvx(dialect_repo, "remote", "modify", "--local", "store", KINDS[kind][2], "hunter2")
    dvx(dialect_repo, "trust", "--yes")
    _lay(dialect_repo, kind, elsewhere.place)
    result = run_dvx(dialect_repo, *_words(dialect_repo, words))
    assert elsewhere.calls == []
    assert ("leads to another server now" in result.err + result.out) == (kind in WAYS[words]), result


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("where", ["deps", "outs"])
def test_a_stage_takes_credentials_to_no_other_server(dialect_repo: Path, elsewhere: Elsewhere, kind: str, where: str) -> None:
    entry = {"deps": "deps: [remote://store/q]", "outs": "outs: [remote://store/q: {cache: false}]"}[where]
    write(dialect_repo / dialect_of(dialect_repo).pipeline, f"stages:\n  s:\n    cmd: echo 1\n    {entry}\n")
    _lay(dialect_repo, kind, NOWHERE)
    commit_all(dialect_repo)
    dvx(dialect_repo, "remote", "modify", "--local", "store", KINDS[kind][2], "hunter2")
    dvx(dialect_repo, "trust", "--yes")
    _lay(dialect_repo, kind, elsewhere.place)
    for words in (("status",), ("repro",), ("repro", "--dry"), ("commit", "-f"), ("explain",), ("exp", "run"), ("exp", "show")):
        result = run_dvx(dialect_repo, *words)
        assert elsewhere.calls == [], words
        assert ("leads to another server now" in result.err + result.out) == (words != ("exp", "show")), result


@pytest.mark.parametrize("words", [words for words, kinds in WAYS.items() if "webdav" in kinds])
def test_a_password_is_asked_for(dialect_repo: Path, elsewhere: Elsewhere, words: tuple[str, ...]) -> None:
    _repo(dialect_repo, "webdav")
    _lay(dialect_repo, "webdav", elsewhere.place)
    dvx(dialect_repo, "remote", "modify", "--local", "store", "ask_password", "true")
    dvx(dialect_repo, "trust", "--yes")
    result = run_dvx(dialect_repo, *_words(dialect_repo, words))
    assert elsewhere.calls == []
    assert "the password of the remote `store` must be asked for" in result.err + result.out, result
