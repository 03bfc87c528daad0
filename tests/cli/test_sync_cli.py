"""What push, fetch and pull print, and with which code they end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.servers import S3Server, free_ports


@pytest.fixture
def shared(native: Path, tmp_path: Path) -> Path:
    """A native project with a file, a directory of two files, and a remote."""
    write(native / "raw.csv", "1,2\n")
    write(native / "images/a", "first")
    write(native / "images/b", "second")
    dvx(native, "add", "raw.csv", "images")
    dvx(native, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    commit_all(native)
    return native


@pytest.fixture
def clone(shared: Path) -> Path:
    """A clone of it with an empty cache, after a push."""
    dvx(shared, "push")
    git(shared.parent, "clone", "--quiet", shared, "clone")
    return shared.parent / "clone"


def _forget(shared: Path, name: str) -> None:
    """Remove the object that holds what the file `name` holds, from the cache."""
    data = (shared / name).read_bytes()
    [found] = [path for path in (shared / ".dvx/cache/files").rglob("*") if path.is_file() and path.read_bytes() == data]
    found.unlink()


def test_push_says_how_much_it_copied(shared: Path) -> None:
    result = run_dvx(shared, "push")

    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("4 objects pushed (")


def test_a_second_push_is_up_to_date(shared: Path) -> None:
    dvx(shared, "push")

    assert run_dvx(shared, "push").err == "Everything is up to date.\n"


def test_push_prints_json(shared: Path) -> None:
    result = dvx(shared, "push", "raw.csv", "--json")

    assert result.json == {"copied": 1, "bytes": 4, "failed": [], "missing": [], "withheld": [], "unread": []}


def test_a_dry_push_shows_the_objects_and_copies_none(shared: Path, tmp_path: Path) -> None:
    result = dvx(shared, "push", "--dry-run")

    lines = result.out.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["images/a", "images/b", "raw.csv", "images"]
    assert all(line.startswith("xxh128:") for line in lines)
    where = tmp_path / "remote"
    assert f"4 objects to push to `storage` ({where}) (" in result.err
    assert "about 4 requests), 0 missing" in result.err
    assert not (tmp_path / "remote").exists()


def test_a_dry_push_prints_json(shared: Path, tmp_path: Path) -> None:
    [step] = dvx(shared, "push", "raw.csv", "--dry", "--json").json

    assert (step["remote"], step["url"]) == ("storage", str(tmp_path / "remote"))
    assert (step["objects"], step["bytes"], step["requests"]) == (1, 4, 1)
    assert [need["path"] for need in step["files"]] == ["raw.csv"]
    assert (step["trees"], step["missing"], step["withheld"]) == ([], [], [])


def test_a_push_of_a_part_ends_with_its_own_code(shared: Path) -> None:
    _forget(shared, "images/a")

    result = run_dvx(shared, "push")

    assert result.code == 4
    assert "missing: images/a\n" in result.err
    assert "incomplete: images\n" in result.err
    assert "error: an object is neither in the cache nor at the remote, needed by `images/a`\nhint: run the stage" in result.err


def test_a_push_of_nothing_that_there_is_fails(shared: Path) -> None:
    _forget(shared, "raw.csv")

    result = run_dvx(shared, "push", "raw.csv")

    assert result.code == 1
    assert result.err.startswith("error: an object is neither in the cache nor at the remote, needed by `raw.csv`\n")


def test_fetch_says_how_much_it_copied(clone: Path) -> None:
    result = run_dvx(clone, "fetch")

    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("4 objects fetched (")
    assert not (clone / "raw.csv").exists()
    assert run_dvx(clone, "fetch").err == "Everything is up to date.\n"


def test_a_dry_fetch_copies_nothing(clone: Path) -> None:
    result = dvx(clone, "fetch", "--dry-run", "raw.csv")

    assert result.out.endswith("\traw.csv\n")
    assert "1 object to fetch from `storage`" in result.err
    assert not (clone / ".dvx/cache/files").exists()


def test_a_fetch_may_be_for_small_data_metrics_or_plots_only(dialect_repo: Path, tmp_path: Path) -> None:
    dialect = dialect_of(dialect_repo)
    write(
        dialect_repo / dialect.pipeline,
        "stages:\n"
        "  make:\n"
        "    cmd: mkdir d; echo 1 > m.json; echo a,b > p.csv; echo x > d/x; echo y > d/y.csv; echo 123456789 > large\n"
        "    outs: [d, large]\n"
        "    metrics: [m.json]\n"
        "    plots: [p.csv]\n"
        "plots:\n"
        "- both:\n    x: {p.csv: a}\n    y: {d/y.csv: b}\n",
    )
    dvx(dialect_repo, "repro")
    dvx(dialect_repo, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    dvx(dialect_repo, "push")
    shutil.rmtree(dialect_repo / dialect.folder / "cache")

    def planned(*options: str) -> list[str]:
        [step] = dvx(dialect_repo, "fetch", "--dry-run", "--json", *options).json
        return sorted(need["path"] for group in ("files", "trees") for need in step[group])

    assert planned() == ["d", "d/x", "d/y.csv", "large", "m.json", "p.csv"]
    assert planned("--max-size", "10") == ["d", "d/x", "d/y.csv", "m.json", "p.csv"]
    assert planned("--max-size", "4") == ["m.json"]
    assert planned("--type", "metrics") == ["m.json"]
    assert planned("--type", "plots") == ["d", "d/x", "d/y.csv", "p.csv"]
    assert planned("--type", "plots", "--type", "metrics", "--max-size", "3") == ["m.json"]
    assert run_dvx(dialect_repo, "fetch", "--type", "models").code == dialect.exit_codes.usage


def test_a_fetch_of_what_the_remote_lacks_fails(clone: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "remote").rglob("*"):
        if path.is_file() and path.read_bytes() == b"1,2\n":
            path.unlink()

    result = run_dvx(clone, "fetch")

    assert result.code == 1
    assert "3 objects fetched" in result.err
    assert result.err.endswith(
        "error: an object is neither in the cache nor at the remote, needed by `raw.csv`\nhint: push it from where it was made\n"
    )


def test_pull_prints_what_changed(clone: Path) -> None:
    result = dvx(clone, "pull")

    assert result.out == "A\timages\nA\traw.csv\n"
    assert result.err == "4 objects fetched, 2 paths changed\n"
    assert dvx(clone, "pull").err == "Everything is up to date.\n"


def test_pull_restores_what_was_changed(clone: Path, shared: Path) -> None:
    dvx(clone, "pull")
    (clone / "images/a").unlink()

    assert dvx(clone, "pull").out == "M\timages\n"
    assert (clone / "images/a").read_text() == "first"


def test_pull_prints_json(clone: Path) -> None:
    result = dvx(clone, "pull", "raw.csv", "--json")

    assert result.json == {
        "fetched": {"copied": 1, "bytes": 4, "failed": [], "missing": [], "withheld": [], "unread": []},
        "checkout": {"added": ["raw.csv"], "modified": [], "deleted": [], "relinked": []},
        "lacking": [],
        "completed": [],
        "for_git": [],
        "unmade": {},
    }


def test_missing_data_may_be_allowed(clone: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "remote").rglob("*"):
        if path.is_file() and path.read_bytes() == b"first":
            path.unlink()

    assert run_dvx(clone, "pull").code == 1
    result = run_dvx(clone, "pull", "--allow-missing")

    assert result.code == 0
    assert (clone / "raw.csv").exists()
    assert not (clone / "images").exists()


def test_spoiled_bytes_are_refused_naming_both_hashes(clone: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "remote").rglob("*"):
        if path.is_file() and path.read_bytes() == b"1,2\n":
            path.chmod(0o644)
            path.write_bytes(b"1,3\n")

    result = run_dvx(clone, "pull", "raw.csv")

    assert result.code == 1
    assert result.out == ""
    assert "error: `raw.csv` was not fetched: the object `xxh128:" in result.err
    assert "holds bytes that hash to `" in result.err
    assert not (clone / "raw.csv").exists()


def test_no_remote_names_the_cure(native: Path) -> None:
    result = run_dvx(native, "push")

    assert result.code == 1
    assert result.err == "error: there is no default remote\nhint: run `dvx remote add --default NAME URL`\n"


def test_an_unknown_remote_names_the_nearest(shared: Path) -> None:
    for command in ("push", "fetch", "pull"):
        result = run_dvx(shared, command, "-r", "storge")

        assert result.code == 1
        assert result.err == "error: there is no remote `storge`\nhint: did you mean `storage`?\n"


def test_an_unreachable_remote_is_one_line_and_a_hint(shared: Path) -> None:
    dvx(shared, "remote", "add", "--default", "cloud", "s3://bucket/x")
    dvx(shared, "remote", "modify", "--local", "cloud", "endpointurl", f"http://127.0.0.1:{free_ports(1)[0]}")
    dvx(shared, "remote", "modify", "--local", "cloud", "access_key_id", "k")
    dvx(shared, "remote", "modify", "--local", "cloud", "secret_access_key", "topsecret")

    result = run_dvx(shared, "push")

    assert result.code == 1
    assert [line.partition(":")[0] for line in result.err.splitlines()] == ["error", "hint"]
    assert result.err.startswith("error: the remote `cloud` cannot be reached:")
    assert "topsecret" not in result.err


@pytest.mark.s3
def test_push_and_pull_through_s3(shared: Path, s3: S3Server, bucket: str) -> None:
    dvx(shared, "remote", "add", "--default", "cloud", f"s3://{bucket}/data")
    for option, value in s3.options().items():
        dvx(shared, "remote", "modify", "cloud", "--local", option, value)

    assert dvx(shared, "push", "-j", "2").err.startswith("4 objects pushed (")
    assert len(s3.files().find(f"{bucket}/data")) == 4

    (shared / "raw.csv").unlink()
    _forget_all(shared)
    assert dvx(shared, "pull").out == "A\traw.csv\n"


def _forget_all(shared: Path) -> None:
    for path in (shared / dialect_of(shared).folder / "cache/files").rglob("*"):
        if path.is_file():
            path.unlink()


@pytest.mark.parametrize("command", ["push", "fetch", "pull"])
def test_help_shows_an_example(native: Path, command: str) -> None:
    result = dvx(native, command, "--help")

    assert f"Example: dvx {command}" in result.out
    for option in (
        "--remote",
        "--jobs",
        "--all-branches",
        "--all-tags",
        "--all-commits",
        "--with-deps",
        "--recursive",
        "--run-cache",
    ):
        assert option in result.out


def test_status_against_the_remote(dialect_repo: Path, tmp_path: Path):
    write(dialect_repo / "data/a", "a\n")
    write(dialect_repo / "f", "f\n")
    dvx(dialect_repo, "add", "data", "f")
    refused = run_dvx(dialect_repo, "status", "--cloud")
    assert refused.code != 0
    assert "no default remote" in refused.err
    dvx(dialect_repo, "remote", "add", "-d", "storage", str(tmp_path / "remote"))
    assert dvx(dialect_repo, "status", "-c").out == "".join(f"\tnew:                {name}\n" for name in ("data", "data/a", "f"))
    assert json.loads(dvx(dialect_repo, "status", "-c", "--json", "f").out) == {"f": "new"}
    quiet = run_dvx(dialect_repo, "status", "-c", "--quiet")
    assert (quiet.code, quiet.err) == (1, "")
    dvx(dialect_repo, "push")
    same = dvx(dialect_repo, "status", "-r", "storage")
    assert (same.out, same.err) == ("", "The cache and the remote `storage` hold the same.\n")
    assert run_dvx(dialect_repo, "status", "-c", "-q").code == 0
    shutil.rmtree(dialect_repo / dialect_of(dialect_repo).folder / "cache")
    assert dvx(dialect_repo, "status", "-r", "storage").out == "".join(
        f"deleted:            {name}\n" for name in ("data", "data/a", "f")
    )
    shutil.rmtree(tmp_path / "remote/files")
    assert dvx(dialect_repo, "status", "-r", "storage").out == "".join(f"missing:            {name}\n" for name in ("data", "f"))


def test_local_status_refuses_what_only_a_remote_can_answer(dialect_repo: Path):
    for option in ("--all-branches", "--all-tags", "--all-commits", "--jobs=2"):
        refused = run_dvx(dialect_repo, "status", option)
        assert refused.code != 0
        assert "add `--cloud`" in refused.err
    assert run_dvx(dialect_repo, "status", "-r", "nowhere").code != 0


def test_status_of_part_of_the_project(dialect_repo: Path):
    for name in ("one/a", "one/b", "two/c"):
        write(dialect_repo / name, name)
        dvx(dialect_repo, "add", name)
        (dialect_repo / name).unlink()
    dvx(dialect_repo, "stage", "add", "-n", "use", "-d", "one/a", "-o", "out", "cp one/a out")
    ending = dialect_of(dialect_repo).pointer_suffix
    assert set(json.loads(dvx(dialect_repo, "status", "--json", "-R", "one").out)) == {f"one/{x}{ending}" for x in "ab"}
    assert set(json.loads(dvx(dialect_repo, "status", "--json", "-d", "use").out)) == {"use", f"one/a{ending}"}
