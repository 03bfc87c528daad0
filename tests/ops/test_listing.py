"""ls: files of Git and tracked data as one folder, in the workspace and in revisions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dvx.errors import UnknownTarget
from dvx.model.data.listing import Listing, ListingRow, flat, over, tree_of
from dvx.ops.data.listing import ListOptions, list_files
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write


@pytest.fixture
def data(dialect_repo: Path) -> Path:
    """A project with a tracked folder and file, a file of Git, and one that is ignored."""
    write(dialect_repo / "data/a", "1\n")
    write(dialect_repo / "data/sub/b", "22\n")
    write(dialect_repo / "raw.csv", "333\n")
    write(dialect_repo / "code/train.py", "x\n").chmod(0o755)
    write(dialect_repo / dialect_of(dialect_repo).ignore, "*.tmp\n")
    write(dialect_repo / "junk.tmp", "")
    dvx(dialect_repo, "add", "data", "raw.csv")
    commit_all(dialect_repo)
    return dialect_repo


def listed(project: Path, path: str = "", rev: str = "", level: int | None = 1, *, dvc_only: bool = False) -> Listing:
    return list_files(Project.find(str(project)), ListOptions(path, rev, level, dvc_only))


def names(listing: Listing) -> list[str]:
    return [row.path for row in listing.rows]


def test_a_folder_holds_files_of_git_and_tracked_data(data: Path) -> None:
    dialect = dialect_of(data)
    shown = [".gitignore", dialect.ignore, "code", "data", f"data{dialect.pointer_suffix}", "raw.csv"]
    assert names(listed(data)) == sorted([*shown, f"raw.csv{dialect.pointer_suffix}"])
    assert names(listed(data, dvc_only=True)) == ["data", "raw.csv"]
    assert names(listed(data, "data")) == ["a", "sub"]
    assert names(listed(data, "data/sub")) == ["b"]


def test_folders_are_entered_as_deep_as_was_asked(data: Path) -> None:
    assert names(listed(data, dvc_only=True, level=2)) == ["data", "data/a", "data/sub", "raw.csv"]
    assert names(listed(data, dvc_only=True, level=None)) == ["data", "data/a", "data/sub", "data/sub/b", "raw.csv"]
    assert listed(data, "data", level=0) == Listing(listed(data, "data").top)
    assert [row.depth for row in listed(data, dvc_only=True, level=None).rows] == [1, 2, 2, 3, 1]


def test_data_that_is_not_here_is_listed_from_its_record(data: Path) -> None:
    before = listed(data, "data", level=None)
    shutil.rmtree(data / "data")
    (data / "raw.csv").unlink()
    after = listed(data, "data", level=None)
    assert names(after) == names(before) == ["a", "sub", "sub/b"]
    assert [row.digest for row in after.rows] == [row.digest for row in before.rows]
    assert all(row.is_out for row in after.rows)
    assert listed(data, "raw.csv").top.size == 4


def test_size_comes_from_the_file_and_the_hash_from_the_record(data: Path) -> None:
    recorded = listed(data, "raw.csv").top
    (data / "raw.csv").unlink()
    write(data / "raw.csv", "another length\n")
    write(data / "data/new", "n\n")
    top = listed(data, "raw.csv").top
    assert (top.size, top.digest, top.is_out) == (15, recorded.digest, True)
    new = listed(data, "data").rows[1]
    assert (new.path, new.is_out, new.digest) == ("new", False, None)


def test_a_revision_is_listed_as_it_was(data: Path) -> None:
    write(data / "later.txt", "")
    shutil.rmtree(data / "code")
    assert "later.txt" not in names(listed(data, rev="HEAD"))
    rows = {row.path: row for row in listed(data, rev="HEAD", level=None).rows}
    assert (rows["code/train.py"].size, rows["code/train.py"].executable) == (2, True)
    assert rows["code"].size == 36
    assert "data/sub/b" in rows
    assert not any(path.startswith((".dvx/", ".dvc/")) for path in rows)


def test_what_ignore_files_name_and_other_projects_are_left_out(data: Path) -> None:
    write(data / "other/.dvx/config", "")
    write(data / "other/file", "")
    git(data, "add", "--force", "junk.tmp", "other")
    git(data, "commit", "--quiet", "--message", "more")
    shutil.rmtree(data / "other/.dvx")
    assert "junk.tmp" not in names(listed(data, rev="HEAD"))
    assert "other" not in names(listed(data, rev="HEAD"))
    write(data / "other/.dvx/config", "")
    assert "other" not in names(listed(data))
    with pytest.raises(UnknownTarget, match=r"there is no `junk\.tmp`"):
        listed(data, "junk.tmp")


def test_an_unknown_path_or_revision_is_refused(data: Path) -> None:
    with pytest.raises(UnknownTarget, match="there is no `data/c`") as caught:
        listed(data, "data/c")
    assert caught.value.hint == "run `dvx ls . data`"
    with pytest.raises(UnknownTarget, match="there is no `nope` in `HEAD`"):
        listed(data, "nope", "HEAD")
    with pytest.raises(UnknownTarget, match="unknown Git revision `nope`"):
        listed(data, rev="nope")


def test_a_folder_whose_list_is_lost_is_told_of(data: Path) -> None:
    shutil.rmtree(data / "data")
    shutil.rmtree(data / dialect_of(data).folder / "cache")
    listing = list_files(Project.find(str(data)), ListOptions("data"))
    assert listing.rows == ()
    ((message, hint),) = listing.unread
    assert message.startswith("the files of `data` are not known: the object ")
    assert hint == "run `dvx fetch` to get it from a remote"


def test_what_the_cache_does_not_know_the_remote_is_asked(data: Path, tmp_path: Path) -> None:
    dvx(data, "remote", "add", "store", str(tmp_path / "store"))
    dvx(data, "push", "--remote", "store")
    cache = data / dialect_of(data).folder / "cache"
    for place in (data / "data", cache):
        shutil.rmtree(place)
    listing = list_files(Project.find(str(data)), ListOptions("data", remote="store"))
    assert names(listing) == ["a", "sub"]
    assert not (cache / "files").exists()
    (tree,) = (tmp_path / "store").rglob("*.dir")
    tree.chmod(0o644)
    tree.write_text("[]")
    listing = list_files(Project.find(str(data)), ListOptions("data", remote="store"))
    assert (listing.rows, len(listing.unread)) == ((), 1)


def test_links_are_files_and_lead_on_when_they_are_named(data: Path) -> None:
    (data / "link").symlink_to("code")
    (data / "broken").symlink_to("nowhere")
    rows = {row.path: row for row in listed(data).rows}
    assert (rows["link"].is_dir, rows["link"].is_link) == (False, True)
    assert rows["broken"].size == 0
    assert names(listed(data, "link")) == ["train.py"]


def test_the_flat_form_has_files_by_path_and_the_deepest_folders() -> None:
    rows = (
        ListingRow("a", True),
        ListingRow("a/x", True, 2),
        ListingRow("a/y", False, 2),
        ListingRow("a.txt", False),
        ListingRow("e", True),
    )
    top = ListingRow(".", True)
    assert [row.path for row in flat(Listing(top, rows), None)] == ["a.txt", "a/y"]
    assert [row.path for row in flat(Listing(top, rows), 2)] == ["a.txt", "a/x", "a/y"]
    assert [row.path for row in flat(Listing(top, (rows[0], *rows[3:])), 1)] == ["a", "a.txt", "e"]
    assert [row.path for row in flat(Listing(top, rows), 0)] == ["."]
    assert [row.path for row in flat(Listing(ListingRow("d/f", False)), None)] == ["f"]


def test_a_link_to_an_executable_object_is_as_executable_as_its_record() -> None:
    link = ListingRow("f", False, size=2, is_link=True)
    assert over(ListingRow("f", False, is_out=True, executable=True), link).executable
    assert not over(ListingRow("f", False, is_out=True), link).executable
    assert not over(ListingRow("f", False, is_out=True, executable=True), ListingRow("f", False, size=2)).executable


def test_folders_may_lie_as_deep_as_names_may_be_long(data: Path) -> None:
    deep = "/".join(["a"] * 1500) + "/f"
    blob = git(data, "rev-parse", "HEAD:code/train.py").strip()
    git(data, "update-index", "--add", "--cacheinfo", f"100644,{blob},{deep}")
    git(data, "commit", "--quiet", "--message", "deep")
    assert deep in names(listed(data, rev="HEAD", level=None))
    assert [row.depth for row in tree_of({deep: 1}, None)] == list(range(1, 1502))


def test_a_folder_of_which_nobody_knows_what_it_holds_is_an_error(dialect_repo: Path, tmp_path: Path) -> None:
    write(dialect_repo / "e/x", "1\n")
    write(dialect_repo / "f", "2\n")
    dvx(dialect_repo, "add", "e", "f")
    commit_all(dialect_repo)
    git(tmp_path, "clone", "--quiet", str(dialect_repo), "clone")
    clone = tmp_path / "clone"
    assert dvx(clone, "ls", ".").out.split().count("e") == 1
    for words in ((".", "e"), (".", "-R"), (".", "e", "--json"), (".", "-T"), (".", "--dvc-only", "-R"), (".", "e/x")):
        failed = run_dvx(clone, "ls", *words)
        assert failed.code in (1, 4), words
        assert "the files of `e` are not known: " in failed.err
    assert run_dvx(clone, "ls", ".", "--dvc-only", "-R").out == "f\n"
