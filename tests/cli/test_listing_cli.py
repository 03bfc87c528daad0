"""ls: what it prints, as DVC 3.67.1 does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dvx.model.dialect import DVC
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

A, B = "b026324c6904b2a9cb4b88d6d61c81d1", "26ab0db90d72e28ad0ba1e22ee510510"


@pytest.fixture
def data(dvc_like: Path) -> Path:
    write(dvc_like / "d/a", "1\n")
    write(dvc_like / "d/s/b", "2\n")
    write(dvc_like / "big", b"\0" * 1_023_999)
    write(dvc_like / "code/run.sh", "x\n").chmod(0o755)
    dvx(dvc_like, "add", "d")
    commit_all(dvc_like)
    return dvc_like


def test_names(data: Path) -> None:
    assert dvx(data, "ls").out == ".dvcignore\n.gitignore\nbig\ncode\nd\nd.dvc\n"
    assert dvx(data, "list", ".", "d").out == "a\ns\n"
    assert dvx(data, "ls", ".", "d", "-R").out == "a\ns/b\n"
    assert dvx(data, "ls", ".", "code/run.sh").out == "run.sh\n"
    assert dvx(data, "ls", "--dvc-only", "-R").out == "d/a\nd/s/b\n"
    assert dvx(data, "ls", "--dvc-only", "-R", "-L", "1").out == "d\n"
    assert dvx(data, "ls", "-L", "5", "--dvc-only").out == "d\n"


def test_a_tree(data: Path) -> None:
    assert dvx(data, "ls", "-T", "--rev", "HEAD").out == (
        ".\n├── .dvcignore\n├── .gitignore\n├── big\n├── code\n│   └── run.sh\n├── d\n│   ├── a\n│   └── s\n│       └── b\n"
        "└── d.dvc\n"
    )
    assert dvx(data, "ls", ".", "d", "-T", "-L", "1").out == "d\n├── a\n└── s\n"
    assert dvx(data, "ls", ".", "d", "-T", "-L", "0").out == "d\n"


def test_columns(data: Path) -> None:
    assert dvx(data, "ls", "-R", "--size", "--show-hash", "--rev", "HEAD").out == (
        "  139  -                                 .dvcignore\n"
        "    3  -                                 .gitignore\n"
        "0.98M  -                                 big\n"
        "    2  -                                 code/run.sh\n"
        "   94  -                                 d.dvc\n"
        f"       {A}  d/a\n"
        f"       {B}  d/s/b\n"
    )
    assert dvx(data, "ls", ".", "d/a", "--show-hash").out == f"{A}  a\n"
    assert dvx(data, "ls", ".", "d/a", "--size").out == "2  a\n"


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0"), (1023, "1023"), (1024, "1.00k"), (1535, "1.50k"), (10_250, "10.0k"), (102_400, "100k"), (1_048_575, "1.00M")],
)
def test_sizes(data: Path, size: int, shown: str) -> None:
    write(data / "f", b"\0" * size)
    assert dvx(data, "ls", ".", "f", "--size").out == f"{shown}  f\n"


def test_json(data: Path) -> None:
    assert dvx(data, "ls", ".", "code", "--json").json == [
        {"isout": False, "isdir": False, "isexec": True, "size": 2, "md5": None, "path": "run.sh"}
    ]
    assert dvx(data, "ls", ".", "d", "--json", "--rev", "HEAD").json == [
        {"isout": True, "isdir": False, "isexec": False, "size": None, "md5": A, "path": "a"},
        {"isout": True, "isdir": True, "isexec": False, "size": None, "md5": None, "path": "s"},
    ]


def test_a_digest_has_the_name_of_its_algorithm(new_project: Callable[..., Path]) -> None:
    for hashes in ("xxh128", "blake3", "md5"):
        folder = new_project(hashes, "--hash", hashes)
        write(folder / "d/a", "1\n")
        dvx(folder, "add", "d")
        (row,) = dvx(folder, "ls", ".", "d", "--json", "--show-hash").json
        assert list(row) == ["isout", "isdir", "isexec", "size", hashes, "path"]
        assert row[hashes]
        assert dvx(folder, "ls", ".", "d", "--show-hash").out == f"{row[hashes]}  a\n"
        # also where there is none
        assert {*dvx(folder, "ls", "--json").json[0]} == {*row}


@pytest.fixture
def nested(dialect_repo: Path, tmp_path: Path) -> Path:
    """A project with another one in its folder `sub`, whose data is at a remote; and a copy without a work tree."""
    dvx(dialect_repo, "config", "core.autostage", "false")
    sub = dialect_repo / "sub"
    write(sub / "d/a", "1\n")
    write(sub / "d/s/b", "2\n")
    write(dialect_repo / "top/file", "3\n")
    dvx(sub, "init", "--subdir", *(["--dvc"] if dialect_of(dialect_repo) is DVC else []))
    for folder in (sub, dialect_repo):
        dvx(folder, "remote", "add", "--default", "store", str(tmp_path / "store"))
    dvx(sub, "add", "d")
    dvx(dialect_repo, "add", "top")
    commit_all(dialect_repo)
    dvx(sub, "push")
    dvx(dialect_repo, "push")
    git(tmp_path, "clone", "--quiet", "--bare", str(dialect_repo), str(tmp_path / "bare.git"))
    return dialect_repo


def test_a_project_inside_of_another_is_listed(nested: Path, tmp_path: Path) -> None:
    for where, url in ((tmp_path, "repo"), (tmp_path, f"file://{nested}"), (nested, "."), (nested / "top", "..")):
        assert dvx(where, "ls", url, f"{nested}/sub", "--dvc-only").out == "d\n"
        assert dvx(where, "ls", url, f"{nested}/sub/d", "-R").out == "a\ns/b\n"
    assert dvx(tmp_path, "ls", "repo", "sub/d").out == "a\ns\n"
    assert dvx(nested, "ls", ".", "sub/d", "--rev", "HEAD").out == "a\ns\n"
    assert dvx(tmp_path, "ls", "repo/sub", "d").out == "a\ns\n"
    assert run_dvx(nested, "ls", ".", "sub/nope").code == 1


def test_a_repository_without_a_work_tree_is_listed(nested: Path, tmp_path: Path) -> None:
    for url in ("bare.git", f"file://{tmp_path}/bare.git"):
        assert dvx(tmp_path, "ls", url, "--dvc-only").out == "top\n"
        assert dvx(tmp_path, "ls", url, "top").out == "file\n"
        assert dvx(tmp_path, "ls", url, "sub/d", "-R", "--rev", "main").out == "a\ns/b\n"
    # also where it lies inside of a project
    shutil.move(tmp_path / "bare.git", nested / "bare.git")
    assert dvx(nested, "ls", "bare.git", "sub/d").out == "a\ns\n"
    assert run_dvx(nested, "ls", "bare.git", "--rev", "nope").code == 1


def test_a_remote_can_be_given_with_its_options(nested: Path, tmp_path: Path) -> None:
    for folder in (nested, nested / "sub"):
        shutil.rmtree(folder / dialect_of(nested).folder / "cache")
        dvx(folder, "remote", "modify", "store", "url", str(tmp_path / "elsewhere"))
    commit_all(nested)
    assert "are not known" in run_dvx(tmp_path, "ls", "repo", "sub/d").err
    url = f"url={tmp_path}/store"
    assert dvx(tmp_path, "ls", "repo", "sub/d", "--remote-config", url).out == "a\ns\n"
    assert dvx(tmp_path, "ls", "repo", "sub/d", "--remote", "given", "--remote-config", url).out == "a\ns\n"
    write(tmp_path / "conf", f"[core]\n    remote = mine\n['remote \"mine\"']\n    url = {tmp_path}/store\n")
    assert dvx(tmp_path, "ls", "repo", "sub/d", "--config", "conf").out == "a\ns\n"
    assert "has no remote `nope`" in run_dvx(tmp_path, "ls", "bare.git", "sub/d", "--remote", "nope").err
    assert "remote `nope`" in run_dvx(nested, "ls", "--remote", "nope").err


def test_a_repository_is_seen_from_where_the_user_stands(data: Path, tmp_path: Path) -> None:
    assert dvx(data / "code", "ls", "--dvc-only").out == "../d\n"
    assert dvx(data / "code", "ls", ".", "run.sh").out == "run.sh\n"
    assert dvx(data / "code", "ls", "..", "../d").out == "a\ns\n"
    assert dvx(data / "code", "ls", ".", "d", "--rev", "HEAD").out == "a\ns\n"
    assert dvx(tmp_path, "ls", "repo", "d").out == "a\ns\n"
    assert dvx(tmp_path, "ls", f"file://{data}", f"{data}/d").out == "a\ns\n"
    assert dvx(tmp_path, "ls", "repo", "/d").out == "a\ns\n"


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/x.git", "git@127.0.0.1:x.git", "s3://bucket/x"])
def test_a_repository_that_cannot_be_read_is_named(data: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    result = run_dvx(data, "ls", url)
    assert result.code == 1
    assert f"error: the repository `{url}` cannot be read: " in result.err
    assert "hint: check the URL" in result.err


def test_a_repository_of_git_alone_has_files(home: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    write(plain / "a", "1")
    write(plain / "d/b", "2")
    git(plain, "init", "--quiet")
    commit_all(plain)
    write(plain / "later", "3")
    assert dvx(tmp_path, "ls", "plain").out == "a\nd\nlater\n"
    assert dvx(plain, "ls", ".", "d").out == "b\n"
    assert dvx(tmp_path, "ls", "plain", "--rev", "HEAD", "-R").out == "a\nd/b\n"
    assert sorted(path.name for path in plain.iterdir()) == [".git", "a", "d", "later"]


def test_wrong_words(data: Path, tmp_path: Path) -> None:
    assert run_dvx(data, "ls", "nowhere").code == 1
    assert run_dvx(data, "ls", ".", "nope").code == 1
    assert run_dvx(data, "ls", "-T", "--json").code == 254
    assert run_dvx(data, "ls", "-L", "-1").code == 254
    assert run_dvx(tmp_path, "ls", ".", "nope").code == 1
