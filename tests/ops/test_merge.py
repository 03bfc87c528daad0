"""The merge driver: pointers and locks of two sides become one, with what they name in the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dvx.errors import DvxError
from dvx.formats import load_yaml
from dvx.ops.setup.merge import Versions, merge
from dvx.project import Project
from tests.helpers import dialect_of, dvx, write


class Sides:
    """A project in which the pointer of `d` or the lock had three versions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dialect = dialect_of(root)
        self.pointer = root / f"d{self.dialect.pointer_suffix}"

    def add(self, **files: str) -> str:
        """The pointer of a folder with these files."""
        shutil.rmtree(self.root / "d", ignore_errors=True)
        for name, text in files.items():
            write(self.root / "d" / name, text)
        dvx(self.root, "add", "d")
        return self.pointer.read_text()

    def merge(self, ancestor: str, ours: str, theirs: str, path: str = "") -> str:
        """What the driver makes of three texts."""
        for name, text in (("base", ancestor), ("ours", ours), ("theirs", theirs)):
            write(self.root / name, text)
        base, here, there = (str(self.root / name) for name in ("base", "ours", "theirs"))
        project = Project.find(str(self.root))
        merge(project, Versions(base, here, there, path))
        return self.ours()

    def ours(self) -> str:
        """The file that Git takes the result from."""
        return (self.root / "ours").read_text()

    def refused(self, ancestor: str, ours: str, theirs: str) -> str:
        """Why the driver gave up."""
        with pytest.raises(DvxError) as caught:
            self.merge(ancestor, ours, theirs)
        return caught.value.message


@pytest.fixture
def sides(dialect_repo: Path) -> Sides:
    return Sides(dialect_repo)


def test_changes_of_both_sides_end_in_one_pointer(sides: Sides) -> None:
    ancestor, ours, theirs = sides.add(a="1\n", b="2\n"), sides.add(a="1\n", b="33\n"), sides.add(a="1\n", b="2\n", c="444\n")
    merged = sides.merge(ancestor, ours, theirs, f"d{sides.dialect.pointer_suffix}")
    sides.pointer.write_text(merged)
    shutil.rmtree(sides.root / "d")
    dvx(sides.root, "checkout")
    assert {path.name: path.read_text() for path in (sides.root / "d").iterdir()} == {"a": "1\n", "b": "33\n", "c": "444\n"}
    assert merged == sides.add(a="1\n", b="33\n", c="444\n")


def test_a_folder_that_both_sides_added_is_merged(sides: Sides) -> None:
    ours, theirs = sides.add(a="1\n"), sides.add(b="2\n")
    assert sides.merge("", ours, theirs) == sides.add(a="1\n", b="2\n")


def test_the_size_is_right_when_both_sides_did_the_same(sides: Sides) -> None:
    ancestor, ours, theirs = sides.add(a="1\n"), sides.add(a="1\n", b="22\n", c="3\n"), sides.add(a="1\n", b="22\n", d="4\n")
    assert sides.merge(ancestor, ours, theirs) == sides.add(a="1\n", b="22\n", c="3\n", d="4\n")


def test_comments_and_other_fields_of_ours_stay(sides: Sides) -> None:
    ancestor, ours, theirs = sides.add(a="1\n"), sides.add(a="1\n", b="2\n"), sides.add(a="1\n", c="3\n")
    expected = sides.add(a="1\n", b="2\n", c="3\n")
    assert sides.merge(ancestor, "# ours\n" + ours, theirs) == "# ours\n" + expected


def test_two_changes_of_one_file_leave_conflict_marks(sides: Sides) -> None:
    ancestor, ours, theirs = sides.add(a="1\n"), sides.add(a="2\n"), sides.add(a="3\n")
    assert sides.refused(ancestor, ours, theirs) == "both sides changed `a`"
    assert sides.ours().startswith("outs:\n<<<<<<< ours\n- ")
    assert ">>>>>>> theirs\n" in sides.ours()


def test_single_files_are_not_merged(sides: Sides) -> None:
    texts = []
    for text in ("1\n", "2\n", "3\n"):
        write(sides.root / "d", text)
        dvx(sides.root, "add", "d")
        texts.append(sides.pointer.read_text())
    assert sides.refused(*texts) == "both sides changed a file that is tracked as a whole"
    assert sides.merge(texts[0], texts[0], texts[2]) == texts[2]
    assert sides.merge(texts[0], texts[1], "# c\n" + texts[0]) == texts[1]


def test_a_lost_list_of_files_is_a_reason_to_give_up(sides: Sides) -> None:
    texts = sides.add(a="1\n"), sides.add(a="1\n", b="2\n"), sides.add(a="1\n", c="3\n")
    shutil.rmtree(sides.root / sides.dialect.folder / "cache")
    assert sides.refused(*texts).endswith("is not in the cache")
    assert "<<<<<<< ours" in sides.ours()


def test_fields_that_differ_are_left_to_people(sides: Sides) -> None:
    ancestor, ours, theirs = sides.add(a="1\n"), sides.add(a="1\n", b="2\n"), sides.add(a="1\n", c="3\n")
    described = theirs.replace("  path: d\n", "  path: d\n  desc: theirs\n")
    assert sides.refused(ancestor, ours, described) == "the sides differ in more than in what they hold"


def test_what_git_can_merge_line_by_line_is_merged_so(sides: Sides) -> None:
    text = sides.add(a="1\n")
    long = text + "meta:\n  a: 1\n  b: 2\n  c: 3\n  d: 4\n  e: 5\n"
    ours = long.replace("  path: d\n", "  path: d\n  desc: ours\n")
    theirs = long.replace("e: 5", "e: 6")
    assert sides.merge(long, ours, theirs) == ours.replace("e: 5", "e: 6")


LOCK = "schema: '2.0'\nstages:\n"


def entry(name: str, command: str) -> str:
    return f"  {name}:\n    cmd: {command}\n"


def test_stages_of_both_sides_end_in_one_lock(sides: Sides) -> None:
    ancestor = LOCK + entry("a", "1") + entry("b", "1") + entry("c", "1")
    ours = LOCK + entry("a", "2") + entry("b", "1") + entry("c", "1") + entry("ours", "1")
    theirs = LOCK + entry("a", "1") + entry("b", "2") + entry("theirs", "1")
    assert sides.merge(ancestor, ours, theirs) == LOCK + (
        entry("a", "2") + entry("b", "2") + entry("ours", "1") + entry("theirs", "1")
    )


def datasets(**commits: str) -> str:
    rows = (f"- name: {name}\n  url: ../x\n  type: dvc\n  rev_lock: {commit}\n" for name, commit in commits.items())
    return f"schema: '2.0'\ndatasets:\n{''.join(rows)}stages:\n{entry('s', '1')}"


def test_datasets_of_both_sides_end_in_one_lock(sides: Sides) -> None:
    ancestor, ours, theirs = datasets(a="k", b="k"), datasets(a="m", b="k", c="k"), datasets(a="k", b="n", d="k")
    assert sides.merge(ancestor, ours, theirs) == datasets(a="m", b="n", c="k", d="k")
    assert sides.merge(LOCK + entry("s", "1"), LOCK + entry("s", "1"), datasets(a="k")).endswith("  rev_lock: k\n")
    refused = sides.refused(ancestor, datasets(a="k", b="m"), theirs)
    assert refused == "both sides updated the datasets `b`"
    assert "<<<<<<< ours" in sides.ours()


def test_a_stage_that_both_ran_is_a_conflict(sides: Sides) -> None:
    texts = (LOCK + entry("a", "1"), LOCK + entry("a", "2"), LOCK + entry("a", "3"))
    assert sides.refused(*texts) == "both sides ran `a`, with other results"
    assert "<<<<<<< ours" in sides.ours()


def test_what_is_no_lock_is_left_to_people(sides: Sides) -> None:
    texts = (LOCK + entry("a", "1"), LOCK + entry("a", "2"), "- a\n- b\n")
    assert sides.refused(*texts) == "`ours` is no lock on one of the sides"
    assert "<<<<<<< ours" in sides.ours()


PIPELINE = "# ours to keep\nvars:\n- params.yaml\nstages:\n  a:\n    cmd: echo a # first\n    outs:\n    - a\n"
ADDED = "  b:\n    cmd: echo b\n"
OTHER = "\n  # why c\n  c:\n    cmd: |\n      echo c # not a comment\n    deps: [a] # theirs\n"


class TestPipelines:
    def merge(self, sides: Sides, ancestor: str, ours: str, theirs: str) -> str:
        return sides.merge(ancestor, ours, theirs, sides.dialect.pipeline)

    def test_stages_that_both_sides_added_stand_one_after_the_other(self, sides: Sides) -> None:
        merged = self.merge(sides, PIPELINE, PIPELINE + ADDED, PIPELINE + OTHER)
        assert merged == PIPELINE + ADDED + OTHER.lstrip("\n")

    def test_what_lines_can_do_keeps_all_comments(self, sides: Sides) -> None:
        theirs = "# new\n" + PIPELINE.replace("echo a # first", "echo A # better")
        assert self.merge(sides, PIPELINE, PIPELINE + ADDED, theirs) == theirs + ADDED

    def test_a_stage_that_theirs_changed_or_removed(self, sides: Sides) -> None:
        before = PIPELINE + ADDED
        ours = before.replace("echo b", "echo B")
        assert self.merge(sides, before, ours, before.replace("- a\n", "- a:\n        cache: false\n")) == (
            ours.replace("- a\n", "- a:\n        cache: false\n")
        )
        assert self.merge(sides, before, before + OTHER, PIPELINE) == PIPELINE + OTHER

    def test_another_indentation_and_no_last_newline(self, sides: Sides) -> None:
        theirs = "stages:\n    c:\n        cmd: |\n            echo c\n        outs:\n            - c"
        merged = self.merge(sides, "", "stages:\n  a:\n    cmd: echo a", theirs)
        assert merged == "stages:\n  a:\n    cmd: echo a\n  c:\n      cmd: |\n          echo c\n      outs:\n          - c\n"

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("stages: {a: {cmd: echo a}}\n", "stages:\n  b:\n    cmd: echo b\n"),
            ("stages:\n  a:\n    cmd: echo a\n", "stages: {b: {cmd: echo b}}\n"),
            ("stages:\n  a:\n    cmd: echo a\n", "vars:\n- c: &c echo b\nstages:\n  b:\n    cmd: *c\n"),
            ("stages:\n  a:\n    cmd: echo a\n", "stages:\n  ? b\n  : cmd: echo b\n"),
            ("stages:\n", "stages:\n  a:\n    cmd: echo a\n  b:\n    cmd: echo b\n"),
            ("", "stages:\n  ? a\n  : cmd: echo a\n  ? b\n  : cmd: echo b\n"),
            ("stages:\n  x: {cmd: echo x}\n", "stages:\n  ? a\n  : cmd: echo a\n  ? b\n  : cmd: echo b\n"),
        ],
    )
    def test_other_ways_of_writing(self, sides: Sides, ours: str, theirs: str) -> None:
        ancestor = "vars:\n- c: &c echo b\n" if "vars" in theirs else ""
        merged = load_yaml(self.merge(sides, ancestor, ancestor + ours, theirs), "")
        added = {name: stage for name, stage in merged["stages"].items() if name != "x"}
        assert added == {"a": {"cmd": "echo a"}, "b": {"cmd": "echo b"}}

    def test_sections_that_only_theirs_has(self, sides: Sides) -> None:
        theirs = PIPELINE + "artifacts:\n  model:\n    path: a\n"
        merged = self.merge(sides, PIPELINE, PIPELINE + ADDED, theirs)
        assert load_yaml(merged, "") == {**load_yaml(PIPELINE + ADDED, ""), "artifacts": {"model": {"path": "a"}}}

    @pytest.mark.parametrize("empty", ["stages:\n", "stages: {}\n", "# nothing yet\n", ""])
    def test_a_first_stage(self, sides: Sides, empty: str) -> None:
        ours = empty + "vars: [p.yaml]\n"
        merged = load_yaml(self.merge(sides, empty, ours, "stages:\n  b:\n    cmd: echo b\n"), "")
        assert merged == {"vars": ["p.yaml"], "stages": {"b": {"cmd": "echo b"}}}

    def test_keys_of_several_types(self, sides: Sides) -> None:
        one, other = "  1:\n    cmd: echo 1\n", "  yes:\n    cmd: echo yes\n"
        merged = self.merge(sides, PIPELINE, PIPELINE + one, PIPELINE + other)
        assert merged == PIPELINE + one + other

    def test_one_stage_changed_by_both_is_a_conflict(self, sides: Sides) -> None:
        with pytest.raises(DvxError, match="both sides changed `a`"):
            self.merge(sides, PIPELINE, PIPELINE.replace("echo a", "echo 1"), PIPELINE.replace("echo a", "echo 2"))
        assert "<<<<<<<" in sides.ours()

    def test_a_file_that_is_none_is_left_to_git(self, sides: Sides) -> None:
        with pytest.raises(DvxError):
            self.merge(sides, PIPELINE, "- 1\n", "stages: [\n")
