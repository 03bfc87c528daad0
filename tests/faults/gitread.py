"""Reads what a small Git repository without packs holds, starting no process: there are thousands of trials."""

from __future__ import annotations

import functools
import zlib
from pathlib import Path


def blobs(repo: Path) -> list[bytes]:
    """The bytes of every blob."""
    return [_body(path) for path in (repo / ".git/objects").glob("[0-9a-f][0-9a-f]/*") if _kind(path) == b"blob"]


def refs(repo: Path) -> dict[str, str]:
    """All refs, HEAD and the stash among them, and the commits they name."""
    top = repo / ".git"
    found = {str(path.relative_to(top)): path.read_text().strip() for path in top.glob("refs/**/*") if path.is_file()}
    return {"HEAD": (top / "HEAD").read_text().strip(), **found}


def tree_of(repo: Path, commit: str) -> str:
    """The id of a commit's tree."""
    return _body(repo / ".git/objects" / commit[:2] / commit[2:]).split(None, 2)[1].decode()


def staged(repo: Path) -> list[str]:
    """Mode, blob and path of each entry of the index (version 2)."""
    path = repo / ".git/index"
    if not path.exists():
        return []
    data = path.read_bytes()
    assert data[:8] == b"DIRC\0\0\0\2", "this index has a format of its own"
    at, found = 12, []
    for _ in range(int.from_bytes(data[8:12])):
        end = data.index(b"\0", at + 62)
        name = data[at + 62 : end].decode()
        found.append(f"{int.from_bytes(data[at + 24 : at + 28]):o} {data[at + 40 : at + 60].hex()} {name}")
        at += (end - at + 8) // 8 * 8  # at least one zero byte follows the name
    return found


def _kind(path: Path) -> bytes:
    return _parsed(path.read_bytes())[0]


def _body(path: Path) -> bytes:
    return _parsed(path.read_bytes())[1]


@functools.lru_cache(maxsize=10_000)
def _parsed(data: bytes) -> tuple[bytes, bytes]:
    header, _, body = zlib.decompress(data).partition(b"\0")
    return header.split()[0], body
