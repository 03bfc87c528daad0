"""The ignore file means what the same lines mean in a `.gitignore`: Git is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvx.ops.ignore import Ignore
from dvx.project import Project
from tests.helpers import dvx, git, write

PATHS = (
    "a", "b/a", "b/c/a.txt", "b/c/d", "d/b/c", "e f", "x.py", "d/x.py", "d/e/x.py", ".hidden", "#a", "!b", "ab", "abc/ab", "[a]",
)  # fmt: skip
_PIECES = st.sampled_from(
    ["a", "b", "c", "d", "ab", "x.py", ".txt", "*", "**", "?", "/", "/", "[ab]", "[!a]", "e f", ".", "\\#", "#"]
)
_ANY = st.builds(lambda sign, parts: sign + "".join(parts), st.sampled_from(["", "", "!"]), st.lists(_PIECES, max_size=5))
# what two asterisks beside something else mean is nowhere said, and Git itself does not keep to it
_PATTERNS = _ANY.filter(lambda text: all("**" not in part or part in ("**", "!**") for part in text.split("/")))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=st.lists(_PATTERNS, max_size=4), below=st.lists(_PATTERNS, max_size=2))
def test_patterns_ignore_what_they_ignore_in_git(tmp_path: Path, top: list[str], below: list[str]):
    project, repository = _folders(tmp_path)
    for folder, name in ((project, ".dvxignore"), (repository, ".gitignore")):
        write(folder / name, "\n".join(top) + "\n")
        write(folder / "b" / name, "\n".join(below) + "\n")
    assert _ignored_by_dvx(project) == _ignored_by_git(repository)


def _folders(tmp_path: Path) -> tuple[Path, Path]:
    project, repository = tmp_path / "dvx", tmp_path / "git"
    if not project.exists():
        for folder in (project, repository):
            for path in PATHS:
                write(folder / path, "1")
            git(folder.parent, "init", "--quiet", folder)
        dvx(project, "init")
    return project, repository


def _ignored_by_dvx(root: Path) -> set[str]:
    project = Project.find(str(root))
    ignore = Ignore(project)
    found = set()
    for path in PATHS:
        parts = path.split("/")
        folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
        if any(ignore.skip(folder, True) for folder in folders) or ignore.skip(path, False):
            found.add(path)
    project.close()
    return found


def _ignored_by_git(root: Path) -> set[str]:
    words = ["git", "check-ignore", "--no-index", "--stdin", "-z"]
    given_paths = "\0".join(PATHS).encode()
    done = subprocess.run(words, cwd=root, input=given_paths, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return {path for path in done.stdout.decode().split("\0") if path}
