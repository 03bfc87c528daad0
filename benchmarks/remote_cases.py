"""Cases of remotes: many small objects, few large ones, a far server; on a real S3 server and in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cases import COPY, DVC, DVX, DVX_IN_DVC, Case, Goal
from benchmarks.lab import ROOT, Lab, Tool
from benchmarks.measure import Side
from tests.servers import KEY, SECRET, S3Server

_RCLONE = "rclone copy"
_DELAY = 0.05


def _server(lab: Lab) -> S3Server:
    return lab.servers.s3(lab.folder / "s3")


def _large_server(lab: Lab) -> S3Server:
    """A server that is not what is measured: its data lies in memory where there is room, and it need not save memory."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 * lab.sizes.large
    return lab.servers.s3((memory if roomy else lab.folder) / f"dvx-bench-{os.getpid()}", "2GiB")


def _far_endpoint(lab: Lab) -> str:
    """The same server, a round trip of 50 ms away."""
    host, _, port = _server(lab).endpoint.removeprefix("http://").partition(":")
    words = (sys.executable, "-m", "benchmarks.delay", host, port, str(_DELAY))
    process = lab.servers.stack.enter_context(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    lab.servers.stack.callback(process.kill)
    assert process.stdout is not None
    return f"http://127.0.0.1:{process.stdout.readline().strip()}"


def _connect(lab: Lab, tool: Tool, folder: Path, endpoint: str) -> str:
    """Give a project a remote that has nothing yet; returns its place in S3."""
    place = f"{_server(lab).new_bucket()}/data"
    _join(lab, tool, folder, endpoint, place)
    return place


def _join(lab: Lab, tool: Tool, folder: Path, endpoint: str, place: str) -> None:
    lab.run((*tool.words, "remote", "add", "--force", "--default", "storage", f"s3://{place}"), folder)
    options = {"endpointurl": endpoint, "access_key_id": KEY, "secret_access_key": SECRET, "region": "us-east-1"}
    for option, value in options.items():
        lab.run((*tool.words, "remote", "modify", "--local", "storage", option, value), folder)


def _push(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        def unpushed() -> Path:
            folder = lab.with_tracked_sample(tool)
            _connect(lab, tool, folder, _server(lab).endpoint)
            return folder

        return Side((*tool.words, "push"), unpushed)

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc)}


def _pushed(lab: Lab, tool: Tool) -> tuple[Path, str]:
    """A project that was pushed, and where to."""
    folder = lab.with_tracked_sample(tool)
    place = _connect(lab, tool, folder, _server(lab).endpoint)
    lab.run((*tool.words, "push"), folder)
    return folder, place


def _pull(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        source, place = _pushed(lab, tool)
        (pointer,) = source.glob("data.dv?")

        def clone() -> Path:
            folder = lab.project("clone", tool)
            (folder / pointer.name).write_bytes(pointer.read_bytes())
            _join(lab, tool, folder, _server(lab).endpoint, place)
            return folder

        return Side((*tool.words, "pull"), clone)

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc)}


def _push_again(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        folder = _pushed(lab, tool)[0]
        return Side((*tool.words, "push"), lambda: folder)

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc)}


def _push_one(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        folder = _pushed(lab, tool)[0]

        def edited() -> Path:
            next(path for path in sorted((folder / "data").rglob("*")) if path.is_file()).write_bytes(os.urandom(10_000))
            lab.run((*tool.words, "add", "data"), folder)
            return folder

        return Side((*tool.words, "push"), edited)

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc)}


def _push_far(lab: Lab) -> Mapping[str, Side]:
    far = _far_endpoint(lab)

    def side(tool: Tool) -> Side:
        folder = lab.project("far", tool)
        for number in range(lab.sizes.files // 10):
            place = folder / "data" / f"{number % 10}" / f"{number}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(os.urandom(lab.sizes.bytes))
        lab.run((*tool.words, "add", "data"), folder)

        def unpushed() -> Path:
            _connect(lab, tool, folder, far)
            return folder

        return Side((*tool.words, "push"), unpushed)

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc)}


def _four(lab: Lab, folder: Path) -> Path:
    for number in range(4):
        (folder / "data").mkdir(exist_ok=True)
        with (folder / "data" / f"{number}").open("wb") as file:
            for _ in range(lab.sizes.large >> 22):
                file.write(os.urandom(1 << 20))
    return folder


def _rclone(endpoint: str, source: str, target: str) -> tuple[str, ...]:
    options = f"provider=Other,access_key_id={KEY},secret_access_key={SECRET},endpoint='{endpoint}'"
    words = [f":s3,{options}:{each[5:]}" if each.startswith("s3://") else each for each in (source, target)]
    return (str(Path(sys.executable).with_name("rclone")), "copy", "--config", os.devnull, *words)


def _push_large(lab: Lab) -> Mapping[str, Side]:
    server = _large_server(lab)
    bucket = ""

    def renew() -> str:
        """A fresh bucket, in the room of the one before."""
        nonlocal bucket
        if bucket:
            server.remove_bucket(bucket)
        bucket = server.new_bucket()
        return bucket

    def side(tool: Tool) -> Side:
        folder = _four(lab, lab.project("four", tool))
        lab.run((*tool.words, "add", "data"), folder)

        def unpushed() -> Path:
            _join(lab, tool, folder, server.endpoint, f"{renew()}/data")
            return folder

        return Side((*tool.words, "push"), unpushed)

    here = lab.fresh("four")
    here.mkdir()
    _four(lab, here)
    mirror = server.new_bucket()

    def emptied() -> Path:
        renew()
        if server.files().ls(mirror):
            server.files().rm(f"{mirror}/rclone", recursive=True)
        return here

    rclone = Side(_rclone(server.endpoint, "data", f"s3://{mirror}/rclone"), emptied)
    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc), _RCLONE: rclone}


def _pull_large(lab: Lab) -> Mapping[str, Side]:
    server = _large_server(lab)

    def stored(tool: Tool) -> tuple[Path, str]:
        """The pointer of four files, and where they are."""
        source = _four(lab, lab.project("four", tool))
        lab.run((*tool.words, "add", "data"), source)
        place = f"{server.new_bucket()}/data"
        _join(lab, tool, source, server.endpoint, place)
        lab.run((*tool.words, "push"), source)
        (pointer,) = source.glob("data.dv?")
        return pointer, place

    def emptied() -> None:
        """Take away what was fetched before, which the disk may have no room for beside what comes."""
        for folder in (*lab.folder.glob("clone-*"), *lab.folder.glob("copied*")):
            shutil.rmtree(folder)

    def side(tool: Tool, pointer: Path, place: str) -> Side:
        def clone() -> Path:
            emptied()
            folder = lab.project("clone", tool)
            (folder / pointer.name).write_bytes(pointer.read_bytes())
            _join(lab, tool, folder, server.endpoint, place)
            return folder

        return Side((*tool.words, "fetch"), clone)

    def empty() -> Path:
        emptied()
        folder = lab.fresh("copied")
        folder.mkdir()
        return folder

    # rclone compares hashes with what it wrote down when it uploaded, and only then
    (lab.folder / "mirror").mkdir()
    mirror = f"s3://{server.new_bucket()}/rclone"
    lab.run(_rclone(server.endpoint, "data", mirror), _four(lab, lab.folder / "mirror"))
    theirs = stored(lab.dvc)
    return {
        DVX: side(lab.dvx, *stored(lab.dvx)),
        DVX_IN_DVC: side(lab.dvx_in_dvc, *theirs),
        DVC: side(lab.dvc, *theirs),
        _RCLONE: Side(_rclone(server.endpoint, mirror, "data"), empty),
    }


def _push_folder(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        def unpushed() -> Path:
            folder = lab.with_tracked_sample(tool)
            lab.run((*tool.words, "remote", "add", "--force", "--default", "folder", str(lab.fresh("remote"))), folder)
            return folder

        return Side((*tool.words, "push"), unpushed)

    def new_folder() -> Path:
        folder = lab.fresh("copied")
        folder.mkdir()
        return folder

    copy = Side(("cp", "-r", str(lab.sample()), "data"), new_folder)
    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc), COPY: copy}


_LARGE_GOALS = tuple(
    Goal(peer, most, ours, wall=True) for peer, most in ((DVC, 0.8), (_RCLONE, 1.25)) for ours in (DVX, DVX_IN_DVC)
)
REMOTE_CASES = (
    Case(
        "push-s3",
        "`push` of {files:,} files of {bytes:,} bytes to S3",
        _push,
        (Goal(DVC, 0.1), Goal(DVC, 0.5, ours=DVX_IN_DVC)),
        slow=True,
        warm=False,
    ),
    Case(
        "pull-s3",
        "`pull` of the same into an empty clone",
        _pull,
        (Goal(DVC, 0.15), Goal(DVC, 0.5, ours=DVX_IN_DVC)),
        slow=True,
        warm=False,
    ),
    Case("push-again", "`push` again, nothing to do", _push_again, (Goal(DVC, 0.1), Goal(DVC, ours=DVX_IN_DVC)), slow=True),
    Case(
        "push-one",
        "`push` after one of {files:,} files changed",
        _push_one,
        (Goal(DVC, 0.1), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
    ),
    Case(
        "push-far",
        "`push` of a tenth of the files, 50 ms away",
        _push_far,
        (Goal(DVC, 0.05, wall=True), Goal(DVC, ours=DVX_IN_DVC, wall=True)),
        slow=True,
        warm=False,
    ),
    Case(
        "push-large",
        "`push` of four files, {large:,} bytes in all, to S3",
        _push_large,
        _LARGE_GOALS,
        slow=True,
        warm=False,
        large=True,
    ),
    Case(
        "pull-large",
        "`fetch` of four files, {large:,} bytes in all, from S3",
        _pull_large,
        _LARGE_GOALS,
        slow=True,
        warm=False,
        large=True,
    ),
    Case(
        "push-folder",
        "`push` of {files:,} files of {bytes:,} bytes to a folder",
        _push_folder,
        (Goal(COPY, 3), Goal(COPY, 3, ours=DVX_IN_DVC), Goal(DVC), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
        warm=False,
    ),
)
