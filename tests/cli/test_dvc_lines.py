"""Command lines as DVC's users type them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write


@pytest.fixture
def data(dialect_repo: Path) -> Path:
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/s/b", "22\n")
    write(dialect_repo / "f", "333\n")
    write(dialect_repo / "code.py", "print()\n")
    dvx(dialect_repo, "add", "d", "f")
    commit_all(dialect_repo)
    return dialect_repo


def test_du_of_a_repository(data: Path, tmp_path: Path) -> None:
    rows = dict(reversed(line.split()) for line in dvx(data, "du", ".").out.splitlines())
    assert (rows["d"], rows["f"], rows["code.py"]) == ("5", "4", "8")
    assert int(rows["."]) == sum(int(size) for name, size in rows.items() if name != ".")
    assert dvx(data, "du", ".", "d").out == "2  a\n3  s\n5  d\n"
    assert dvx(data, "du", "-s", ".", "d").out == "5  d\n"
    assert dvx(data, "du", ".", "code.py").out == "8  code.py\n"
    git(data, "tag", "v1")
    write(data / "f", "4444444\n")
    dvx(data, "add", "f")
    commit_all(data)
    for where, url in ((data, "."), (tmp_path, f"file://{data}"), (tmp_path, "repo")):
        assert dvx(where, "du", url, "f", "--rev", "v1").out == "4  f\n"
        assert dvx(where, "du", url, "f").out == "8  f\n"
    # what is nowhere but in the record counts as well
    git(tmp_path, "clone", "--quiet", "repo", "clone")
    assert dvx(tmp_path, "du", "clone", "d", "--json", "-s").json == [{"path": "d", "size": 5}]
    assert run_dvx(data, "du", ".", "nope").code == 1
    assert run_dvx(data, "du", "--rev", "v1").code in (2, 254)
    assert "in 3 objects" not in dvx(data, "du", ".").out
    assert "Revision" in dvx(data, "du").out


def test_options_of_a_remote_may_follow_each_other(data: Path, tmp_path: Path) -> None:
    dvx(data, "remote", "add", "-d", "mine", str(tmp_path / "nowhere"))
    commit_all(data)
    words = ("--remote-config", f"url={tmp_path}/store", "jobs=2")
    assert dvx(tmp_path, "du", "-s", f"file://{data}", "f", *words).out == "4  f\n"
    assert dvx(tmp_path, "ls", *words, f"file://{data}", "code.py").out == "code.py\n"
    assert "NAME=VALUE" in run_dvx(tmp_path, "ls", "--remote-config", "url", f"file://{data}").err


def test_list_url_as_a_tree(data: Path) -> None:
    assert dvx(data, "list-url", "d", "-T").out == ".\n├── a\n└── s\n    └── b\n"
    assert dvx(data, "list-url", "d", "-T", "-L", "1").out == ".\n├── a\n└── s\n"
    assert dvx(data, "list-url", "f", "--tree").out == "f\n"


def test_silence(data: Path, tmp_path: Path) -> None:
    dvx(data, "remote", "add", "-d", "store", str(tmp_path / "store"))
    dvx(data, "push")
    for words in (("checkout", "-q"), ("-q", "pull")):
        (data / "f").unlink()
        result = dvx(data, *words)
        assert (result.out, result.err) == ("", "")
        assert (data / "f").exists()
    write(data / dialect_of(data).ignore, "*.tmp\n")
    for words in (("check-ignore", "-q", "x.tmp"), ("check-ignore", "-q", "-d", "x.tmp")):
        assert (run_dvx(data, *words).out, run_dvx(data, *words).code) == ("", 0)
    assert run_dvx(data, "check-ignore", "-q", "x").code == 1


def test_what_dvc_is_told_and_dvx_does_anyway(data: Path) -> None:
    dvx(data, "--wait-for-lock", "status")
    write(data / dialect_of(data).pipeline, "stages:\n  s:\n    cmd: cp f o\n    deps: [f]\n    outs: [o]\n")
    assert dvx(data, "stage", "list", "--fail", "--name-only").out == "s\n"
    assert dvx(data, "exp", "save", "-n", "mine").code == 0
    assert dvx(data, "exp", "ls").out == dvx(data, "exp", "list").out
    assert dvx(data, "exp", "rm", "mine").code == 0


def test_a_move_stages_what_it_took_away(data: Path) -> None:
    suffix = dialect_of(data).pointer_suffix
    dvx(data, "config", "core.autostage", "true")
    dvx(data, "move", "f", "g")
    assert git(data, "diff", "--name-status", "--cached", "-M", "--", f"*{suffix}").split("\t")[1:] == [
        f"f{suffix}",
        f"g{suffix}",
    ]
    dvx(data, "remove", f"g{suffix}")
    assert f"g{suffix}" not in git(data, "ls-files")


def test_exp_save_keeps_the_data_as_it_is(data: Path) -> None:
    suffix = dialect_of(data).pointer_suffix
    write(data / "f", "edited\n")
    write(data / "d/new", "n\n")

    def saved(name: str, path: str) -> str:
        return dvx(data, "ls", ".", path, "--rev", name, "-R", "--size").out

    dvx(data, "exp", "save", "-n", "part", f"d{suffix}")
    assert saved("part", "f") == "4  f\n"
    assert "new" in saved("part", "d")
    dvx(data, "exp", "save", "-n", "folder", "-R", ".")
    assert saved("folder", "f") == "7  f\n"
    write(data / "f", "edited again\n")
    dvx(data, "exp", "save", "-n", "all")
    assert saved("all", "f") == "13  f\n"
    (data / "f").unlink()
    # what is not here stays as it was recorded
    dvx(data, "exp", "save", "-n", "absent")
    assert saved("absent", "f") == "13  f\n"
    assert run_dvx(data, "exp", "save", "-n", "no", "f").code == 1


def test_the_queue_of_dvc_is_told(dvc_like: Path, new_project: Callable[..., Path]) -> None:
    commit_all(dvc_like)
    for number in range(2):
        write(dvc_like / "x", str(number))
        git(dvc_like, "update-ref", "--create-reflog", "-m", "dvc-exp", "refs/exps/celery/stash", commit_all(dvc_like))
    (dvc_like / ".dvc/tmp/exps/celery").mkdir(parents=True)
    for words in (("queue", "status"), ("exp", "show")):
        told = dvx(dvc_like, *words).err
        assert "DVC's own queue holds 2 experiments" in told
        assert "run `dvc queue status`" in told
    assert "DVC" not in dvx(new_project("other", "--dvc"), "queue", "status").err


def test_help_tells_what_differs(home: Path, tmp_path: Path) -> None:
    lines = {
        line.split("  ")[1]: line.split("  ")[-1]
        for line in dvx(tmp_path, "help", "dvc").out.splitlines()
        if line.startswith("  ")
    }
    assert lines["push"] == "the same"
    assert "DVC's" in lines["queue status"]
    assert "trust" in lines
    assert lines["trust"] != "the same"
