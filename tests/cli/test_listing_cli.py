"""ls: what it prints, as DVC 3.67.1 does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, write

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
    assert run_dvx(tmp_path, "ls", ".").code == 1
