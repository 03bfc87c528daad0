"""gc on real repositories: all that is needed stays, all else goes, in both dialects."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest
import yaml

from dvx.errors import DvxError, UsageError
from dvx.model.digest import Digest
from dvx.ops.upkeep import gc
from dvx.ops.upkeep.gc import Collection, GcOptions
from dvx.ops.upkeep.reachable import HistoryScope
from dvx.project import Project
from dvx.store.objects import lying
from dvx.store.remotes.listed import modified_of
from tests.helpers import commit_all, dialect_of, dvx, git, write
from tests.servers import S3Server

OLD = 30 * 86_400
EVERYTHING = GcOptions()


def _silent(_: object) -> None:
    pass


def _gc(repo: Path, options: GcOptions = EVERYTHING) -> Collection:
    project = Project.find(str(repo))
    try:
        return gc.collect(project, options, gc.plan(project, options, _silent), _silent)
    finally:
        project.close()


def _age(folder: Path) -> None:
    """Make all objects look old."""
    moment = time.time() - OLD
    for path in folder.rglob("*"):
        if path.is_file() and "files" in path.parts:
            os.utime(path, (moment, moment))


def _cache(repo: Path) -> Path:
    return repo / dialect_of(repo).folder / "cache"


def _objects(repo: Path) -> set[str]:
    return {str(one.digest) for one in lying(str(_cache(repo)))}


def _add(repo: Path, name: str, text: str) -> set[str]:
    """Track a new version; returns its objects."""
    before = _objects(repo)
    write(repo / name, text)
    dvx(repo, "add", name.split("/", maxsplit=1)[0])
    return _objects(repo) - before


def test_everything_that_git_keeps_is_kept_and_the_rest_goes(dialect_repo: Path) -> None:
    _add(dialect_repo, "a", "committed")
    commit_all(dialect_repo)
    lost = _add(dialect_repo, "a", "never committed")
    _add(dialect_repo, "a", "in the workspace")
    _age(_cache(dialect_repo))
    before = _objects(dialect_repo)
    done = _gc(dialect_repo)
    assert {str(stored.digest) for stored in done.cache.objects} == lost
    assert _objects(dialect_repo) == before - lost


def test_what_is_young_stays(native: Path) -> None:
    _add(native, "a", "one")
    _add(native, "a", "two")
    assert _gc(native).count == 0
    assert _gc(native, GcOptions(grace=0)).count == 1


def test_the_files_of_a_young_folder_that_nothing_names_stay(dialect_repo: Path) -> None:
    _add(dialect_repo, "d/x", "old file")
    _age(_cache(dialect_repo))
    _add(dialect_repo, "d/y", "new file")
    _add(dialect_repo, "d/x", "newest file")
    assert _gc(dialect_repo).cache.files == ()


def test_a_workspace_scope_leaves_history_out_but_not_stashes_and_the_index(dialect_repo: Path) -> None:
    gone = _add(dialect_repo, "a", "in history")
    commit_all(dialect_repo)
    kept = _add(dialect_repo, "a", "in a stash")
    git(dialect_repo, "add", "--all")
    git(dialect_repo, "stash")
    kept |= _add(dialect_repo, "a", "in the index")
    git(dialect_repo, "add", "--all")
    kept |= _add(dialect_repo, "a", "in the workspace")
    _age(_cache(dialect_repo))
    done = _gc(dialect_repo, GcOptions(HistoryScope(workspace=True)))
    assert ({str(stored.digest) for stored in done.cache.objects}, _objects(dialect_repo)) == (gone, kept)
    assert done.historic == 1


def test_scopes_choose_commits(dialect_repo: Path) -> None:
    versions = []
    for number in range(4):
        versions.append(_add(dialect_repo, "a", f"version {number}"))
        commit_all(dialect_repo, str(number))
    git(dialect_repo, "tag", "first", "HEAD~3")
    git(dialect_repo, "branch", "second", "HEAD~2")
    _age(_cache(dialect_repo))

    def going(scope: HistoryScope) -> set[str]:
        project = Project.find(str(dialect_repo))
        found = {str(stored.digest) for stored in gc.plan(project, GcOptions(scope), _silent).cache.objects}
        project.close()
        return found

    first, second, third, _ = versions
    assert going(HistoryScope(workspace=True)) == first | second | third
    assert going(HistoryScope(all_tags=True)) == second | third
    assert going(HistoryScope(all_branches=True)) == first | third
    assert going(HistoryScope(revisions=("HEAD",), number=2)) == first | second
    assert going(HistoryScope(all_commits=True)) == set()
    assert going(HistoryScope(since=time.time() - 1000)) == set()
    assert going(HistoryScope(since=time.time() + 1000)) == first | second | third
    assert going(HistoryScope()) == set()


def test_experiments_and_queued_ones(dialect_repo: Path) -> None:
    start = commit_all(dialect_repo)
    finished = _add(dialect_repo, "a", "an experiment")
    head = commit_all(dialect_repo)
    git(dialect_repo, "update-ref", f"refs/exps/{start[:2]}/{start[2:]}/tried-once", head)
    queued = _add(dialect_repo, "a", "a queued one")
    git(dialect_repo, "update-ref", "--create-reflog", "refs/exps/celery/stash", commit_all(dialect_repo))
    queued |= _add(dialect_repo, "a", "another queued one")
    git(dialect_repo, "update-ref", "--create-reflog", "refs/exps/celery/stash", commit_all(dialect_repo))
    git(dialect_repo, "reset", "--quiet", "--hard", start)
    git(dialect_repo, "reflog", "expire", "--expire=now", "HEAD", "refs/heads/main")
    _age(_cache(dialect_repo))
    assert _gc(dialect_repo).count == 0
    assert _gc(dialect_repo, GcOptions(HistoryScope(workspace=True, experiments=True))).count == 0
    _gc(dialect_repo, GcOptions(HistoryScope(workspace=True)))
    assert _objects(dialect_repo) == queued
    assert finished


def test_other_work_trees_count(native: Path) -> None:
    commit_all(native)
    git(native, "worktree", "add", "--quiet", native.parent / "beside")
    for place in (native, native.parent / "beside"):
        dvx(place, "config", "--local", "cache.dir", f"{native}/.dvx/cache")
    before = _objects(native)
    write(native.parent / "beside/b", "uncommitted beside")
    dvx(native.parent / "beside", "add", "b")
    assert len(_objects(native) - before) == 1
    _age(_cache(native))
    assert _gc(native, GcOptions(HistoryScope(workspace=True))).count == 0


def test_a_shared_cache_needs_all_its_projects(native: Path, new_project: object, tmp_path: Path) -> None:
    other = new_project("other")  # type: ignore[operator]
    for repo in (native, other):
        dvx(repo, "config", "--local", "cache.dir", str(tmp_path / "shared"))
        write(repo / "a", f"data of {repo.name}")
        dvx(repo, "add", "a")
    _age(tmp_path / "shared")
    with pytest.raises(DvxError) as refused:
        _gc(native)
    assert "-p" in refused.value.hint
    # the private file of another project may be another user's
    write(other / ".dvx/config.local", "not read\n")
    assert _gc(native, GcOptions(projects=(str(other),))).count == 0
    assert _gc(native, GcOptions(projects=(".",))).count == 1


@pytest.mark.parametrize("text", ["", "outs: [", "outs:\n- md5: zz\n  path: a\n", "<<<<<<< ours\nouts: []\n"])
def test_a_pointer_that_cannot_be_read_refuses(native: Path, text: str) -> None:
    _add(native, "a", "one")
    _age(_cache(native))
    (native / "a.dvx").write_text(text)
    with pytest.raises(DvxError) as refused:
        _gc(native)
    assert "a.dvx" in refused.value.message
    assert len(_objects(native)) == 1
    assert _gc(native, GcOptions(skip_failed=True)).count == 1


def test_a_bad_version_in_history_refuses(native: Path) -> None:
    write(native / "a.dvx", "outs: 5\n")
    commit_all(native)
    write(native / "a.dvx", "outs: []\n")
    with pytest.raises(DvxError) as refused:
        _gc(native)
    assert "--find-object=" in refused.value.message


def test_words_that_do_not_go_together(native: Path) -> None:
    for options in (GcOptions(remote="x"), GcOptions(cloud=True, not_in_remote=True), GcOptions(HistoryScope(number=3))):
        with pytest.raises(UsageError):
            _gc(native, options)


def test_an_object_that_is_claimed_stays(native: Path) -> None:
    """A command that finds an object in the cache and is about to name it makes it young."""
    _add(native, "a", "same bytes")
    git(native, "clean", "-qfdx", "a.dvx", "a")
    _age(_cache(native))
    project = Project.find(str(native))
    shown = gc.plan(project, EVERYTHING, _silent)
    assert shown.count == 1
    write(native / "b", "same bytes")
    dvx(native, "add", "b")
    (native / "b.dvx").unlink()
    assert gc.collect(project, EVERYTHING, shown, _silent).count == 0
    project.close()


def test_what_became_needed_since_it_was_shown_stays(native: Path) -> None:
    _add(native, "a", "same bytes")
    pointer = (native / "a.dvx").read_text()
    (native / "a.dvx").unlink()
    _age(_cache(native))
    project = Project.find(str(native))
    shown = gc.plan(project, EVERYTHING, _silent)
    (native / "a.dvx").write_text(pointer)
    assert (shown.count, gc.collect(project, EVERYTHING, shown, _silent).count) == (1, 0)
    project.close()


def _on_remote(repo: Path, url: str, options: dict[str, str]) -> None:
    dvx(repo, "remote", "add", "--default", "storage", url)
    for name, value in options.items():
        dvx(repo, "remote", "modify", "--local", "storage", name, value)
    _add(repo, "d/x", "first")
    dvx(repo, "push")
    _add(repo, "d/x", "second")
    dvx(repo, "push")


def test_a_folder_remote_is_cleaned(dialect_repo: Path, tmp_path: Path) -> None:
    _on_remote(dialect_repo, str(tmp_path / "remote"), {})
    assert len(list(lying(str(tmp_path / "remote")))) == 4
    assert _gc(dialect_repo, GcOptions(cloud=True)).remotes[0][1].young == 1
    _age(tmp_path / "remote")
    _gc(dialect_repo, GcOptions(cloud=True))
    assert len(list(lying(str(tmp_path / "remote")))) == 2
    write(dialect_repo / "d/x", "").unlink()
    dvx(dialect_repo, "pull", "--force")
    assert (dialect_repo / "d/x").read_text() == "second"


def test_an_s3_remote_is_cleaned(native: Path, s3: S3Server, bucket: str) -> None:
    _on_remote(native, f"s3://{bucket}/there", s3.options())
    done = _gc(native, GcOptions(cloud=True, grace=0))
    assert len(done.remotes[0][1].objects) == 2
    assert len(s3.files().find(f"{bucket}/there")) == 2
    assert _gc(native, GcOptions(cloud=True)).remotes[0][1].kept == 2


def test_files_of_a_tree_that_only_the_remote_has_stay(dialect_repo: Path, tmp_path: Path) -> None:
    _on_remote(dialect_repo, str(tmp_path / "remote"), {})
    commit_all(dialect_repo)
    git(tmp_path, "clone", "--quiet", dialect_repo, "clone")
    _age(tmp_path / "remote")
    options = GcOptions(cloud=True, skip_failed=True)
    dvx(tmp_path / "clone", "trust", "--yes")
    done = _gc(tmp_path / "clone", options)
    assert (done.remotes[0][1].kept, len(done.remotes[0][1].objects)) == (2, 2)


def test_what_a_remote_has_may_go_here(dialect_repo: Path, tmp_path: Path) -> None:
    _on_remote(dialect_repo, str(tmp_path / "remote"), {})
    commit_all(dialect_repo)
    mine = _add(dialect_repo, "e", "not pushed")
    _age(_cache(dialect_repo))
    _gc(dialect_repo, GcOptions(not_in_remote=True))
    assert _objects(dialect_repo) == mine
    dvx(dialect_repo, "pull", "d")


def test_times_of_remotes_are_read() -> None:
    assert modified_of({"mtime": 5}) == 5.0
    assert modified_of({"LastModified": "2024-01-01T00:00:00+00:00"}) == 1704067200.0
    assert modified_of({"name": "x"}) == float("inf")


@pytest.mark.parametrize("seed", range(4))
def test_over_random_histories_all_that_is_needed_stays(dialect_repo: Path, seed: int) -> None:
    chance = random.Random(seed)
    write(dialect_repo / ".gitignore", "/f0\n/f1\n/f2\n/d\n")
    commit_all(dialect_repo)
    for number in range(25):
        _random_step(dialect_repo, chance, f"{seed}-{number}")
    _age(_cache(dialect_repo))
    needed = _named_by_git(dialect_repo)
    before = _objects(dialect_repo)
    _gc(dialect_repo)
    assert _objects(dialect_repo) == needed & before
    assert needed <= before


def _random_step(repo: Path, chance: random.Random, number: str) -> None:
    step = chance.choice(
        ["file", "file", "folder", "commit", "commit", "amend", "stash", "branch", "experiment", "drop", "stage"]
    )
    if step == "file":
        write(repo / f"f{chance.randrange(3)}", f"content {chance.randrange(6)}")
        dvx(repo, "add", *[path.name for path in repo.glob("f?")])
    elif step == "folder":
        write(repo / f"d/{chance.randrange(3)}", f"content {chance.randrange(6)}")
        dvx(repo, "add", "d")
    elif step == "commit":
        commit_all(repo, number)
    elif step == "amend":
        git(repo, "add", "--all")
        git(repo, "commit", "--quiet", "--allow-empty", "--amend", "--message", number)
    elif step == "stash":
        git(repo, "stash", "--include-untracked")
    elif step == "branch":
        commit_all(repo, number)
        git(repo, "checkout", "--quiet", "-b", f"b{number}", f"HEAD~{chance.randrange(2)}" if chance.random() < 0.3 else "HEAD")
    elif step == "experiment":
        head = git(repo, "rev-parse", "HEAD")
        git(repo, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/e{number}", commit_all(repo, number))
        git(repo, "reset", "--quiet", "--hard", head)
    elif step == "drop":
        for pointer in chance.sample(sorted(repo.glob("*.dv?")), k=min(1, len(list(repo.glob("*.dv?"))))):
            if pointer.is_file():
                pointer.unlink()
    else:
        git(repo, "add", "--all")


def _named_by_git(repo: Path) -> set[str]:
    """All objects that pointers name, in every commit that anything keeps, in the index and in the workspace."""
    commits = git(repo, "rev-list", "--all", "--reflog").split() + git(repo, "stash", "list", "--format=%H").split()
    texts = {path.read_text() for path in repo.glob("*.dv?") if path.is_file()}
    for commit in commits:
        for name in git(repo, "ls-tree", "--name-only", commit).splitlines():
            if name.endswith((".dvc", ".dvx")) and name[0] != ".":
                texts.add(git(repo, "show", f"{commit}:{name}"))
    for name in git(repo, "ls-files").splitlines():
        if name.endswith((".dvc", ".dvx")) and name[0] != ".":
            texts.add(git(repo, "show", f":{name}"))
    found: set[str] = set()
    for text in texts:
        for out in yaml.safe_load(text)["outs"]:
            digest = Digest(out["hash"], out[out["hash"]])
            found.add(str(digest))
            if digest.is_tree:
                tree = _cache(repo) / "files" / digest.algorithm / digest.hex[:2] / digest.hex[2:]
                found |= {f"{digest.algorithm}:{row[digest.algorithm]}" for row in json.loads(tree.read_bytes())}
    return found
