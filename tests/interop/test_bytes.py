"""The same commands of dvx and of DVC leave the same bytes."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import git, tree


def below(folder: Path, *patterns: str) -> dict[str, bytes]:
    """The bytes of the files that match, by relative path."""
    paths = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file() and ".git" not in path.parts}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def modes(folder: Path) -> dict[str, str]:
    """The modes of all files and folders below a folder, without the tools' private files and without Git's."""
    private = {".git", "tmp", ".tmp"}
    found = {path.relative_to(folder): stat.filemode(path.lstat().st_mode) for path in sorted(folder.rglob("*"))}
    return {path.as_posix(): mode for path, mode in found.items() if not private & set(path.parts)}


def blocks(text: str) -> list[str]:
    """The stages of a lock file, sorted."""
    return sorted(re.split(r"(?m)^(?=  \S)", text))


AREAS: dict[str, tuple[int, Callable[[Path], dict[str, bytes]]]] = {
    "pointers": (8, lambda folder: below(folder / "work", "**/*.dvc")),
    "pipelines": (3, lambda folder: below(folder / "work", "**/dvc.yaml")),
    "locks": (2, lambda folder: below(folder / "work", "dvc.lock", "low/dvc.lock")),
    "ignore files": (
        5,
        lambda folder: below(folder / "work", ".gitignore", ".dvc/.gitignore", "[!m]*/**/.gitignore", ".dvcignore"),
    ),
    "configuration": (2, lambda folder: below(folder / "work", ".dvc/config", ".dvc/config.local")),
    "cache": (30, lambda folder: tree(folder / "work/.dvc/cache/files")),
    "run-cache": (10, lambda folder: tree(folder / "work/.dvc/cache/runs")),
    "remote": (30, lambda folder: tree(folder / "store")),
}


@pytest.mark.parametrize("area", AREAS)
def test_files_are_equal(made: Callable[[str], Path], area: str) -> None:
    least, look = AREAS[area]
    of_dvc, of_dvx = look(made("dvc")), look(made("dvx"))
    assert of_dvx == of_dvc
    assert len(of_dvc) >= least


@pytest.mark.parametrize("place", ["work/.dvc/cache", "store"])
def test_modes_are_equal(made: Callable[[str], Path], place: str) -> None:
    of_dvc = modes(made("dvc") / place)
    assert modes(made("dvx") / place) == of_dvc
    assert "-r--r--r--" in of_dvc.values()


def test_the_workspace_is_as_usable(made: Callable[[str], Path]) -> None:
    """What the owner may do; DVC takes the executable bit of others away, dvx leaves the file alone."""
    of_dvc, of_dvx = ({path: mode[:4] for path, mode in modes(made(name) / "work").items()} for name in ("dvc", "dvx"))
    assert of_dvx == of_dvc
    assert {path for path, mode in of_dvc.items() if mode == "-rwx"} == {"run.sh", "model", "images/nested/empty", "prepared/run"}


@pytest.mark.parametrize("place", ["work/.dvc/cache/tmp", "store/.tmp"])
def test_the_folder_for_unfinished_files_is_empty(made: Callable[[str], Path], place: str) -> None:
    assert list((made("dvx") / place).iterdir()) == []


def test_generated_stages_are_recorded_alike(made: Callable[[str], Path]) -> None:
    """Independent stages run in an order of the tool's own, which DVC changes from run to run."""
    of_dvc, of_dvx = (made(name) / "work/many" for name in ("dvc", "dvx"))
    assert blocks((of_dvx / "dvc.lock").read_text()) == blocks((of_dvc / "dvc.lock").read_text())
    assert sorted((of_dvx / ".gitignore").open()) == sorted((of_dvc / ".gitignore").open())


def test_git_holds_the_same(made: Callable[[str], Path]) -> None:
    listings = [git(made(name) / "work", "ls-tree", "-r", "built") for name in ("dvc", "dvx")]
    of_dvc, of_dvx = ([line for line in listing.splitlines() if "many/" not in line] for listing in listings)
    assert of_dvx == of_dvc


def test_the_index_holds_the_same_after_init(made: Callable[[str], Path]) -> None:
    """Both stage what `init` writes, so the first commit has it."""
    names = [git(made(name) / "work", "ls-tree", "--name-only", "-r", "built~1", ".dvc", ".dvcignore") for name in ("dvc", "dvx")]
    assert names[1] == names[0] == ".dvc/.gitignore\n.dvc/config\n.dvcignore"
