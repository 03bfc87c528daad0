"""What Git knows of earlier versions, asked for all stages at once: the same as asking for each."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import zlib
from pathlib import Path

import pytest

from dvx.git import Git
from dvx.git.commits.versions import versions
from dvx.ops.pipelines.explain import explain
from dvx.ops.stages.repro_plan import ReproOptions
from dvx.ops.tracked.past import Past
from dvx.project import Project
from tests.helpers import commit_all, dvx, git, write

FILES = [f"f{number}" for number in range(6)]
LOCKS = ["dvx.lock", "sub/dvx.lock"]


def opened(repo: Path) -> tuple[Project, Git]:
    project = Project.find(str(repo))
    assert project.git is not None
    return project, project.git


def digest(number: int) -> str:
    return hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()


@pytest.fixture
def history(native: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks with digests that come, go, move and come back, on two branches that are merged; the present has some of each."""
    dice = random.Random(7)
    for number in range(30):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{1_600_000_000 + number} +0000")
        for lock in LOCKS:
            write(
                native / lock, "".join(f"- md5: {digest(one)}{dice.choice(['', '.dir'])}\n" for one in dice.sample(range(40), 9))
            )
        write(native / dice.choice(FILES), f"{number}\n")
        if number == 20:
            git(native, "rm", "--quiet", "--force", "--ignore-unmatch", FILES[0])
        commit_all(native, f"c{number}")
        if number == 10:
            git(native, "checkout", "--quiet", "-b", "other")
        if number == 15:
            git(native, "checkout", "--quiet", "main")
    git(native, "merge", "--quiet", "--strategy=ours", "other", "-m", "merged")
    return native


def searched(repo: Path, lock: str, text: str) -> str:
    """The oldest commit that brought a text, as Git itself finds it."""
    found = git(
        repo,
        "log",
        "--all",
        "--full-history",
        "-m",
        "--reverse",
        "--date-order",
        "--format=commit %h (%s)",
        "--abbrev=7",
        f"-S{text}",
        "--",
        lock,
    )
    return found.partition("\n")[0]


def test_the_commit_that_brought_a_digest_is_the_one_that_git_finds(history: Path) -> None:
    project, here = opened(history)
    texts = [digest(number) for number in range(45)]
    now = {lock: (history / lock).read_text() for lock in LOCKS}
    for _ in range(2):
        with Past(project, here, [], LOCKS) as past:
            for lock in LOCKS:
                said = {text: past.origin(lock, text) for text in texts if text in now[lock]}
                assert said == {text: searched(history, lock, text) for text in said}
                assert len(said) == 9


def test_what_was_kept_may_be_lost_or_wrong(history: Path) -> None:
    project, here = opened(history)
    text = next(line.split()[2][:32] for line in (history / LOCKS[0]).read_text().splitlines())

    def said() -> str:
        with Past(project, here, [], LOCKS) as past:
            return past.origin(LOCKS[0], text)

    right = said()
    place = f"{project.state}/rows.db"
    with sqlite3.connect(place) as connection:
        for (key,) in connection.execute("SELECT key FROM rows").fetchall():
            body = b"\xff\n nonsense"
            connection.execute("UPDATE rows SET body = ? WHERE key = ?", (body, key))
    connection.close()
    assert said() == right
    with sqlite3.connect(place) as connection:
        for (key,) in connection.execute("SELECT key FROM rows").fetchall():
            total = zlib.crc32(b"nonsense", zlib.crc32(key.encode()))
            connection.execute("UPDATE rows SET sum = ?, body = ? WHERE key = ?", (total, b"nonsense", key))
    connection.close()
    assert said() == ""
    (history / ".dvx/tmp/rows.db").unlink()
    assert said() == right


def test_the_versions_of_many_files_are_those_of_each(native: Path) -> None:
    dice = random.Random(3)
    for number in range(25):
        name = dice.choice(FILES)
        (native / name).unlink(missing_ok=True)
        if number in (9, 14):
            (native / name).symlink_to("nowhere")
        elif number != 17:
            write(native / name, f"{number}\n")
        commit_all(native)
    project, here = opened(native)
    with Past(project, here, FILES, []) as past:
        assert {name: past.versions(name) for name in FILES} == {name: versions(here, name, 200) for name in FILES}
        assert past.versions("nothing") == []


def test_what_an_experiment_brought_is_called_by_its_name(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = "".join(
        f"  s{number}: {{cmd: cp in{number} out{number}, deps: [in{number}], outs: [out{number}]}}\n" for number in range(5)
    )
    write(native / "dvx.yaml", "stages:\n" + stages)
    for number in range(5):
        write(native / f"in{number}", f"{number}\n")
    commit_all(native, "start")
    dvx(native, "exp", "run", "--name", "good-one")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2100000000 +0000")
    commit_all(native, "taken over")
    for number in range(5):
        write(native / f"in{number}", "other\n")
    found = explain(Project.find(str(native)), ReproOptions())
    assert [one.differences[0].known_from for one in found] == ["experiment `good-one`"] * 5
    assert [one.differences[0].details for one in found] == [("line 1: not committed",)] * 5
