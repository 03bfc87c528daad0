"""Facts about datasets: what counts of them, and when their record is of what the pipeline file names."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from dvx.model.imports.dataset import Dataset, file_changes, is_dataset, is_name, lock_of, name_of, spec_of, summary
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.runcache import is_restorable
from dvx.model.pipelines.stage import Stage
from dvx.model.pipelines.staleness import Cause, exact, reasons_to_run
from dvx.model.tracked.pointer import Recorded

REPO = {"name": "raw", "url": "../data", "type": "dvc", "path": "images", "rev": "v1", "rev_lock": "0123456789abcdef"}
FILE = {"name": "f", "url": "s3://b/f", "type": "url", "meta": {"size": 0, "version_id": "one"}}
FOLDER = {
    "name": "d",
    "url": "s3://b/d",
    "type": "url",
    "meta": {"isdir": True, "size": 3, "nfiles": 2},
    "files": [{"relpath": "a", "meta": {"size": 1}}, {"relpath": "b", "meta": {"size": 2}}],
}
CHAIN = {"name": "c", "url": "dc://dogs", "type": "dc", "version": 3, "created_at": "2024-01-01T00:00:00+00:00"}
STAGE = Stage("s", "s", "x", "dvc.yaml", deps=("ds://raw",))


@pytest.mark.parametrize("lock", [REPO, FILE, FOLDER, CHAIN])
def test_what_counts_stays_in_its_order(lock: dict[str, Any]) -> None:
    shuffled = {key: lock[key] for key in sorted(lock, reverse=True)}
    found = lock_of({**shuffled, "unknown": 1})
    assert found == lock
    assert list(found) == list(lock)
    dataset = Dataset("dvc.yaml", spec_of({**shuffled, "desc": "of people"}), found)
    assert (dataset.name, dataset.kind, dataset.state) == (lock["name"], lock["type"], lock)


def test_what_is_empty_does_not_count() -> None:
    assert lock_of({**REPO, "path": "", "rev": None}) == {key: REPO[key] for key in ("name", "url", "type", "rev_lock")}
    assert spec_of({**REPO, "path": ""}) == {key: REPO[key] for key in ("name", "url", "type", "rev")}
    assert lock_of({**FILE, "files": []}) == FILE
    found = lock_of(
        {**FOLDER, "meta": {"nfiles": 2, "isexec": False, "isdir": True, "etag": None}, "files": FOLDER["files"][::-1]}
    )
    assert found == {**FOLDER, "meta": {"isdir": True, "nfiles": 2}}
    assert list(found["meta"]) == ["isdir", "nfiles"]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "raw",
        {},
        {"type": ["dvc"]},
        {**REPO, "rev_lock": None},
        {**REPO, "type": "other"},
        {**CHAIN, "created_at": None},
        {**FILE, "meta": "x"},
        {**FOLDER, "files": "x"},
        {**FOLDER, "files": [{"relpath": 1, "meta": {}}]},
        {**FOLDER, "files": [{"relpath": "a"}]},
    ],
)
def test_a_record_that_says_too_little_is_none(broken: Any) -> None:
    assert lock_of(broken) == {}


@pytest.mark.parametrize(("key", "value"), [("url", "../other"), ("rev", "v2"), ("rev", None), ("path", "img")])
def test_a_record_of_something_else_is_not_in_sync(key: str, value: str | None) -> None:
    assert Dataset("dvc.yaml", spec_of(REPO), REPO).state == REPO
    assert Dataset("dvc.yaml", spec_of({**REPO, key: value}), REPO).state == {}
    assert Dataset("dvc.yaml", spec_of(REPO), {}).state == {}


def test_names() -> None:
    assert is_dataset("ds://raw")
    assert not is_dataset("s3://raw")
    assert [name_of(dep) for dep in ("ds://raw", "ds://raw/a", "ds://a.b-c")] == ["raw", "raw", "a.b-c"]
    assert all(map(is_name, ("raw", "a.b-c_1", "größe", "a@b")))
    assert not any(map(is_name, ("", "a b", "a/b", "-f", "a?", "a#b", "[a]", "${a}", "a\n")))


def test_what_was_recorded_in_a_few_words() -> None:
    assert summary({}) == ""
    assert summary(REPO) == "../data:/images (v1, 012345678)"
    assert summary({key: value for key, value in REPO.items() if key not in ("path", "rev")}) == "../data (012345678)"
    assert [summary(one) for one in (FILE, FOLDER, CHAIN)] == ["s3://b/f (one)", "s3://b/d (2 files)", "dc://dogs (v3)"]


def test_files_that_changed() -> None:
    now = {**FOLDER, "files": [{"relpath": "b", "meta": {"size": 9}}, {"relpath": "c", "meta": {}}]}
    assert list(file_changes(FOLDER, now)) == [("~", "b"), ("+", "c"), ("-", "a")]
    assert list(file_changes(FOLDER, FOLDER)) == []


@pytest.mark.parametrize(
    ("before", "now", "cause"),
    [
        (REPO, REPO, None),
        ({**REPO, "unknown": 1}, REPO, None),
        (REPO, {**REPO, "rev_lock": "f"}, Cause.DEP_MODIFIED),
        (None, REPO, Cause.DEP_NEW),
        (REPO, None, Cause.DEP_UNSYNCED),
        (None, None, Cause.DEP_UNSYNCED),
    ],
)
def test_when_a_stage_runs(before: Any, now: Any, cause: Cause | None) -> None:
    locked, seen = (StageState("x", {"ds://raw": Recorded("ds://raw", None, _extras(lock))}) for lock in (before, now))
    assert [reason.cause for reason in reasons_to_run(STAGE, locked, seen, (), exact)] == ([cause] if cause else [])
    assert reasons_to_run(replace(STAGE, frozen=True), locked, seen, (), exact) == ()
    # as in DVC, whose run-cache knows local files only
    assert not is_restorable(STAGE)


def _extras(lock: dict[str, Any] | None) -> dict[str, Any]:
    return {"dataset": lock} if lock else {}
