"""undo: what the last command changed is as it was before, whole; what came later is guarded."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

Prepare = Callable[[Path], object]


def state(repo: Path) -> dict[str, object]:
    """All files of the user's with the bytes that they show, the configuration, and refs."""
    own = repo / dialect_of(repo).folder
    skip = (repo / ".git", own / "tmp", own / "cache")
    found: dict[str, object] = {}
    for path in sorted(repo.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(one) for one in skip):
            found[str(path.relative_to(repo))] = path.read_bytes()
    refs = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps", "refs/heads"],
        cwd=repo, check=True, capture_output=True, text=True,
    )  # fmt: skip
    waiting = sorted(one["name"] for one in dvx(repo, "queue", "status", "--json").json["tasks"] if one["state"] == "queued")
    return found | {"refs": [line for line in refs.stdout.splitlines() if "exec" not in line], "queue": waiting}


def data(repo: Path) -> None:
    write(repo / "d/a", "1\n")
    write(repo / "d/b", "2\n")
    write(repo / "f", "file\n")
    dvx(repo, "add", "d", "f")
    commit_all(repo)


def edited(repo: Path) -> None:
    data(repo)
    write(repo / "d/a", "edited\n")
    (repo / "d/b").unlink()
    write(repo / "d/new", "new\n")
    write(repo / "f", "edited, too\n")


def switched(repo: Path) -> None:
    """What the pointers name is in the cache, and so is what is there."""
    data(repo)
    write(repo / "d/a", "other\n")
    write(repo / "d/c", "other\n")
    dvx(repo, "add", "d")
    subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=repo, check=True)


def pipeline(repo: Path) -> None:
    write(repo / "in", "1\n")
    write(repo / "params.yaml", "n: 1\n")
    dvx(repo, "stage", "add", "-n", "one", "-d", "in", "-o", "mid", "cat in in > mid")
    command = "mkdir out; cp mid out/x; cp params.yaml out; echo '{\"n\": 1}' > m.json"
    second = ("-d", "mid", "-p", "n", "-o", "out", "-M", "m.json", command)
    dvx(repo, "stage", "add", "-n", "two", *second)
    commit_all(repo)


def ran(repo: Path) -> None:
    pipeline(repo)
    dvx(repo, "repro")
    commit_all(repo)


def ready(repo: Path) -> None:
    ran(repo)
    write(repo / "in", "22\n")
    write(repo / "out/mine", "made by hand\n")


def experiment(repo: Path) -> None:
    ran(repo)
    dvx(repo, "exp", "run", "-n", "e1", "-S", "n=3")
    subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=repo, check=True)
    dvx(repo, "checkout")


def queued(repo: Path) -> None:
    ran(repo)
    dvx(repo, "exp", "run", "--queue", "-n", "later", "-S", "n=7")


def elsewhere(repo: Path) -> None:
    write(repo.parent / "outside/x", "x\n")


def imported(repo: Path) -> None:
    elsewhere(repo)
    dvx(repo, "import-url", "../outside")
    commit_all(repo)
    write(repo.parent / "outside/x", "changed\n")


def remote(repo: Path) -> None:
    dvx(repo, "remote", "add", "-d", "store", "../store")
    commit_all(repo)


def plotted(repo: Path) -> None:
    write(repo / "p.csv", "a,b\n1,2\n")
    dvx(repo, "stage", "add", "-n", "one", "--plots-no-cache", "p.csv", "true")
    commit_all(repo)


COMMANDS: list[tuple[Prepare, str]] = [
    (lambda repo: write(repo / "g", "1"), "add g"),
    (edited, "add d f"),
    (edited, "add --no-commit d"),
    (edited, "add d/a"),
    (elsewhere, "add ../outside -o o"),
    (edited, "commit -f"),
    (edited, "checkout -f"),
    (switched, "checkout"),
    (edited, "remove d f.POINTER"),
    (edited, "remove --outs d"),
    (ran, "remove two"),
    (ran, "remove --outs one"),
    (edited, "move d e"),
    (data, "freeze f.POINTER"),
    (pipeline, "freeze one"),
    (lambda repo: dvx(repo, "stage", "add", "-n", "x", "-d", "in", "true"), "freeze x"),
    (data, "stage add -n new -d f -o made true"),
    (pipeline, "stage add -f -n one -d in -o other true"),
    (data, "config core.autostage false"),
    (data, "config --local cache.type hardlink"),
    (data, "remote add -d store ../store"),
    (remote, "remote modify store url ../other"),
    (remote, "remote modify --local store verify true"),
    (remote, "remote remove store"),
    (remote, "remote rename store kept"),
    (elsewhere, "import-url ../outside"),
    (imported, "update outside.POINTER"),
    (pipeline, "repro"),
    (ready, "repro"),
    (ready, "exp run -n e1 -S n=2"),
    (ran, "exp run --temp -n e1 -S n=2"),
    (experiment, "exp apply e1"),
    (ready, "exp save -n e1"),
    (experiment, "exp remove e1"),
    (experiment, "exp rename e1 e2"),
    (experiment, "exp branch e1 topic"),
    (queued, "queue remove later"),
    (ran, "exp run --queue -n later -S n=7"),
    (plotted, "plots modify p.csv -t scatter"),
    (pipeline, "vscode"),
]


@pytest.mark.parametrize(("prepare", "command"), COMMANDS, ids=[command for _, command in COMMANDS])
def test_undo_takes_a_command_back_whole_and_redo_does_it_again(dialect_repo: Path, prepare: Prepare, command: str):
    prepare(dialect_repo)
    words = command.replace("POINTER", dialect_of(dialect_repo).pointer_suffix[1:]).split()
    before = state(dialect_repo)
    dvx(dialect_repo, *words)
    after = state(dialect_repo)
    assert after != before
    for _ in range(2):
        undone = dvx(dialect_repo, "undo").err
        assert state(dialect_repo) == before
        dvx(dialect_repo, "undo", "--redo")
        assert state(dialect_repo) == after
    assert "Undid `" in undone


def entries(repo: Path) -> list[Path]:
    """What commands wrote down, the oldest first."""
    dialect = dialect_of(repo)
    return sorted((repo / dialect.folder / dialect.state_folder / "undo").glob("*"))


def facts(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def set_facts(path: Path, *rows: dict[str, object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_undo_goes_further_back_each_time(dialect_repo: Path):
    for name in "abc":
        write(dialect_repo / name, name)
        dvx(dialect_repo, "add", name)
    suffix = dialect_of(dialect_repo).pointer_suffix
    for left in ("ab", "a", ""):
        dvx(dialect_repo, "undo")
        assert {path.name for path in dialect_repo.glob(f"?{suffix}")} == {f"{name}{suffix}" for name in left}
    refused = run_dvx(dialect_repo, "undo")
    assert refused.code != 0
    assert "nothing to undo" in refused.err
    for _ in "abc":
        dvx(dialect_repo, "undo", "--redo")
    assert (dialect_repo / f"c{suffix}").exists()
    assert "nothing to redo" in run_dvx(dialect_repo, "undo", "--redo").err


def test_another_command_ends_what_could_be_redone(dialect_repo: Path):
    data(dialect_repo)
    dvx(dialect_repo, "undo")
    dvx(dialect_repo, "config", "core.autostage", "false")
    assert "nothing to redo" in run_dvx(dialect_repo, "undo", "--redo").err


def test_commands_that_leave_nothing_in_the_trash_are_the_last_ones_too(dialect_repo: Path):
    """What an old command put into the trash is not what the last one did."""
    edited(dialect_repo)
    dvx(dialect_repo, "checkout", "-f")
    experiment(dialect_repo)
    before = state(dialect_repo)
    dvx(dialect_repo, "exp", "remove", "e1")
    said = dvx(dialect_repo, "undo").err
    assert "Undid `exp remove` of " in said
    assert "experiment e1" in said
    assert state(dialect_repo) == before


def test_what_changed_since_is_named_and_stays(dialect_repo: Path):
    edited(dialect_repo)
    dvx(dialect_repo, "checkout", "-f")
    write(dialect_repo / "d/a", "later\n")
    before = state(dialect_repo)
    refused = run_dvx(dialect_repo, "undo")
    assert refused.code != 0
    assert "changed since `checkout`: `d/a`" in refused.err
    assert "--force" in refused.err
    assert state(dialect_repo) == before
    dvx(dialect_repo, "undo", "--force")
    assert (dialect_repo / "d/a").read_text() == "edited\n"
    assert "later\n" in {path.read_text() for path in (dialect_repo / dialect_of(dialect_repo).folder).rglob("trash/*/content")}


@pytest.mark.parametrize("name", ["PIPELINE", "ref"])
def test_text_and_refs_that_changed_since_are_named(dialect_repo: Path, name: str):
    experiment(dialect_repo)
    if name == "ref":
        dvx(dialect_repo, "exp", "rename", "e1", "e2")
        ref = git(dialect_repo, "for-each-ref", "--format=%(refname)", "refs/exps/*/*/e2")
        git(dialect_repo, "update-ref", ref, "HEAD")
        named = "`experiment e2`"
    else:
        dvx(dialect_repo, "freeze", "one")
        pipeline_file = dialect_repo / dialect_of(dialect_repo).pipeline
        write(pipeline_file, pipeline_file.read_text() + "# mine\n")
        named = f"`{pipeline_file.name}`"
    refused = run_dvx(dialect_repo, "undo")
    assert refused.code != 0
    assert named in refused.err


def test_what_ran_since_it_was_queued_is_forgotten_when_forced_and_its_experiment_stays(dialect_repo: Path):
    queued(dialect_repo)
    dvx(dialect_repo, "queue", "work", "--alone")
    before = state(dialect_repo)
    refused = run_dvx(dialect_repo, "undo")
    assert refused.code != 0
    assert "changed since `exp run`: `queue: later`" in refused.err
    assert "hint: `--force` takes it back all the same, and puts changed files into the trash" in refused.err
    tasks = dvx(dialect_repo, "queue", "status", "--json").json["tasks"]
    assert "queue: later" in dvx(dialect_repo, "undo", "--dry").out
    assert "queue: later" in dvx(dialect_repo, "undo", "--force").err
    assert dvx(dialect_repo, "queue", "status", "--json").json["tasks"] == []
    assert dvx(dialect_repo, "trash", "list", "--json").json == []
    assert state(dialect_repo) == before
    dvx(dialect_repo, "undo", "--redo")
    assert dvx(dialect_repo, "queue", "status", "--json").json["tasks"] == tasks


def test_an_old_command_is_not_undone_without_asking(dialect_repo: Path):
    data(dialect_repo)
    (entry,) = entries(dialect_repo)
    began, *rest = facts(entry)
    set_facts(entry, began | {"at": time.time() - 7200}, *rest)
    before = state(dialect_repo)
    refused = run_dvx(dialect_repo, "undo")
    assert refused.code != 0
    assert "older than an hour" in refused.err
    assert state(dialect_repo) == before
    dvx(dialect_repo, "undo", "--force")
    assert state(dialect_repo) != before


@pytest.mark.parametrize("command", ["push", "gc -w -f --grace 0", "exp push origin e1", "config --global cache.type copy"])
def test_what_cannot_be_undone_says_so(dialect_repo: Path, command: str):
    git(dialect_repo, "init", "--quiet", "--bare", "../hub")
    git(dialect_repo, "remote", "add", "origin", "../hub")
    remote(dialect_repo)
    experiment(dialect_repo)
    data(dialect_repo)
    if command.startswith("gc"):
        write(dialect_repo / "f", "another\n")
        dvx(dialect_repo, "add", "f")
        commit_all(dialect_repo)
        dvx(dialect_repo, "remove", "f" + dialect_of(dialect_repo).pointer_suffix)
    dvx(dialect_repo, *command.split())
    before = state(dialect_repo)
    refused = run_dvx(dialect_repo, "undo")
    assert refused.code != 0
    assert f"`{' '.join(word for word in command.split()[:2] if word in ('push', 'gc', 'exp', 'config'))}" in refused.err
    assert "cannot be undone: " in refused.err
    assert state(dialect_repo) == before
    dvx(dialect_repo, "undo", "--force")
    assert state(dialect_repo) != before
    assert "no " in dvx(dialect_repo, "undo", "--list").out


def test_what_would_change_is_shown_and_commands_are_listed(dialect_repo: Path):
    data(dialect_repo)
    dvx(dialect_repo, "move", "f", "g")
    before = state(dialect_repo)
    shown = dvx(dialect_repo, "undo", "--dry")
    suffix = dialect_of(dialect_repo).pointer_suffix
    assert {"f -> g", f"f{suffix}", f"g{suffix}"} <= set(shown.out.splitlines())
    assert "`move` of " in shown.err
    assert state(dialect_repo) == before
    rows = dvx(dialect_repo, "undo", "--list", "--json").json
    assert [(row["command"], row["next"]) for row in rows] == [("move", "undo"), ("add", "undo")]
    dvx(dialect_repo, "undo")
    rows = dvx(dialect_repo, "undo", "--list", "--json").json
    assert [(row["command"], row["next"]) for row in rows] == [("add", "undo"), ("move", "redo")]
    assert "redo" in dvx(dialect_repo, "undo", "--list").out


@pytest.mark.parametrize(("typed", "name"), [("import", "import"), ("import-url", "import-url"), ("rm", "remove")])
def test_commands_have_the_names_that_are_typed(dialect_repo: Path, tmp_path: Path, typed: str, name: str) -> None:
    data(dialect_repo)
    other = write(tmp_path / "other/x", "x\n").parent
    git(other, "init", "--quiet")
    commit_all(other)
    words = {"import": (other, "x"), "import-url": (other / "x",), "rm": (f"f{dialect_of(dialect_repo).pointer_suffix}",)}
    dvx(dialect_repo, typed, *words[typed])
    assert dvx(dialect_repo, "undo", "--list", "--json").json[0]["command"] == name
    assert f"Undid `{name}` of" in dvx(dialect_repo, "undo").err


def test_what_a_killed_command_did_is_undone(dialect_repo: Path):
    data(dialect_repo)
    dvx(dialect_repo, "remove", "d" + dialect_of(dialect_repo).pointer_suffix, "f" + dialect_of(dialect_repo).pointer_suffix)
    *_, entry = entries(dialect_repo)
    rows = entry.read_text().splitlines(keepends=True)
    # the last act was not done, and its fact is there by half
    git(dialect_repo, "checkout", "--", "f" + dialect_of(dialect_repo).pointer_suffix)
    entry.write_text("".join(rows[:-1]) + rows[-1][:20])
    dvx(dialect_repo, "undo")
    assert git(dialect_repo, "status", "--porcelain") == ""


def test_data_that_nothing_tracks_any_more_is_a_file_of_its_own(dialect_repo: Path):
    dvx(dialect_repo, "config", "cache.type", "symlink")
    write(dialect_repo / "f", "file\n")
    dvx(dialect_repo, "add", "f")
    assert (dialect_repo / "f").is_symlink()
    dvx(dialect_repo, "undo")
    assert not (dialect_repo / "f").is_symlink()
    assert os.access(dialect_repo / "f", os.W_OK)
    dvx(dialect_repo, "undo", "--redo")
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_a_log_of_a_strangers_leads_nowhere(dialect_repo: Path):
    data(dialect_repo)
    (entry,) = entries(dialect_repo)
    began = facts(entry)[0]
    main = git(dialect_repo, "symbolic-ref", "HEAD")
    git(dialect_repo, "branch", "other")
    head = git(dialect_repo, "rev-parse", "HEAD")
    (dialect_repo / "out").symlink_to(dialect_repo.parent)
    content = {"digest": {"algorithm": "md5", "hex": "0" * 32}, "size": 1, "files": None, "executable": False}
    before, around = state(dialect_repo), sorted(dialect_repo.parent.iterdir())
    for fact in (
        {"type": "wrote", "path": "../escaped", "old": "YQ==", "new": ""},
        {"type": "wrote", "path": ".git/hooks/pre-commit", "old": "YQ==", "new": ""},
        {"type": "wrote", "path": ".git/config", "old": "YQ==", "new": ""},
        {"type": "wrote", "path": "out/escaped", "old": "YQ==", "new": ""},
        {"type": "moved", "source": "out/escaped", "target": "f"},
        {"type": "moved", "source": "../escaped", "target": "f"},
        {"type": "placed", "path": "out", "old": None},
        {"type": "placed", "path": "out/x", "old": content},
        {"type": "ref", "name": main, "old": "", "new": head},
        {"type": "ref", "name": "refs/heads/other", "old": "", "new": head},
        {"type": "ref", "name": "refs/heads/other", "old": head, "new": ""},
        {"type": "ref", "name": "refs/tags/x", "old": head, "new": ""},
        {"type": "ref", "name": "HEAD", "old": head, "new": ""},
        {"type": "forgot", "task": {"ident": "../../v"}},
        {"type": "unknown"},
        7,
    ):  # fmt: skip
        entry.write_text(json.dumps(began) + "\n" + json.dumps(fact) + "\n")
        for old in entries(dialect_repo):
            if old != entry:
                old.unlink()
        run_dvx(dialect_repo, "undo", "--force")
        assert state(dialect_repo) == before, fact
        assert sorted(dialect_repo.parent.iterdir()) == around, fact


def test_what_autostage_staged_is_staged_back(dialect_repo: Path):
    dvx(dialect_repo, "config", "core.autostage", "true")
    edited(dialect_repo)
    dvx(dialect_repo, "commit", "-f")
    dvx(dialect_repo, "remove", "f" + dialect_of(dialect_repo).pointer_suffix)
    assert git(dialect_repo, "diff", "--cached", "--name-only") != ""
    dvx(dialect_repo, "undo")
    dvx(dialect_repo, "undo")
    assert git(dialect_repo, "status", "--porcelain") == ""


def test_an_experiment_that_git_does_not_have_any_more_is_named(dialect_repo: Path):
    experiment(dialect_repo)
    dvx(dialect_repo, "exp", "remove", "e1")
    git(dialect_repo, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now")
    git(dialect_repo, "prune", "--expire=now")
    before = state(dialect_repo)
    refused = run_dvx(dialect_repo, "undo")
    assert refused.code != 0
    assert "Git does not have `experiment e1` any more" in refused.err
    assert state(dialect_repo) == before


def test_what_was_in_the_emptied_trash_does_not_come_back(dialect_repo: Path):
    edited(dialect_repo)
    dvx(dialect_repo, "checkout", "-f")
    dvx(dialect_repo, "trash", "empty", "-f")
    before = state(dialect_repo)
    assert "`trash empty` cannot be undone: what was in the trash is gone" in run_dvx(dialect_repo, "undo").err
    said = dvx(dialect_repo, "undo", "-f").err
    assert "the old data of `d/a` is not in the cache" in said
    assert state(dialect_repo)["d/a"] == before["d/a"]


def test_no_more_than_a_hundred_commands_are_kept(dialect_repo: Path):
    data(dialect_repo)
    (entry,) = entries(dialect_repo)
    for number in range(150):
        (entry.parent / f"{10**18 + number}-1").write_bytes(entry.read_bytes())
    dvx(dialect_repo, "config", "core.autostage", "false")
    kept = entries(dialect_repo)
    assert len(kept) == 100
    assert entry in kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept[-1:])
