"""What strangers answer, or name, is refused in a line, with a cure: it is never a bug, never without end, never too much."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dvx.errors import ConfigError, RemoteError
from dvx.model.digest import Digest, digest_bytes
from dvx.model.transfer.pack import encode_index, name_of
from dvx.store.remotes.remote import Remote, open_remote
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, run_process, write
from tests.patience import within
from tests.servers import S3Server

Count = Callable[[str, int], None]

_HTML = b"<html><body>please log in</body></html>"
ANSWERS = {
    "a page": (200, _HTML),
    "nothing": (200, b""),
    "a page as multistatus": (207, _HTML),
    "XML that ends too early": (207, b"<?xml version='1.0'?><multistatus xmlns='DAV:'><response>"),
    "XML of something else": (207, b"<?xml version='1.0'?><a/>"),
    "no text": (207, bytes(range(256))),
    "a list": (200, b"[]"),
    "a number": (200, b"1"),
    "half of JSON": (200, b'{"size": '),
}
_KEYS = {"endpointurl": "http://127.0.0.1:{port}", "access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"}
REMOTES = {
    "webdav": ("webdav://127.0.0.1:{port}/x", {}),
    "s3": ("s3://bucket/x", _KEYS),
    "s3 by botocore": ("s3://bucket/x", _KEYS | {"acl": "private"}),
    "gs": ("gs://bucket/x", {"endpointurl": "http://127.0.0.1:{port}", "allow_anonymous_login": "true"}),
}


class Odd:
    """A server that gives one answer to everything."""

    def __init__(self) -> None:
        self.port = 0
        self.answer = (200, b"")


@pytest.fixture
def odd() -> Iterator[Odd]:
    state = Odd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = state.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_PROPFIND = do_MKCOL = _answer  # noqa: N815  the words of HTTP

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", REMOTES)
def test_an_answer_without_sense_is_told(odd: Odd, kind: str, answer: str, count: Count) -> None:
    odd.answer = ANSWERS[answer]
    url, options = REMOTES[kind]
    filled = {key: value.format(port=odd.port) for key, value in options.items()}
    errors: list[str] = []
    asked: list[Callable[[Remote], object]] = [lambda remote: remote.missing(["a"]), lambda remote: list(remote.names("b"))]
    for ask in asked[:1] if kind == "gs" else asked:
        try:
            ask(open_remote("storage", url.format(port=odd.port), filled))
        except RemoteError as error:
            errors.append(error.message)
    assert errors or not kind.startswith("webdav")
    assert all("`storage`" in message for message in errors)
    count("answers without sense", 2)


def test_a_login_page_in_the_place_of_webdav_is_no_bug(dialect_repo: Path, odd: Odd) -> None:
    odd.answer = (200, _HTML)
    write(dialect_repo / "a", "a")
    dvx(dialect_repo, "add", "a")
    dvx(dialect_repo, "remote", "add", "-d", "storage", f"webdav://127.0.0.1:{odd.port}/x")
    for command in ("push", "fetch", "status --cloud"):
        result = run_dvx(dialect_repo, *command.split())
        if command == "push":
            assert "gave an answer that dvx cannot read" in result.err
            assert "a login page, may answer there" in result.err
        assert "bug" not in result.err


@pytest.mark.parametrize("said", ["not JSON", "{}", '{"Version": 1}', "[]"])
@pytest.mark.parametrize("extra", [{}, {"acl": "private"}])
def test_a_command_for_credentials_that_prints_no_json_is_told(
    home: Path, said: str, extra: dict[str, str], s3: S3Server, bucket: str
) -> None:
    script = write(home / "give", f"#!/bin/sh\necho '{said}'\n")
    script.chmod(0o755)
    config = write(home / "aws", f"[default]\ncredential_process = {script}\nregion = us-east-1\n")
    options = {"endpointurl": s3.endpoint, "configpath": str(config), "credentialpath": "/nowhere", **extra}
    remote = open_remote("storage", f"s3://{bucket}/x", options)
    with pytest.raises(RemoteError, match=r"cannot be read|refuses access"):
        remote.put(b"x" * 1_000_000, "a")


SPECIAL = {
    "zero": lambda place: place.symlink_to("/dev/zero"),
    "pipe": os.mkfifo,
    "folder": lambda place: place.mkdir(),
}
NAMED = {
    "pipeline": ("{pipeline}", "", "status"),
    "pipeline, run": ("{pipeline}", "", "repro --dry"),
    "lock": ("{lock}", "stages: {{s: {{cmd: 'true', outs: [o]}}}}", "status"),
    "pointer": ("x{pointer}", "", "status"),
    "pointer, pushed": ("x{pointer}", "", "fetch"),
    "ignored": ("{ignore}", "", "add sub"),
    "variables": ("v.yaml", "vars: [v.yaml]\nstages: {{s: {{cmd: 'true'}}}}", "status"),
    "params": ("p.yaml", "stages: {{s: {{cmd: 'true', params: [{{p.yaml: [lr]}}], outs: [o]}}}}", "status"),
    "a dependency": ("dep", "stages: {{s: {{cmd: 'true', deps: [dep], outs: [o]}}}}", "repro"),
    "metrics": ("m.json", "metrics: [m.json]", "metrics show"),
    "plots": ("m.csv", "plots: [m.csv]", "plots show"),
    "data": ("data", "", "add data"),
    "a place of data": ("there", "", "get-url there here"),
    "private settings": ("{folder}/config.local", "", "status"),
    "settings": ("{folder}/config", "", "status"),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("where", NAMED)
def test_only_regular_files_are_read(dialect_repo: Path, where: str, kind: str, count: Count) -> None:
    dialect = dialect_of(dialect_repo)
    words = {"pipeline": dialect.pipeline, "lock": dialect.lock, "pointer": dialect.pointer_suffix}
    words |= {"ignore": dialect.ignore, "folder": dialect.folder}
    name, pipeline, command = (text.format(**words) for text in NAMED[where])
    if pipeline:
        write(dialect_repo / dialect.pipeline, pipeline + "\n")
    write(dialect_repo / "sub/file", "x")
    place = dialect_repo / name
    place.unlink(missing_ok=True)
    SPECIAL[kind](place)
    with within(20):
        done = run_process(dialect_repo, "timeout", "30", "dvx", *command.split())
    assert done.code not in (3, 124)
    if kind != "folder":
        assert done.code != 0 or where.startswith(("metrics", "plots")) or "could not be compared" in done.out
        assert re.search(r"regular file|device|named pipe|neither a file nor a folder|link|is no file", done.err + done.out)
    count("files that are none", 1)


@pytest.mark.parametrize("option", ["keyfile", "ssl_verify", "cert_path", "credentialpath"])
def test_no_device_is_read_as_a_key(option: str) -> None:
    with pytest.raises(ConfigError, match="`/dev/zero` is not a regular file"):
        open_remote("storage", "webdavs://host/x" if "_" in option else "ssh://host/x", {option: "/dev/zero"})


def test_the_configuration_that_an_import_names_is_a_regular_file(dialect_repo: Path, new_project: Callable[..., Path]) -> None:
    other = new_project("other")
    write(other / "a", "a")
    dvx(other, "add", "a")
    commit_all(other)
    with within(20):
        result = run_dvx(dialect_repo, "import", other, "a", "--config", "/dev/zero")
    assert result.code not in (0, 3)
    assert "not a regular file" in result.err


@pytest.mark.parametrize("kind", ["a huge object", "equal objects", "many objects"])
def test_an_index_of_nonsense_is_refused_fast(native: Path, tmp_path: Path, kind: str, count: Count) -> None:
    write(native / "a", "a")
    dvx(native, "add", "a")
    dvx(native, "remote", "add", "-d", "storage", str(tmp_path / "remote"))
    dvx(native, "push")
    one = Digest("xxh128", "ab" * 16)
    objects = {
        "a huge object": [(one, 0xFFFFFFFF)],
        "equal objects": [(one, 5)] * 200_000,
        "many objects": [(one, 5)] * 1_000_000,
    }[kind]
    index = encode_index("xxh128", objects, bytes(16))
    name = name_of("xxh128", index)
    write(tmp_path / f"remote/packs/xxh128/{name}.index", index)
    with (tmp_path / f"remote/packs/xxh128/{name}.pack").open("wb") as pack:
        pack.truncate(sum(size for _, size in objects))
    shutil.rmtree(native / ".dvx/tmp/packs", ignore_errors=True)
    for command in ("push", "fsck --remote storage", "gc --workspace --cloud --force", "fsck --remote storage"):
        begin = time.monotonic()
        words = f"ulimit -v 900000; exec timeout 60 {Path(sys.executable).with_name('dvx')} {command}"
        done = run_process(native, "bash", "-c", words)
        assert done.code not in (3, 124), done.err
        assert time.monotonic() - begin < 15
    assert digest_bytes(b"a", "xxh128").hex[:2] in {path.name for path in (tmp_path / "remote/files/xxh128").iterdir()}
    count("indexes of nonsense", 1)


@pytest.mark.s3
def test_many_jobs_with_little_memory(native: Path, s3: S3Server, bucket: str) -> None:
    # with much less Python cannot load all of its own libraries, and says so in words of its own
    limit = 600_000
    for number in range(24):
        write(native / f"data/{number}", os.urandom(4_000_000 if number % 3 else 12_000_000))
    dvx(native, "remote", "add", "--default", "storage", f"s3://{bucket}")
    for option, value in s3.options().items():
        dvx(native, "remote", "modify", "--local", "storage", option, value)
    dvx(native, "add", "data")
    program = Path(sys.executable).with_name("dvx")
    for command in ("push", "fetch"):
        if command == "fetch":
            shutil.rmtree(native / ".dvx/cache")
        done = run_process(native, "bash", "-c", f"ulimit -v {limit}; exec {program} {command} -j 32")
        assert done.code == 0, done.err


def test_the_report_of_a_bug_is_the_users_own(dialect_repo: Path, home: Path) -> None:
    break_it = "import sys; sys.modules['dvx.ops.data.status'] = None; from dvx.cli.entry import main; main()"
    names = set()
    for _ in range(2):
        done = run_process(dialect_repo, sys.executable, "-c", break_it, "status")
        assert done.code == {"dvx": 3, "dvc": 255}[dialect_of(dialect_repo).name]
        (name,) = re.findall(r"report it with `(.*?)`", done.err)
        names.add(name)
        assert re.fullmatch(rf"{home}/tmp/dvx-bug-[0-9a-f]{{16}}\.log", name)
        assert stat.S_IMODE(os.stat(name).st_mode) == 0o600
        assert "Traceback" in Path(name).read_text()
    assert len(names) == 2


def test_without_a_place_for_it_the_report_of_a_bug_is_shown(dialect_repo: Path, home: Path) -> None:
    break_it = "import sys, tempfile; tempfile.tempdir = '/nowhere'; sys.modules['dvx.ops.data.status'] = None; "
    done = run_process(dialect_repo, sys.executable, "-c", break_it + "from dvx.cli.entry import main; main()", "status")
    assert done.code == {"dvx": 3, "dvc": 255}[dialect_of(dialect_repo).name]
    assert "please report it with this" in done.err
    assert "Traceback" in done.err
