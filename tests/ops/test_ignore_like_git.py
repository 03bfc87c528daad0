"""The ignore file means what the same lines mean in a `.gitignore`: Git is asked."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvx.model.tracked.wildmatch import read_pattern
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.sources import Workspace
from dvx.project import Project
from tests.helpers import dialect_of, dvx, write

_PIECES = (
    "a", "b", "1", "ab", "x.py", ".txt", "e f", "é", "*", "*", "**", "**/", "/**", "***", "?", "/", "/", "/", ".", "#", "!",
    "[ab]", "[!a]", "[^b]", "[a-", "[]-a]", "[[:alpha:]]", "[[:no:]]", "[[:", "[a-\\b]", "[\\]]", "[b-a]",
    "-", "]", " ", "\\ ", "\\#", "\\*", "\\", "\\/", "\r", "\t",
)  # fmt: skip
_NAMES = (
    "a", "b", "1", "ab", "ba", "x.py", ".txt", "a.txt", "[a]", "*", "#a", "!b", "é", "\\", "]", "-", "aab", "b-a", "e f", "a ",
)  # fmt: skip
_SETS = 2_500
_AT_ONCE = 50


@pytest.fixture
def project(native: Path) -> Iterator[Project]:
    found = Project.find(str(native))
    yield found
    found.close()


def test_random_patterns_ignore_what_they_ignore_in_git(project: Project) -> None:
    dice = random.Random(18)
    trees = []
    for number in range(_SETS):
        paths = {"/".join(dice.choices(_NAMES, k=dice.choice((1, 2, 2, 3, 3, 4)))) for _ in range(dice.randint(4, 16))}
        paths = {path for path in paths if not any(other.startswith(path + "/") for other in paths)}
        folders = sorted({path.rpartition("/")[0] for path in paths})
        files = {folder: patterns(dice) for folder in dice.sample(folders, min(len(folders), dice.choice((1, 1, 2))))}
        trees.append((f"t{number}", sorted(paths), {"": patterns(dice)} | files))
    wrong = []
    for start in range(0, _SETS, _AT_ONCE):
        portion = trees[start : start + _AT_ONCE]
        asked = []
        for top, paths, files in portion:
            for folder, lines in files.items():
                for name in (".gitignore", ".dvxignore"):
                    write(Path(project.root, top, folder, name), lines)
            for path in paths:
                os.makedirs(os.path.dirname(project.abs(f"{top}/{path}")), exist_ok=True)
            asked += [f"{top}/{path}" for path in paths]
        theirs, ours = by_git(project, asked), by_dvx(project, asked)
        wrong += [(files, path) for top, _, files in portion for path in theirs ^ ours if path.startswith(top + "/")]
    assert wrong == []


@pytest.mark.parametrize("seed", [48, 163, 324])
def test_random_patterns_of_git_hide_what_git_ignores(project: Project, seed: int) -> None:
    dice = random.Random(seed)
    suffix = project.dialect.pointer_suffix
    wrong = []
    for start in range(0, _SETS // 5, _AT_ONCE):
        asked = []
        for top in (f"t{start + number}" for number in range(_AT_ONCE)):
            paths = {"/".join(dice.choices(_NAMES, k=dice.choice((1, 2, 2, 3)))) + suffix for _ in range(dice.randint(4, 16))}
            folders = sorted({path.rpartition("/")[0] for path in paths})
            lines = [patterns(dice, (*_PIECES, suffix, f"*{suffix}")) for _ in folders]
            for folder, text in [("", patterns(dice)), *zip(folders, lines, strict=True)]:
                write(Path(project.root, top, folder, ".gitignore"), text)
            for path in paths:
                write(Path(project.root, top, path), "outs:\n- path: x\n")
            asked += [f"{top}/{path}" for path in paths]
        seen: set[str] = set()
        Workspace(project).machinery(lambda folder, named, seen=seen: seen.update(f"{folder}/{name}" for name in named) or set())
        wrong += sorted((set(asked) - by_git(project, asked)) ^ {path for path in seen if path in asked})
    assert wrong == []


def patterns(dice: random.Random, pieces: tuple[str, ...] = _PIECES) -> str:
    """The text of an ignore file."""
    lines = (
        dice.choice(("", "", "!", "/")) + "".join(dice.choices(pieces, k=dice.randint(1, 6))) for _ in range(dice.randint(1, 5))
    )
    return "\n".join(lines) + dice.choice(("\n", ""))


def by_dvx(project: Project, paths: list[str]) -> set[str]:
    ignore = Ignore(project)
    found = set()
    for path in paths:
        parts = path.split("/")
        folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
        if any(ignore.skip(folder, True) for folder in folders) or ignore.skip(path, False):
            found.add(path)
    return found


def by_git(project: Project, paths: list[str]) -> set[str]:
    words = ["git", "check-ignore", "--no-index", "--stdin", "-z"]
    done = subprocess.run(words, cwd=project.root, input="\0".join(paths).encode(), capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return {path for path in done.stdout.decode().split("\0") if path}


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ("1/**\n!1/**/\n!1/**/3/**\n", ["1/2/3/keep.txt"]),
        ("1/2/**/\n", ["1/2/x", "1/2/3/keep.txt"]),
        ("a**\n", ["1/2/3/keep.txt"]),
        ("1/a**\n", []),
    ],
)
def test_patterns_that_were_misread(project: Project, lines: str, kept: list[str]) -> None:
    for name in (".gitignore", ".dvxignore"):
        write(Path(project.root, name), "\ufeff" + lines)
    asked = [*kept, "1/2/3/other/y", "1/a/b/c"]
    for path in asked:
        os.makedirs(os.path.dirname(project.abs(path)), exist_ok=True)
    assert by_git(project, asked) == by_dvx(project, asked)


def test_adding_a_folder_of_which_nothing_is_tracked_names_the_rule(dialect_repo: Path) -> None:
    name = dialect_of(dialect_repo).ignore
    write(dialect_repo / name, "*.tmp\n# no data\ndata/**\n")
    write(dialect_repo / "data" / "sub" / "f", "1")
    done = dvx(dialect_repo, "add", "data")
    assert f"note: no file of `data` is tracked: `{name}:3:data/**` ignores what it holds" in done.err
    (dialect_repo / "empty").mkdir()
    assert "ignores" not in dvx(dialect_repo, "add", "empty").err


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 30 + "b",
        "*[a-z]" * 20 + "1",
        "**/a/" * 12 + "b",
        "a*/**/" * 12 + "*a*a*a*b",
        "*" * 40 + "b",
        "?*" * 20 + "b",
        "x/" + "a*/**/" * 9 + "**\\/b",
        "a*" * 50_000,
    ],
    ids=lambda pattern: pattern[:20],
)
def test_no_pattern_takes_time_without_end(pattern: str) -> None:
    start = time.thread_time()
    found = read_pattern(pattern.encode())
    assert found is not None
    for path in ("a" * 250, "/".join(["a"] * 500), "/".join(["a" * 200] * 10), "a" * 250 + "/b" * 100):
        found.regex.fullmatch(path.encode())
    assert time.thread_time() - start < 2
