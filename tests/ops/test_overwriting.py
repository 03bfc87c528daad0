"""What stands where data is to be placed is never lost, and who else is at work is not in the way."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dvx.model.digest import Digest, digest_bytes
from dvx.model.tree import Content, Entry
from dvx.model.workspace.checkout import plan_checkout
from dvx.ops.workspace import observe
from dvx.ops.workspace.links import relink
from dvx.ops.workspace.overwrites import Sparing
from dvx.project import Project
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.intake import hash_file
from tests.helpers import dialect_of, dvx, git, run_dvx, run_process, write


def cache_of(repo: Path) -> Path:
    return repo / dialect_of(repo).folder / "cache"


def object_of(repo: Path, data: bytes) -> Path:
    algorithm = dialect_of(repo).algorithm
    return cache_of(repo) / digest_bytes(data, algorithm).object_name


def test_an_edit_of_a_tracked_file_that_is_ignored_now_is_kept(dialect_repo: Path):
    write(dialect_repo / "d/x.txt", "recorded")
    write(dialect_repo / "d/y", "other")
    dvx(dialect_repo, "add", "d")
    write(dialect_repo / dialect_of(dialect_repo).ignore, "*.txt\n")
    write(dialect_repo / "d/x.txt", "edited")
    refused = run_dvx(dialect_repo, "checkout")
    assert refused.code != 0
    assert "`d/x.txt`" in refused.err
    assert (dialect_repo / "d/x.txt").read_text() == "edited"
    dvx(dialect_repo, "checkout", "--force")
    assert (dialect_repo / "d/x.txt").read_text() == "recorded"
    dvx(dialect_repo, "trash", "restore", "d/x.txt", "--force")
    assert (dialect_repo / "d/x.txt").read_text() == "edited"


def test_nothing_is_written_through_a_link_where_a_folder_was(dialect_repo: Path):
    write(dialect_repo / "d/sub/f", "recorded")
    dvx(dialect_repo, "add", "d")
    write(dialect_repo / "other/f", "mine")
    os.unlink(dialect_repo / "d/sub/f")
    os.rmdir(dialect_repo / "d/sub")
    os.symlink("../other", dialect_repo / "d/sub")
    assert "`d/sub`" in run_dvx(dialect_repo, "checkout").err
    dvx(dialect_repo, "checkout", "--force")
    assert (dialect_repo / "other/f").read_text() == "mine"
    assert not (dialect_repo / "d/sub").is_symlink()
    assert (dialect_repo / "d/sub/f").read_text() == "recorded"


@pytest.mark.parametrize("link", ["hardlink", "symlink", "copy"])
def test_an_object_of_another_size_is_not_placed(native: Path, link: str):
    write(native / "f", "0123456789")
    dvx(native, "add", "f")
    place = object_of(native, b"0123456789")
    os.chmod(place, 0o644)
    os.truncate(place, 3)
    os.unlink(native / "f")
    dvx(native, "config", "cache.type", link)
    refused = run_dvx(native, "checkout")
    assert refused.code == 1
    assert "dvx fetch" in refused.err
    assert not (native / "f").exists()


def test_folders_inherit_from_the_place_where_they_belong(native: Path):
    write(native / "shared/d/f", "1")
    dvx(native, "add", "shared/d")
    os.unlink(native / "shared/d/f")
    os.rmdir(native / "shared/d")
    os.chmod(native / "shared", 0o2775)
    dvx(native, "checkout")
    assert (native / "shared/d").stat().st_mode & stat.S_ISGID


def test_two_checkouts_at_once_both_succeed(native: Path):
    for number in range(600):
        write(native / f"d/{number % 3}/{number}", str(number))
    dvx(native, "add", "d")
    for _ in range(3):
        (native / "d").rename(native.parent / f"away{os.urandom(4).hex()}")
        command = [str(Path(sys.executable).with_name("dvx")), "checkout"]
        both = [subprocess.Popen(command, cwd=native, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        said = [one.communicate(timeout=120) for one in both]
        assert [one.returncode for one in both] == [0, 0], said
        assert len(list((native / "d").rglob("*"))) == 603
        assert dvx(native, "status", "--json").json == {}


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_an_edit_made_while_files_are_shared_is_kept(native: Path, link: str):
    write(native / "d/a", "one")
    write(native / "d/b", "two")
    dvx(native, "add", "d")
    dvx(native, "config", "cache.type", link)
    recorded = Content(digest_bytes(b"one", "xxh128"), 3)
    other = Content(digest_bytes(b"two", "xxh128"), 3)
    write(native / "d/a", "an edit")
    project = Project.find(str(native))
    relink(project, {"d/a": recorded, "d/b": other})
    project.close()
    assert (native / "d/a").read_text() == "an edit"
    assert not (native / "d/a").is_symlink()
    assert os.path.samefile(native / "d/b", object_of(native, b"two"))


def test_a_folder_may_be_another_file_system(native: Path):
    """In a mount name space of its own, a temporary file system lies where the data does."""
    if run_process(native, "unshare", "--user", "--map-root-user", "--mount", "true").code != 0:
        pytest.skip("no name spaces on this machine")
    write(native / "d/f", "1")
    write(native / "d/sub/g", "2")
    dvx(native, "add", "d")
    program = Path(sys.executable).with_name("dvx")
    script = (
        f"mount -t tmpfs none d && {program} checkout && cat d/f d/sub/g && echo 3 > d/f && {program} checkout --force && cat d/f"
        f" && rm d/f && {program} trash restore d/f && cat d/f && {program} status"
    )
    result = run_process(native, "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
    assert result.code == 0, result.err
    assert "12" in result.out
    assert "13\n" in result.out
    assert "modified:           d" in result.out


@pytest.mark.parametrize("name", ["line\nbreak", ".Git", "back\\", "..."])
def test_a_name_that_could_not_be_read_back_is_refused_before_it_is_stored(dialect_repo: Path, name: str):
    write(dialect_repo / "d/ok", "1")
    write(dialect_repo / "d" / name, "2")
    refused = run_dvx(dialect_repo, "add", "d")
    assert refused.code != 0
    assert "`d` holds a name that cannot be tracked" in refused.err
    assert dialect_of(dialect_repo).ignore in refused.err
    assert not (dialect_repo / f"d{dialect_of(dialect_repo).pointer_suffix}").exists()


@pytest.mark.parametrize("name", ["2024-01-01T12:00:00.csv", "with space", "-dash", "ünïcode", "semi;colon", "'quote'", "$(x)"])
def test_a_usual_name_is_kept(dialect_repo: Path, name: str):
    write(dialect_repo / "d" / name, "2")
    dvx(dialect_repo, "add", "d")
    (dialect_repo / "d").rename(dialect_repo.parent / "away")
    dvx(dialect_repo, "checkout")
    assert (dialect_repo / "d" / name).read_text() == "2"


def test_links_to_folders_are_left_out_with_a_word(dialect_repo: Path):
    write(dialect_repo / "d/f", "1")
    write(dialect_repo / "real/g", "2")
    os.symlink("../real", dialect_repo / "d/link")
    assert "links to folders, and to nothing, are left out: `d/link`" in dvx(dialect_repo, "add", "d").err
    assert dvx(dialect_repo, "status").err == "Data and pipelines are up to date.\n"


@pytest.mark.parametrize("command", ["checkout", "status", "push", "pull", "fetch"])
def test_a_path_that_a_tracked_folder_does_not_hold_is_told(native: Path, command: str):
    write(native / "d/file", "1")
    dvx(native, "remote", "add", "-d", "store", "../remote")
    dvx(native, "add", "d")
    dvx(native, "push")
    refused = run_dvx(native, command, "d/nothing")
    assert refused.code == 1
    assert "`d/nothing` is no tracked path" in refused.err


def test_a_folder_with_tracked_parts_is_not_copied(native: Path):
    write(native / "top/d/f", "1")
    dvx(native, "add", "top/d")
    refused = run_dvx(native, "add", "top", "-o", "copy")
    assert refused.code == 1
    assert "`d.dvx`" in refused.err
    assert not (native / "copy").exists()


def test_a_place_where_no_folder_can_be_made_is_named(native: Path):
    write(native / "f", "1")
    dvx(native, "add", "f")
    dvx(native, "remote", "add", "-d", "store", "/proc/nothing")
    refused = run_dvx(native, "push")
    assert refused.code == 1
    assert "/proc/nothing" in refused.err


def test_what_changes_between_plan_and_execution_goes_to_the_trash(native: Path):
    old, new = digest_bytes(b"old", "xxh128"), digest_bytes(b"new", "xxh128")
    plan = plan_checkout(
        {"d/a": Entry("d/a", old), "d/b": Entry("d/b", old)}, {"d/a": Entry("d/a", new), "d/c": Entry("d/c", new)}
    )
    write(native / "d/a", "an edit")
    write(native / "d/b", "old")
    write(native / "d/c", "made meanwhile")
    project = Project.find(str(native))
    project.cache.put(b"old", old)
    project.cache.barrier()
    sparing = Sparing(project, plan, lambda _event: None)
    for path in ("d/a", "d/b", "d/c", "d/absent"):
        sparing.look(path)
    sparing.finish()
    project.close()
    assert sparing.spared == ["d/a", "d/c"]
    assert sorted(os.listdir(native / "d")) == ["b"]
    dvx(native, "trash", "restore", "d/a", "d/c")
    assert ((native / "d/a").read_text(), (native / "d/c").read_text()) == ("an edit", "made meanwhile")


def _replaced(repo: Path) -> Path:
    """A file whose second version only the cache has beside the workspace, and a pointer of the first; returns the object."""
    write(repo / "f", "first\n")
    dvx(repo, "add", "f")
    pointer = next(repo.glob("f.*"))
    before = pointer.read_text()
    (repo / "f").unlink()
    write(repo / "f", "second\n")
    dvx(repo, "add", "f")
    pointer.write_text(before)
    found = object_of(repo, b"second\n")
    os.utime(found, (time.time() - 30 * 86_400,) * 2)
    return found


@pytest.mark.parametrize("link", ["copy", "hardlink,copy", "symlink,copy"])
def test_what_a_checkout_leaves_to_the_cache_alone_is_no_prey_of_gc(dialect_repo: Path, link: str):
    dvx(dialect_repo, "config", "cache.type", link)
    found = _replaced(dialect_repo)
    dvx(dialect_repo, "checkout")
    assert (dialect_repo / "f").read_text() == "first\n"
    dvx(dialect_repo, "gc", "-f")
    assert found.read_text() == "second\n"


def _spoil(found: Path, mode: int = 0o444) -> None:
    """Give an object wrong bytes of the right size."""
    os.chmod(found, 0o644)
    found.write_text(found.read_text().swapcase())
    os.chmod(found, mode)


@pytest.mark.parametrize("mode", [0o644, 0o444])
@pytest.mark.parametrize("wanted", ["first", "gone", "link"])
def test_a_wrong_object_does_not_stand_for_the_workspace(dialect_repo: Path, mode: int, wanted: str):
    """The file in the workspace is the last good copy, so it becomes the object before it goes."""
    found = _replaced(dialect_repo)
    pointer = next(dialect_repo.glob("f.*"))
    if wanted == "link":
        dvx(dialect_repo, "add", "f")
        dvx(dialect_repo, "config", "cache.type", "symlink,copy")
    _spoil(found, mode)
    if wanted == "gone":
        write(dialect_repo / "d/f", "kept\n")
        dvx(dialect_repo, "add", "d")
        (dialect_repo / "f").rename(dialect_repo / "d/g")
        pointer.unlink()
    said = dvx(dialect_repo, "checkout", *(("--relink",) if wanted == "link" else ()), *(("d",) if wanted == "gone" else ()))
    assert "was changed, so it was moved to" in said.err
    assert found.read_text() == "second\n"
    assert (dialect_repo / "d/g").exists() is False
    assert wanted == "gone" or (dialect_repo / "f").read_text() == {"first": "first\n", "link": "second\n"}[wanted]


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_a_wrong_object_takes_no_workspace_file_s_place(dialect_repo: Path, link: str):
    """`add` finds an object of that name, and is to link the file to it."""
    write(dialect_repo / "f", "data\n")
    dvx(dialect_repo, "add", "f")
    found = object_of(dialect_repo, b"data\n")
    dvx(dialect_repo, "config", "cache.type", f"{link},copy")
    _spoil(found)
    write(dialect_repo / "g", "data\n")
    dvx(dialect_repo, "add", "g")
    assert found.read_text() == (dialect_repo / "g").read_text() == "data\n"


def test_a_wrong_object_is_no_reason_to_take_the_right_away(native: Path):
    """Only the executable bit differs from what is recorded, and a link would bring the wrong bytes with it."""
    write(native / "d/f", "data\n")
    dvx(native, "add", "d")
    dvx(native, "config", "cache.type", "symlink,copy")
    (native / "d/f").chmod(0o755)
    found = object_of(native, b"data\n")
    _spoil(found)
    dvx(native, "checkout")
    assert found.read_text() == (native / "d/f").read_text() == "data\n"


@pytest.mark.parametrize("link", ["copy", "reflink,copy"])
def test_a_checkout_reads_no_object_to_let_a_file_go_that_it_placed_itself(
    native: Path, link: str, monkeypatch: pytest.MonkeyPatch
):
    """What was added, too: the object is still as `add` left it."""
    dvx(native, "config", "cache.type", link)
    for text in ("first", "second"):
        write(native / "d/f", text)
        time.sleep(0.1)
        dvx(native, "add", "d")
        shutil.copy(native / "d.dvx", native / text)
    read: list[Digest] = []
    verify = Cache.verify
    monkeypatch.setattr(Cache, "verify", lambda cache, digest: read.append(digest) or verify(cache, digest))
    for text in ("first", "second", "first"):
        shutil.copy(native / text, native / "d.dvx")
        dvx(native, "checkout")
        assert (native / "d/f").read_text() == text
    assert read == []
    os.utime(object_of(native, b"first"))
    shutil.copy(native / "second", native / "d.dvx")
    dvx(native, "checkout")
    assert [digest.hex for digest in read] == [digest_bytes(b"first", "xxh128").hex]


def test_a_file_that_another_process_completes_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    part, done, lock = tmp_path / "part", tmp_path / "done", fcntl.flock
    part.write_text("all of it")

    def complete(file: object, how: int) -> None:
        """The other process has it until now, and gives it its name."""
        if part.exists() and not done.exists():
            part.rename(done)
        lock(file, how)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", complete)
    assert files.open_partial(str(part)) is None
    assert done.read_text() == "all of it"
    again = files.open_partial(str(part))
    assert again is not None
    again.close()


@pytest.mark.parametrize("days", [0, 30])
def test_who_names_or_removes_objects_leaves_files_that_are_linked_to_them_as_they_are(
    dialect_repo: Path, tmp_path: Path, days: int, monkeypatch: pytest.MonkeyPatch
):
    """So that they need not be hashed again."""
    dvx(dialect_repo, "config", "cache.type", "hardlink")
    dvx(dialect_repo, "remote", "add", "-d", "store", tmp_path / "remote")
    for number in range(20):
        write(dialect_repo / f"d/{number}", f"{number % 15}")  # some hold the same
        os.utime(dialect_repo / f"d/{number}", (time.time() - days * 86_400 - 1,) * 2)
    read: list[str] = []
    monkeypatch.setattr(observe, "hash_file", lambda found, kind: read.append(found.path) or hash_file(found, kind))
    dvx(dialect_repo, "add", "d")
    for words in (["status"], ["add", "d"], ["push"], ["gc", "-f"], ["checkout", "--relink"]):
        dvx(dialect_repo, *words)
        assert dvx(dialect_repo, "status", "--json").json == {}
        assert read == [], words


def test_no_gc_removes_an_object_that_a_file_is_linked_to(dialect_repo: Path):
    """It frees nothing, and a command that makes a file the object may be about to name it."""
    dvx(dialect_repo, "config", "cache.type", "hardlink")
    write(dialect_repo / "f", "data\n")
    os.utime(dialect_repo / "f", (time.time() - 30 * 86_400,) * 2)
    dvx(dialect_repo, "add", "f")
    next(dialect_repo.glob("f.*")).unlink()
    found = object_of(dialect_repo, b"data\n")
    dvx(dialect_repo, "gc", "-f")
    assert found.exists()
    dvx(dialect_repo, "gc", "-f", "--grace", "0")
    assert not found.exists()
    assert (dialect_repo / "f").read_text() == "data\n"


def test_two_objects_that_are_one_file_can_go(native: Path):
    """A migration gives the bytes a second name in the cache, which is no file of a workspace."""
    write(native / "f", "data\n")
    dvx(native, "add", "f")
    old = object_of(native, b"data\n")
    dvx(native, "migrate", "--hash", "blake3")
    new = cache_of(native) / digest_bytes(b"data\n", "blake3").object_name
    if not os.path.samefile(old, new):
        os.unlink(new)  # it was cloned
        os.link(old, new)
    for place in (native / "f", native / "f.dvx"):
        place.unlink()
    git(native, "rm", "-q", "--cached", "-r", ".")
    os.utime(old, (time.time() - 30 * 86_400,) * 2)
    dvx(native, "gc", "-f")
    assert (old.exists(), new.exists()) == (False, False)


def test_an_object_of_two_names_is_claimed(native: Path):
    write(native / "f", "data\n")
    dvx(native, "add", "f")
    found = object_of(native, b"data\n")
    os.link(found, found.with_name("0" * 30))
    os.utime(found, (time.time() - 30 * 86_400,) * 2)
    write(native / "g", "data\n")
    dvx(native, "add", "g")
    assert time.time() - found.stat().st_mtime < 86_400


def test_what_was_just_claimed_outlives_a_short_grace(dialect_repo: Path):
    write(dialect_repo / "f", "data\n")
    dvx(dialect_repo, "add", "f")
    found = object_of(dialect_repo, b"data\n")
    os.utime(found, (time.time() - 1800,) * 2)
    dvx(dialect_repo, "add", "f")
    next(dialect_repo.glob("f.*")).unlink()
    dvx(dialect_repo, "gc", "-f", "--grace", "1m")
    assert found.exists()
