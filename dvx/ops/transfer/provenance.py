"""Where data came from: a push sends what was made here or came from the same remote, and other data only where the user agrees.

A pointer that names content by its digest is enough for `pull` to find it in a shared cache or at another remote; the author of a
repository must not get it sent to a remote of their own choice that way.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from dvx.config import trust
from dvx.errors import DvxError
from dvx.model.digest import Digest
from dvx.model.paths import printable, within
from dvx.model.setup.settings import redact
from dvx.model.setup.trust import TrustRecord, fingerprint
from dvx.model.transfer.plan import ChosenPath, Need
from dvx.project import Project
from dvx.store import files

_SHOWN = 3
_MADE = "made"


def note_made(project: Project, digests: Iterable[Digest]) -> None:
    """Remember content that was taken from the workspace by the user's own command. Where that is impossible, a push will ask."""
    lines = "".join(f"{digest}\n" for digest in digests)
    if lines:
        with contextlib.suppress(OSError), files.open_log(_place(project)) as file:
            files.write_all(file.fileno(), lines.encode())


def tidy(project: Project) -> None:
    """Let the record of what was made here name each content once, and remove those of clones that were here before."""
    place = _place(project)
    folder, own = os.path.split(place)
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(f"{_MADE}-") and name != own:
                files.remove(os.path.join(folder, name))
        lines = files.read(place).splitlines(keepends=True)
        if len(lines) > len(once := dict.fromkeys(lines)):
            files.write_atomic(place, b"".join(once))


def note_source(project: Project, url: str) -> None:
    """Remember that data was fetched from a remote."""
    root, environ, mark = _root(project), project.config.environ, fingerprint(url)
    if mark in trust.load(root, environ).sources:
        return

    def added(record: TrustRecord) -> TrustRecord:
        return record if mark in record.sources else replace(record, sources=(*record.sources, mark))

    with contextlib.suppress(OSError):
        trust.change(root, environ, added)


def unconfirmed(
    project: Project,
    remote: str,
    items: Sequence[ChosenPath],
    needs: Sequence[Need],
    children: Mapping[Digest, tuple[Digest, ...]],
) -> tuple[str, ...]:
    """The paths whose data must not be sent to a remote yet: it was not made here, and who wrote the repository chose the remote.

    `needs` are the objects to be sent, `children` what the trees among the contents of `items` name.
    """
    settings = project.config.remote(remote)
    if not needs or project.config.chose(settings):
        return ()
    sources = trust.load(_root(project), project.config.environ).sources
    if within(os.path.realpath(project.cache.root), os.path.realpath(_root(project))) and {*sources} <= {
        fingerprint(settings.url)
    }:
        return ()
    known = _made(project)
    made = {item.content.digest for item in items if str(item.content.digest) in known}
    own = made.union(*(children.get(digest, ()) for digest in made))
    return tuple(dict.fromkeys(need.path for need in needs if need.digest not in own))


def refuse(paths: Sequence[str], remote: str, url: str) -> None:
    """Refuse to send data to a remote that the user did not choose; raises DvxError."""
    if not paths:
        return
    shown = ", ".join(f"`{printable(path)}`" for path in paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    where = f"`{remote}` ({printable(redact(url))}), which the repository chose"
    text = f"data that was not made in this clone would go to the remote {where}: {shown}{more}"
    raise DvxError(text, "if you want to send it there, run `dvx trust`")


def refuse_removal(project: Project, remotes: Iterable[str]) -> None:
    """Refuse to clean up at a remote that the user did not choose: it may be where other projects have their data."""
    for name in remotes:
        settings = project.config.remote(name)
        if not project.config.chose(settings):
            where = f"`{name}` ({printable(redact(settings.url))})"
            text = f"`gc --cloud` would remove data at the remote {where}, which the repository chose"
            raise DvxError(text, "if no other project keeps data there, run `dvx trust`")


def _made(project: Project) -> frozenset[str]:
    try:
        return frozenset(files.read(_place(project)).decode("ascii", "replace").split("\n"))
    except OSError:
        return frozenset()


def _place(project: Project) -> str:
    """Of this clone: another one in the same place has another inode."""
    home = trust.home_of(_root(project))
    return os.path.join(trust.folder_of(home, project.config.environ), f"{_MADE}-{os.stat(home).st_ino}")


def _root(project: Project) -> str:
    """The project that an experiment's work tree belongs to, whose configuration it has."""
    return project.config.root or project.root
