"""Walks over many commits: what they answer is what each commit says by itself."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from dvx.errors import GitError
from dvx.git import Git
from dvx.git.commits.roots import named_blobs
from dvx.git.commits.walking import in_line, steps
from dvx.ops.tracked.sources import Revision, Source
from dvx.ops.tracked.walking import answers
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write


def found(folder: Path) -> Git:
    here = Git.find(str(folder))
    assert here is not None
    return here


def every_commit(repo: Path) -> list[str]:
    return git(repo, "rev-list", "--all").split()


def told(source: Source) -> object:
    """All that a source says of the files that these histories have."""
    machinery: list[object] = []

    def inside(folder: str, named: dict[str, bytes]) -> set[str]:
        machinery.append((folder, sorted(named.items())))
        return set()

    source.machinery(inside)
    # what is read depends on what was read
    name = (source.read("p.yaml") or b"a").decode().strip()
    return machinery, source.read(name), source.read(f"{name}/{name}"), source.below("a"), source.below(f"b/{name}")


def random_history(repo: Path, below: str, dice: random.Random, length: int) -> None:
    """Commits with merges, in which folders come where files were."""
    names = ["a", "b", "p.yaml", "x.dvx", "dvx.yaml", "dvx.lock"]
    git(repo, "commit", "--quiet", "--allow-empty", "-m", "first")
    for number in range(length):
        if dice.random() < 0.2:
            git(repo, "checkout", "--quiet", "-B", f"b{dice.randrange(3)}", dice.choice(every_commit(repo)))
        if dice.random() < 0.2:
            other = dice.choice(every_commit(repo))
            git(repo, "merge", "--quiet", "--strategy=ours", "--allow-unrelated-histories", "-m", "merge", other)
        for _ in range(dice.randrange(3)):
            path = repo / below / "/".join(dice.choices(names, k=dice.randint(1, 3)))
            for above in reversed(path.relative_to(repo).parents):
                if (repo / above).is_symlink() or (repo / above).is_file():
                    (repo / above).unlink()
            if dice.random() < 0.3 or path.is_dir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            elif dice.random() < 0.1:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                path.symlink_to("a")
            else:
                path.unlink(missing_ok=True)
                write(path, dice.choice(["a\n", "b\n", f"{number}\n"]))
        git(repo, "add", "--all", "--force", "--", ".", ":!.dvx/tmp", ":!.dvx/cache")
        git(repo, "commit", "--quiet", "--allow-empty", "-m", str(number))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("below", ["", "sub"])
def test_commits_that_are_walked_say_what_each_says_by_itself(repo: Path, seed: int, below: str) -> None:
    random_history(repo, below, random.Random(seed), 25)
    write(repo / below / ".dvx/config", "")
    project = Project.find(str(repo / below))
    here = found(repo / below)
    asked = 0

    def answer(source: Source, _: str) -> object:
        nonlocal asked
        asked += 1
        return told(source)

    commits = every_commit(repo)
    random.Random(seed).shuffle(commits)
    walked = dict(answers(project, here, commits, answer))
    assert walked == {commit: told(Revision(project, commit)) for commit in commits}
    assert asked <= len(commits)
    assert named_blobs(here, commits, lambda name: name.endswith(".dvx")) == each(here, commits)


def each(here: Git, commits: list[str]) -> dict[str, set[str]]:
    blobs: dict[str, set[str]] = {}
    for commit in commits:
        for path, blob in here.listing(commit).items():
            if path.endswith(".dvx"):
                blobs.setdefault(blob, set()).add(path)
    return blobs


def test_an_answer_is_worked_out_once_for_each_state_of_what_it_is_made_of(native: Path) -> None:
    for number in range(6):
        write(native / "code.py", str(number))
        write(native / "p.yaml", str(number // 3))
        commit_all(native)
    asked: list[str] = []

    def answer(source: Source, commit: str) -> bytes | None:
        asked.append(commit)
        return source.read("p.yaml")

    commits = every_commit(native)[:6]
    said = dict(answers(Project.find(str(native)), found(native), commits, answer))
    assert [said[commit] for commit in commits] == [b"1"] * 3 + [b"0"] * 3
    assert asked == [commits[0], commits[3]]


@pytest.mark.parametrize("what", ["{0}", "{0}^{{tree}}", "{0}:d/e", "{0}:d"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_walk_that_cannot_see_everything_fails(repo: Path, what: str, place: int) -> None:
    for number in range(3):
        write(repo / "d/e/f.dvx", str(number))
        commit_all(repo)
    commits = every_commit(repo)
    ident = git(repo, "rev-parse", what.format(commits[place]))
    (repo / ".git/objects" / ident[:2] / ident[2:]).unlink()
    with pytest.raises(GitError):
        named_blobs(found(repo), commits, lambda name: True)


def test_commits_are_walked_in_portions(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        write(repo / f"{number}", "x")
        commit_all(repo)
    commits = every_commit(repo)
    whole = list(steps(found(repo).place, "", commits))
    for size in (1, 2, 3, 7):
        monkeypatch.setattr("dvx.git.commits.walking._PORTION", size)
        assert list(steps(found(repo).place, "", commits)) == whole
    assert list(steps(found(repo).place, "", [])) == []


def test_the_lines_of_a_long_history_are_not_mixed(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repo, "commit", "--quiet", "--allow-empty", "-m", "base")
    for branch in ("one", "two"):
        git(repo, "checkout", "--quiet", "-b", branch, "main")
        for number in range(3):
            git(repo, "commit", "--quiet", "--allow-empty", "-m", f"{branch}{number}")
    one, two = (git(repo, "rev-list", f"main..{branch}").split() for branch in ("one", "two"))
    mixed = [commit for pair in zip(one, two, strict=True) for commit in pair]
    monkeypatch.setattr("dvx.git.commits.walking._MANY", 2)
    assert in_line(found(repo).place, mixed) in ([*one, *two], [*two, *one])


def test_each_of_the_commits_that_say_the_same_is_shown_under_its_own_name(dialect_repo: Path) -> None:
    pipeline = dialect_repo / dialect_of(dialect_repo).pipeline
    for number, text in enumerate(["metrics: [m.json]\n", "stages: [\n"]):
        write(pipeline, text)
        for inner in range(2):
            write(dialect_repo / "m.json", f'{{"a": {number}}}\n')
            write(dialect_repo / "code.py", f"{number}{inner}\n")
            commit_all(dialect_repo)
    commits = every_commit(dialect_repo)[:4]
    result = run_dvx(dialect_repo, "metrics", "show", "-A", "--json")
    found = json.loads(result.out)
    assert [found[commit]["data"]["m.json"]["data"] for commit in commits[2:]] == [{"a": 0}] * 2
    for commit in commits[:2]:
        assert f"revision `{commit}`" in found[commit]["error"]["msg"]
        assert f"revision `{commit}`" in result.err
    for _ in range(2):
        shown = json.loads(dvx(dialect_repo, "exp", "show", "-A", "--json").out)
        broken = {one["rev"]: bool(one.get("error")) for one in shown}
        assert [broken[commit] for commit in commits] == [True, True, False, False]
