"""What a document takes for granted beyond dvx and Git: servers, real ones, under the names that it uses."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.helpers import PROGRAMS, ROOT
from tests.more_servers import Served, ssh_server
from tests.servers import KEY, SECRET, S3Server, s3_server

BUCKET = "my-bucket"
# read here, since the fixture `home` hides it
DVC = Path(os.environ.get("DVX_TEST_DVC_PYTHON") or ROOT / ".cache" / "dvc-env" / "bin" / "python").with_name("dvc")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`names` are words of the document, each with what stands for it here; `variables` and `files` (of HOME) are set before."""

    names: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def meant(self, command: str) -> str:
        """A command of the document as it is run here."""
        for word, here in self.names.items():
            command = command.replace(word, here)
        return command

    def told(self, printed: str) -> str:
        """What was printed here in the words of the document."""
        for word, here in self.names.items():
            printed = printed.replace(here, word)
        return printed


NOTHING = Surroundings()


def with_s3(server: S3Server) -> Surroundings:
    """A bucket `my-bucket` at `https://s3.example.org`, and its keys in the environment."""
    with contextlib.suppress(FileExistsError):
        server.files().call_s3("create_bucket", Bucket=BUCKET)
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
    return Surroundings({"https://s3.example.org": server.endpoint, "AKIAEXAMPLE": KEY}, keys)


def with_ssh(server: Served) -> Surroundings:
    """A host `storage`, which `~/.ssh/config` describes, with a folder `/srv/dvx`."""
    config = f"Host storage\n  HostName 127.0.0.1\n  Port {server.port}\n  IdentityFile {server.options['keyfile']}\n"
    known = (server.folder.parent / "known_hosts").read_text(encoding="utf-8")
    names = {"/srv/dvx": str(server.folder), "ada@storage.example.org:22": f"{getpass.getuser()}@127.0.0.1:{server.port}"}
    variables = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), str(PROGRAMS), os.environ["PATH"]])}
    found = {".ssh/all": f"{config}  UserKnownHostsFile ${{HOME}}/.ssh/known_hosts\n", ".ssh/known_hosts": known}
    return Surroundings(names, variables, found)


def with_dvc(folder: Path) -> Surroundings:
    """The real DVC as `dvc`, which keeps what it keeps per machine in `folder`."""
    if not DVC.exists():
        pytest.skip(f"there is no DVC at {DVC}: `make test` installs it")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], str(DVC.parent)])
    return Surroundings(variables={"PATH": path, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "dvc")})


@contextlib.contextmanager
def around(name: str, folder: Path) -> Iterator[Surroundings]:
    """The surroundings of a document, with servers of its own that keep their files in `folder`."""
    if name.endswith("guides/s3.md"):
        with s3_server(folder) as s3:
            yield with_s3(s3)
    elif name.endswith("guides/ssh.md"):
        with ssh_server(folder) as ssh:
            yield with_ssh(ssh)
    elif name.endswith("guides/from-dvc.md"):
        yield with_dvc(folder)
    else:
        yield NOTHING
