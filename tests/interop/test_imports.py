"""Data that DVC imported from elsewhere: dvx reads its pointers, restores it and leaves it alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, tree, write
from tests.interop.steps import Tool
from tests.more_servers import Served
from tests.servers import S3Server


def make(folder: Path, dvc: Tool) -> None:
    """`work` holds imports from the repository `source`, from files and from nowhere yet."""
    source, work = folder / "source", folder / "work"
    for place in (source, work):
        place.mkdir(parents=True)
        git(place, "init", "--quiet")
        dvc(place, "init")
    write(source / "tracked/a", "1\n")
    write(source / "tracked/b", "2\n")
    write(source / "plain.txt", "from Git\n")
    dvc(source, "add", "tracked")
    commit_all(source, "source")
    git(source, "tag", "v1")
    write(folder / "outside/file.txt", "outside\n")
    write(work / "inside.txt", "inside\n")
    dvc(work, "import", "../source", "tracked", "--rev", "v1", "-o", "imported")
    dvc(work, "import", "../source", "plain.txt")
    dvc(work, "import-url", folder / "outside/file.txt", "copied.txt")
    dvc(work, "import-url", folder / "outside", "copied")
    dvc(work, "import-url", "inside.txt", "again.txt")
    dvc(work, "import-url", "--no-download", folder / "outside/file.txt", "later.txt")
    dvc(work, "unfreeze", "again.txt.dvc")
    stage = "{cmd: cat imported/a copied.txt > used, deps: [imported, copied.txt], outs: [used]}"
    write(work / "dvc.yaml", f"stages:\n  use: {stage}\n")
    dvc(work, "repro", "use")
    commit_all(work, "imports")


@pytest.fixture
def work(shared: Callable[[str, Callable[[Path], None]], Path], dvc: Tool) -> Path:
    """Used in place: pointers hold absolute paths, and no test changes what is recorded."""
    return shared("imports", lambda folder: make(folder, dvc)) / "work"


def test_status_is_that_of_dvc(work: Path, tools: Mapping[str, Tool]) -> None:
    said = {name: json.loads(tool(work, "status", "--json").out) for name, tool in tools.items()}
    assert said["dvx"] == said["dvc"]
    assert list(said["dvc"]) == ["later.txt.dvc"]


def test_what_is_gone_comes_back_from_the_cache(work: Path, tools: Mapping[str, Tool]) -> None:
    before = tree(work, skip=(".git", ".dvc"))
    for name in ("imported/a", "plain.txt", "copied.txt", "copied/file.txt", "again.txt", "used"):
        (work / name).unlink()
    tools["dvx"](work, "checkout", "imported", "plain.txt", "copied.txt", "copied", "again.txt", "used")
    assert tree(work, skip=(".git", ".dvc")) == before


def test_repro_runs_nothing(work: Path, tools: Mapping[str, Tool]) -> None:
    before = tree(work, skip=(".git", ".dvc"))
    tools["dvx"](work, "repro", "use")
    assert tree(work, skip=(".git", ".dvc")) == before
    assert git(work, "status", "--porcelain") == ""


def make_sources(folder: Path, dvc: Tool) -> None:
    source = folder / "source"
    source.mkdir()
    git(source, "init", "--quiet")
    dvc(source, "init")
    write(source / "d/a", "1\n")
    write(source / "d/sub/b", "2\n")
    write(source / "g/plain.txt", "from Git\n")
    write(source / "g/data", "3\n")
    dvc(source, "add", "d", "g/data")
    commit_all(source)
    git(source, "tag", "v1")
    write(source / "d/a", "changed\n")
    dvc(source, "add", "d")
    commit_all(source)
    write(folder / "out/file", "outside\n")
    write(folder / "out/d/x", "x\n")


IMPORTS = [
    ("import", "../source", "d"),
    ("import", "../source", "d/sub", "-o", "part", "--rev", "v1"),
    ("import", "../source", "g", "-o", "mixed"),
    ("import", "../source", "g/plain.txt"),
    ("import", "../source", "d/a", "--no-exec", "-o", "later"),
    ("import", "../source", "d/a", "--no-download", "-o", "soon"),
    ("import-url", "../out/file"),
    ("import-url", "../out/d", "folder"),
    ("import-url", "../out/file", "bare", "--no-exec"),
    ("import-url", "../out/file", "known", "--no-download"),
    ("import", "../source", ".", "-o", "whole"),
]


def pointers(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("?*.dvc"))}


BEFORE = {
    "the same": ("import", "../source", "d", "-o", "imp"),
    "no longer a file": ("import-url", "../out/file", "imp"),
    "nothing yet": ("import", "../source", "d", "-o", "imp", "--no-exec"),
    "by hand": "# mine\nouts:\n- desc: what it is\n  path: imp\nmeta:\n  who: me\n",
    "of another": "desc: a file\ndeps:\n- path: ../out/d # there\nouts:\n- path: imp\n  type: data\n",
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("again", [("import", "../source", "d", "-o", "imp"), ("import-url", "../out/file", "imp")])
def test_a_pointer_without_its_data_becomes_that_of_an_import(
    tmp_path: Path, dvc: Tool, tools: Mapping[str, Tool], before: str, again: tuple[str, ...]
) -> None:
    """What a person wrote in it stays, and so does the order."""
    make_sources(tmp_path, dvc)
    first = BEFORE[before]
    for name, tool in tools.items():
        work = tmp_path / name
        work.mkdir()
        git(work, "init", "--quiet")
        dvc(work, "init")
        if isinstance(first, str):
            write(work / "imp.dvc", first)
        else:
            dvc(work, *first)
            shutil.rmtree(work / "imp", ignore_errors=True)
            (work / "imp").unlink(missing_ok=True)
        tool(work, *again)
    assert pointers(tmp_path / "dvx") == pointers(tmp_path / "dvc")
    assert tree(tmp_path / "dvx", skip=(".git", ".dvc")) == tree(tmp_path / "dvc", skip=(".git", ".dvc"))


def test_data_of_an_experiment_is_found_by_its_name(tmp_path: Path, dvc: Tool, tools: Mapping[str, Tool]) -> None:
    make_sources(tmp_path, dvc)
    source = tmp_path / "source"
    write(source / "params.yaml", "n: 1\n")
    write(source / "dvc.yaml", "stages:\n  s:\n    cmd: cat params.yaml > o\n    params: [n]\n    outs: [o]\n")
    commit_all(source)
    dvc(source, "exp", "run", "-n", "two", "-S", "n=2")
    git(source, "checkout", "--quiet", ".")
    for name, tool in tools.items():
        work = tmp_path / name
        work.mkdir()
        git(work, "init", "--quiet")
        dvc(work, "init")
        tool(work, "get", "../source", "o", "--rev", "two", "-o", "got")
        tool(work, "get", "../source", "params.yaml", "--rev", "two")
        tool(work, "import", "../source", "o", "--rev", "two")
        assert (work / "got").read_text() == "n: 2\n"
    assert pointers(tmp_path / "dvx") == pointers(tmp_path / "dvc")
    assert tree(tmp_path / "dvx", skip=(".git", ".dvc")) == tree(tmp_path / "dvc", skip=(".git", ".dvc"))


def test_experiments_show_no_source_in_another_repository(work: Path, tools: Mapping[str, Tool]) -> None:
    shown = {name: json.loads(tool(work, "exp", "show", "--json").out)[0]["data"] for name, tool in tools.items()}
    assert shown["dvx"]["deps"] == shown["dvc"]["deps"]
    assert shown["dvx"]["outs"] == shown["dvc"]["outs"]


def test_imports_are_recorded_as_dvc_records_them(tmp_path: Path, dvc: Tool, tools: Mapping[str, Tool]) -> None:
    make_sources(tmp_path, dvc)
    for name, tool in tools.items():
        work = tmp_path / name
        work.mkdir()
        git(work, "init", "--quiet")
        dvc(work, "init")
        for words in IMPORTS:
            tool(work, *words)
    ours, theirs = tmp_path / "dvx", tmp_path / "dvc"
    assert pointers(ours) == pointers(theirs)
    assert len(pointers(ours)) == len(IMPORTS)
    assert (ours / ".gitignore").read_text() == (theirs / ".gitignore").read_text()
    assert tree(ours, skip=(".git", ".dvc")) == tree(theirs, skip=(".git", ".dvc"))
    # both take up what changed in the same way
    write(tmp_path / "source/d/a", "again\n")
    dvc(tmp_path / "source", "add", "d")
    commit_all(tmp_path / "source")
    write(tmp_path / "out/file", "another\n")
    for name, tool in tools.items():
        tool(tmp_path / name, "update", "d.dvc", "file.dvc", "folder.dvc", "plain.txt.dvc", "whole.dvc")
        tool(tmp_path / name, "update", "mixed.dvc", "--rev", "v1")
    assert pointers(ours) == pointers(theirs)
    assert tree(ours, skip=(".git", ".dvc")) == tree(theirs, skip=(".git", ".dvc"))
    # and each has nothing against what the other made
    assert json.loads(dvc(ours, "data", "status", "--json").out)["uncommitted"] == {"deleted": ["known"]}
    dvc(ours, "update", "file.dvc")
    assert pointers(ours) == pointers(theirs)


def test_what_stores_say_of_files_is_recorded_as_dvc_records_it(
    tmp_path: Path, s3: S3Server, http: Served, tools: Mapping[str, Tool], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, files = s3.new_bucket(), s3.files()
    for name, data in {"one.txt": b"one\n", "d/a": b"a\n", "d/sub/b": b"bb\n"}.items():
        files.pipe_file(f"{bucket}/{name}", data)
    write(http.folder / "plain/page", "page\n")
    options = s3.options()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    endpoint = f"endpointurl={s3.endpoint}"
    for name, tool in tools.items():
        work = tmp_path / name
        work.mkdir()
        git(work, "init", "--quiet")
        tools["dvc"](work, "init")
        tools["dvc"](work, "remote", "add", "place", f"s3://{bucket}")
        tools["dvc"](work, "remote", "modify", "place", "endpointurl", s3.endpoint)
        tool(work, "import-url", "remote://place/one.txt")
        tool(work, "import-url", "remote://place/d")
        tool(work, "import-url", "remote://place/d", "known", "--no-download")
        tool(work, "import-url", f"s3://{bucket}/one.txt", "direct", "--fs-config", endpoint)
        tool(work, "import-url", f"http://127.0.0.1:{http.port}/plain/page")
    ours, theirs = tmp_path / "dvx", tmp_path / "dvc"
    assert pointers(ours) == pointers(theirs)
    assert tree(ours, skip=(".git", ".dvc")) == tree(theirs, skip=(".git", ".dvc"))
    files.pipe_file(f"{bucket}/d/a", b"changed\n")
    write(http.folder / "plain/page", "changed\n")
    for name, tool in tools.items():
        tool(tmp_path / name, "update", "d.dvc", "one.txt.dvc", "page.dvc")
    assert pointers(ours) == pointers(theirs)
    assert (ours / "d/a").read_text() == "changed\n"
    for name in ("d.dvc", "one.txt.dvc", "page.dvc"):
        assert "didn't change" in tools["dvx"](ours, "update", name).err
    tools["dvx"](ours, "import-url", "remote://place/one.txt", "soon", "--no-download")
    assert "Imported 'soon'" in tools["dvx"](ours, "pull", "soon").err
    assert (ours / "soon").read_text() == "one\n"
    tools["dvx"](ours, "get-url", f"http://127.0.0.1:{http.port}/plain/page?signed=a%2Fb&until=1+2", "signed")
    assert (ours / "signed").read_text() == "changed\n"
    said = [sorted(tool(ours, "list-url", "remote://place", "-R").out.split()) for tool in tools.values()]
    assert said[0] == said[1] == ["d/a", "d/sub/b", "one.txt"]
    assert "there is nothing at" in run_dvx(ours, "import-url", "remote://place/nope").err


def test_what_can_be_updated_is_told_as_dvc_tells_it(tmp_path: Path, dvc: Tool, tools: Mapping[str, Tool]) -> None:
    make_sources(tmp_path, dvc)
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet")
    dvc(work, "init")
    for words in (*IMPORTS[:6], *IMPORTS[6:8]):
        dvc(work, *words)
    dvc(work, "import-url", "../out/file", "followed")
    dvc(work, "import-url", "../out/d/x", "lost")
    dvc(work, "unfreeze", "followed.dvc", "lost.dvc", "folder.dvc")

    def both(*words: str) -> object:
        said = {name: tool(work, "status", "--json", *words).json for name, tool in tools.items()}
        assert said["dvx"] == said["dvc"]
        return said["dvx"]

    assert list(tools["dvx"](work, "status", "--json").json) == ["later.dvc", "soon.dvc"]
    write(tmp_path / "source/unrelated", "new\n")
    commit_all(tmp_path / "source")
    write(tmp_path / "out/file", "another\n")
    (tmp_path / "out/d/x").unlink()
    write(tmp_path / "out/d/y", "y\n")

    assert both("d.dvc", "part.dvc", "mixed.dvc", "plain.txt.dvc", "file.dvc", "folder.dvc", "followed.dvc", "lost.dvc") == {
        "d.dvc": [{"changed deps": {"d (../source)": "update available"}}],
        "mixed.dvc": [{"changed deps": {"g (../source)": "update available"}}],
        "plain.txt.dvc": [{"changed deps": {"g/plain.txt (../source)": "update available"}}],
        "folder.dvc": [{"changed deps": {str(tmp_path / "out/d"): "modified"}}],
        "followed.dvc": [{"changed deps": {str(tmp_path / "out/file"): "modified"}}],
        "lost.dvc": [{"changed deps": {str(tmp_path / "out/d/x"): "deleted"}}],
    }
    assert "soon.dvc" in both("--no-updates")
    assert "\t\tupdate available:   d (../source)\n" in tools["dvx"](work, "status", "d.dvc").out
    (tmp_path / "source").rename(tmp_path / "gone")
    said = tools["dvx"](work, "status", "d.dvc", "mixed.dvc")
    assert said.out == ""
    assert said.err.count(f"the repository `{tmp_path}/source` cannot be read") == 1
    assert "whether an import of it can be updated is not known" in said.err


def test_other_machines_are_asked_for_updates_on_demand(
    tmp_path: Path, s3: S3Server, dvc: Tool, tools: Mapping[str, Tool], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, files, options = s3.new_bucket(), s3.files(), s3.options()
    files.call_s3("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for name in ("one", "d/a", "d/b"):
        files.pipe_file(f"{bucket}/{name}", b"1\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    git(tmp_path, "init", "--quiet")
    dvc(tmp_path, "init")
    dvc(tmp_path, "remote", "add", "place", f"s3://{bucket}")
    dvc(tmp_path, "remote", "modify", "place", "endpointurl", s3.endpoint)
    dvc(tmp_path, "import-url", "remote://place/one", "frozen")
    dvc(tmp_path, "import-url", "remote://place/one", "followed")
    dvc(tmp_path, "unfreeze", "followed.dvc")
    dvc(tmp_path, "import-url", "remote://place/one", "file", "--version-aware")
    dvc(tmp_path, "import-url", "remote://place/d", "folder", "--version-aware")

    assert dvx(tmp_path, "status", "--updates", "--json").json == dvc(tmp_path, "status", "--json").json == {}
    for name in ("one", "d/a"):
        files.pipe_file(f"{bucket}/{name}", b"22\n")

    assert dvx(tmp_path, "status", "--updates", "--json").json == dvc(tmp_path, "status", "--json").json
    assert len(dvx(tmp_path, "status", "--updates", "--json").json) == 4
    assert dvx(tmp_path, "status", "--json").json == {}
