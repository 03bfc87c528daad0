"""Facts about `run: {snapshot: true}`: a command works on its inputs as they were, whoever edits them meanwhile."""
# ruff: noqa: E501  commands are easier to read in one line

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dvx.errors import DvxError, GitError, StageFailed, UnsafePath
from dvx.model.pipelines.run import State
from dvx.ops.pipelines.repro import ReproOptions
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.ops.test_inputs import entries
from tests.ops.test_repro import actions, last_run, lock, orphan, runs_of, until
from tests.patience import is_alive


def stage(folder: Path, command: str, more: str = "", *, snapshot: str = "true", rest: str = "") -> Path:
    """A pipeline with one stage `s` that reads `raw`, the folder `data` and the parameter `n`, and writes `o`."""
    write(folder / "raw", "1\n")
    write(folder / "data/sub/a", "a\n")
    write(folder / "params.yaml", "n: 1\nother: 1\n")
    run = f"{{run: {{snapshot: {snapshot}{more}}}}}"
    setting = f"    meta: {run}\n" if (folder / ".dvc").exists() else f"    run: {run[6:-1]}\n"
    text = f"stages:\n  s:\n    cmd: {command!r}\n    deps: [raw, data]\n    params: [n]\n    outs: [o]\n{setting if snapshot else ''}{rest}"
    write(folder / dialect_of(folder).pipeline, text)
    return folder


def check_tidy(folder: Path) -> None:
    """There is no room any more, and Git knows of none."""
    dialect = dialect_of(folder)
    rooms = folder / dialect.folder / dialect.state_folder / "exps/rooms"
    assert not rooms.exists() or not list(rooms.iterdir())
    assert len(git(folder, "worktree", "list").splitlines()) == 1
    found = folder / ".git/worktrees"
    assert not found.exists() or not list(found.iterdir())


def test_the_lock_is_the_same_as_without(dialect_repo: Path) -> None:
    command = "cat raw data/sub/a params.yaml > o"
    stage(dialect_repo, command, snapshot="")
    actions(dialect_repo)
    plain, runs = lock(dialect_repo).read_bytes(), entries(dialect_repo)
    stage(dialect_repo, command)
    assert actions(dialect_repo) == ["s skip"], "the setting is no input"
    lock(dialect_repo).unlink()
    assert actions(dialect_repo, ReproOptions(force=True)) == ["s run"]
    assert lock(dialect_repo).read_bytes() == plain
    assert entries(dialect_repo) == runs
    check_tidy(dialect_repo)


EDITS = {
    "changed": "echo 2 > {0}/raw",
    "put back": "echo 2 > {0}/raw; echo 1 > {0}/raw",
    "deleted": "rm {0}/raw",
    "in a folder": "echo b > {0}/data/sub/a",
    "added": "echo b > {0}/data/sub/b",
    "a parameter": "echo n: 2 > {0}/params.yaml",
}


@pytest.mark.parametrize("how", EDITS)
def test_an_edit_meanwhile_disturbs_nothing(dialect_repo: Path, how: str) -> None:
    stage(dialect_repo, f"{EDITS[how].format(dialect_repo)}; cat raw data/sub/* params.yaml > o; [ ! -e ../quiet ]")
    assert actions(dialect_repo) == ["s run"]
    assert (dialect_repo / "o").read_text() == "1\na\nn: 1\nother: 1\n"
    assert len(entries(dialect_repo)) == 1
    check_tidy(dialect_repo)
    if how != "put back":
        assert run_dvx(dialect_repo, "status", "--json").json != {}, "it is stale now"
    write(dialect_repo / "raw", "1\n")
    write(dialect_repo / "data/sub/a", "a\n")
    (dialect_repo / "data/sub/b").unlink(missing_ok=True)
    write(dialect_repo / "params.yaml", "n: 1\nother: 1\n")
    assert actions(dialect_repo) == ["s skip"], "it was recorded for what it was made of"


def test_outputs_of_all_kinds_land_in_the_workspace(dialect_repo: Path) -> None:
    rest = "  t:\n    cmd: 'mkdir -p ../out; cat ../o ../raw > ../out/x; echo 1 > m.json; echo more >> kept'\n    wdir: sub\n    deps: [../o, ../raw]\n"
    rest += "    outs: [../out, {kept: {persist: true}}]\n    metrics: [{m.json: {cache: false}}]\n"
    stage(dialect_repo, "cp raw o", rest=rest)
    write(dialect_repo / "sub/m.json", "0\n")
    write(dialect_repo / "sub/kept", "first\n")
    git(dialect_repo, "add", "sub/m.json")
    text = (dialect_repo / dialect_of(dialect_repo).pipeline).read_text()
    setting = text[text.index("    meta" if "    meta" in text else "    run") :].splitlines()[0] + "\n"
    write(dialect_repo / dialect_of(dialect_repo).pipeline, text + setting)
    assert actions(dialect_repo) == ["s run", "t run"]
    assert (dialect_repo / "out/x").read_text() == "1\n1\n"
    assert (dialect_repo / "sub/m.json").read_text() == "1\n"
    assert (dialect_repo / "sub/kept").read_text() == "first\nmore\n"
    assert actions(dialect_repo) == ["s skip", "t skip"]
    assert actions(dialect_repo, ReproOptions(force=True)) == ["s run", "t run"]
    assert (dialect_repo / "sub/kept").read_text() == "first\nmore\nmore\n"
    assert not (dialect_repo / "sub/kept").is_symlink()
    check_tidy(dialect_repo)


def test_all_that_git_does_not_ignore_is_there_as_it_is_now(native: Path) -> None:
    for name in ("tracked", "edited", "gone", "ignored"):
        write(native / f"code/{name}.txt", f"{name}\n")
    write(native / ".gitignore", "/code/ignored.txt\n")
    (native / "code/link").symlink_to("tracked.txt")
    commit_all(native)
    write(native / "code/edited.txt", "now\n")
    write(native / "code/new.sh", "#!/bin/sh\necho new\n")
    (native / "code/new.sh").chmod(0o755)
    (native / "code/gone.txt").unlink()
    stage(native, "(cat code/*.txt code/link; code/new.sh; git rev-parse HEAD; git diff --name-only) > o")
    actions(native)
    head = git(native, "rev-parse", "HEAD")
    assert (native / "o").read_text() == f"now\ntracked\ntracked\nnew\n{head}\ncode/edited.txt\ncode/gone.txt\n"


def test_dvx_in_the_command_sees_the_same_project(dialect_repo: Path) -> None:
    name = dialect_of(dialect_repo).environment_prefix
    stage(
        dialect_repo, f'echo n: 5 > {dialect_repo}/params.yaml; dvx root > o; cat "${name}_ROOT/params.yaml" >> o; dvx ls . >> o'
    )
    assert actions(dialect_repo) == ["s run"]
    assert (dialect_repo / "o").read_text().splitlines()[:2] == [".", "n: 1"]


def test_what_else_the_command_writes_is_kept_unless_git_ignores_it(native: Path) -> None:
    write(native / ".gitignore", "*.log\n")
    write(native / "tracked", "1\n")
    commit_all(native)
    stage(
        native,
        f"cp raw o; echo 1 > more; mkdir new; echo 1 > new/x; echo 1 > a.log; echo 2 > tracked; echo mine > there; echo yours > {native}/there",
    )
    result = run_dvx(native, "repro")
    assert result.code == 0
    assert "also wrote `more`, `new`, `there`" in result.err
    assert (native / "more").read_text() == (native / "new/x").read_text() == "1\n"
    assert (native / "there").read_text() == "yours\n"
    assert not (native / "a.log").exists()
    assert (native / "tracked").read_text() == "1\n"


def test_an_output_that_was_edited_meanwhile_goes_to_the_trash(native: Path) -> None:
    stage(native, f"cp raw o; echo mine > {native}/o")
    actions(native)
    assert (native / "o").read_text() == "1\n"
    dvx(native, "trash", "restore", "-f", "o")
    assert (native / "o").read_text() == "mine\n"


def test_a_command_that_changes_what_it_reads_is_known(dialect_repo: Path) -> None:
    stage(dialect_repo, "cp raw o; echo 2 >> raw")
    with pytest.raises(
        DvxError, match=r"`raw` changed at [\d:]{8} while the stage `s` ran, by its own command, so its result was not"
    ):
        actions(dialect_repo)
    assert (dialect_repo / "raw").read_text() == "1\n"
    assert not lock(dialect_repo).exists()
    assert entries(dialect_repo) == []
    assert [attempt.status for attempt in last_run(dialect_repo).attempts] == [State.FAILED]
    check_tidy(dialect_repo)


def test_a_later_attempt_reads_the_same(native: Path) -> None:
    again = f"echo x >> {native}/tries; [ $(wc -l < {native}/tries) -ge 3 ]"
    retry = ", retry: {maximum_attempts: 3, initial_interval: 0}"
    stage(native, f"[ ! -e o ] || exit 9; cp raw o; echo 2 > {native}/raw; {again}", retry)
    write(native / ".gitignore", "/tries\n")
    assert actions(native) == ["s run"]
    assert (native / "o").read_text() == "1\n"
    (native / "tries").unlink()
    stage(native, f"cp raw o; echo 2 > raw; {again}", retry)
    with pytest.raises(DvxError, match="by its own command"):
        actions(native)
    assert (native / "tries").read_text() == "x\n"


def test_what_a_failed_command_made_is_there_to_be_looked_at(native: Path) -> None:
    stage(native, "echo half > o; exit 3")
    with pytest.raises(StageFailed):
        actions(native)
    assert (native / "o").read_text() == "half\n"
    check_tidy(native)


SLOW = "echo $$ >> {0}/pids; cp raw o; until [ -e {0}/go ]; do sleep 0.02; done"


@pytest.mark.parametrize("edited", [False, True])
def test_a_killed_run_ends_in_the_same_state(dialect_repo: Path, edited: bool) -> None:
    stage(dialect_repo, SLOW.format(dialect_repo))
    write(dialect_repo / ".gitignore", "/pids\n/go\n")
    command = orphan(dialect_repo)
    if edited:
        write(dialect_repo / "raw", "2\n")
    write(dialect_repo / "go", "")
    until(lambda: not is_alive(command))
    assert actions(dialect_repo) == ["s run"]
    assert runs_of(dialect_repo) == 1 + edited, "what it had made is recorded, unless its inputs were edited"
    assert (dialect_repo / "o").read_text() == ("2\n" if edited else "1\n")
    assert actions(dialect_repo) == ["s skip"]
    check_tidy(dialect_repo)


def test_a_room_that_is_worked_in_stays_and_others_are_cleaned_up(native: Path) -> None:
    stage(native, SLOW.format(native))
    write(native / ".gitignore", "/pids\n/go\n")
    command = orphan(native)
    rooms = native / ".dvx/tmp/exps/rooms"
    dvx(native, "exp", "clean")
    assert len(list(rooms.iterdir())) == 1
    write(native / "go", "")
    until(lambda: not is_alive(command))
    dvx(native, "exp", "clean")
    check_tidy(native)
    assert actions(native) == ["s run"]
    assert runs_of(native) == 2


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_links_into_the_cache_are_not_copied(dialect_repo: Path, kind: str) -> None:
    dvx(dialect_repo, "config", "cache.type", kind)
    stage(dialect_repo, "stat -c '%h %F' raw data/sub/a > o; echo x > other")
    write(dialect_repo / "raw", "enough to be linked\n" * 1000)
    write(dialect_repo / "data/sub/a", "enough to be linked, too\n" * 1000)
    dvx(dialect_repo, "add", "raw", "data")
    assert actions(dialect_repo)[-1] == "s run"
    said = "3 regular file\n" if kind == "hardlink" else "1 symbolic link\n"
    assert (dialect_repo / "o").read_text() == said * 2
    assert actions(dialect_repo)[-1] == "s skip"


def test_a_link_within_the_project_is_what_it_leads_to(native: Path) -> None:
    write(native / "real", "1\n")
    stage(native, f"echo 2 > {native}/real; cat raw > o")
    (native / "raw").unlink()
    (native / "raw").symlink_to("real")
    commit_all(native)
    actions(native)
    assert (native / "o").read_text() == "1\n"


@pytest.mark.parametrize(("path", "shown"), [("elsewhere/a", "elsewhere"), ("../outside/a", r"\.\./outside")])
def test_nothing_is_written_outside_of_the_repository(native: Path, path: str, shown: str) -> None:
    outside = native.parent / "outside"
    write(outside / "a", "1\n")
    (native / "elsewhere").symlink_to(outside)
    commit_all(native)
    stage(native, "cp raw o")
    text = (native / "dvx.yaml").read_text()
    write(native / "dvx.yaml", text.replace("[raw, data]", f"[raw, {path}]"))
    with pytest.raises(UnsafePath, match=f"`{shown}`, which the stage `s` needs, leads out of the Git repository"):
        actions(native)
    assert (outside / "a").read_text() == "1\n"
    check_tidy(native)


def test_a_project_in_a_folder_of_the_repository_finds_what_is_beside_it(repo: Path) -> None:
    write(repo / "shared/x", "1\n")
    commit_all(repo)
    project = repo / "deep/er"
    project.mkdir(parents=True)
    assert run_dvx(project, "init", "--subdir").code == 0
    write(
        project / "dvx.yaml",
        "stages:\n  s: {cmd: cat ../../shared/x ../../shared/y > o, deps: [../../shared/x], outs: [o], run: {snapshot: true}}\n",
    )
    write(repo / "shared/y", "2\n")
    assert actions(project) == ["s run"]
    assert (project / "o").read_text() == "1\n2\n"


def test_large_files_that_cannot_be_cloned_are_copied_only_on_request(native: Path) -> None:
    place = native / "raw"
    stage(native, "wc -c < raw > o")
    place.touch()
    os.truncate(place, 65 << 20)
    write(native / ".gitignore", "/raw\n")
    other = native.parent / "probe"
    cloned = subprocess.run(["cp", "--reflink=always", place, other], check=False, capture_output=True).returncode == 0
    if cloned:
        pytest.skip("files can be cloned here")
    with pytest.raises(DvxError, match="`raw` cannot be cloned: its file system has no reflinks") as caught:
        actions(native)
    assert "write `snapshot: copy` in the stage `s`" in caught.value.hint
    check_tidy(native)
    write(native / "dvx.yaml", (native / "dvx.yaml").read_text().replace("snapshot: true", "snapshot: copy"))
    assert actions(native) == ["s run"]
    assert (native / "o").read_text() == f"{65 << 20}\n"


def test_it_needs_git_and_a_commit(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    assert run_dvx(folder, "init", "--no-scm").code == 0
    stage(folder, "cp raw o")
    with pytest.raises(GitError, match="the stage `s` has `snapshot`, which needs a Git repository with a commit"):
        actions(folder)


def test_a_command_that_needs_its_own_stage_ends(native: Path) -> None:
    stage(native, "cp raw o; dvx repro s")
    with pytest.raises(StageFailed, match="the command of the stage `s` needs that stage itself"):
        actions(native)
    check_tidy(native)


@pytest.mark.parametrize("words", [("exp", "run", "-n", "e"), ("exp", "run", "--temp", "-n", "e")])
def test_experiments_run_such_stages(dialect_repo: Path, words: tuple[str, ...]) -> None:
    stage(dialect_repo, "cat raw params.yaml > o")
    commit_all(dialect_repo)
    assert run_dvx(dialect_repo, *words, "-S", "n=7").code == 0
    assert git(dialect_repo, "for-each-ref", "refs/exps/*/*/e") or git(dialect_repo, "for-each-ref", "refs/exps")
    dvx(dialect_repo, "exp", "apply", "e")
    assert (dialect_repo / "o").read_text() == "1\nn: 7\nother: 1\n"
    check_tidy(dialect_repo)


def test_several_run_at_once(native: Path) -> None:
    stages = "".join(
        f"  s{number}: {{cmd: cp raw o{number}, deps: [raw], outs: [o{number}], run: {{snapshot: true}}}}\n"
        for number in range(6)
    )
    write(native / "raw", "1\n")
    write(native / "dvx.yaml", f"stages:\n{stages}")
    assert sorted(actions(native, ReproOptions(jobs=4))) == [f"s{number} run" for number in range(6)]
    check_tidy(native)
