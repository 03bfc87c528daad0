"""du adds up what the cache holds."""

from __future__ import annotations

from pathlib import Path

from dvx.model.digest import Digest
from dvx.model.tracked.named import Named
from dvx.model.upkeep.usage import Share, measure
from tests.helpers import commit_all, dvx, git, write

A, B = (Digest("md5", letter * 32) for letter in "ab")
TREE = Digest("md5", "d" * 32 + ".dir")


def test_equal_bytes_count_once() -> None:
    found = measure({A: 10, B: 5, TREE: 1}, {TREE: (A, A)}, [Named("d", TREE), Named("x", A)], {"main": [Named("x", A)]})
    assert found.paths == (Share("d", 20, 11, 1, 1, 0), Share("x", 10, 10, 0, 1, 0))
    assert found.revisions == (Share("main", 10, 10, 10, 1, 0),)
    assert (found.objects, found.bytes, found.unnamed, found.size, found.saved) == (3, 16, 5, 30, 19)


def test_what_is_missing_is_counted() -> None:
    found = measure({}, {}, [Named("x", A)], {})
    assert found.paths == (Share("x", 0, 0, 0, 0, 1),)


def test_paths_and_revisions_of_a_repository(dialect_repo: Path) -> None:
    write(dialect_repo / "sub/a", "ten bytes.")
    dvx(dialect_repo, "add", "sub/a")
    commit_all(dialect_repo)
    git(dialect_repo, "tag", "v1")
    write(dialect_repo / "sub/a", "now twelve..")
    write(dialect_repo / "b", "now twelve..")
    dvx(dialect_repo, "add", "sub/a", "b")
    found = dvx(dialect_repo, "du", "--json").json
    assert {share["name"]: (share["size"], share["held"], share["alone"], share["versions"]) for share in found["paths"]} == {
        "sub/a": (22, 22, 10, 2),
        "b": (12, 12, 0, 1),
    }
    held = {share["name"]: share["held"] for share in found["revisions"]}
    assert held == {"workspace": 22, "main": 10, "v1": 10}
    assert (found["bytes"], found["size"], found["saved"], found["unnamed"]) == (22, 34, 12, 0)


def test_text_and_summary(native: Path) -> None:
    write(native / "a", "ten bytes.")
    dvx(native, "add", "a")
    assert dvx(native, "du", "-s").out == "10 B in 1 object, 0 B unnamed\n10 B as plain copies, 0 B saved\n"
    text = dvx(native, "du").out
    assert "Path" in text
    assert "workspace" in text
