"""Facts about outputs outside of the project: dvx looks at them, and never writes or removes one."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from dvx.store.remotes.remote import open_remote
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, tree, write
from tests.more_servers import Served

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


def test_what_a_store_tells_nothing_of_is_read_and_hashed(dialect_repo: Path, ssh: Served) -> None:
    """An SSH server has no tokens, so the content is the token; it is read where it is."""
    dialect = dialect_of(dialect_repo)
    folder = ssh.folder / dialect_repo.parent.name
    write(folder / "in", "1\n")
    write(folder / "d/a", "a\n")
    write(folder / "d/sub/b", "b\n")
    dvx(dialect_repo, "remote", "add", "server", f"ssh://127.0.0.1:{ssh.port}{folder}")
    for option, value in ssh.options.items():
        dvx(dialect_repo, "remote", "modify", "--local", "server", option, value)
    write(dialect_repo.parent / "home/.ssh/known_hosts", (ssh.folder.parent / "known_hosts").read_text())
    command = f"cp {folder}/in {folder}/out && echo 1 > o"
    text = "deps: [remote://server/in, remote://server/d]\n    outs: [o, remote://server/out: {cache: false}]"
    write(dialect_repo / dialect.pipeline, f"stages:\n  s:\n    cmd: {command}\n    {text}\n")
    dvx(dialect_repo, "repro")
    recorded = yaml.safe_load((dialect_repo / dialect.lock).read_text())["stages"]["s"]
    assert all(dialect.algorithm in entry for entry in (*recorded["deps"], *recorded["outs"]))
    assert [entry["size"] for entry in (*recorded["deps"], *recorded["outs"])] == [4, 2, 2, 2]
    write(dialect_repo / "same/a", "a\n")
    write(dialect_repo / "same/sub/b", "b\n")
    dvx(dialect_repo, "add", "same")
    pointer = yaml.safe_load((dialect_repo / f"same{dialect.pointer_suffix}").read_text())
    assert pointer["outs"][0][dialect.algorithm] == recorded["deps"][0][dialect.algorithm]
    assert dvx(dialect_repo, "status", "--json").json == {}
    write(folder / "d/sub/b", "changed\n")
    (folder / "out").unlink()
    assert dvx(dialect_repo, "status", "--json").json == {
        "s": [{"changed deps": {"remote://server/d": "modified"}}, {"changed outs": {"remote://server/out": "deleted"}}]
    }


def test_a_remote_that_is_a_folder_is_a_path(dialect_repo: Path, out: Path) -> None:
    dvx(dialect_repo, "remote", "add", "shared", out)
    stages = "  use: {cmd: cp ../out/log got, deps: [../out/log], outs: [got]}\n"
    stages += "  make: {cmd: cp in ../out/log, deps: [in], outs: [remote://shared/log: {cache: false}]}\n"
    write(dialect_repo / dialect_of(dialect_repo).pipeline, f"stages:\n{stages}")
    dvx(dialect_repo, "repro")
    assert (dialect_repo / "got").read_text() == "1\n"
    assert dvx(dialect_repo, "status", "--json").json == {}
    write(out / "log", "2\n")
    assert list(dvx(dialect_repo, "status", "--json").json) == ["make", "use"]
    assert "modified output `remote://shared/log`" in dvx(dialect_repo, "explain").out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a file that opens and cannot be read")
def test_a_file_that_opens_and_cannot_be_read_is_named(dialect_repo: Path) -> None:
    write(dialect_repo / dialect_of(dialect_repo).pipeline, "stages:\n  s: {cmd: x, deps: [/proc/self/mem]}\n")
    said = dvx(dialect_repo, "status")
    assert "`s` could not be compared: " in said.err
    assert "/proc/self/mem`: input/output error" in said.err


@pytest.fixture
def slow() -> Iterator[tuple[str, list[int]]]:
    """A server that takes its time: its URL, and how many it served at once."""
    busy: list[int] = []
    most: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            busy.append(1)
            most.append(len(busy))
            time.sleep(0.2)
            busy.pop()
            self.send_response(200)
            self.send_header("ETag", f'"{self.path}"')
            self.send_header("Content-Length", "5")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", most
        server.shutdown()


def test_many_urls_are_asked_at_once_and_one_by_many_stages_once(dialect_repo: Path, slow: tuple[str, list[int]]) -> None:
    url, most = slow
    stages = "".join(f"  s{one}: {{cmd: x, deps: ['{url}/{one}', '{url}/all']}}\n" for one in range(12))
    write(dialect_repo / dialect_of(dialect_repo).pipeline, f"stages:\n{stages}")
    said = dvx(dialect_repo, "status", "--json").json
    assert said["s3"] == [{"changed deps": {f"{url}/3": "modified", f"{url}/all": "modified"}}]
    assert len(said) == 12
    assert len(most) == 13
    assert max(most) > 1


@pytest.mark.parametrize("kind", ["gs", "dav"])
def test_tokens_of_other_stores_are_written_as_dvc_writes_them(dvc_like: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """DVC decodes the ETag of Google's store and names its generation; that of WebDAV it keeps with its quotes."""
    server: Served = request.getfixturevalue(kind)
    url = "gs://dvxgcs/stages" if kind == "gs" else f"webdav://127.0.0.1:{server.port}/stages"
    open_remote("store", url, server.options, 1, None, {}).put(b"hello", "in")
    dvx(dvc_like, "remote", "add", "--local", "store", url)
    for option, value in server.options.items():
        dvx(dvc_like, "remote", "modify", "--local", "store", option, value)
    write(dvc_like / "dvc.yaml", "stages:\n  s:\n    cmd: echo 1 > o\n    deps: [remote://store/in]\n    outs: [o]\n")
    dvx(dvc_like, "repro")
    assert dvx(dvc_like, "status", "--json").json == {}
    (found,) = yaml.safe_load((dvc_like / "dvc.lock").read_text())["stages"]["s"]["deps"]
    assert {key: found[key] for key in ("path", "hash", "size")} == {"path": "remote://store/in", "hash": "md5", "size": 5}
    if kind == "gs":
        assert found["etag"] == hashlib.md5(b"hello").hexdigest()
        assert found["version_id"].isdecimal()
    else:
        assert found["etag"].startswith('"')
        assert list(found) == ["path", "hash", "etag", "size"]
