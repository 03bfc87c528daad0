"""Real servers for the other kinds of remotes: OpenSSH, nginx, WebDAV by rclone, Azurite, an emulator of Google Cloud Storage.

A test is skipped where a server's program cannot be had.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.servers import free_ports, is_up, serve

USER, PASSWORD = "dvx", "secret"
_SSHD = "/usr/sbin/sshd"
_NGINX = """\
daemon off; pid {folder}/pid; error_log stderr; {user}
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/www;
    location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
    location /locked/ {{ auth_basic "locked"; auth_basic_user_file {folder}/users; dav_methods PUT; create_full_put_path on; }}
    location /plain/ {{ max_ranges 0; }}
    location /login/ {{ return 200 "<html>please log in</html>"; }}
    location /busy/ {{ return 503; }}
    location /elsewhere/ {{ rewrite ^/elsewhere/(.*)$ http://localhost:{port}/$1 redirect; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: where it is, and where its files are (empty where they are not plain files)."""

    port: int
    folder: Path
    options: dict[str, str]


def _path(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not found:
        pytest.skip(f"there is no `{name}` here")
    return found


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def ssh_server(folder: Path, sftp: str = "internal-sftp") -> Iterator[Served]:
    """OpenSSH that lets one key in, with a program for SFTP; `folder` gets `id`, the key, and `known_hosts`."""
    program = _path("sshd")
    for name in ("host", "id", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_bytes((folder / "id.pub").read_bytes())
    # where it separates privileges; a system that is not booted may lack it
    subprocess.run(["mkdir", "-p", "/run/sshd"], check=False, capture_output=True)
    (port,) = free_ports(1)
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": folder / "pid",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "UsePAM": "no",
        "StrictModes": "no",
        "PermitRootLogin": "prohibit-password",
        **({"Subsystem": f"sftp {sftp}"} if sftp else {}),
        "MaxStartups": "100:30:200",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    (folder / "files").mkdir()
    with serve([program, "-D", "-e", "-f", str(folder / "config")], lambda: _listens(port), folder / "log"):
        yield Served(port, folder / "files", {"keyfile": str(folder / "id"), "allow_agent": "false"})


@contextlib.contextmanager
def http_server(folder: Path) -> Iterator[Served]:
    """Nginx that takes PUT; below `/locked/` only with a password; further places behave badly."""
    program = _path("nginx")
    (port,) = free_ports(1)
    for name in ("www/plain", "body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / name).mkdir(parents=True)
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, user=user))
    words = [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with serve(words, lambda: _listens(port), folder / "log"):
        yield Served(port, folder / "www", {"method": "PUT"})


@contextlib.contextmanager
def dav_server(folder: Path, *, locked: bool = True) -> Iterator[Served]:
    """WebDAV, with a password unless it is not `locked`."""
    program = _path("rclone")
    (port,) = free_ports(1)
    (folder / "files").mkdir()
    words = [
        program,
        "serve",
        "webdav",
        "--config",
        os.devnull,
        "--addr",
        f"127.0.0.1:{port}",
        *(("--user", USER, "--pass", PASSWORD) if locked else ()),
    ]
    words += ["--vfs-cache-mode", "off", str(folder / "files")]
    with serve(words, lambda: _listens(port), folder / "log"):
        yield Served(port, folder / "files", {"user": USER, "password": PASSWORD})


@contextlib.contextmanager
def azure_server(folder: Path) -> Iterator[Served]:
    """Azurite, Microsoft's emulator of its blob storage."""
    program = ROOT / ".cache/azurite/node_modules/.bin/azurite-blob"
    if not program.exists():
        pytest.skip("there is no Azurite here: npm install --prefix .cache/azurite azurite")
    (port,) = free_ports(1)
    words = [str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--silent"]
    key = base64.b64encode(b"a key of the tests, which is none at all").decode()
    connection = f"DefaultEndpointsProtocol=http;AccountName=dvx;AccountKey={key};BlobEndpoint=http://127.0.0.1:{port}/dvx;"
    env = {"AZURITE_ACCOUNTS": f"dvx:{key}"}
    with serve([*words, "--disableTelemetry", "--skipApiVersionCheck"], lambda: _listens(port), folder / "log", env=env):
        yield Served(port, Path(), {"connection_string": connection})


@contextlib.contextmanager
def gs_server(folder: Path) -> Iterator[Served]:
    """An emulator of Google Cloud Storage; it keeps fewer promises than the real one."""
    program = _path("gcp-storage-emulator")
    (port,) = free_ports(1)
    words = [program, "start", "--host=127.0.0.1", f"--port={port}", "--in-memory", "--default-bucket=dvxgcs"]
    with serve(words, lambda: is_up(f"http://127.0.0.1:{port}/"), folder / "log"):
        options = {"endpointurl": f"http://127.0.0.1:{port}", "allow_anonymous_login": "true", "projectname": "dvx"}
        yield Served(port, Path(), options)


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One SSH server for all tests of this process."""
    with ssh_server(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture(scope="session")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One HTTP server for all tests of this process."""
    with http_server(tmp_path_factory.mktemp("http")) as server:
        yield server


@pytest.fixture(scope="session")
def dav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One WebDAV server for all tests of this process."""
    with dav_server(tmp_path_factory.mktemp("dav")) as server:
        yield server


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One Azurite for all tests of this process."""
    with azure_server(tmp_path_factory.mktemp("azure")) as server:
        yield server


@pytest.fixture(scope="session")
def gs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One emulator of Google Cloud Storage for all tests of this process."""
    with gs_server(tmp_path_factory.mktemp("gs")) as server:
        yield server
