"""Facts about links that lead to nothing, among them those into a cache that moved, and out of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, tree, write


@pytest.fixture
def moved(dialect_repo: Path, tmp_path: Path) -> Path:
    """A project whose files are links into a cache that is elsewhere now."""
    dvx(dialect_repo, "config", "cache.type", "symlink")
    dvx(dialect_repo, "cache", "dir", "--local", tmp_path / "old")
    big = "x" * 100
    write(dialect_repo / "one", f"one {big}\n")
    write(dialect_repo / "data" / "a", f"a {big}\n")
    write(dialect_repo / "data" / "sub" / "b", f"b {big}\n")
    dvx(dialect_repo, "add", "one", "data")
    commit_all(dialect_repo)
    assert (dialect_repo / "data" / "sub" / "b").is_symlink()
    (tmp_path / "old").rename(tmp_path / "new")
    dvx(dialect_repo, "cache", "dir", "--local", tmp_path / "new")
    return dialect_repo


def test_a_link_to_where_the_cache_was_is_a_missing_file(moved: Path):
    document = dvx(moved, "status", "--json").json
    suffix = dialect_of(moved).pointer_suffix
    assert document == {
        f"data{suffix}": [{"changed outs": {"data": "modified"}}],
        f"one{suffix}": [{"changed outs": {"one": "deleted"}}],
    }
    assert dvx(moved, "diff", "--json").json["deleted"][0]["path"] in ("data/a", "one")


@pytest.mark.parametrize("words", [("checkout",), ("checkout", "-f"), ("checkout", "--relink"), ("checkout", "data", "one")])
def test_checkout_links_it_anew(moved: Path, tmp_path: Path, words: tuple[str, ...]):
    done = dvx(moved, *words)
    assert "trash" not in done.err
    for name in ("one", "data/a", "data/sub/b"):
        assert os.readlink(moved / name).startswith(str(tmp_path / "new"))
        assert (moved / name).read_text().startswith(name.rpartition("/")[2])
    assert dvx(moved, "status", "--json").json == {}


def test_pull_does_so_too(moved: Path, tmp_path: Path):
    dvx(moved, "remote", "add", "-d", "store", tmp_path / "store")
    dvx(moved, "push")
    (tmp_path / "new").rename(tmp_path / "gone")
    dvx(moved, "pull")
    assert (moved / "data" / "sub" / "b").read_text().startswith("b ")
    assert dvx(moved, "status", "--json").json == {}


@pytest.mark.parametrize("words", [("add", "data"), ("add", "one"), ("add", "--no-commit", "data"), ("commit", "-f", "data")])
def test_nothing_is_recorded_as_gone_because_the_cache_is(moved: Path, words: tuple[str, ...]):
    before = tree(moved, skip=(".git", ".dvx", ".dvc"))
    done = run_dvx(moved, *words)
    assert done.code != 0
    assert "is a link to an object of a cache, which is gone" in done.err
    assert tree(moved, skip=(".git", ".dvx", ".dvc")) == before


def test_no_command_writes_through_a_link_into_a_cache_that_is_gone(dialect_repo: Path, tmp_path: Path):
    dvx(dialect_repo, "config", "cache.type", "symlink")
    pipeline = "stages:\n  a: {cmd: 'mkdir -p o && seq 100 > o/f && seq 200 > g', outs: [o, g]}\n"
    write(dialect_repo / dialect_of(dialect_repo).pipeline, pipeline)
    dvx(dialect_repo, "cache", "dir", "--local", tmp_path / "old")
    dvx(dialect_repo, "repro")
    dvx(dialect_repo, "cache", "dir", "--local", tmp_path / "new")
    for path in (tmp_path / "old").rglob("*"):
        if path.is_file():
            path.unlink()
    dvx(dialect_repo, "repro", "-f")
    assert [path for path in (tmp_path / "old" / "files").rglob("*") if path.is_file()] == []
    assert (dialect_repo / "o" / "f").read_text().endswith("100\n")


def test_links_to_nothing_are_left_out(dialect_repo: Path):
    write(dialect_repo / "data" / "a", "a\n")
    (dialect_repo / "data" / "lost").symlink_to("nowhere")
    assert "left out: `data/lost`" in dvx(dialect_repo, "add", "data").err
    commit_all(dialect_repo)
    assert dvx(dialect_repo, "status", "--json").json == {}
    assert dvx(dialect_repo, "checkout", "-f").code == 0
    assert dvx(dialect_repo, "diff", "--json").json == {}
    assert (dialect_repo / "data" / "lost").is_symlink()


def test_a_link_to_nothing_in_the_place_of_data_goes_to_the_trash_only_if_asked(dialect_repo: Path):
    write(dialect_repo / "one", "one\n")
    write(dialect_repo / "two", "two\n")
    dvx(dialect_repo, "add", "one", "two")
    commit_all(dialect_repo)
    (dialect_repo / "one").unlink()
    (dialect_repo / "one").symlink_to("nowhere")
    write(dialect_repo / "two", "new\n")
    assert len(dvx(dialect_repo, "status", "--json").json) == 2
    changes = dvx(dialect_repo, "diff", "--json").json
    assert (changes["deleted"], changes["modified"]) == ([{"path": "one"}], [{"path": "two"}])
    assert run_dvx(dialect_repo, "checkout", "one").code != 0
    assert "which does not exist" in run_dvx(dialect_repo, "add", "one").err
    dvx(dialect_repo, "checkout", "-f", "one")
    assert (dialect_repo / "one").read_text() == "one\n"
    assert "one" in dvx(dialect_repo, "trash", "list").out


def test_what_cannot_be_compared_stops_nothing_else(dialect_repo: Path):
    for name in ("pipe", "changed"):
        write(dialect_repo / name, f"{name}\n")
    dvx(dialect_repo, "add", "pipe", "changed")
    commit_all(dialect_repo)
    (dialect_repo / "pipe").unlink()
    os.mkfifo(dialect_repo / "pipe")
    write(dialect_repo / "changed", "new\n")
    suffix = dialect_of(dialect_repo).pointer_suffix
    done = dvx(dialect_repo, "status", "--json")
    assert done.json == {
        f"changed{suffix}": [{"changed outs": {"changed": "modified"}}],
        f"pipe{suffix}": ["could not be compared"],
    }
    assert "is a named pipe" in done.err
    for words in (("diff", "--json"), ("data", "status", "--json")):
        done = run_dvx(dialect_repo, *words)
        assert done.code != 0
        assert "error: `pipe` could not be compared: `pipe` is a named pipe" in done.err
        assert "changed" in done.out
        assert "pipe" not in done.out


@pytest.fixture
def outside(dialect_repo: Path, tmp_path: Path) -> Path:
    """A project beside a folder in which somebody keeps data."""
    write(tmp_path / "nas" / "f", "far\n")
    write(tmp_path / "nas" / "d" / "g", "deep\n")
    (dialect_repo / "lf").symlink_to(tmp_path / "nas" / "f")
    (dialect_repo / "ld").symlink_to(tmp_path / "nas" / "d")
    write(dialect_repo / "fold" / "own", "own\n")
    (dialect_repo / "fold" / "lf").symlink_to(tmp_path / "nas" / "f")
    return dialect_repo


def test_a_dependency_is_read_wherever_it_leads(outside: Path, tmp_path: Path):
    pipeline = "stages:\n  a: {cmd: cat lf ld/g fold/lf fold/own > o, deps: [lf, ld, fold], outs: [o]}\n"
    write(outside / dialect_of(outside).pipeline, pipeline)
    commit_all(outside)
    dvx(outside, "repro")
    assert (outside / "o").read_text() == "far\ndeep\nfar\nown\n"
    assert dvx(outside, "status", "--json").json == {}
    write(tmp_path / "nas" / "f", "farther\n")
    assert dvx(outside, "status", "--json").json == {"a": [{"changed deps": {"fold": "modified", "lf": "modified"}}]}
    dvx(outside, "exp", "run", "-n", "one")
    dvx(outside, "exp", "run", "--temp", "-n", "two", "-f")
    assert (outside / "o").read_text() == "farther\ndeep\nfarther\nown\n"
    git(outside, "checkout", "--quiet", "--", ".")
    assert tree(tmp_path / "nas") == {"d/g": b"deep\n", "f": b"farther\n"}


@pytest.mark.parametrize(
    "words", [("add", "lf"), ("add", "ld"), ("add", "fold"), ("add", "--no-commit", "ld"), ("add", "--no-commit", "lf")]
)
def test_what_is_tracked_may_not_lead_away(outside: Path, words: tuple[str, ...]):
    done = run_dvx(outside, *words)
    assert done.code != 0
    assert "is a link that leaves the repository" in done.err


def test_an_output_may_not_lead_away(outside: Path, tmp_path: Path):
    pipeline = f"stages:\n  a: {{cmd: ln -s {tmp_path}/nas/d o, outs: [o]}}\n  b: {{cmd: ln -s {tmp_path}/nas/f p, outs: [p]}}\n"
    write(outside / dialect_of(outside).pipeline, pipeline)
    for stage in ("a", "b"):
        assert "is a link that leaves the repository" in run_dvx(outside, "repro", "-s", stage).err


def test_what_is_not_recorded_is_not_called_so(dialect_repo: Path, tmp_path: Path):
    write(dialect_repo / "data/x", "1\n")
    dvx(dialect_repo, "add", "data")
    write(tmp_path / "away/x", "2\n")
    (dialect_repo / "data").rename(tmp_path / "before")
    (dialect_repo / "data").symlink_to(tmp_path / "away")
    done = run_dvx(dialect_repo, "repro", f"data{dialect_of(dialect_repo).pointer_suffix}")
    assert done.code != 0
    assert "is a link that leaves the repository" in done.err
    assert "is recorded" not in done.err
