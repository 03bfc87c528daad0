"""Empty objects whose names end in a slash, as consoles and copying tools leave them in buckets: they stand for folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, tree, write
from tests.servers import S3Server

MARKERS = ("ds2/", "ds2/sub/", "ds2/sub/deep/", "ds2/none/", "ds2/sub/none/")
FILES = {"a": b"1\n", "empty": b"", "sub/b": b"2\n", "sub/deep/c": b"3\n", "sub/deep/none": b""}


@pytest.fixture(params=["obstore", "s3fs"])
def options(request: pytest.FixtureRequest, s3: S3Server) -> dict[str, str]:
    """The options of the server; with an access control list, which obstore does not know, s3fs is what asks it."""
    return s3.options() | ({"acl": "private"} if request.param == "s3fs" else {})


@pytest.fixture
def place(s3: S3Server, bucket: str) -> str:
    """A URL below which folders of every depth have markers, some nothing else."""
    contents = dict.fromkeys(MARKERS, b"") | {f"ds2/{name}": data for name, data in FILES.items()}
    for key, data in contents.items():
        s3.files().call_s3("put_object", Bucket=bucket, Key=key, Body=data)
    return f"s3://{bucket}/ds2"


def test_they_are_no_data(dialect_repo: Path, place: str, options: dict[str, str]) -> None:
    words = [word for name, value in options.items() for word in ("--fs-config", f"{name}={value}")]
    for url in (place, f"{place}/"):
        listed = dvx(dialect_repo, "list-url", url, "-R", "--json", *words).json
        assert [(row["path"], row["size"]) for row in listed] == [(name, len(data)) for name, data in sorted(FILES.items())]
    # the whole bucket has no folder of its own
    top = place.removesuffix("/ds2")
    assert [row["path"] for row in dvx(dialect_repo, "list-url", top, "-R", "--json", *words).json] == sorted(
        f"ds2/{name}" for name in FILES
    )
    dvx(dialect_repo, "get-url", place, "got", *words)
    assert tree(dialect_repo / "got") == FILES
    assert "there is nothing at" in run_dvx(dialect_repo, "get-url", f"{place}/none", *words).err
    for name, value in options.items():
        dvx(dialect_repo, "remote", "add", "mine", place, "--force")
        dvx(dialect_repo, "remote", "modify", "--local", "mine", name, value)
    dvx(dialect_repo, "import-url", "remote://mine/", "imported")
    assert tree(dialect_repo / "imported") == FILES
    assert "up to date" in dvx(dialect_repo, "status").err
    dvx(dialect_repo, "update", f"imported{'.dvx' if (dialect_repo / '.dvx').exists() else '.dvc'}")
    assert tree(dialect_repo / "imported") == FILES


def test_they_are_no_objects_of_a_remote(dialect_repo: Path, s3: S3Server, bucket: str, options: dict[str, str]) -> None:
    dvx(dialect_repo, "remote", "add", "--default", "storage", f"s3://{bucket}/store")
    for name, value in options.items():
        dvx(dialect_repo, "remote", "modify", "--local", "storage", name, value)
    for number in range(40):
        write(dialect_repo / f"data/{number}", str(number) if number else "")
    dvx(dialect_repo, "add", "data")
    commit_all(dialect_repo)
    dvx(dialect_repo, "push")
    found = s3.files().find(f"{bucket}/store")
    folders = {name.rpartition("/")[0] for name in found} | {
        f"{bucket}/store",
        f"{bucket}/store/files",
        f"{bucket}/store/packs/xxh128/aa",
    }
    for folder in folders:
        s3.files().call_s3("put_object", Bucket=bucket, Key=f"{folder.partition('/')[2]}/", Body=b"")
    assert "up to date" in dvx(dialect_repo, "push").err
    assert dvx(dialect_repo, "fsck", "--remote", "storage", "--json").json["findings"] == []
    assert run_dvx(dialect_repo, "gc", "-w", "-c", "-f").code == 0
    git(dialect_repo.parent, "clone", "--quiet", dialect_repo, "clone")
    clone = dialect_repo.parent / "clone"
    for name, value in options.items():
        dvx(clone, "remote", "modify", "--local", "storage", name, value)
    dvx(clone, "pull")
    assert tree(clone / "data") == tree(dialect_repo / "data")
