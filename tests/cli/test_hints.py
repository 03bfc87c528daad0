"""Hints and notes say what to type next, in a way that can be typed."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from dvx import errors
from tests.helpers import ROOT, commit_all, dialect_of, dvx, git, run_dvx, write


def test_names_are_quoted_for_the_shell(dialect_repo: Path) -> None:
    write(dialect_repo / "a b;c", "1\n")
    suffix = dialect_of(dialect_repo).pointer_suffix
    assert dvx(dialect_repo, "add", "a b;c").err.endswith(f"To keep it in Git: git add .gitignore 'a b;c{suffix}'\n")
    assert f"git add .gitignore 'x y{suffix}'\n" in dvx(dialect_repo, "move", "a b;c", "x y").err
    write(dialect_repo / "x y", "2\n")
    assert f"git add 'x y{suffix}'\n" in dvx(dialect_repo, "commit", "-f").err
    (dialect_repo / "in here").mkdir()
    result = dvx(dialect_repo / "in here", "stage", "add", "-n", "s", "-o", "o", "touch o")
    assert result.err.endswith(f"git add .gitignore {dialect_of(dialect_repo).pipeline}\n")
    below = dvx(dialect_repo, "--cd", "in here", "repro")
    assert "To keep it in Git: git add " in below.err
    unknown = run_dvx(dialect_repo, "remote", "remove", "a b")
    assert unknown.err == "error: there is no remote `a b`\nhint: run `dvx remote add 'a b' URL`\n"


def test_names_that_look_like_options_are_none(dialect_repo: Path) -> None:
    write(dialect_repo / "-rf", "1\n")
    suffix = dialect_of(dialect_repo).pointer_suffix
    told = dvx(dialect_repo, "add", "--", "-rf").err
    assert (
        told.endswith(f"To keep it in Git: git add -- -rf{suffix} .gitignore\n") or f"git add -- .gitignore -rf{suffix}\n" in told
    )
    git(dialect_repo, *told.rpartition("git ")[2].split())
    git(dialect_repo, "commit", "--quiet", "-m", "x")
    write(dialect_repo / "--help", "1\n")
    git(dialect_repo, "add", "--", "--help")
    assert (
        "hint: run `git rm -r --cached -- --help`, then `dvx add -- --help`" in run_dvx(dialect_repo, "add", "--", "--help").err
    )


def test_a_git_server_says_why_it_refuses(dialect_repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "server")
    hook = write(tmp_path / "server" / "hooks" / "pre-receive", "#!/bin/sh\necho 'Ada may not push here' >&2\nexit 1\n")
    hook.chmod(0o755)
    git(dialect_repo, "remote", "add", "origin", tmp_path / "server")
    dvx(dialect_repo, "exp", "save", "-n", "one")
    refused = run_dvx(dialect_repo, "exp", "push", "--no-cache", "origin", "one")
    assert refused.code != 0
    assert "the server said: Ada may not push here" in refused.err


def test_a_sparse_checkout_without_the_settings_is_called_one(dialect_repo: Path) -> None:
    folder = dialect_of(dialect_repo).folder
    write(dialect_repo / "src" / "a.py", "1\n")
    commit_all(dialect_repo)
    for way in ("--sparse-index", "--no-sparse-index"):
        git(dialect_repo, "sparse-checkout", "set", "--cone", way, "src")
        shutil.rmtree(dialect_repo / folder, ignore_errors=True)
        told = f"error: `{folder}` is left out of this sparse checkout\nhint: run `git sparse-checkout add {folder}`\n"
        assert run_dvx(dialect_repo / "src", "status").err == told
    git(dialect_repo, "sparse-checkout", "add", folder)
    dvx(dialect_repo / "src", "status")


def test_the_way_back_to_every_removed_experiment_is_said(native: Path) -> None:
    head = git(native, "rev-parse", "HEAD")
    names = ["a", "b", "c", "d", "it's"]
    for number, name in enumerate(names):
        write(native / "params.yaml", f"n: {number}\n")
        dvx(native, "exp", "save", "-n", name)
    refs = git(native, "for-each-ref", "refs/exps")
    lines = dvx(native, "exp", "remove", "-A").err.splitlines()[1:]
    assert len(lines) == 5
    assert any(f"git update-ref 'refs/exps/{head[:2]}/{head[2:]}/it'\"'\"'s' " in line for line in lines)
    for line in lines:
        command = line.removeprefix("To get it back: ")
        assert command.startswith("git update-ref ")
        write(native / "back.sh", command)
        git(native, "-c", f"alias.back=!{command}", "back")
    assert git(native, "for-each-ref", "refs/exps") == refs


def test_hints_name_the_command_that_was_typed(dvc_like: Path) -> None:
    assert run_dvx(dvc_like, "repro").err == (
        "error: there is no `dvc.yaml` here\n"
        "hint: run `dvx stage add` to write it, or name a stage of another one (`dvx stage list --all`)\n"
    )
    assert run_dvx(dvc_like, "repro", "nope").err.endswith("hint: run `dvx stage list --all`\n")
    write(dvc_like / "dvc.yaml", "stages:\n  s: {cmd: 'true'}\n")
    assert dvx(dvc_like, "repro").err.endswith("Use `dvx push` to send your updates to remote storage.\n")


@pytest.mark.parametrize("text", ["metrics:\n- m.json\n", "stages: {}\n", ""])
def test_a_pipeline_file_without_stages_is_up_to_date(dialect_repo: Path, text: str) -> None:
    pipeline = dialect_of(dialect_repo).pipeline
    write(dialect_repo / pipeline, text)
    assert dvx(dialect_repo, "repro").err == "Data and pipelines are up to date.\n"
    assert dvx(dialect_repo, "repro", pipeline).err == "Data and pipelines are up to date.\n"
    assert dvx(dialect_repo, "stage", "list").out == ""
    assert dvx(dialect_repo, "dag", pipeline).out == ""
    unknown = run_dvx(dialect_repo, "repro", f"{pipeline}:s")
    assert unknown.err.startswith(f"error: `{pipeline}:s` is no stage, pipeline file or output\n")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("1", "a text or a list of texts is expected, not `1`\n    s: {cmd: 1}\nhint: put it in quotes\n"),
        ("{a: b}", "a text or a list of texts is expected, not a mapping\n    s: {cmd: {a: b}}\n"),
        ("[1]", "a text is expected, not `1`\n    s: {cmd: [1]}\nhint: put it in quotes\n"),
    ],
)
def test_what_a_command_may_be_is_said(native: Path, command: str, expected: str) -> None:
    write(native / "dvx.yaml", f"stages:\n  s: {{cmd: {command}}}\n")
    assert run_dvx(native, "repro").err.endswith(expected)


CONFLICT = "outs:\n<<<<<<< HEAD\n- md5: {one}\n=======\n- md5: {two}\n>>>>>>> side\n  size: 2\n  hash: md5\n  path: data\n"


@pytest.mark.parametrize("top", ["", "outs:\n"])
def test_a_merge_conflict_is_recognised(dialect_repo: Path, top: str) -> None:
    write(dialect_repo / "data", "1\n")
    dvx(dialect_repo, "add", "data")
    commit_all(dialect_repo)
    text = CONFLICT.format(one="0" * 32, two="1" * 32).removeprefix("outs:\n")
    write(dialect_repo / f"data{dialect_of(dialect_repo).pointer_suffix}", top + text)
    result = run_dvx(dialect_repo, "status")
    assert result.code == 1
    assert "\nhint: it holds a merge conflict: run `dvx add` for its data" in result.err
    assert result.err.endswith("; `dvx install` lets Git merge such files by itself\n")


def test_what_was_replaced_can_be_got_back(native: Path) -> None:
    write(native / "params.yaml", "n: 1\n")
    commit_all(native)
    dvx(native, "exp", "save", "-n", "one")
    before = git(native, "for-each-ref", "--format=%(objectname)", "refs/exps")
    write(native / "params.yaml", "n: 2\n")
    said = dvx(native, "exp", "save", "-f", "-n", "one").err
    assert f" {before}\n" in said
    assert "git update-ref refs/exps/" in said
    dvx(native, "exp", "save", "-n", "two")
    assert "To get the one before back" in dvx(native, "exp", "rename", "-f", "two", "one").err


def test_a_name_that_git_does_not_take_for_a_branch_is_refused(native: Path) -> None:
    write(native / "params.yaml", "n: 1\n")
    commit_all(native)
    dvx(native, "exp", "save", "-n", "one")
    refused = run_dvx(native, "exp", "branch", "one", "bad..x")
    assert refused.code == 2
    assert "`bad..x` is not a name for a branch" in refused.err


def test_a_pointer_that_is_no_text_is_told(native: Path) -> None:
    write(native / "f", "1")
    dvx(native, "add", "f")
    write(native / "f.dvx", b"outs:\n- path: \xff\xfe\n")
    refused = run_dvx(native, "status")
    assert refused.code == 1
    assert "f.dvx:2: error: the text is not UTF-8" in refused.err


def test_a_look_at_a_revision_before_the_first_commit_says_what_is_missing(native: Path) -> None:
    git(native, "update-ref", "-d", "HEAD")
    refused = run_dvx(native, "ls", ".", "--rev", "HEAD")
    assert refused.code == 1
    assert "there is no commit yet" in refused.err


# names, and what DVC says word for word
ALLOWED = ("Git ", "Multiple plots")
# what nobody can do anything about, or what says of itself what to do
WITHOUT_HINT = {
    "Multiple plots per data file not supported.",
    "nothing was removed",
    "does not exist",
}


@pytest.mark.parametrize("package", ["cli", "ops"])
def test_every_error_has_a_way_out(package: str) -> None:
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.DvxError)}
    calls, bare = 0, []
    for path in sorted((ROOT / "dvx" / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds):
                continue
            calls += 1
            place = 2 if node.func.id in ("AtRisk", "StageFailed") else 1
            text = ast.unparse(node.args[0])
            if len(node.args) <= place and not any(text.rstrip("'\"").endswith(end) for end in WITHOUT_HINT):
                bare.append(f"{path.name}:{node.lineno}: {text}")
    assert calls > 30
    assert bare == []


def test_messages_are_written_as_the_style_says() -> None:
    """Lower case, no final period, names in backticks."""
    wrong = []
    for path in sorted((*(ROOT / "dvx/ops").rglob("*.py"), *(ROOT / "dvx/cli").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id.endswith(("Error", "Target", "Data"))
            ):
                text = ast.unparse(node.args[0]) if node.args else ""
                inner = text.lstrip("f").strip("'\"")
                if text[:1] in "f'\"" and inner and (inner[0].isupper() or inner.endswith(".")) and not inner.startswith(ALLOWED):
                    wrong.append(f"{path.name}:{node.lineno}: {text}")
    assert wrong == []
