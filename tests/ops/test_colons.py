"""Names with a colon are names like others, but on Windows, which is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, write

NAMES = ["A:chain.pdb", "x:y.csv", "chr1:1-100.bed", "a: b", "end:", "d/C:z", "1:2"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_tracked_pushed_and_pulled(dialect_repo: Path, tmp_path: Path, name: str):
    write(dialect_repo / name, "1\n")
    write(dialect_repo / "folder" / name, "2\n")
    told = dvx(dialect_repo, "add", name, "folder").err
    assert f"note: names with a colon are none on Windows: `{name}`" in told
    assert f"`folder/{name}`" not in told
    dvx(dialect_repo, "remote", "add", "-d", "store", tmp_path / "store")
    dvx(dialect_repo, "push", name, "folder")
    commit_all(dialect_repo)
    assert name not in git(dialect_repo, "ls-files").split("\n")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", dialect_repo, clone)
    dvx(clone, "pull", name)
    dvx(clone, "pull")
    assert (clone / name).read_text() == "1\n"
    assert (clone / "folder" / name).read_text() == "2\n"
    write(clone / name, "3\n")
    assert dvx(clone, "diff", "--json").json["modified"] == [{"path": name}]
    assert list(dvx(clone, "status", "--json", name).json) == [name + dialect_of(clone).pointer_suffix]
    dvx(clone, "commit", "-f", name)
    dvx(clone, "move", name, f"moved:{name.replace('/', '_')}")
    dvx(clone, "checkout")
    assert dvx(clone, "status", "--json").json == {}


def test_stages_read_and_write_them(dialect_repo: Path):
    write(dialect_repo / "A:in", "1\n")
    words = ("-n", "s", "-d", "A:in", "-o", "B:out", "-M", "C:m.json", "cat A:in > B:out; echo '{\"a\": 1}' > C:m.json")
    dvx(dialect_repo, "stage", "add", *words)
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    assert dvx(dialect_repo, "repro", "B:out").err.startswith("Stage 's' didn't change")
    assert dvx(dialect_repo, "metrics", "show", "C:m.json", "--json").json[""]["data"]["C:m.json"] == {"data": {"a": 1}}
    write(dialect_repo / "A:in", "2\n")
    dvx(dialect_repo, "exp", "run", "-n", "one")
    (dialect_repo / "B:out").unlink()
    dvx(dialect_repo, "checkout", "B:out")
    assert (dialect_repo / "B:out").read_text() == "2\n"
