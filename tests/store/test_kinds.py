"""What only some kinds of remotes do: host keys, passwords, methods, servers that behave badly."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dvx.errors import ConfigError, Corrupted, RemoteError
from dvx.store.remotes.remote import Remote, open_remote
from dvx.store.verify import Check
from tests.helpers import commit_all, dvx, git, run_dvx, run_process, write
from tests.more_servers import PASSWORD, USER, Served, dav_server, ssh_server
from tests.patience import is_alive, within
from tests.store.test_remote import HELLO, trust


class TestSSH:
    def _open(self, server: Served, host: str = "127.0.0.1", **options: str) -> Remote:
        return open_remote("storage", f"ssh://{host}:{server.port}{server.folder}", server.options | options)

    def test_a_host_that_is_not_known_is_refused(self, ssh: Served, home: Path) -> None:
        with pytest.raises(RemoteError, match=r"the host key of `127.0.0.1` is not known") as caught:
            self._open(ssh).missing([HELLO.object_name])
        assert caught.value.hint == f"run `ssh -p {ssh.port} 127.0.0.1` once, and compare the fingerprint that it shows"
        assert not (home / ".ssh/known_hosts").exists()

    def test_a_host_with_another_key_is_refused(self, ssh: Served, home: Path) -> None:
        other = (ssh.folder.parent / "other.pub").read_text()
        write(home / ".ssh/known_hosts", f"[127.0.0.1]:{ssh.port} {other}")
        with pytest.raises(RemoteError, match="is not the one that is known"):
            self._open(ssh).missing([HELLO.object_name])

    def test_the_users_configuration_may_trust_a_host(self, ssh: Served, home: Path) -> None:
        write(home / ".ssh/config", "Host 127.0.0.1\n  StrictHostKeyChecking accept-new\n")
        assert self._open(ssh).missing([HELLO.object_name]) == {HELLO.object_name}

    def test_host_port_user_and_key_come_from_the_users_configuration(self, ssh: Served, home: Path) -> None:
        trust(home, ssh)
        key = ssh.folder.parent / "id"
        text = (
            f"Host lab\n  HostName 127.0.0.1\n  Port {ssh.port}\n  User {os.environ.get('USER', 'root')}\n  IdentityFile {key}\n"
        )
        write(home / ".ssh/config", text)
        remote = open_remote("storage", f"ssh://lab{ssh.folder}", {"allow_agent": "false"})
        assert remote.missing([HELLO.object_name]) == {HELLO.object_name}

    def test_a_key_that_is_not_let_in_is_told(self, ssh: Served, home: Path) -> None:
        trust(home, ssh)
        with pytest.raises(RemoteError, match="refuses access") as caught:
            self._open(ssh, keyfile=str(ssh.folder.parent / "other")).missing([HELLO.object_name])
        assert "ssh-add" in caught.value.hint

    def test_nobody_who_listens_is_told(self, ssh: Served, home: Path) -> None:
        with pytest.raises(RemoteError, match="cannot be reached"):
            open_remote("storage", "ssh://127.0.0.1:1/x", ssh.options).missing([HELLO.object_name])

    def test_a_connection_that_broke_is_made_again(self, ssh: Served, home: Path, tmp_path: Path) -> None:
        trust(home, ssh)
        remote = self._open(ssh)
        remote.put(b"hello", HELLO.object_name)
        (process,) = children("ssh")
        os.kill(process, signal.SIGKILL)
        assert remote.read(HELLO.object_name) == b"hello"

    def test_a_killed_command_leaves_no_connection(self, ssh: Served, home: Path) -> None:
        trust(home, ssh)
        text = (
            "import sys, os; from dvx.store.remotes.remote import open_remote; import ast\n"
            "remote = open_remote('storage', sys.argv[1], ast.literal_eval(sys.argv[2]))\n"
            "remote.put(b'hello', 'x'); print(flush=True); sys.stdin.read()\n"
        )
        words = [sys.executable, "-c", text, f"ssh://127.0.0.1:{ssh.port}{ssh.folder}/killed", repr(ssh.options)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            (child,) = children("ssh", process.pid)
            process.kill()
        with within(20):
            while is_alive(child):
                time.sleep(0.05)

    def test_what_is_left_of_a_connection_is_nothing(self, ssh: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        trust(home, ssh)
        remote = self._open(ssh)
        remote.put(b"hello", HELLO.object_name)
        assert len(children("ssh")) == 1
        del remote
        gc.collect()
        assert children("ssh") == []
        assert [*(home / "tmp").iterdir()] == []

    def test_a_server_behind_another_one(self, ssh: Served, home: Path) -> None:
        trust(home, ssh)
        key = f"  HostName 127.0.0.1\n  Port {ssh.port}\n  IdentityFile {ssh.options['keyfile']}\n"
        write(home / ".ssh/config", f"Host door\n{key}Host inner\n{key}  ProxyJump door\n")
        remote = open_remote("storage", f"ssh://inner{ssh.folder}", {})
        remote.put(b"hello", HELLO.object_name)
        assert remote.read(HELLO.object_name) == b"hello"

    def test_a_door_that_is_shut_is_told_at_once(self, ssh: Served, home: Path) -> None:
        trust(home, ssh)
        write(home / ".ssh/config", "Host door\n  HostName 127.0.0.1\n  Port 1\nHost inner\n  ProxyJump door\n")
        with within(20), pytest.raises(RemoteError, match=r"connect to host 127\.0\.0\.1 port 1: Connection refused"):
            open_remote("storage", f"ssh://inner{ssh.folder}", {}).read("x")

    def test_a_proxy_command(self, ssh: Served, home: Path) -> None:
        trust(home, ssh)
        key = f"  HostName 127.0.0.1\n  Port {ssh.port}\n  IdentityFile {ssh.options['keyfile']}\n"
        write(home / ".ssh/config", f"Host door\n{key}Host inner\n{key}  ProxyCommand ssh -W %h:%p door\n")
        assert open_remote("storage", f"ssh://inner{ssh.folder}", {}).missing(["x"]) == {"x"}

    def test_a_server_that_is_silent_is_given_up(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, within(30):
            remote = open_remote("storage", f"ssh://127.0.0.1:{silent.getsockname()[1]}/x", {"timeout": "1"})
            with pytest.raises(RemoteError, match="cannot be reached"):
                remote.read("x")

    def test_a_server_that_dies_leaves_no_traceback(self, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "server").mkdir()
        with ssh_server(tmp_path / "server") as server:
            trust(home, server)
            remote = self._open(server)
            remote.put(b"hello", "x")
            (process,) = children("ssh")
        os.kill(process, signal.SIGKILL)
        with pytest.raises(RemoteError, match="cannot be reached"):
            remote.read("x")
        assert capfd.readouterr().err == ""

    def test_a_folder_that_may_not_be_made_is_named(self, home: Path, tmp_path: Path) -> None:
        (tmp_path / "server").mkdir()
        with ssh_server(tmp_path / "server", sftp="internal-sftp -R") as server:
            trust(home, server)
            with pytest.raises(RemoteError, match="there is no folder `/srv/of nobody/files/md5/5d`, and you may not make it"):
                open_remote("storage", f"ssh://127.0.0.1:{server.port}/srv/of nobody", server.options).put(
                    b"hello", HELLO.object_name
                )

    def test_folders_are_for_the_group_where_the_one_above_is(self, ssh: Served, home: Path) -> None:
        trust(home, ssh)
        top = ssh.folder / uuid.uuid4().hex
        for mode, expected in ((0o2775, 0o2775), (0o755, 0o755)):
            place = top / oct(mode)
            place.mkdir(parents=True)
            place.chmod(mode)
            remote = open_remote("storage", f"ssh://127.0.0.1:{ssh.port}{place}", ssh.options)
            remote.put(b"hello", HELLO.object_name)
            made = [path for path in place.rglob("*") if path.is_dir()]
            assert len(made) == 3
            assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {expected}

    def test_a_server_without_sftp_is_told(self, home: Path, tmp_path: Path) -> None:
        (tmp_path / "server").mkdir()
        with ssh_server(tmp_path / "server", sftp="") as server:
            trust(home, server)
            with pytest.raises(RemoteError, match=r"`127.0.0.1` has no SFTP"):
                self._open(server).read("x")

    def test_a_server_that_talks_first_is_told(self, home: Path, tmp_path: Path) -> None:
        (tmp_path / "server").mkdir()
        with ssh_server(tmp_path / "server", sftp="/bin/echo Welcome to the cluster") as server:
            trust(home, server)
            with pytest.raises(RemoteError, match="Garbage packet received"):
                self._open(server).read("x")

    def test_without_ssh_nothing_goes(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigError, match="there is no program `ssh`"):
            open_remote("storage", "ssh://host/x", {}).read("x")

    def test_a_passphrase_opens_a_key(self, ssh: Served, home: Path, tmp_path: Path) -> None:
        trust(home, ssh)
        key = tmp_path / "locked"
        shutil.copy(ssh.folder.parent / "id", key)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "it's secret", "-f", key], check=True)
        with pytest.raises(RemoteError, match="refuses access"):
            self._open(ssh, keyfile=str(key)).missing(["x"])
        with pytest.raises(RemoteError, match="refuses access"):
            self._open(ssh, keyfile=str(key), passphrase="wrong").missing(["x"])
        assert self._open(ssh, keyfile=str(key), passphrase="it's secret").missing(["x"]) == {"x"}

    def test_one_login_serves_all_threads(
        self, ssh: Served, home: Path, native: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        trust(home, ssh)
        for number in range(200):
            write(native / f"data/{number}", f"{number}")
        dvx(native, "remote", "add", "-d", "storage", f"ssh://127.0.0.1:{ssh.port}{ssh.folder}/{uuid.uuid4().hex}")
        for option, value in ssh.options.items():
            dvx(native, "remote", "modify", "--local", "storage", option, value)
        dvx(native, "add", "data")
        log = ssh.folder.parent / "log"
        before = log.read_text().count("Accepted publickey")
        with tempfile.TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as short:
            run_process(native, "dvx", "push", "-j", "4", env={"TMPDIR": short})
            assert os.listdir(short) == []
        assert log.read_text().count("Accepted publickey") == before + 1

    def test_an_upload_that_is_cut_off_gets_no_name(self, ssh: Served, home: Path, tmp_path: Path) -> None:
        trust(home, ssh)
        remote = self._open(ssh)
        with pytest.raises(Corrupted):
            remote.upload(str(write(tmp_path / "x", "jello")), "files/md5/aa/bb", Check(HELLO))
        assert not (ssh.folder / "files/md5/aa/bb").exists()

    def test_a_password_is_asked_for(self, ssh: Served) -> None:
        asked: list[str] = []

        def ask(what: str) -> str:
            asked.append(what)
            return "pw"

        open_remote("storage", "ssh://host/x", {"ask_password": "true"}, ask=ask)
        assert asked == ["password for the remote `storage`"]
        with pytest.raises(ConfigError, match="must be asked for"):
            open_remote("storage", "ssh://host/x", {"ask_passphrase": "true"})

    def test_a_url_names_a_host(self) -> None:
        with pytest.raises(ConfigError, match="it names no host"):
            open_remote("storage", "ssh:///path", {})


def children(name: str, parent: int = 0) -> list[int]:
    """The processes of a name that a process started itself."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told, _, rest = (folder / "stat").read_text().rpartition(")")
            if told.endswith(f"({name}") and rest.split()[1] == str(parent or os.getpid()):
                found.append(int(folder.name))
    return found


class TestFolder:
    @pytest.mark.parametrize(("mode", "options", "expected"), [
        (0o2775, {}, 0o2775), (0o755, {}, 0o755), (0o755, {"shared": "group"}, 0o2775), (0o775, {}, 0o755),
    ])  # fmt: skip
    def test_folders_are_for_the_group_where_that_is_wanted(
        self, tmp_path: Path, mode: int, options: dict[str, str], expected: int
    ) -> None:
        place = tmp_path / "store"
        place.mkdir()
        place.chmod(mode)
        remote = open_remote("storage", str(place), options)
        remote.put(b"hello", HELLO.object_name)
        remote.flush()
        made = [path for path in place.rglob("*") if path.is_dir()]
        assert len(made) == 4
        assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {expected}

    @pytest.mark.skipif(os.getuid() != 0, reason="it takes two users")
    def test_two_users_push_to_one_folder(self, tmp_path: Path) -> None:
        place = tmp_path / "store"
        place.mkdir()
        os.chown(place, 0, 4321)
        place.chmod(0o2775)
        first = open_remote("storage", str(place), {})
        first.put(b"hello", HELLO.object_name)
        first.flush()

        def as_another() -> None:
            os.chdir(place)
            os.setgroups([])
            os.setgid(4321)
            os.setuid(54321)
            os.umask(0o077)
            # the folders above may be closed to others
            second = open_remote("storage", "/proc/self/cwd", {})
            second.put(b"other", "files/md5/5d/x")
            second.put(b"other", "files/md5/ab/x")
            second.flush()
            second.remove(HELLO.object_name)

        # Python itself may lie where the other one may not read
        process = multiprocessing.get_context("fork").Process(target=as_another)
        process.start()
        process.join()
        assert process.exitcode == 0
        first.remove("files/md5/ab/x")
        assert sorted(first.names("")) == ["files/md5/5d/x"]


class TestHTTP:
    def _open(self, server: Served, below: str = "", **options: str) -> Remote:
        return open_remote("storage", f"http://127.0.0.1:{server.port}/{below}{uuid.uuid4().hex}", server.options | options)

    def test_a_password_opens_what_is_locked(self, http: Served) -> None:
        with pytest.raises(RemoteError, match="refuses access: the server answers 401"):
            self._open(http, "locked/").put(b"hello", HELLO.object_name)
        remote = self._open(http, "locked/", auth="basic", user=USER, password=PASSWORD)
        remote.put(b"hello", HELLO.object_name)
        assert remote.read(HELLO.object_name) == b"hello"

    def test_a_custom_header_carries_the_password(self, echo: Echo) -> None:
        options = {"auth": "custom", "custom_auth_header": "X-Token", "password": "abc"}
        open_remote("storage", f"http://127.0.0.1:{echo.port}/x", options).missing([HELLO.object_name])
        assert echo.seen[-1]["X-Token"] == "abc"

    def test_a_method_that_is_not_allowed_is_told(self, http: Served) -> None:
        remote = self._open(http)
        remote.put(b"hello", HELLO.object_name)
        other = open_remote("storage", remote.url, {"method": "POST"})
        with pytest.raises(RemoteError, match="answers 405") as caught:
            other.put(b"hello", HELLO.object_name)
        assert "set `method`" in caught.value.hint

    def test_post_is_the_default(self, echo: Echo) -> None:
        open_remote("storage", f"http://127.0.0.1:{echo.port}/x", {}).put(b"hello", "a/b")
        assert echo.bodies["/x/a/b"] == b"hello"
        assert echo.methods[-2:] == ["POST", "HEAD"], "what arrived is looked at"

    def test_a_server_without_ranges_is_read_all_the_same(self, http: Served, tmp_path: Path) -> None:
        data = os.urandom(20_000_000)
        write(http.folder / "plain/some", data)
        remote = open_remote("storage", f"http://127.0.0.1:{http.port}/plain", http.options)
        assert remote.read_range("some", 10_000_000, 100) == data[10_000_000:10_000_100]

    def test_a_page_that_asks_for_a_login_is_no_object(self, http: Served, tmp_path: Path) -> None:
        remote = open_remote("storage", f"http://127.0.0.1:{http.port}/login", http.options)
        with pytest.raises(Corrupted):
            remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO))
        assert not (tmp_path / "out").exists()

    def test_a_server_that_is_busy_is_told(self, http: Served) -> None:
        remote = open_remote("storage", f"http://127.0.0.1:{http.port}/busy", http.options)
        with pytest.raises(RemoteError, match="failed again and again: the server answers 503"):
            remote.missing([HELLO.object_name])

    def test_a_redirect_to_another_host_takes_no_password_along(self, http: Served, echo: Echo) -> None:
        echo.forward = f"http://localhost:{echo.port}/there"
        remote = open_remote("storage", f"http://127.0.0.1:{echo.port}/x", {"user": "u", "password": "pw"})
        remote.read("a")
        assert "Authorization" in echo.seen[0]
        assert "Authorization" not in echo.seen[-1]

    def test_a_body_without_a_length_is_read(self, echo: Echo) -> None:
        echo.bodies["/x/a"] = b"0123456789"
        echo.chunked = True
        remote = open_remote("storage", f"http://127.0.0.1:{echo.port}/x", {})
        assert remote.read("a") == b"0123456789"
        assert remote.sizes(["a"]) == {"a": 10}

    def test_a_password_in_the_url_is_not_shown(self, http: Served) -> None:
        remote = open_remote("storage", f"http://me:s3cret@127.0.0.1:{http.port}/locked/x", http.options)
        with pytest.raises(RemoteError) as caught:
            remote.put(b"hello", HELLO.object_name)
        assert "s3cret" not in f"{caught.value.message} {caught.value.hint} {remote.url}"

    def test_there_is_no_listing(self, http: Served) -> None:
        with pytest.raises(RemoteError, match="cannot list what it has"):
            list(self._open(http).names(""))

    def test_whole_projects_go_there_and_back(self, http: Served, dialect_repo: Path) -> None:
        for number in range(20):
            write(dialect_repo / f"data/{number}", f"{number}")
        dvx(dialect_repo, "remote", "add", "-d", "storage", f"http://127.0.0.1:{http.port}/{uuid.uuid4().hex}")
        dvx(dialect_repo, "remote", "modify", "storage", "method", "PUT")
        dvx(dialect_repo, "add", "data")
        commit_all(dialect_repo)
        dvx(dialect_repo, "push")
        assert "up to date" in dvx(dialect_repo, "push").err
        git(dialect_repo.parent, "clone", "--quiet", dialect_repo, "clone")
        dvx(dialect_repo.parent / "clone", "pull")
        assert (dialect_repo.parent / "clone/data/7").read_text() == "7"


class TestGoogle:
    def _told(self, endpoint: str) -> str:
        options = {"endpointurl": endpoint, "allow_anonymous_login": "true"}
        begin = time.monotonic()
        with pytest.raises(RemoteError) as caught:
            open_remote("storage", "gs://bucket/x", options).missing([HELLO.object_name])
        assert time.monotonic() - begin < 20
        return caught.value.message

    def test_nobody_who_listens_is_told_soon_and_once(self, caplog: pytest.LogCaptureFixture) -> None:
        assert "cannot be reached" in self._told("http://127.0.0.1:1")
        assert caplog.records == [], "what the library logs would be printed"

    def test_a_server_that_is_busy_is_told(self, http: Served, caplog: pytest.LogCaptureFixture) -> None:
        assert "failed again and again" in self._told(f"http://127.0.0.1:{http.port}/busy")
        assert caplog.records == []


class TestWebDAV:
    def test_a_wrong_password_is_told(self, dav: Served) -> None:
        remote = open_remote("storage", f"webdav://127.0.0.1:{dav.port}/x", dav.options | {"password": "wrong"})
        with pytest.raises(RemoteError, match="refuses access: the server answers 401"):
            remote.missing([HELLO.object_name])

    def test_a_command_gives_the_token(self, native: Path, echo: Echo) -> None:
        dvx(native, "remote", "add", "-d", "storage", f"webdav://127.0.0.1:{echo.port}/x")
        dvx(native, "remote", "modify", "--local", "storage", "bearer_token_command", "echo secret-token")
        write(native / "a", "a")
        dvx(native, "add", "a")
        run_dvx(native, "push")
        assert echo.seen[-1]["Authorization"] == "Bearer secret-token"

    def test_a_command_is_run_once(self, native: Path, tmp_path: Path) -> None:
        log = tmp_path / "log"
        write(native / "a", "a")
        dvx(native, "add", "a")
        (tmp_path / "dav").mkdir()
        with dav_server(tmp_path / "dav", locked=False) as server:
            dvx(native, "remote", "add", "-d", "storage", f"webdav://127.0.0.1:{server.port}/x")
            asking = f"echo asked >> {log}; echo secret"
            dvx(native, "remote", "modify", "--local", "storage", "bearer_token_command", asking)
            dvx(native, "push")
            assert list(server.folder.rglob("xxh128"))
            assert log.read_text() == "asked\n"
            shutil.rmtree(native / ".dvx/cache")
            dvx(native, "fetch")
            assert log.read_text() == "asked\n" * 2

    def test_a_command_that_fails_is_told(self, native: Path) -> None:
        dvx(native, "remote", "add", "-d", "storage", "webdav://127.0.0.1:1/x")
        dvx(native, "remote", "modify", "--local", "storage", "bearer_token_command", "exit 3")
        write(native / "a", "a")
        dvx(native, "add", "a")
        assert "gave no token" in run_dvx(native, "push").err

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, dav: Served) -> None:
        remote = open_remote("storage", f"webdavs://127.0.0.1:{dav.port}/x", dav.options)
        with pytest.raises(RemoteError, match="cannot be reached"):
            remote.missing([HELLO.object_name])


class TestAzure:
    def test_a_missing_container_is_named(self, azure: Served, tmp_path: Path) -> None:
        remote = open_remote("storage", "azure://nowhere/x", azure.options)
        with pytest.raises(RemoteError, match="the container `nowhere` of the remote `storage` does not exist"):
            remote.download(HELLO.object_name, str(tmp_path / "out"), Check(HELLO))

    def test_a_wrong_key_is_told(self, azure: Served) -> None:
        text = azure.options["connection_string"].replace("AccountKey=", "AccountKey=AAAA")
        remote = open_remote("storage", "azure://some/x", {"connection_string": text})
        with pytest.raises(RemoteError, match="refuses access"):
            remote.missing([HELLO.object_name])


class Echo:
    """An HTTP server that keeps what it is sent, for what real ones do not show: which headers arrive, odd answers."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.methods: list[str] = []
        self.bodies: dict[str, bytes] = {}
        self.forward = ""
        self.chunked = False
        self.port = 0


@pytest.fixture
def echo() -> Iterator[Echo]:
    state = Echo()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            state.seen.append(dict(self.headers))
            state.methods.append(self.command)
            length = int(self.headers.get("Content-Length") or 0)
            if self.command in ("PUT", "POST"):
                state.bodies[self.path] = self.rfile.read(length)
            if state.forward and not self.path.startswith("/there"):
                self.send_response(302)
                self.send_header("Location", state.forward)
                self.end_headers()
                return
            body = state.bodies.get(self.path, b"there" if state.forward else None)
            self.send_response(404 if body is None else 200)
            if not state.chunked:
                self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body or b"")

        do_GET = do_HEAD = do_PUT = do_POST = do_PROPFIND = do_MKCOL = _answer  # noqa: N815  the words of HTTP

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("scheme", ["ssh", "webdav"])
def test_a_server_that_is_not_there_is_no_empty_one(scheme: str) -> None:
    with within(8), pytest.raises(RemoteError, match=r"cannot be reached: .*refused"):
        list(open_remote("storage", f"{scheme}://127.0.0.1:1/x", {}).names(""))


@pytest.mark.parametrize("kind", ["ssh", "dav"])
def test_whole_projects_go_there_and_back(
    kind: str, request: pytest.FixtureRequest, dialect_repo: Path, home: Path, tmp_path: Path
) -> None:
    server: Served = request.getfixturevalue(kind)
    name = uuid.uuid4().hex
    if kind == "ssh":
        trust(home, server)
    url = f"ssh://127.0.0.1:{server.port}{server.folder}/{name}" if kind == "ssh" else f"webdav://127.0.0.1:{server.port}/{name}"

    def connected(repo: Path) -> Path:
        for option, value in server.options.items():
            dvx(repo, "remote", "modify", "--local", "storage", option, value)
        return repo

    for number in range(40):
        write(dialect_repo / f"data/{number}", f"{number}")
    dvx(dialect_repo, "remote", "add", "-d", "storage", url)
    connected(dialect_repo)
    dvx(dialect_repo, "add", "data")
    commit_all(dialect_repo)
    dvx(dialect_repo, "push")
    assert "up to date" in dvx(dialect_repo, "push").err
    git(tmp_path, "clone", "--quiet", dialect_repo, "clone")
    dvx(connected(tmp_path / "clone"), "pull")
    assert (tmp_path / "clone/data/7").read_text() == "7"
    assert dvx(dialect_repo, "fsck", "--remote", "storage", "--json").json["findings"] == []
    assert PASSWORD not in (dialect_repo / ".git/config").read_text() + git(dialect_repo, "log", "-p")
