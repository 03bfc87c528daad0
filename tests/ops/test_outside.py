"""Facts about outputs outside of the project: dvx looks at them, and never writes or removes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, run_dvx, tree, write

PIPELINE = """\
stages:
  s:
    cmd: cat in >> {out}/log; mkdir -p {out}/d; cp in {out}/d/f; cp in inside
    deps: [in]
    outs:
    - {out}/log: {{cache: false}}
    - {out}/d: {{cache: false}}
    - inside
"""


@pytest.fixture
def out(dialect_repo: Path) -> Path:
    """The folder beside the project, which holds something of the user's."""
    folder = dialect_repo.parent / "out"
    write(folder / "log", "first\n")
    write(folder / "d/mine", "mine\n")
    write(dialect_repo / "in", "1\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE.format(out="../out"))
    return folder


def test_a_run_removes_nothing_outside(dialect_repo: Path, out: Path) -> None:
    """DVC removes such outputs before it runs the command."""
    dvx(dialect_repo, "repro")
    assert tree(out) == {"log": b"first\n1\n", "d/mine": b"mine\n", "d/f": b"1\n"}
    dvx(dialect_repo, "repro", "--force")
    assert tree(out)["log"] == b"first\n1\n1\n"
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_no_command_writes_or_removes_what_is_outside(dialect_repo: Path, out: Path) -> None:
    dvx(dialect_repo, "remote", "add", "-d", "store", dialect_repo.parent / "store")
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    write(out / "log", "edited\n")
    (out / "d/f").unlink()
    before = tree(out)
    (dialect_repo / "inside").unlink()
    for args in (
        ("checkout", "--force"), ("push",), ("pull", "--force"), ("fetch",), ("gc", "--workspace", "--force"), ("diff",),
        ("data", "status"), ("fsck",), ("commit", "--force"), ("freeze", "s"), ("unfreeze", "s"), ("exp", "save"),
        ("remove", "s", "--outs"), ("gc", "--workspace", "--force"), ("destroy", "--force"),
    ):  # fmt: skip
        run_dvx(dialect_repo, *args)
        assert tree(out) == before, args


def test_what_is_inside_is_restored_while_the_rest_is_unchanged(dialect_repo: Path, out: Path) -> None:
    dvx(dialect_repo, "repro")
    (dialect_repo / "inside").unlink()
    assert "is cached - skipping run" in dvx(dialect_repo, "repro").err
    assert (out / "log").read_text() == "first\n1\n"
    (dialect_repo / "inside").unlink()
    write(out / "log", "edited\n")
    assert "Running stage 's' (modified output `../out/log`" in dvx(dialect_repo, "repro").err
    assert (out / "log").read_text() == "edited\n1\n"


def test_an_output_outside_that_was_not_made_is_an_error(dialect_repo: Path) -> None:
    pipeline = dialect_of(dialect_repo).pipeline
    write(dialect_repo / pipeline, "stages:\n  s:\n    cmd: echo 1\n    outs: [../o: {cache: false}]\n")
    refused = run_dvx(dialect_repo, "repro")
    assert "the output `../o` of the stage `s` does not exist" in refused.err


def test_two_stages_cannot_own_one_place_outside(dialect_repo: Path) -> None:
    other = f"{dialect_repo.parent}/o/p"
    text = f"stages:\n  a: {{cmd: x, outs: [../o: {{cache: false}}]}}\n  b: {{cmd: x, outs: [{other}: {{cache: false}}]}}\n"
    write(dialect_repo / dialect_of(dialect_repo).pipeline, text)
    assert "the output `../o/p` of `b` lies in the output `../o` of `a`" in run_dvx(dialect_repo, "repro").err


def test_a_snapshot_does_not_take_a_relative_output_to_another_place(dialect_repo: Path, out: Path) -> None:
    dialect = dialect_of(dialect_repo)
    run = "meta: {run: {snapshot: true}}" if dialect.run_settings_in_meta else "run: {snapshot: true}"
    for place, code in (("../out", 1), (str(out), 0)):
        write(dialect_repo / dialect.pipeline, f"{PIPELINE.format(out=place)}    {run}\n")
        commit_all(dialect_repo)
        assert bool(run_dvx(dialect_repo, "repro").code) is bool(code)
    assert (out / "log").read_text() == "first\n1\n"


def test_an_experiment_apart_writes_to_an_absolute_place(dialect_repo: Path, out: Path) -> None:
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE.format(out=out))
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    dvx(dialect_repo, "exp", "run", "--temp", "--force")
    assert (out / "log").read_text() == "first\n1\n1\n"
