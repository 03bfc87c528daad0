"""Cases of versioned data: many files, few changes, one large file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cases import COPY, DVC, DVX, Case, Goal
from benchmarks.lab import Lab, Tool
from benchmarks.measure import Side

_TENFOLD, _HASHING, _GIT, _WHOLE = "dvx, a tenth of the files", "hashing it", "git status", "dvx, all of them"
_CHANGED = 10
_PER_FOLDER = 1000
_HASH = """
import sys, xxhash
hasher = xxhash.xxh3_128()
with open(sys.argv[1], "rb", buffering=0) as file:
    while chunk := file.read(1 << 20):
        hasher.update(chunk)
"""


def _many(lab: Lab, tool: Tool, count: int, size: int) -> Path:
    folder = lab.project("many", tool)
    _fill(folder / "data", count, size)
    return folder


def _fill(top: Path, count: int, size: int) -> None:
    for number in range(count):
        if not number % _PER_FOLDER:
            (top / f"{number // _PER_FOLDER:04}").mkdir(parents=True)
        (top / f"{number // _PER_FOLDER:04}" / str(number)).write_bytes(f"{number:{size}}".encode()[:size])


def _linear(lab: Lab) -> Mapping[str, Side]:
    words = (*lab.dvx.words, "add", "data")
    count = lab.sizes.files
    return {
        DVX: Side(words, lambda: _many(lab, lab.dvx, 10 * count, 1000)),
        _TENFOLD: Side(words, lambda: _many(lab, lab.dvx, count, 1000)),
    }


def _again(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        def edited() -> Path:
            folder = lab.with_tracked_sample(tool)
            next(path for path in sorted((folder / "data").rglob("*")) if path.is_file()).write_bytes(os.urandom(100))
            return folder

        return Side((*tool.words, "add", "data"), edited)

    return {DVX: side(lab.dvx), DVC: side(lab.dvc)}


def _switch(lab: Lab) -> Mapping[str, Side]:
    folder = lab.with_sample(lab.dvx)
    pointer = folder / "data.dvx"
    lab.run((*lab.dvx.words, "add", "data"), folder)
    versions = [pointer.read_bytes()]
    for path in [path for path in sorted((folder / "data").rglob("*")) if path.is_file()][:: lab.sizes.files // _CHANGED]:
        path.write_bytes(os.urandom(100))
    lab.run((*lab.dvx.words, "add", "data"), folder)
    versions.append(pointer.read_bytes())

    def switched() -> Path:
        versions.reverse()
        pointer.write_bytes(versions[1])
        return folder

    def emptied() -> Path:
        (folder / "data").rename(lab.fresh("away"))
        return folder

    words = (*lab.dvx.words, "checkout")
    return {DVX: Side(words, switched), _WHOLE: Side(words, emptied)}


def _large_file(lab: Lab) -> Path:
    place = lab.folder / "large"
    if not place.exists():
        block = os.urandom(1 << 20)
        with place.open("wb") as file:
            for number in range(lab.sizes.large >> 20):
                file.write(number.to_bytes(8, "little") + block[8:])
    return place


def _large(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        def with_file() -> Path:
            folder = lab.project("large", tool)
            lab.run(("cp", str(_large_file(lab)), "data"), folder)
            return folder

        return Side((*tool.words, "add", "data"), with_file)

    def empty() -> Path:
        folder = lab.fresh("copied")
        folder.mkdir()
        return folder

    return {DVX: side(lab.dvx), DVC: side(lab.dvc), COPY: Side(("cp", str(_large_file(lab)), "data"), empty)}


def _large_link(lab: Lab) -> Mapping[str, Side]:
    def with_link() -> Path:
        folder = lab.project("linked", lab.dvx)
        lab.run((*lab.dvx.words, "config", "cache.type", "hardlink"), folder)
        lab.run(("cp", str(_large_file(lab)), "data"), folder)
        return folder

    return {
        DVX: Side((*lab.dvx.words, "add", "data"), with_link),
        _HASHING: Side((sys.executable, "-c", _HASH, str(_large_file(lab))), lambda: lab.folder / "home"),
    }


def _pointers(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        folder = lab.project("pointers", tool)
        for number in range(lab.sizes.pointers):
            place = folder / f"{number % (lab.sizes.pointers // 10):03}" / f"{number}.csv"
            place.parent.mkdir(exist_ok=True)
            place.write_text(f"{number}\n")
        lab.run((*tool.words, "add", "--glob", "*/*.csv"), folder)
        return Side((*tool.words, "status"), lambda: folder)

    return {DVX: side(lab.dvx), DVC: side(lab.dvc)}


def _million(lab: Lab) -> Mapping[str, Side]:
    ours = _many(lab, lab.dvx, lab.sizes.most, 1)
    lab.run((*lab.dvx.words, "add", "data"), ours)
    theirs = lab.fresh("git")
    theirs.mkdir()
    lab.run(("git", "init"), theirs)
    _fill(theirs / "data", lab.sizes.most, 1)
    lab.run(("git", "add", "data"), theirs)
    lab.run(("git", "commit", "--quiet", "--message", "all"), theirs)
    return {DVX: Side((*lab.dvx.words, "status"), lambda: ours), _GIT: Side(("git", "status"), lambda: theirs)}


DATA_CASES = (
    Case("add-linear", "`add` of ten times {files:,} files of 1 KB", _linear, (Goal(_TENFOLD, 11),), slow=True, warm=False),
    Case("add-again", "`add` again after one of {files:,} files changed", _again, (Goal(DVC, 0.1),), slow=True),
    Case("switch", "`checkout` of a version in which 10 of {files:,} files differ", _switch, (Goal(_WHOLE, 0.1),), slow=True),
    Case(
        "add-large",
        "`add` of one file of {large:,} bytes",
        _large,
        (Goal(COPY, 1.15, memory=150_000_000), Goal(DVC, 0.5)),
        slow=True,
        warm=False,
    ),
    Case(
        "add-large-hardlink",
        "`add` of one file of {large:,} bytes, by hard link",
        _large_link,
        (Goal(_HASHING, 1.2),),
        slow=True,
        warm=False,
    ),
    Case("pointers", "`status` of {pointers:,} pointer files", _pointers, (Goal(DVC, 0.1),), slow=True),
    Case(
        "million",
        "`status` of {most:,} files of one byte",
        _million,
        (Goal(_GIT, 4, memory=500_000_000),),
        slow=True,
        large=True,
    ),
)
