"""push, fetch and pull between real repositories and real remotes, in both dialects."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dvx.errors import AtRisk, MissingData, Partial, RemoteError, UnknownTarget
from dvx.model.digest import digest_bytes
from dvx.model.transfer.plan import TransferResult
from dvx.ops.imports.update import complete
from dvx.ops.tracked.index import SelectOptions
from dvx.ops.transfer import pull as pulling
from dvx.ops.transfer import sync
from dvx.ops.transfer.scope import ChosenRevisions, SyncOptions
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, tree, write
from tests.servers import S3Server


@dataclass(frozen=True)
class Shared:
    """A repository with a default remote, and the remote's objects as files or keys."""

    repo: Path
    url: str
    options: dict[str, str]
    objects: Callable[[], dict[str, bytes]]
    put: Callable[[str, bytes], Any]
    remove: Callable[[str], Any]

    def clone(self, name: str = "clone") -> Path:
        """A fresh clone with an empty cache."""
        git(self.repo.parent, "clone", "--quiet", self.repo, name)
        folder = self.repo.parent / name
        for option, value in self.options.items():
            dvx(folder, "remote", "modify", "--local", "storage", option, value)
        return folder


@pytest.fixture(params=["folder", "s3"])
def shared(request: pytest.FixtureRequest, dialect_repo: Path, tmp_path: Path) -> Shared:
    made = _on_s3(dialect_repo, request) if request.param == "s3" else _in_folder(dialect_repo, tmp_path / "remote")
    dvx(made.repo, "remote", "add", "--default", "storage", made.url)
    for option, value in made.options.items():
        dvx(made.repo, "remote", "modify", "--local", "storage", option, value)
    return made


@pytest.fixture
def local(dialect_repo: Path, tmp_path: Path) -> Shared:
    """Shared through a folder, for what does not depend on the kind of remote."""
    dvx(dialect_repo, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    return _in_folder(dialect_repo, tmp_path / "remote")


def _in_folder(repo: Path, root: Path) -> Shared:
    def put(name: str, data: bytes) -> None:
        (root / name).unlink(missing_ok=True)
        write(root / name, data)

    return Shared(repo, str(root), {}, lambda: tree(root), put, lambda name: (root / name).unlink())


def _on_s3(repo: Path, request: pytest.FixtureRequest) -> Shared:
    server: S3Server = request.getfixturevalue("s3")
    top = f"{request.getfixturevalue('bucket')}/some/where"
    files = server.files()

    def objects() -> dict[str, bytes]:
        return {path.removeprefix(top + "/"): files.cat_file(path) for path in files.find(top)}

    def put(name: str, data: bytes) -> None:
        files.pipe_file(f"{top}/{name}", data)

    return Shared(repo, f"s3://{top}", server.options(), objects, put, lambda name: files.rm_file(f"{top}/{name}"))


def _data(repo: Path) -> Path:
    """Track a file, and a directory of three files of which two are equal."""
    write(repo / "raw.csv", "1,2\n")
    write(repo / "images/a", "first")
    write(repo / "images/sub/b", "second")
    write(repo / "images/sub/c", "second")
    dvx(repo, "add", "raw.csv", "images")
    commit_all(repo)
    return repo


def _push(repo: Path, **options: Any) -> TransferResult:
    project = Project.find(str(repo))
    result = sync.transfer(project, sync.plan_push(project, SyncOptions(**options)))
    project.close()
    return result


def _fetch(repo: Path, **options: Any) -> TransferResult:
    project = Project.find(str(repo))
    result = sync.transfer(project, sync.plan_fetch(project, SyncOptions(**options)))
    project.close()
    return result


def _pull(repo: Path, **options: Any) -> pulling.PullResult:
    project = Project.find(str(repo))
    result = pulling.pull(project, SyncOptions(**options), complete)
    project.close()
    return result


def _cached(repo: Path) -> dict[str, bytes]:
    return tree(repo / dialect_of(repo).folder / "cache", skip=("tmp",))


def _named(objects: dict[str, bytes], data: bytes) -> str:
    return next(name for name, content in objects.items() if content == data)


def _tree_name(objects: dict[str, bytes]) -> str:
    return next(name for name in objects if name.endswith(".dir"))


def test_what_was_pushed_a_fresh_clone_pulls(shared: Shared) -> None:
    _data(shared.repo)

    assert _push(shared.repo).copied == 4
    clone = shared.clone()
    result = _pull(clone)

    assert result.checkout.added == ("images", "raw.csv")
    assert (result.fetched.copied, result.fetched.complete, result.lacking) == (4, True, ())
    assert tree(clone / "images") == tree(shared.repo / "images") == {"a": b"first", "sub/b": b"second", "sub/c": b"second"}
    assert (clone / "raw.csv").read_bytes() == b"1,2\n"


def test_the_remote_is_laid_out_like_the_cache(shared: Shared) -> None:
    _data(shared.repo)

    _push(shared.repo)

    assert shared.objects() == _cached(shared.repo)
    assert all(name.startswith(f"files/{dialect_of(shared.repo).algorithm}/") for name in shared.objects())


def test_a_second_push_has_nothing_to_do(shared: Shared) -> None:
    _data(shared.repo)
    _push(shared.repo)

    assert _push(shared.repo) == TransferResult()


@pytest.mark.parametrize("which", [b"first", b"1,2\n", "tree"])
def test_what_the_remote_lost_is_pushed_again(shared: Shared, which: bytes | str) -> None:
    _data(shared.repo)
    _push(shared.repo)
    objects = shared.objects()
    shared.remove(_tree_name(objects) if isinstance(which, str) else _named(objects, which))

    assert _push(shared.repo).copied == 1
    assert shared.objects() == objects


def test_an_object_that_was_cut_off_is_pushed_again(shared: Shared) -> None:
    _data(shared.repo)
    _push(shared.repo)
    objects = shared.objects()
    shared.put(_named(objects, b"second"), b"sec")

    assert _push(shared.repo).copied == 1
    assert shared.objects() == objects


def test_an_object_that_is_nowhere_is_named_and_its_tree_stays_behind(shared: Shared) -> None:
    _data(shared.repo)
    cache = shared.repo / dialect_of(shared.repo).folder / "cache"
    (cache / _named(_cached(shared.repo), b"first")).unlink()

    result = _push(shared.repo)

    assert (result.copied, result.missing, result.withheld) == (2, ("images/a",), ("images",))
    assert not any(name.endswith(".dir") for name in shared.objects())
    with pytest.raises(Partial, match="an object is neither in the cache nor at the remote, needed by `images/a`"):
        sync.demand(result, sync.Direction.PUSH)


def test_an_object_that_only_the_remote_has_is_no_error(shared: Shared) -> None:
    _data(shared.repo)
    _push(shared.repo)
    cache = shared.repo / dialect_of(shared.repo).folder / "cache"
    for name in _cached(shared.repo):
        (cache / name).unlink()

    assert _push(shared.repo) == TransferResult()


def test_a_corrupt_object_is_not_pushed(shared: Shared) -> None:
    _data(shared.repo)
    cache = shared.repo / dialect_of(shared.repo).folder / "cache"
    name = _named(_cached(shared.repo), b"first")
    (cache / name).unlink()
    write(cache / name, "FIRST")

    result = _push(shared.repo)

    assert [path for path, _ in result.failed] == ["images/a"]
    assert result.withheld == ("images",)
    assert b"FIRST" not in shared.objects().values()
    assert not (cache / name).exists()


def test_a_corrupt_tree_is_not_pushed(local: Shared) -> None:
    _data(local.repo)
    cache = local.repo / dialect_of(local.repo).folder / "cache"
    name = _tree_name(_cached(local.repo))
    (cache / name).unlink()
    write(cache / name, "[]")

    result = _push(local.repo)

    assert result.missing == ("images",)
    assert not any(name.endswith(".dir") for name in local.objects())


SPOILS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "flipped": lambda data, other: bytes([data[0] ^ 1]) + data[1:],
    "truncated": lambda data, other: data[:-1],
    "extended": lambda data, other: data + b"x",
    "emptied": lambda data, other: b"",
    "swapped": lambda data, other: other,
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("victim", ["file", "in a directory", "tree"])
def test_a_hostile_remote_is_refused(shared: Shared, spoil: str, victim: str) -> None:
    _data(shared.repo)
    _push(shared.repo)
    objects = shared.objects()
    name = {"file": _named(objects, b"1,2\n"), "in a directory": _named(objects, b"first"), "tree": _tree_name(objects)}[victim]
    other = next(data for path, data in objects.items() if path != name)
    shared.put(name, SPOILS[spoil](objects[name], other))
    clone = shared.clone()

    result = _pull(clone)

    path = {"file": "raw.csv", "in a directory": "images/a", "tree": "images"}[victim]
    [(failed, reason)] = result.fetched.failed
    assert failed == path
    assert "".join(name.split("/")[-2:]) in reason
    assert "hash to `" in reason
    assert result.lacking == (path.partition("/")[0],)
    assert not (clone / result.lacking[0]).exists()
    assert name not in _cached(clone)
    with pytest.raises(Partial, match=f"`{path}` was not fetched"):
        sync.demand(result.fetched, sync.Direction.FETCH)


@pytest.mark.parametrize("path", ["../outside", "/etc/x", ".git/hooks/post-checkout", "a/../../b"])
def test_a_hostile_tree_is_refused(local: Shared, path: str) -> None:
    _data(local.repo)
    dialect = dialect_of(local.repo)
    file = digest_bytes(b"payload", dialect.algorithm)
    data = json.dumps([{dialect.algorithm: file.hex, "relpath": path}]).encode()
    name = digest_bytes(data, dialect.algorithm).hex + ".dir"
    local.put(file.object_name, b"payload")
    local.put(f"files/{dialect.algorithm}/{name[:2]}/{name[2:]}", data)
    pointer = local.repo / f"images{dialect.pointer_suffix}"
    old = _tree_name(_cached(local.repo)).split("/")
    pointer.write_text(pointer.read_text().replace("".join(old[-2:]), name))
    before = tree(local.repo.parent, skip=("repo", "remote", "home"))

    result = _pull(local.repo)

    assert [failed for failed, _ in result.fetched.failed] == ["images"]
    assert tree(local.repo.parent, skip=("repo", "remote", "home")) == before
    assert not (local.repo / ".git/hooks/post-checkout").exists()


def test_what_the_remote_lacks_is_named(shared: Shared) -> None:
    _data(shared.repo)
    _push(shared.repo)
    shared.remove(_named(shared.objects(), b"second"))
    clone = shared.clone()

    result = _pull(clone)

    assert (result.fetched.missing, result.lacking) == (("images/sub/b",), ("images",))
    assert result.checkout.added == ("raw.csv",)
    assert not (clone / "images").exists()
    with pytest.raises(MissingData, match="needed by `images/sub/b`"):
        sync.demand(result.fetched, sync.Direction.FETCH)


def test_a_tree_that_the_remote_lacks_is_named(shared: Shared) -> None:
    _data(shared.repo)
    _push(shared.repo)
    shared.remove(_tree_name(shared.objects()))

    assert _fetch(shared.clone()).missing == ("images",)


def test_a_fetch_goes_on_where_it_was(shared: Shared) -> None:
    _data(shared.repo)
    _push(shared.repo)
    objects = shared.objects()
    name = _named(objects, b"second")
    shared.remove(name)
    clone = shared.clone()
    assert _fetch(clone).copied == 3

    shared.put(name, b"second")

    assert _fetch(clone) == TransferResult(1, 6)


def test_targets_limit_a_transfer(shared: Shared) -> None:
    _data(shared.repo)
    assert _push(shared.repo, targets=("raw.csv",)).copied == 1
    assert list(shared.objects().values()) == [b"1,2\n"]
    _push(shared.repo)
    clone = shared.clone()

    assert _pull(clone, targets=("raw.csv",)).checkout.added == ("raw.csv",)
    assert not (clone / "images").exists()


def test_a_part_of_a_directory_is_fetched_with_its_tree(local: Shared) -> None:
    _data(local.repo)
    _push(local.repo)
    clone = local.clone()

    _pull(clone, targets=("images/a",))

    assert tree(clone / "images") == {"a": b"first"}
    assert sorted(_cached(clone)) == sorted([_tree_name(local.objects()), _named(local.objects(), b"first")])


def test_a_part_of_a_directory_is_pushed_without_a_tree_that_would_lie(local: Shared) -> None:
    _data(local.repo)

    result = _push(local.repo, targets=("images/a",))

    assert list(local.objects().values()) == [b"first"]
    with pytest.raises(Partial, match="`images` cannot be pulled yet"):
        sync.demand(result, sync.Direction.PUSH)


def test_a_part_of_a_directory_is_pushed_with_its_tree_when_the_rest_is_there(local: Shared) -> None:
    _data(local.repo)
    _push(local.repo)
    write(local.repo / "images/a", "changed")
    dvx(local.repo, "add", "images")

    assert _push(local.repo, targets=("images/a",)) == TransferResult(2, 7 + len(_cached(local.repo)[_newest_tree(local.repo)]))


def _newest_tree(repo: Path) -> str:
    cache = repo / dialect_of(repo).folder / "cache"
    trees = [name for name in _cached(repo) if name.endswith(".dir")]
    return max(trees, key=lambda name: os.stat(cache / name).st_mtime_ns)


def test_patterns_and_folders_are_targets(local: Shared) -> None:
    write(local.repo / "a/one.csv", "1")
    write(local.repo / "a/two.csv", "2")
    write(local.repo / "b/three.txt", "3")
    dvx(local.repo, "add", "a/one.csv", "a/two.csv", "b/three.txt")

    assert _push(local.repo, targets=("*.txt",), select=SelectOptions(glob=True)).copied == 1
    assert _push(local.repo, targets=("a",), select=SelectOptions(recursive=True)).copied == 2


def test_an_unknown_target_is_refused(local: Shared) -> None:
    _data(local.repo)

    with pytest.raises(UnknownTarget, match=r"`raw\.cvs` is no tracked path"):
        _push(local.repo, targets=("raw.cvs",))


def test_an_output_that_is_not_pushed_stays_here(local: Shared) -> None:
    _data(local.repo)
    _edit_pointer(local.repo, "raw.csv", "push: false")

    assert _push(local.repo).copied == 3
    assert b"1,2\n" not in local.objects().values()
    assert _fetch(local.repo) == TransferResult()


def test_an_output_has_its_own_remote(local: Shared, tmp_path: Path) -> None:
    _data(local.repo)
    dvx(local.repo, "remote", "add", "other", str(tmp_path / "other"))
    _edit_pointer(local.repo, "raw.csv", "remote: other")

    _push(local.repo)

    assert list(tree(tmp_path / "other").values()) == [b"1,2\n"]
    assert b"1,2\n" not in local.objects().values()
    commit_all(local.repo)
    clone = local.clone()
    _pull(clone)
    assert (clone / "raw.csv").read_bytes() == b"1,2\n"


def test_each_revision_says_to_which_remote_its_data_goes(local: Shared, tmp_path: Path) -> None:
    dvx(local.repo, "remote", "add", "other", str(tmp_path / "other"))
    write(local.repo / "raw.csv", "1,2\n")
    dvx(local.repo, "add", "raw.csv")
    pointer = local.repo / f"raw.csv{dialect_of(local.repo).pointer_suffix}"
    plain = pointer.read_text()
    _edit_pointer(local.repo, "raw.csv", "remote: other")
    commit_all(local.repo)
    pointer.write_text(plain)

    _push(local.repo, revisions=ChosenRevisions(all_commits=True))

    assert list(tree(tmp_path / "other").values()) == [b"1,2\n"]
    assert list(local.objects().values()) == [b"1,2\n"]


def test_a_target_that_the_workspace_does_not_know_leaves_the_others(local: Shared) -> None:
    _three_versions(local.repo)
    git(local.repo, "rm", "--quiet", f"raw.csv{dialect_of(local.repo).pointer_suffix}")
    write(local.repo / "b", "b")
    dvx(local.repo, "add", "b")
    commit_all(local.repo, "gone")
    every = ChosenRevisions(all_branches=True)

    with pytest.raises(UnknownTarget, match="nope"):
        _push(local.repo, targets=("b", "nope"), revisions=every)
    with pytest.raises(UnknownTarget, match="raw"):
        _push(local.repo, targets=("raw.csv", "b"))
    _push(local.repo, targets=("raw.csv", "b"), revisions=every)

    assert set(local.objects().values()) == {b"branched", b"b"}


def _edit_pointer(repo: Path, path: str, line: str) -> None:
    pointer = repo / f"{path}{dialect_of(repo).pointer_suffix}"
    pointer.write_text(pointer.read_text() + f"  {line}\n")


def test_a_remote_can_be_chosen(local: Shared, tmp_path: Path) -> None:
    _data(local.repo)
    dvx(local.repo, "remote", "add", "other", str(tmp_path / "other"))

    _push(local.repo, remote="other")

    assert tree(tmp_path / "other") == _cached(local.repo)
    assert local.objects() == {}


def _three_versions(repo: Path) -> None:
    """`raw.csv` is `tagged` at a tag, `branched` on a branch, `middle` in a commit and `now` in the workspace."""
    for text in ("tagged", "middle", "now"):
        write(repo / "raw.csv", text)
        dvx(repo, "add", "raw.csv")
        commit_all(repo, text)
        if text == "tagged":
            git(repo, "tag", "v1")
            git(repo, "checkout", "--quiet", "-b", "side")
            write(repo / "raw.csv", "branched")
            dvx(repo, "add", "raw.csv")
            commit_all(repo, "branched")
            git(repo, "checkout", "--quiet", "main")


@pytest.mark.parametrize(
    ("revisions", "texts"),
    [
        (ChosenRevisions(), {b"now"}),
        (ChosenRevisions(all_branches=True), {b"now", b"branched"}),
        (ChosenRevisions(all_tags=True), {b"now", b"tagged"}),
        (ChosenRevisions(all_commits=True), {b"now", b"branched", b"tagged", b"middle"}),
    ],
)
def test_revisions_add_their_data(local: Shared, revisions: ChosenRevisions, texts: set[bytes]) -> None:
    _three_versions(local.repo)

    _push(local.repo, revisions=revisions)
    assert set(local.objects().values()) == texts

    _push(local.repo, revisions=ChosenRevisions(all_commits=True))
    clone = local.clone()
    git(clone, "branch", "side", "origin/side")
    _fetch(clone, revisions=revisions)
    assert set(_cached(clone).values()) == texts


def test_a_target_may_be_in_an_earlier_commit_only(local: Shared) -> None:
    _three_versions(local.repo)
    git(local.repo, "rm", "--quiet", f"raw.csv{dialect_of(local.repo).pointer_suffix}")
    commit_all(local.repo, "gone")

    assert _push(local.repo, targets=("raw.csv",), revisions=ChosenRevisions(all_commits=True)).copied == 4


def test_nothing_to_fetch_needs_no_remote(dialect_repo: Path) -> None:
    _data(dialect_repo)

    assert _fetch(dialect_repo) == TransferResult()
    assert _pull(dialect_repo).fetched == TransferResult()


def test_a_push_without_a_remote_tells_how_to_add_one(dialect_repo: Path) -> None:
    _data(dialect_repo)

    with pytest.raises(UnknownTarget, match="there is no default remote") as caught:
        _push(dialect_repo)

    assert "remote add" in caught.value.hint


def test_a_fetch_from_a_folder_that_is_not_there_says_so(local: Shared) -> None:
    _data(local.repo)
    clone = local.clone()

    with pytest.raises(RemoteError, match=r"the folder `.*/remote` of the remote `storage` does not exist"):
        _fetch(clone, targets=("raw.csv",))


def test_a_pull_keeps_unsaved_changes(local: Shared) -> None:
    _data(local.repo)
    _push(local.repo)
    write(local.repo / "raw.csv", "unsaved")

    with pytest.raises(AtRisk):
        _pull(local.repo)
    assert (local.repo / "raw.csv").read_text() == "unsaved"

    _pull(local.repo, force=True)
    assert (local.repo / "raw.csv").read_text() == "1,2\n"


STAGE = """\
stages:
  copy:
    cmd: cp raw.csv out.csv
    deps: [raw.csv]
    outs: [out.csv]
"""


def test_the_run_cache_goes_along_when_asked(shared: Shared) -> None:
    repo = _data(shared.repo)
    write(repo / dialect_of(repo).pipeline, STAGE)
    dvx(repo, "repro")
    write(repo / "raw.csv", "newer")
    dvx(repo, "add", "raw.csv")
    dvx(repo, "repro")
    commit_all(repo)
    runs = {name for name in _cached(repo) if name.startswith("runs/")}
    assert len(runs) == 2

    _push(repo)
    assert not any(name.startswith("runs/") for name in shared.objects())
    _push(repo, run_cache=True)
    assert {name: data for name, data in shared.objects().items() if name.startswith("runs/")} == {
        name: data for name, data in _cached(repo).items() if name.startswith("runs/")
    }
    assert b"1,2\n" in shared.objects().values()

    clone = shared.clone()
    _pull(clone)
    assert not any(name.startswith("runs/") for name in _cached(clone))
    _pull(clone, run_cache=True)
    assert _cached(clone) == {name: data for name, data in _cached(repo).items() if name in shared.objects()}
    assert _push(repo, run_cache=True) == TransferResult()
    assert _fetch(clone, run_cache=True) == TransferResult()


def test_a_run_whose_outputs_are_gone_stays_behind(local: Shared) -> None:
    repo = _data(local.repo)
    write(repo / dialect_of(repo).pipeline, STAGE)
    dvx(repo, "repro")
    (repo / dialect_of(repo).pipeline).unlink()
    cache = repo / dialect_of(repo).folder / "cache"
    (cache / _named(_cached(repo), b"1,2\n")).unlink()
    write(repo / "raw.csv", "new")
    dvx(repo, "add", "raw.csv")

    result = _push(repo, run_cache=True)

    assert result.complete
    assert not any(name.startswith("runs/") for name in local.objects())


def test_a_run_whose_outputs_are_nowhere_is_not_fetched(local: Shared) -> None:
    repo = _data(local.repo)
    write(repo / dialect_of(repo).pipeline, STAGE)
    dvx(repo, "repro")
    commit_all(repo)
    _push(repo, run_cache=True)
    local.remove(next(name for name, data in local.objects().items() if data == b"1,2\n"))
    clone = local.clone()

    result = _fetch(clone, run_cache=True)

    assert not any(name.startswith("runs/") for name in _cached(clone))
    assert len(result.missing) == 1


def test_a_run_that_was_tampered_with_is_left_alone(local: Shared) -> None:
    repo = _data(local.repo)
    write(repo / dialect_of(repo).pipeline, STAGE)
    dvx(repo, "repro")
    commit_all(repo)
    _push(repo, run_cache=True)
    name = next(name for name in local.objects() if name.startswith("runs/"))
    local.put(name, local.objects()[name].replace(b"cp", b"mv"))
    clone = local.clone()

    _pull(clone, run_cache=True)

    assert not any(name.startswith("runs/") for name in _cached(clone))


def test_a_pushed_object_is_read_only_in_a_dvc_remote(dvc_like: Path, tmp_path: Path) -> None:
    dvx(dvc_like, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    _data(dvc_like)

    _push(dvc_like)

    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "remote").rglob("*") if path.is_file()} == {0o444}
