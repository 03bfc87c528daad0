"""Facts about data from elsewhere: imported, brought up to date, fetched again, or only copied."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile

from dvx.errors import DvxError, UsageError
from dvx.formats import load_yaml
from dvx.model.setup.settings import OptionName
from dvx.model.tracked.origin import Origin, encode_origin, is_elsewhere, origin_of, settings_of
from dvx.model.tracked.pointer import Recorded
from dvx.ops.imports.artifacts import WantedArtifact, choose_tag
from dvx.store.remotes.folder import FolderRemote
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, tree, write


@pytest.fixture(params=["dvx", "dvc"])
def source(request: pytest.FixtureRequest, new_project: Callable[..., Path], tmp_path: Path) -> Path:
    """Another repository, in each dialect: tracked data at its remote, and files of Git; two versions, `v1` and the tip."""
    folder = new_project("source", *(["--dvc"] if request.param == "dvc" else []))
    dvx(folder, "remote", "add", "--default", "store", str(tmp_path / "store"))
    write(folder / "data/raw.txt", "one\n")
    write(folder / "data/images/a", "a\n")
    write(folder / "data/images/sub/b", "b\n")
    write(folder / "data/code.py", "print()\n")
    (folder / "data/code.py").chmod(0o755)
    dvx(folder, "add", "data/raw.txt", "data/images")
    commit_all(folder)
    git(folder, "tag", "v1")
    dvx(folder, "push")
    write(folder / "data/raw.txt", "two\n")
    dvx(folder, "add", "data/raw.txt")
    commit_all(folder)
    dvx(folder, "push")
    return folder


def pointer(folder: Path, name: str) -> str:
    return (folder / f"{name}{dialect_of(folder).pointer_suffix}").read_text()


def files(folder: Path) -> dict[str, str]:
    return {path: data.decode() for path, data in tree(folder, skip=(".git", ".dvx", ".dvc")).items()}


def lose(folder: Path) -> None:
    """Drop the cache and the data, as in a fresh clone."""
    shutil.rmtree(folder / dialect_of(folder).folder / "cache")
    for line in (folder / ".gitignore").read_text().splitlines():
        place = folder / line.lstrip("/")
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def test_what_is_imported_is_what_was_committed(dialect_repo: Path, source: Path) -> None:
    write(source / "data/code.py", "edited, but not committed\n")
    said = dvx(dialect_repo, "import", "../source", "data/raw.txt").err
    assert "`../source` has changes that are in no commit" in said
    dvx(dialect_repo, "import", "../source", "data/code.py")
    dvx(dialect_repo, "import", "../source", "data/images/sub", "-o", "part")
    dvx(dialect_repo, "import", "../source", "data", "--rev", "v1", "-o", "all")
    assert (dialect_repo / "raw.txt").read_text() == "two\n"
    assert (dialect_repo / "code.py").read_text() == "print()\n"
    assert os.access(dialect_repo / "code.py", os.X_OK)
    assert files(dialect_repo / "part") == {"b": "b\n"}
    assert files(dialect_repo / "all") == {
        ".gitignore": (source / "data/.gitignore").read_text(),
        "raw.txt": "one\n",
        "images/a": "a\n",
        "images/sub/b": "b\n",
        "code.py": "print()\n",
    }
    head, first = (git(source, "rev-parse", name).strip() for name in ("HEAD", "v1^{commit}"))
    assert f"    url: ../source\n    rev_lock: {head}\n" in pointer(dialect_repo, "raw.txt")
    assert f"    url: ../source\n    rev: v1\n    rev_lock: {first}\n" in pointer(dialect_repo, "all")
    assert pointer(dialect_repo, "raw.txt").splitlines()[1] == "frozen: true"
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_what_is_imported_comes_from_its_source_again(dialect_repo: Path, source: Path) -> None:
    for path in ("data/raw.txt", "data/images", "data/code.py"):
        dvx(dialect_repo, "import", "../source", path)
    before = files(dialect_repo)
    # it was not in HEAD for long: what is recorded counts
    write(source / "data/raw.txt", "three\n")
    dvx(source, "add", "data/raw.txt")
    commit_all(source)
    lose(dialect_repo)
    assert dvx(dialect_repo, "fetch", "raw.txt").err == "1 object fetched (4 B)\n"
    assert not (dialect_repo / "raw.txt").exists()
    dvx(dialect_repo, "pull")
    assert files(dialect_repo) == before
    assert dvx(dialect_repo, "pull").err == "Everything is up to date.\n"


def test_imports_are_not_pushed(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    dvx(dialect_repo, "import", "../source", "data/raw.txt")
    dvx(dialect_repo, "remote", "add", "--default", "mine", str(tmp_path / "mine"))
    assert dvx(dialect_repo, "push").err == "Everything is up to date.\n"
    assert not (tmp_path / "mine").exists()


def test_update_follows_the_source(dialect_repo: Path, source: Path) -> None:
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--rev", "v1")
    file = dialect_repo / f"raw.txt{dialect_of(dialect_repo).pointer_suffix}"
    file.write_text(f"# ours\n{file.read_text()}")
    assert "didn't change" in dvx(dialect_repo, "update", "raw.txt").err
    branch = git(source, "branch", "--show-current").strip()
    found = dvx(dialect_repo, "update", "raw.txt", "--rev", branch, "--json").json
    assert [(one["path"], one["pointer"], one["changed"], one["error"]) for one in found] == [("raw.txt", file.name, True, "")]
    assert (dialect_repo / "raw.txt").read_text() == "two\n"
    assert file.read_text().startswith("# ours\n")
    assert f"rev: {branch}\n" in file.read_text()
    # no check sum is wrong: there is nothing to tell
    assert dvx(dialect_repo, "status", "--json").json == {}
    write(source / "data/raw.txt", "three\n")
    dvx(source, "add", "data/raw.txt")
    commit_all(source)
    write(dialect_repo / "raw.txt", "an edit of ours\n")
    assert "Updated 'raw.txt." in dvx(dialect_repo, "update", "raw.txt").err
    assert (dialect_repo / "raw.txt").read_text() == "three\n"
    dvx(dialect_repo, "undo")
    assert (dialect_repo / "raw.txt").read_text() == "an edit of ours\n"


def test_what_cannot_be_updated_leaves_the_others(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    write(tmp_path / "gone", "1\n")
    dvx(dialect_repo, "import-url", "../gone")
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--rev", "v1")
    (tmp_path / "gone").unlink()
    file = dialect_repo / f"raw.txt{dialect_of(dialect_repo).pointer_suffix}"
    branch = git(source, "branch", "--show-current").strip()
    file.write_text(file.read_text().replace("rev: v1", f"rev: {branch}"))
    result = run_dvx(dialect_repo, "update", "gone", "raw.txt")
    assert "was not updated: there is nothing at" in result.err
    assert "error: 1 of 2 could not be updated" in result.err
    assert result.code in (1, 4)
    assert (dialect_repo / "raw.txt").read_text() == "two\n"
    assert (dialect_repo / "gone").read_text() == "1\n"


def test_what_is_no_import_and_was_never_pushed_is_not_updated(dialect_repo: Path) -> None:
    write(dialect_repo / "own", "1\n")
    dvx(dialect_repo, "add", "own")
    said = dvx(dialect_repo, "update", "own").err
    assert said.startswith("note: could not update 'own', it was never pushed to a remote; imports can be updated")
    for words in (("--rev", "main"), ("--no-download",), ("--to-remote",), ("--remote", "any")):
        said = run_dvx(dialect_repo, "update", "own", *words).err
        assert said.startswith(f"error: `{words[0]}` is for imports, and `own` is none\n")
    assert dvx(dialect_repo, "update", "--recursive", ".").err == "There is nothing to update there.\n"
    assert run_dvx(dialect_repo, "update", "nope").code != 0


def test_an_import_without_data_gets_it_by_update(dialect_repo: Path, source: Path) -> None:
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--no-download")
    dvx(dialect_repo, "import", "../source", "data/images", "--no-exec")
    assert "rev_lock" in pointer(dialect_repo, "raw.txt")
    assert "rev_lock" not in pointer(dialect_repo, "images")
    assert not (dialect_repo / "raw.txt").exists()
    dvx(dialect_repo, "update", "--recursive", ".")
    assert (dialect_repo / "raw.txt").read_text() == "two\n"
    assert files(dialect_repo / "images") == {"a": "a\n", "sub/b": "b\n"}


def test_update_may_only_record(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    write(tmp_path / "f", "one\n")
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--rev", "v1")
    dvx(dialect_repo, "import-url", "../f")
    write(tmp_path / "f", "two\n")
    branch = git(source, "branch", "--show-current").strip()
    dvx(dialect_repo, "update", "raw.txt", "--rev", branch, "--no-download")
    dvx(dialect_repo, "update", "f", "--no-download")
    assert ((dialect_repo / "raw.txt").read_text(), (dialect_repo / "f").read_text()) == ("one\n", "one\n")
    assert f"rev_lock: {git(source, 'rev-parse', 'HEAD').strip()}\n" in pointer(dialect_repo, "raw.txt")
    for name in ("raw.txt", "f"):
        (dialect_repo / name).unlink()
    dvx(dialect_repo, "pull")
    assert ((dialect_repo / "raw.txt").read_text(), (dialect_repo / "f").read_text()) == ("two\n", "two\n")


def test_update_can_send_data_straight_to_the_remote(dialect_repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "f", "one\n")
    dvx(dialect_repo, "remote", "add", "--default", "mine", str(tmp_path / "mine"))
    dvx(dialect_repo, "import-url", "../f")
    write(tmp_path / "f", "two\n")
    dvx(dialect_repo, "update", "f", "--to-remote")
    dvx(dialect_repo, "pull", "--force")
    assert (dialect_repo / "f").read_text() == "two\n"


def test_a_configuration_can_be_given_for_the_source(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "store", tmp_path / "moved")
    shutil.rmtree(tmp_path / "store")
    shutil.rmtree(source / dialect_of(source).folder / "cache")
    config = f"[core]\n    remote = other\n['remote \"other\"']\n    url = {tmp_path / 'moved'}\n"
    write(dialect_repo / "place.conf", config)
    url = f"file://{source}"
    (dialect_repo / "sub").mkdir()
    dvx(dialect_repo, "import", url, "data/raw.txt", "-o", "sub/raw.txt", "--config", "place.conf")
    suffix = dialect_of(dialect_repo).pointer_suffix
    assert "config: ../place.conf\n" in (dialect_repo / f"sub/raw.txt{suffix}").read_text()
    (dialect_repo / "sub/raw.txt").unlink()
    shutil.rmtree(dialect_repo / dialect_of(dialect_repo).folder / "cache")
    dvx(dialect_repo, "pull")
    assert (dialect_repo / "sub/raw.txt").read_text() == "two\n"
    dvx(dialect_repo, "get", url, "data/raw.txt", "-o", "got", "--config", "place.conf")
    assert (dialect_repo / "got").read_text() == "two\n"
    both = ("--config", "place.conf", "--remote", "other", "--remote-config", "url=x")
    assert "leave one out" in run_dvx(dialect_repo, "get", url, "data/raw.txt", *both).err
    assert "cannot be read" in run_dvx(dialect_repo, "get", url, "data/raw.txt", "-o", "n", "--config", "nope.conf").err


def test_a_dry_fetch_tells_of_imports(dialect_repo: Path, source: Path) -> None:
    dvx(dialect_repo, "import", "../source", "data/raw.txt")
    lose(dialect_repo)
    assert "raw.txt to fetch from where it was imported from (../source)" in dvx(dialect_repo, "fetch", "--dry-run").err
    assert dvx(dialect_repo, "fetch", "--dry-run", "--json").json == [
        {"import": "raw.txt", "url": "../source", "rev": git(source, "rev-parse", "HEAD").strip(), "size": 4}
    ]
    dvx(dialect_repo, "fetch")
    assert dvx(dialect_repo, "fetch", "--dry-run", "--json").json == []


def test_what_is_in_the_way_stays(dialect_repo: Path, source: Path) -> None:
    write(dialect_repo / "raw.txt", "mine\n")
    said = run_dvx(dialect_repo, "import", "../source", "data/raw.txt")
    assert (said.code, said.err.splitlines()[0]) == (1, "error: `raw.txt` already exists")
    assert (dialect_repo / "raw.txt").read_text() == "mine\n"
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--force")
    assert (dialect_repo / "raw.txt").read_text() == "two\n"
    assert run_dvx(dialect_repo, "import", "../source", "data/raw.txt").code == 1
    dvx(dialect_repo, "undo")
    assert (dialect_repo / "raw.txt").read_text() == "mine\n"


def test_a_whole_repository_is_imported_under_its_name(dialect_repo: Path, source: Path) -> None:
    dvx(dialect_repo, "import", "../source", ".")
    held = files(dialect_repo / "source")
    assert held["data/raw.txt"] == "two\n"
    assert not [name for name in held if name.endswith((".dvx", ".dvc")) or name.startswith(".git/")]
    lose(dialect_repo)
    dvx(dialect_repo, "pull")
    assert files(dialect_repo / "source") == held


def test_an_import_takes_the_place_of_a_pointer_without_its_data(dialect_repo: Path, source: Path) -> None:
    pointer = dialect_repo / f"raw.txt{dialect_of(dialect_repo).pointer_suffix}"
    dvx(dialect_repo, "import", "../source", "data/raw.txt")
    before = pointer.read_text()
    (dialect_repo / "raw.txt").unlink()
    assert "records other data" not in dvx(dialect_repo, "import", "../source", "data/raw.txt").err
    assert pointer.read_text() == before
    assert run_dvx(dialect_repo, "import", "../source", "data/raw.txt").code != 0
    # data of one's own, which is in the cache
    dvx(dialect_repo, "remove", "--outs", pointer.name)
    write(dialect_repo / "raw.txt", "mine\n")
    dvx(dialect_repo, "add", "raw.txt")
    mine = pointer.read_text()
    (dialect_repo / "raw.txt").unlink()
    assert "records other data, which the import replaces" in dvx(dialect_repo, "import", "../source", "data/raw.txt").err
    assert sorted(pointer.read_text().split()) == sorted(before.split())
    dvx(dialect_repo, "undo")
    assert pointer.read_text() == mine


def test_a_pointer_of_other_data_is_not_replaced(dialect_repo: Path, source: Path) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "other", "mine\n")
    dvx(dialect_repo, "add", "other")
    pointer = (dialect_repo / f"other{suffix}").rename(dialect_repo / f"raw.txt{suffix}")
    before = pointer.read_text()
    assert f"`raw.txt{suffix}` already exists" in run_dvx(dialect_repo, "import", "../source", "data/raw.txt").err
    assert f"`raw.txt{suffix}` already exists" in run_dvx(dialect_repo, "import-url", source / "data/raw.txt").err
    assert pointer.read_text() == before
    dvx(dialect_repo, "import", "--force", "../source", "data/raw.txt")
    assert "path: raw.txt\n" in pointer.read_text()


def test_an_experiment_is_a_revision_if_one_alone_has_the_name(dialect_repo: Path, source: Path) -> None:
    write(source / dialect_of(source).pipeline, "stages:\n  s:\n    cmd: cat n.yaml > out\n    deps: [n.yaml]\n    outs: [out]\n")
    for number in (1, 2):
        write(source / "n.yaml", f"n: {number}\n")
        commit_all(source)
        dvx(source, "exp", "run", "-n", "same")
        dvx(source, "exp", "run", "-n", f"own{number}")
    dvx(dialect_repo, "get", "../source", "out", "--rev", "own1")
    assert (dialect_repo / "out").read_text() == "n: 1\n"
    dvx(dialect_repo, "import", "../source", "out", "--rev", "own2", "-o", "two")
    assert (dialect_repo / "two").read_text() == "n: 2\n"
    assert dvx(dialect_repo, "status", "two", "--json").json == {}
    said = run_dvx(dialect_repo, "get", "../source", "out", "--rev", "same", "-o", "none")
    assert said.code != 0
    assert "`same` names 2 experiments of " in said.err


def test_what_the_source_lacks_is_told(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    for words, said in {
        ("../source", "data/rwa.txt"): "error: `../source` has no `data/rwa.txt`\nhint: did you mean `raw.txt",
        ("../source", "../escape"): "error: `../escape` leaves the repository `../source`\n",
        ("../source", "data", "--rev", "v7"): "has no revision `v7`\n",
        ("../nowhere", "x"): "error: the repository `../nowhere` cannot be read",
        ("ext::sh -c 'touch canary'", "x"): "cannot be read",
        ("--upload-pack=touch canary", "x"): "",
    }.items():
        result = run_dvx(dialect_repo, "import", *words)
        assert result.code != 0
        assert said in result.err
    assert not (dialect_repo / "canary").exists()
    shutil.rmtree(source / dialect_of(source).folder / "cache")
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").mkdir()
    result = run_dvx(dialect_repo, "import", "../source", "data/raw.txt")
    assert "neither in the cache nor at the remote" in result.err
    assert list(dialect_repo.glob("raw.txt*")) == []
    assert git(dialect_repo, "status", "--porcelain") == ""


def test_a_source_that_holds_something_else_by_now_is_refused(dialect_repo: Path, source: Path) -> None:
    dvx(dialect_repo, "import", "../source", "data/code.py")
    file = dialect_repo / f"code.py{dialect_of(dialect_repo).pointer_suffix}"
    dvx(dialect_repo, "import", "../source", "data/raw.txt")
    commit = git(source, "rev-parse", "HEAD").strip()
    before = git(source, "rev-parse", "v1^{commit}").strip()
    lose(dialect_repo)
    other = dialect_repo / f"raw.txt{dialect_of(dialect_repo).pointer_suffix}"
    other.write_text(other.read_text().replace(commit, before))
    result = run_dvx(dialect_repo, "pull")
    assert "holds something else at that commit" in result.err
    assert result.code != 0
    assert file.exists()
    assert not (dialect_repo / "raw.txt").exists()
    assert (dialect_repo / "code.py").exists()


def test_an_import_of_an_import_comes_from_where_it_was_made(
    dialect_repo: Path, source: Path, new_project: Callable[..., Path]
) -> None:
    middle = new_project("middle")
    dvx(middle, "import", str(source), "data/images")
    commit_all(middle)
    shutil.rmtree(middle / ".dvx/cache")
    shutil.rmtree(middle / "images")
    dvx(dialect_repo, "import", f"file://{middle}", "images/sub", "-o", "sub")
    assert files(dialect_repo / "sub") == {"b": "b\n"}


def test_links_of_a_source_lead_nowhere_else(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret/key", "secret\n")
    (source / "file").symlink_to(tmp_path / "secret/key")
    (source / "folder").symlink_to(tmp_path / "secret")
    commit_all(source)
    for path in ("file", "folder", "folder/key"):
        assert run_dvx(dialect_repo, "import", str(source), path, "-o", "out").code != 0
        assert run_dvx(dialect_repo, "get", str(source), path, "-o", "out").code != 0
    assert not (dialect_repo / "out").exists()
    assert b"secret\n" not in tree(dialect_repo).values()


def test_a_repository_without_data_has_files(dialect_repo: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    git(plain, "init", "--quiet")
    write(plain / "lib/x.py", "x\n")
    commit_all(plain)
    dvx(dialect_repo, "import", "../plain", "lib")
    assert files(dialect_repo / "lib") == {"x.py": "x\n"}


def test_options_of_the_source_can_be_given(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "store", tmp_path / "moved")
    shutil.rmtree(tmp_path / "store")
    url = f"file://{source}"
    shutil.rmtree(source / dialect_of(source).folder / "cache")
    assert run_dvx(dialect_repo, "import", url, "data/raw.txt").code != 0
    dvx(dialect_repo, "import", url, "data/raw.txt", "--remote-config", f"url={tmp_path / 'moved'}")
    words = ("--remote", "other", "--remote-config", f"url={tmp_path / 'moved'}")
    dvx(dialect_repo, "import", url, "data/images", *words)
    lose(dialect_repo)
    dvx(dialect_repo, "pull")
    assert (dialect_repo / "raw.txt").read_text() == "two\n"
    assert (dialect_repo / "images/a").read_text() == "a\n"
    command = ("--remote-config", "bearer_token_command=touch canary", "--remote-config", "url=webdav://localhost:1/")
    assert (
        "would stand in a file that Git tracks" in run_dvx(dialect_repo, "import", url, "data/raw.txt", "-o", "n", *command).err
    )


def test_pointers_may_lie_anywhere(dialect_repo: Path, source: Path) -> None:
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--rev", "v1", "-o", "models/deep/base.txt")
    dvx(dialect_repo, "import", "../source", "data/images")
    dvx(dialect_repo, "move", "images", "models/images")
    suffix = dialect_of(dialect_repo).pointer_suffix
    assert "url: ../../../source\n" in (dialect_repo / f"models/deep/base.txt{suffix}").read_text()
    (dialect_repo / "models/deep/base.txt").unlink()
    shutil.rmtree(dialect_repo / "models/images")
    shutil.rmtree(dialect_repo / dialect_of(dialect_repo).folder / "cache")
    assert dvx(dialect_repo, "pull", "models/deep/base.txt").code == 0
    assert (dialect_repo / "models/deep/base.txt").read_text() == "one\n"
    branch = git(source, "branch", "--show-current").strip()
    dvx(dialect_repo, "update", "models/deep/base.txt", "--rev", branch)
    assert (dialect_repo / "models/deep/base.txt").read_text() == "two\n"


def test_a_project_in_a_repository_is_imported_as_a_whole(dialect_repo: Path, new_project: Callable[..., Path]) -> None:
    mono = new_project("mono")
    (mono / "p1").mkdir()
    dvx(mono / "p1", "init", "--subdir")
    write(mono / "p1/d.csv", "1\n")
    write(mono / "p1/sub/x.py", "x\n")
    dvx(mono / "p1", "add", "d.csv")
    commit_all(mono)
    dvx(dialect_repo, "import", "../mono", "p1", "-o", "whole")
    found = files(dialect_repo / "whole")
    assert {path: text for path, text in found.items() if path != ".gitignore"} == {"d.csv": "1\n", "sub/x.py": "x\n"}
    dvx(dialect_repo, "import", "../mono", "p1/d.csv")
    lose(dialect_repo)
    dvx(dialect_repo, "pull")
    assert files(dialect_repo / "whole") == found


def test_pull_gets_what_was_recorded_but_not_downloaded(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    write(tmp_path / "u.txt", "u\n")
    write(tmp_path / "v.txt", "v\n")
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--no-download")
    dvx(dialect_repo, "import-url", "../u.txt", "--no-download")
    dvx(dialect_repo, "import-url", "../v.txt", "--no-exec")
    write(source / "data/raw.txt", "three\n")
    dvx(source, "add", "data/raw.txt")
    commit_all(source)
    said = dvx(dialect_repo, "pull").err
    assert "Imported 'raw.txt'" in said
    assert ((dialect_repo / "raw.txt").read_text(), (dialect_repo / "u.txt").read_text()) == ("two\n", "u\n")
    assert not (dialect_repo / "v.txt").exists()
    assert dvx(dialect_repo, "status", "raw.txt", "u.txt", "--no-updates", "--json").json == {}
    [[moved]] = dvx(dialect_repo, "status", "raw.txt", "u.txt", "--json").json.values()
    assert moved == {"changed deps": {"data/raw.txt (../source)": "update available"}}


def test_nothing_is_claimed_over_a_file_that_is_there(dialect_repo: Path, source: Path) -> None:
    write(dialect_repo / "raw.txt", "mine\n")
    for option in ("--no-exec", "--no-download"):
        assert "already exists" in run_dvx(dialect_repo, "import", "../source", "data/raw.txt", option).err
    write(dialect_repo / "taken/mine", "mine\n")
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "-o", "taken", "--force")
    assert files(dialect_repo / "taken")["mine"] == "mine\n"


def test_a_repository_on_this_machine_is_only_read(dialect_repo: Path, source: Path) -> None:
    cache = source / dialect_of(source).folder / "cache"
    shutil.rmtree(cache)
    before = tree(source)
    dvx(dialect_repo, "import", "../source", "data/raw.txt")
    dvx(dialect_repo, "get", "../source", "data/images", "-o", "images")
    assert tree(source) == before
    assert not cache.exists()


def test_relative_urls_are_seen_from_where_a_repository_stands(
    dialect_repo: Path, source: Path, new_project: Callable[..., Path], tmp_path: Path
) -> None:
    middle = new_project("middle")
    dvx(middle, "import", "../source", "data/raw.txt", "-o", "deep/raw.txt")
    commit_all(middle)
    shutil.rmtree(middle / ".dvx/cache")
    (middle / "deep/raw.txt").unlink()
    dvx(dialect_repo, "import", "../middle", "deep/raw.txt")
    assert (dialect_repo / "raw.txt").read_text() == "two\n"


def test_bare_repositories_are_read(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(source), "b.git")
    words = ("--remote-config", f"url={tmp_path / 'store'}")
    dvx(dialect_repo, "import", "../b.git", "data/raw.txt", *words)
    dvx(dialect_repo, "get", "../b.git", "data/code.py", "-o", "got.py")
    assert ((dialect_repo / "raw.txt").read_text(), (dialect_repo / "got.py").read_text()) == ("two\n", "print()\n")


@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_links_of_the_source_do_not_come_along(dialect_repo: Path, source: Path, tmp_path: Path, link: str) -> None:
    dvx(source, "config", "cache.type", link)
    commit_all(source)
    for url in ("../source", f"file://{source}"):
        for words in (("get", url, "data/raw.txt", "-o", "n"), ("import", url, "data/raw.txt")):
            dvx(dialect_repo, *words, "--force")
        for place in (dialect_repo / "n", dialect_repo / "raw.txt"):
            assert not place.is_symlink()
            assert (place.read_text(), place.stat().st_mode & 0o200) == ("two\n", 0o200)


# --- hostile sources


def test_a_copy_of_a_hostile_repository_removes_nothing(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    folder = dialect_of(source).folder
    write(tmp_path / "docs/letter", "mine\n")
    write(tmp_path / "docs/folder/letter", "mine\n")
    before = tree(tmp_path / "docs")
    for place in ("tmp", "cache/tmp", "tmp/elsewhere", "tmp/new", "tmp/trash", "cache/partial"):
        hostile = tmp_path / "hostile"
        shutil.rmtree(hostile, ignore_errors=True)
        git(tmp_path, "clone", "--quiet", str(source), "hostile")
        link = hostile / folder / place
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / "docs")
        git(hostile, "add", "--force", "--all")
        git(hostile, "commit", "--quiet", "-m", "x")
        url = f"file://{hostile}"
        dvx(dialect_repo, "get", url, "data/raw.txt", "-o", "n", "--force", "--remote-config", f"url={tmp_path / 'store'}")
        run_dvx(hostile, "pull")
        write(hostile / "new", "x\n")
        run_dvx(hostile, "add", "new")
        left = tree(tmp_path / "docs")
        assert {path: left.get(path) for path in before} == before


def test_a_hostile_configuration_runs_nothing(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    folder = dialect_of(source).folder
    write(source / folder / "config.local", f"['remote \"store\"']\n    bearer_token_command = touch {canary}\n")
    write(source / "aws", f"[profile p]\ncredential_process = touch {canary}\n")
    for url in ("webdav://127.0.0.1:1/x", "s3://bucket/x"):
        config = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n"
        if url.startswith("s3"):
            (source / folder / "config.local").unlink()
            config += "    profile = p\n    configpath = ../aws\n    endpointurl = http://127.0.0.1:1\n"
        write(source / folder / "config", config)
        git(source, "add", "--force", "--all")
        git(source, "commit", "--quiet", "-m", "x")
        shutil.rmtree(tmp_path / "clone", ignore_errors=True)
        git(tmp_path, "clone", "--quiet", str(source), "clone")
        shutil.rmtree(tmp_path / "clone" / folder / "cache")
        for words in (("import", f"file://{source}", "data/raw.txt"), ("get", f"file://{source}", "data/raw.txt", "-o", "n")):
            assert run_dvx(dialect_repo, *words).code != 0
        refused = run_dvx(tmp_path / "clone", "pull")
        assert "is tracked by Git, so somebody else may have written it" in refused.err
    git(source, "config", "core.fsmonitor", f"touch {canary}; false")
    run_dvx(dialect_repo, "import", "../source", "data/code.py")
    assert not canary.exists()


def test_a_hostile_pointer_runs_nothing(dialect_repo: Path, source: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    write(dialect_repo / "aws", f"[profile p]\ncredential_process = touch {canary}\n")
    dvx(dialect_repo, "import", f"file://{source}", "data/raw.txt")
    file = dialect_repo / f"raw.txt{dialect_of(dialect_repo).pointer_suffix}"
    before = file.read_text()
    shutil.rmtree(dialect_repo / dialect_of(dialect_repo).folder / "cache")
    (dialect_repo / "raw.txt").unlink()
    options = "url: s3://bucket/x, endpointurl: 'http://127.0.0.1:1'"
    for extra in (f"profile: p, configpath: {dialect_repo}/aws", f"bearer_token_command: touch {canary}"):
        file.write_text(before.replace("    rev_lock", f"    remote: {{{options}, {extra}}}\n    rev_lock"))
        result = run_dvx(dialect_repo, "pull")
        assert "cannot be set for an import" in result.err
        assert result.code != 0
    assert not canary.exists()


def test_folders_of_git_and_dvx_are_no_data(dialect_repo: Path, source: Path) -> None:
    for path in (".git", ".git/config", dialect_of(source).folder, f"{dialect_of(source).folder}/config"):
        assert run_dvx(dialect_repo, "import", "../source", path, "-o", "o").code != 0
        assert run_dvx(dialect_repo, "get", "../source", path, "-o", "o").code != 0
    assert git(dialect_repo, "status", "--porcelain") == ""


def test_passwords_are_neither_shown_nor_kept(dialect_repo: Path) -> None:
    url = "https://user:s3cret@127.0.0.1:1/x.git"
    for words in (("import", url, "x"), ("get", url, "x"), ("ls", url), ("import-url", "http://user:s3cret@127.0.0.1:1/x")):
        result = run_dvx(dialect_repo, *words)
        assert result.code != 0
        assert "s3cret" not in result.out + result.err
    for words in (("import", url, "x"), ("import-url", "http://user:s3cret@127.0.0.1:1/x")):
        assert "would stand in a file that Git tracks" in run_dvx(dialect_repo, *words).err
    url = "https://127.0.0.1:1/x.git"
    for words in (("import", url, "x", "--remote-config"), ("import-url", "http://127.0.0.1:1/x", "--fs-config")):
        assert "would stand in a file that Git tracks" in run_dvx(dialect_repo, *words, "password=s3cret").err


# --- only copied


def test_get_replaces_what_is_named_and_nothing_else(source: Path, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "anywhere"
    write(place / "data/mine.txt", "precious\n")
    git(place, "init", "--quiet")
    head = (place / ".git/HEAD").read_text()
    dvx(place, "get", "../source", "data/raw.txt", "-o", "data", "--force")
    assert files(place / "data") == {"mine.txt": "precious\n", "raw.txt": "two\n"}
    dvx(place, "get", "../source", "data/raw.txt", "-o", ".", "--force")
    write(place / "images/own", "1\n")
    for words in (("data/raw.txt", "-o", ".git/HEAD"), ("data/raw.txt", "-o", "/dev/null")):
        assert run_dvx(place, "get", "../source", *words, "--force").code != 0
    dvx(place, "get", "../source", "data/images", "--force")
    assert files(place / "images") == {"a": "a\n", "sub/b": "b\n"}
    assert (place / ".git/HEAD").read_text() == head
    assert sorted(path.name for path in place.iterdir()) == [".git", "data", "images", "raw.txt"]


def test_get_writes_to_stdout(source: Path, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "anywhere"
    place.mkdir()
    data = bytes(range(256)) * 10
    write(source / "data/bytes", data)
    dvx(source, "add", "data/bytes")
    done = subprocess.run(["dvx", "get", source, "data/bytes", "-o", "-"], cwd=place, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (data, b"")
    done = subprocess.run(["dvx", "get-url", source / "data/bytes", "-"], cwd=place, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (data, b"")
    refused = run_dvx(place, "get", source, "data", "-o", "-")
    assert (refused.out, refused.err) == ("", "error: a folder cannot go to stdout\nhint: name a file in it\n")
    assert list(place.iterdir()) == []
    assert list((home / "tmp").iterdir()) == []


def test_get_needs_no_repository(source: Path, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "anywhere"
    place.mkdir()
    dvx(place, "get", "../source", "data/raw.txt")
    dvx(place, "get", "../source", "data/images/sub", "-o", "there/b")
    dvx(place, "get", f"file://{source}", "data/raw.txt", "--rev", "v1", "-o", "old")
    assert files(place) == {"raw.txt": "two\n", "there/b/b": "b\n", "old": "one\n"}
    # the workspace of a repository on this machine is as it is
    write(source / "data/code.py", "edited\n")
    dvx(place, "get", "../source", "data/code.py")
    assert (place / "code.py").read_text() == "edited\n"
    assert "already exists" in run_dvx(place, "get", "../source", "data/raw.txt").err
    dvx(place, "get", "../source", "data/raw.txt", "--rev", "v1", "--force")
    assert (place / "raw.txt").read_text() == "one\n"
    assert sorted(path.name for path in place.iterdir()) == ["code.py", "old", "raw.txt", "there"]


def test_a_url_that_is_shown_exists(source: Path, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "anywhere"
    place.mkdir()

    def shown(path: str) -> str:
        return dvx(place, "get", "../source", path, "--show-url").out.strip()

    assert "is no tracked data" in run_dvx(place, "get", "../source", "data/code.py", "--show-url").err
    assert shown("data/images").startswith(f"{tmp_path}/store/files/")
    assert shown("data/images").endswith(".dir")
    assert Path(shown("data/images")).is_file()
    if dialect_of(source).packs:
        for number in range(16):
            write(source / f"data/images/many/{number}", f"{number}\n")
        write(source / "data/raw.txt", "two, packed\n")
        write(source / "data/images/sub/b", "b, packed\n")
        dvx(source, "add", "data/images", "data/raw.txt")
        dvx(source, "push")
        for path in ("data/raw.txt", "data/images/sub/b"):
            told = run_dvx(place, "get", "../source", path, "--show-url")
            assert (told.code, told.out) == (1, "")
            assert "keeps it in a pack" in told.err
            assert f"dvx get ../source {path}" in told.err
        dvx(source, "config", "core.pack", "false")
        shutil.rmtree(tmp_path / "store")
        dvx(source, "push")
    for path in ("data/raw.txt", "data/images/sub/b"):
        assert Path(shown(path)).read_text() == (source / path).read_text()
    assert "not a tracked file" in run_dvx(place, "get", "../source", "data/images/sub", "--show-url").err
    write(source / "data/raw.txt", "not pushed\n")
    dvx(source, "add", "data/raw.txt")
    assert "is missing at the remote `store`" in run_dvx(place, "get", "../source", "data/raw.txt", "--show-url").err


def test_the_url_is_that_of_the_remote_that_an_output_goes_to(source: Path, tmp_path: Path) -> None:
    dvx(source, "remote", "add", "other", str(tmp_path / "other"))
    write(source / "big.bin", "big\n")
    dvx(source, "stage", "add", "-n", "keep", "-o", "kept.bin", "cp big.bin kept.bin")
    pipeline = source / dialect_of(source).pipeline
    pipeline.write_text(pipeline.read_text().replace("- kept.bin", "- kept.bin:\n        remote: other"))
    dvx(source, "repro")
    if dialect_of(source).packs:
        dvx(source, "config", "core.pack", "false")
    dvx(source, "push")
    url = dvx(tmp_path, "get", "source", "kept.bin", "--show-url").out.strip()
    assert url.startswith(f"{tmp_path}/other/")
    assert Path(url).read_text() == "big\n"


def test_other_repositories_are_listed(source: Path, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "anywhere"
    place.mkdir()
    for words in (("../source",), (f"file://{source}",)):
        shown = dvx(place, "ls", *words, "data").out.split()
        assert {"raw.txt", "images", "code.py"} <= set(shown)
    git(place, "config", "--global", f"url.{source}.insteadOf", "https://example.com/source.git")
    words = ("https://example.com/source.git", "data/images", "--rev", "v1", "-R", "--json")
    assert [row["path"] for row in dvx(place, "ls", *words).json] == ["a", "sub/b"]
    assert list(place.iterdir()) == []


def test_status_asks_the_repository_that_a_part_belongs_to(dialect_repo: Path, source: Path) -> None:
    part = source / "part"
    part.mkdir()
    dvx(part, "init", "--subdir", *(["--dvc"] if dialect_of(source).folder == ".dvc" else []))
    write(part / "f", "1\n")
    commit_all(source)
    dvx(dialect_repo, "import", "../source/part", "f")
    assert "up to date" in dvx(dialect_repo, "status").err
    write(part / "f", "2\n")
    commit_all(source)
    result = dvx(dialect_repo, "status")
    assert "update available" in result.out
    assert "cannot be read" not in result.err
    dvx(dialect_repo, "update", f"f{dialect_of(dialect_repo).pointer_suffix}")
    assert (dialect_repo / "f").read_text() == "2\n"
    assert "up to date" in dvx(dialect_repo, "status").err


# --- URLs and paths


def test_a_path_outside_is_imported(dialect_repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "ext/f.txt", "one\n")
    write(tmp_path / "ext/d/x", "x\n")
    dvx(dialect_repo, "import-url", "../ext/f.txt")
    dvx(dialect_repo, "import-url", str(tmp_path / "ext/d"), "folder")
    assert "  path: ../ext/f.txt\n" in pointer(dialect_repo, "f.txt")
    assert load_yaml(pointer(dialect_repo, "folder"), "p")["deps"][0]["path"] == str(tmp_path / "ext/d")
    assert files(dialect_repo / "folder") == {"x": "x\n"}
    assert "didn't change" in dvx(dialect_repo, "update", "f.txt").err
    write(tmp_path / "ext/f.txt", "two\n")
    write(tmp_path / "ext/d/y", "y\n")
    dvx(dialect_repo, "update", "f.txt", "folder")
    assert (dialect_repo / "f.txt").read_text() == "two\n"
    assert files(dialect_repo / "folder") == {"x": "x\n", "y": "y\n"}
    assert dvx(dialect_repo, "status", "--json").json == {}
    assert run_dvx(dialect_repo, "update", "f.txt", "--rev", "x").code != 0


def test_the_source_of_an_import_may_be_a_remote(dialect_repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "place/raw/f", "f\n")
    dvx(dialect_repo, "remote", "add", "place", str(tmp_path / "place"))
    dvx(dialect_repo, "import-url", "remote://place/raw")
    assert "  path: remote://place/raw\n" in pointer(dialect_repo, "raw")
    assert files(dialect_repo / "raw") == {"f": "f\n"}
    assert dvx(dialect_repo, "list-url", "remote://place", "-R").out == "raw/f\n"
    assert "there is no remote `nope`" in run_dvx(dialect_repo, "import-url", "remote://nope/x").err
    dvx(dialect_repo, "get-url", "remote://place/raw/f", "g")
    assert (dialect_repo / "g").read_text() == "f\n"


def test_data_can_go_straight_to_the_remote(dialect_repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "ext/f", "f\n")
    dvx(dialect_repo, "remote", "add", "--default", "mine", str(tmp_path / "mine"))
    dvx(dialect_repo, "import-url", "../ext/f", "--to-remote")
    assert not (dialect_repo / "f").exists()
    dvx(dialect_repo, "pull")
    assert (dialect_repo / "f").read_text() == "f\n"


def test_what_a_url_holds_is_listed(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "p/a", "12345")
    write(tmp_path / "p/d/b", "1")
    write(tmp_path / "p/d/e/c", "")
    assert dvx(tmp_path, "list-url", "p").out == "a\nd\n"
    assert dvx(tmp_path, "list-url", "p", "-R", "--size").out == "5  a\n1  d/b\n0  d/e/c\n"
    assert dvx(tmp_path, "list-url", "p", "-R", "-L", "2").out == "a\nd/b\nd/e\n"
    assert dvx(tmp_path, "list-url", "p/a", "--json").json == [{"path": "a", "isdir": False, "size": 5}]
    assert run_dvx(tmp_path, "list-url", "nope").err.startswith("error: there is nothing at `nope`\nhint: ")
    assert run_dvx(tmp_path, "get-url", "p", "--fs-config", "x").code != 0
    os.mkfifo(tmp_path / "pipe")
    for words in (("get-url", "pipe", "n"), ("list-url", "s3://"), ("list-url", ""), ("get-url", "http://127.0.0.1:1/", "n")):
        result = run_dvx(tmp_path, *words)
        assert (result.code, "bug" in result.err) in [(1, False), (2, False)]


# --- values


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [
        ("../a", False),
        ("/a/b", False),
        ("file:///a", False),
        ("https://x/y", True),
        ("git@host:a/b", True),
        ("ssh://h/p", True),
        ("./a:b", False),
    ],
)
def test_urls_are_told_from_paths(url: str, elsewhere: bool) -> None:
    assert is_elsewhere(url) is elsewhere


def test_an_origin_is_read_as_it_is_written() -> None:
    origin = Origin("../x", "p", "v1", "a" * 40, {"remote": {"r": {"url": "u"}}, "core": {"remote": "r"}}, "r")
    entry = encode_origin(origin)
    assert list(entry["repo"]) == ["url", "rev", "rev_lock", "config", "remote"]
    assert origin_of(Recorded("p", None, {"repo": entry["repo"]})) == origin
    assert settings_of(origin) == {OptionName("remote", "r", "url"): "u", OptionName("core", "", "remote"): "r"}
    assert settings_of(Origin("x", "p", remote={"url": "u"})) == {OptionName("remote", "", "url"): "u"}
    assert origin_of(Recorded("p", None, {})) is None
    for wrong in ({"rev": [1]}, {"remote": 5}, {"config": [1, 2]}):
        with pytest.raises(DvxError):
            origin_of(Recorded("p", None, {"repo": {"url": "u", **wrong}}))
    with pytest.raises(DvxError):
        origin_of(Recorded("p", None, {"repo": {"rev": "x"}}))


def test_options_need_a_value() -> None:
    from dvx.ops.sources.urls import parse_options

    assert parse_options(["a=b=c"], "-o") == {"a": "b=c"}
    with pytest.raises(UsageError):
        parse_options(["a"], "-o")


# --- artifacts


def test_artifacts_are_got_by_name_version_and_stage(source: Path, home: Path, tmp_path: Path) -> None:
    file = source / dialect_of(source).pipeline
    write(file, "artifacts:\n  raw: {path: data/raw.txt}\n")
    write(source / "sub" / file.name, "artifacts:\n  code: {path: ../data/code.py}\n")
    commit_all(source)
    git(source, "tag", "raw@v1.0.0")
    git(source, "tag", "-a", "raw#prod#1", "-m", "x")
    write(source / "data/raw.txt", "three\n")
    dvx(source, "add", "data/raw.txt")
    commit_all(source)
    for tag in ("raw@v1.10.0", "raw#prod#2", "raw#dev#3"):
        git(source, "tag", tag)
    write(source / "data/raw.txt", "four\n")
    dvx(source, "add", "data/raw.txt")
    commit_all(source)
    place = tmp_path / "anywhere"
    place.mkdir()
    for number, (words, content) in enumerate(
        [
            (("raw",), "three\n"),
            (("raw", "--rev", "v1.0.0"), "two\n"),
            (("raw", "--rev", "1.0.0"), "two\n"),
            (("raw", "--stage", "prod"), "three\n"),
            ((f"sub/{file.name}:code",), "print()\n"),
        ]
    ):
        dvx(place, "artifacts", "get", "../source", *words, "-o", f"n{number}")
        assert (place / f"n{number}").read_text() == content
    assert "has no version `v9`" in run_dvx(place, "artifacts", "get", "../source", "raw", "--rev", "v9").err
    assert "has no artifact `rwa`\nhint: did you mean `raw`" in run_dvx(place, "artifacts", "get", "../source", "rwa").err
    assert run_dvx(place, "artifacts", "get", "../source", "raw", "--rev", "v1", "--stage", "x").code != 0


def test_the_latest_version_is_the_highest_one() -> None:
    tags = ["m@v1.2.0", "m@v1.10.0", "m@v1.10.1-rc.2", "m@v1.10.1-rc.10", "m2@v9.0.0", "m@nonsense", "d=m@v7.0.0"]
    assert choose_tag(WantedArtifact("", "m"), tags) == "m@v1.10.1-rc.10"
    assert choose_tag(WantedArtifact("", "m"), [*tags, "m@v1.10.1"]) == "m@v1.10.1"
    assert choose_tag(WantedArtifact("d", "m"), tags) == "d=m@v7.0.0"
    assert choose_tag(WantedArtifact("", "other"), tags) == ""
    assert choose_tag(WantedArtifact("", "m"), [*tags, "m@v1.10.1-rc.10!"]) == "m@v1.10.1-rc.2"
    stages = ["m#prod#1", "m#prod#3", "m#prod!#4"]
    assert choose_tag(WantedArtifact("", "m", stage="prod"), stages) == ""
    assert choose_tag(WantedArtifact("", "m", stage="prod"), [*stages, "m#prod#5"]) == "m#prod#5"


def test_commands_of_dvc_that_are_none_here_say_what_there_is_instead(home: Path, tmp_path: Path) -> None:
    for words in (("studio", "login"), ("daemon",)):
        result = run_dvx(tmp_path, *words)
        assert result.code == 2
        assert result.err.startswith("error: dvx ")
        assert "\nhint: " in result.err


def test_a_remote_that_the_other_repository_has_not_is_refused(dialect_repo: Path, source: Path) -> None:
    for command in ("get", "import"):
        said = run_dvx(dialect_repo, command, "../source", "data/raw.txt", "--remote", "stor")
        assert (said.code, said.err) == (1, "error: `../source` has no remote `stor`\nhint: did you mean `store`?\n")
        said = run_dvx(dialect_repo, command, "../source", "data/raw.txt", "--remote", "none")
        assert said.err.splitlines()[1] == "hint: it has `store`"
    assert not list(dialect_repo.glob("raw.txt*"))
    # it has the data here, and a remote that it has is not refused for that
    dvx(dialect_repo, "import", "../source", "data/raw.txt", "--remote", "store")


@pytest.mark.parametrize("command", ["get", "import"])
def test_as_many_objects_come_at_once_as_was_said(
    new_project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    source, here = new_project("source", "--dvc"), new_project("here", "--dvc")
    dvx(source, "remote", "add", "--default", "store", str(tmp_path / "store"))
    for number in range(12):
        write(source / f"data/{number}", f"{number}")
    dvx(source, "add", "data")
    commit_all(source)
    dvx(source, "push")
    shutil.rmtree(source / ".dvc/cache")
    active, most, resume = set[str](), [0], FolderRemote.resume

    for jobs in (1, 3):
        # all of them must be there for one to go on
        together = threading.Barrier(jobs)

        def slowly(remote: FolderRemote, name: str, file: Any, check: Any, gate: threading.Barrier = together) -> None:
            active.add(name)
            most[0] = max(most[0], len(active))
            gate.wait(20)
            active.discard(name)
            resume(remote, name, file, check)

        monkeypatch.setattr(FolderRemote, "resume", slowly)
        dvx(here, command, "../source", "data", "-o", f"got{jobs}", "-j", str(jobs))
        assert (most[0], len(files(here / f"got{jobs}"))) == (jobs, 12)
        shutil.rmtree(here / ".dvc/cache", ignore_errors=True)


def test_names_in_a_bucket_do_not_lead_out_of_the_folder(dialect_repo: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/bucket/data/fine", b"fine")
    name = "/bucket/data/../../../README"
    store.store[name] = MemoryFile(store, name, b"evil")
    write(dialect_repo / "README", "mine")
    before = tree(dialect_repo)
    try:
        for words in (("get-url", "memory://bucket/data", "sub/new"), ("import-url", "memory://bucket/data", "new")):
            told = run_dvx(dialect_repo, *words)
            assert told.code == 1
            assert "`../../../README` has an empty, `.` or `..` part" in told.err
    finally:
        store.store.clear()
    assert tree(dialect_repo) == before
