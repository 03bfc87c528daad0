"""add: parts of tracked folders, patterns, data from elsewhere, and what is left out of the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import dialect_of, dvx, run_dvx, tree, write


def objects(repo: Path) -> list[bytes]:
    """The bytes of all files in the cache, trees left out."""
    cache = repo / dialect_of(repo).folder / "cache/files"
    return sorted(p.read_bytes() for p in cache.rglob("*") if p.is_file() and not p.name.endswith(".dir"))


def test_a_file_in_a_tracked_folder_is_recorded_alone(dvc_like: Path) -> None:
    write(dvc_like / "d/a", "1\n")
    write(dvc_like / "d/b", "2\n")
    dvx(dvc_like, "add", "d")
    write(dvc_like / "d/b", "22\n")
    write(dvc_like / "d/c", "3\n")
    dvx(dvc_like, "add", "d/c")
    # as DVC 3.67.1 writes it
    assert (dvc_like / "d.dvc").read_text() == (
        "outs:\n- md5: 0f377ffa3726758d1d5ed0841fa34a1b.dir\n  size: 6\n  nfiles: 3\n  hash: md5\n  path: d\n"
    )
    assert dvx(dvc_like, "status", "--json").json == {"d.dvc": [{"changed outs": {"d": "modified"}}]}
    assert b"22\n" not in objects(dvc_like)


def test_a_folder_and_a_deletion_in_a_tracked_folder(dialect_repo: Path) -> None:
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/s/x", "2\n")
    dvx(dialect_repo, "add", "d")
    os.unlink(dialect_repo / "d/a")
    write(dialect_repo / "d/s/y", "3\n")
    write(dialect_repo / "d/s/deep/z", "4\n")
    dvx(dialect_repo, "add", "d/a", "d/s")
    assert dvx(dialect_repo, "status", "--json").json == {}
    assert run_dvx(dialect_repo, "add", "d/a").code == 1
    assert run_dvx(dialect_repo / "d", "add", "s/deep/nope").code == 1


def test_a_part_becomes_a_link_where_links_are_configured(native: Path) -> None:
    dvx(native, "config", "cache.type", "symlink")
    write(native / "d/a", "1\n")
    dvx(native, "add", "d")
    write(native / "d/b", "2\n")
    write(native / "d/c", "3\n")
    dvx(native, "add", "d/b")
    assert (native / "d/b").is_symlink()
    assert not (native / "d/c").is_symlink()
    dvx(native, "add", "--no-relink", "d/c")
    assert not (native / "d/c").is_symlink()
    assert dvx(native, "status", "--json").json == {}


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_no_relink_leaves_the_file_to_its_owner(dialect_repo: Path, link: str) -> None:
    dvx(dialect_repo, "config", "cache.type", link)
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "--no-relink", "f")
    status = os.lstat(dialect_repo / "f")
    assert (status.st_nlink, status.st_mode & 0o777) == (1, 0o644)
    write(dialect_repo / "f", "edited\n")
    assert objects(dialect_repo) == [b"1\n"]


def test_patterns(dialect_repo: Path) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    for name in ("a.csv", "b.csv", "c.txt", "sub/d.csv"):
        write(dialect_repo / name, name)
    dvx(dialect_repo, "add", "--glob", "*.csv")
    dvx(dialect_repo, "add", "--glob", "**/*.csv", "c*")
    assert sorted(p.relative_to(dialect_repo).as_posix() for p in dialect_repo.rglob("*?" + suffix)) == [
        "a.csv" + suffix, "b.csv" + suffix, "c.txt" + suffix, "sub/d.csv" + suffix,
    ]  # fmt: skip
    result = run_dvx(dialect_repo, "add", "--glob", "*.nope")
    assert result.code == 1
    assert "nothing matches `*.nope`" in result.err


def test_without_the_cache(dialect_repo: Path) -> None:
    pointer = "f" + dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "--no-commit", "f")
    assert objects(dialect_repo) == []
    assert dvx(dialect_repo, "status", "--json").json == {pointer: [{"changed outs": {"f": "not in cache"}}]}
    write(dialect_repo / "d/a", "1\n")
    dvx(dialect_repo, "add", "d")
    assert run_dvx(dialect_repo, "add", "--no-commit", "d/a").code in (2, 254)


def test_a_copy_of_data_from_elsewhere(dialect_repo: Path, tmp_path: Path) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    write(tmp_path / "ext/a", "1\n")
    write(tmp_path / "ext/s/b", "2\n")
    os.chmod(tmp_path / "ext/a", 0o755)
    dvx(dialect_repo, "add", tmp_path / "ext", "-o", "d")
    dvx(dialect_repo, "add", tmp_path / "ext", "-o", "d")
    assert tree(dialect_repo / "d") == {"a": b"1\n", "s/b": b"2\n"}
    assert os.stat(dialect_repo / "d/a").st_mode & 0o100
    dvx(dialect_repo, "add", "../ext/s/b", "--out", "f")
    assert "path: f\n" in (dialect_repo / ("f" + suffix)).read_text()
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_what_is_in_the_way_of_a_copy_is_kept_or_goes_to_the_trash(dialect_repo: Path, tmp_path: Path) -> None:
    dialect = dialect_of(dialect_repo)
    write(tmp_path / "ext", "new\n")
    write(dialect_repo / "f", "precious\n")
    result = run_dvx(dialect_repo, "add", tmp_path / "ext", "-o", "f")
    assert result.code == 1
    assert "`f` already exists" in result.err
    assert (dialect_repo / "f").read_text() == "precious\n"
    dvx(dialect_repo, "add", "--force", tmp_path / "ext", "-o", "f")
    assert (dialect_repo / "f").read_text() == "new\n"
    trash = dialect_repo / dialect.folder / dialect.state_folder / "trash"
    assert [p.read_text() for p in trash.rglob("content")] == ["precious\n"]


def test_data_goes_to_a_remote_and_comes_back_by_pull(dialect_repo: Path, tmp_path: Path) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    dvx(dialect_repo, "remote", "add", "-d", "r", tmp_path / "store")
    write(tmp_path / "ext/a", "1\n")
    write(tmp_path / "ext/s/b", "2\n")
    dvx(dialect_repo, "add", tmp_path / "ext", "--to-remote", "-o", "d")
    dvx(dialect_repo, "add", tmp_path / "ext/a", "--to-remote", "-r", "r", "--remote-jobs", "2")
    assert objects(dialect_repo) == []
    assert not (dialect_repo / "d").exists()
    assert (dialect_repo / ("a" + suffix)).exists()
    dvx(dialect_repo, "pull")
    assert tree(dialect_repo / "d") == {"a": b"1\n", "s/b": b"2\n"}
    assert (dialect_repo / "a").read_text() == "1\n"


def test_a_remote_that_cannot_be_reached_leaves_no_pointer(dialect_repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "blocked", "a file, not a folder")
    dvx(dialect_repo, "remote", "add", "-d", "r", tmp_path / "blocked/store")
    write(tmp_path / "ext", "1\n")
    assert run_dvx(dialect_repo, "add", tmp_path / "ext", "--to-remote").code != 0
    assert not (dialect_repo / ("ext" + dialect_of(dialect_repo).pointer_suffix)).exists()


def test_notes_for_people_and_programs(dialect_repo: Path) -> None:
    pointer = dialect_repo / ("f" + dialect_of(dialect_repo).pointer_suffix)
    write(dialect_repo / "f", "1\n")
    dvx(dialect_repo, "add", "f", "--desc", "a line", "--type", "raw", "--label", "x", "--label", "y", "--meta", "k=v")
    assert pointer.read_text().endswith("  path: f\n  desc: a line\n  type: raw\n  labels:\n  - x\n  - y\n  meta:\n    k: v\n")
    dvx(dialect_repo, "add", "f", "--desc", "another")
    assert "  desc: another\n  type: raw\n" in pointer.read_text()
    assert run_dvx(dialect_repo, "add", "f", "--meta", "k").code in (2, 254)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("f", "-r", "r"), "`--remote` says where `--to-remote` sends data"),
        (("f", "g", "-o", "x"), "`--out` takes a single target"),
        (("f", "g", "--to-remote"), "`--to-remote` takes a single target"),
        (("f", "--glob", "-o", "x"), "`--out` and `--glob` do not go together"),
        (("s3://b/k", "-o", "x"), "`s3://b/k` is a URL"),
        (("nope", "-o", "x"), "`nope` does not exist"),
        (("f", "-o", "../x"), "outside the repository"),
    ],
)
def test_words_that_do_not_go_together(dialect_repo: Path, words: tuple[str, ...], message: str) -> None:
    write(dialect_repo / "f", "1\n")
    write(dialect_repo / "g", "1\n")
    result = run_dvx(dialect_repo, "add", *words)
    assert result.code != 0
    assert message in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("words", [("d", "d/a"), ("d/a", "./d/"), ("--glob", "d/**"), ("--glob", "**")])
def test_what_lies_in_an_added_folder_gets_no_pointer_of_its_own(dialect_repo: Path, words: tuple[str, ...]) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/s/b", "2\n")
    (dialect_repo / "d/e").mkdir()
    dvx(dialect_repo, "add", *words)
    assert [p.name for p in dialect_repo.rglob("*?" + suffix)] == ["d" + suffix]
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_a_part_of_a_folder_whose_pointer_has_another_name(dialect_repo: Path) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "e", "2\n")
    dvx(dialect_repo, "add", "d", "e")
    outs = [(dialect_repo / (name + suffix)).read_text().removeprefix("outs:\n") for name in ("e", "d")]
    for name in ("d", "e"):
        (dialect_repo / (name + suffix)).unlink()
    write(dialect_repo / ("both" + suffix), "outs:\n" + "".join(outs))
    write(dialect_repo / "d/b", "3\n")
    dvx(dialect_repo, "add", "d/b")
    assert [p.name for p in dialect_repo.rglob("*?" + suffix)] == ["both" + suffix]
    assert dvx(dialect_repo, "status", "--json").json == {}
    os.unlink(dialect_repo / "d/b")
    dvx(dialect_repo, "checkout", "-f")
    assert tree(dialect_repo / "d") == {"a": b"1\n", "b": b"3\n"}


def test_a_pointer_that_tracks_something_else_is_not_rewritten(dialect_repo: Path) -> None:
    suffix = dialect_of(dialect_repo).pointer_suffix
    write(dialect_repo / "a", "1\n")
    dvx(dialect_repo, "add", "a")
    os.rename(dialect_repo / ("a" + suffix), dialect_repo / ("b" + suffix))
    before = (dialect_repo / ("b" + suffix)).read_text()
    write(dialect_repo / "b", "2\n")
    result = run_dvx(dialect_repo, "add", "b")
    assert result.code == 1
    assert f"`b{suffix}` tracks `a`" in result.err
    assert (dialect_repo / ("b" + suffix)).read_text() == before


def test_ignored_files_stay_where_a_folder_is_replaced(dialect_repo: Path, tmp_path: Path) -> None:
    write(dialect_repo / dialect_of(dialect_repo).ignore, "*.tmp\n")
    write(dialect_repo / "d/a", "1\n")
    write(dialect_repo / "d/s/x.tmp", "mine\n")
    dvx(dialect_repo, "add", "d")
    write(tmp_path / "ext/a", "2\n")
    write(tmp_path / "ext/s/b", "3\n")
    dvx(dialect_repo, "add", "--force", tmp_path / "ext", "-o", "d")
    assert tree(dialect_repo / "d") == {"a": b"2\n", "s/b": b"3\n", "s/x.tmp": b"mine\n"}
    assert dvx(dialect_repo, "status", "--json").json == {}
    for name in ("s/x.tmp", "s/x.tmp/deep", "s"):
        write(tmp_path / name.replace("/", "-") / name, "4\n")
        result = run_dvx(dialect_repo, "add", "--force", tmp_path / name.replace("/", "-"), "-o", "d")
        assert result.code == 1, name
        assert "is ignored, so it stays" in result.err, name
        assert tree(dialect_repo / "d") == {"a": b"2\n", "s/b": b"3\n", "s/x.tmp": b"mine\n"}


@pytest.mark.parametrize("words", [("-o", "d"), ("-o", "d", "--to-remote")])
def test_empty_folders_come_along(native: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    dvx(native, "remote", "add", "-d", "r", tmp_path / "store")
    write(tmp_path / "ext/a", "1\n")
    (tmp_path / "ext/s/empty").mkdir(parents=True)
    dvx(native, "add", tmp_path / "ext", *words)
    dvx(native, "pull")
    assert (native / "d/s/empty").is_dir()
    assert dvx(native, "status", "--json").json == {}
