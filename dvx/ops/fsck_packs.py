"""fsck of the packs of a remote: every object in them is read, and a pack with wrong ones is written anew."""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import Digest
from dvx.model.events import Progress, Tell
from dvx.model.fsck import Finding, Flaw
from dvx.model.pack import CONDEMNED, INDEX, PACK, Packed
from dvx.ops.heal import Healer
from dvx.project import Project
from dvx.store import files
from dvx.store.packs import Pack, Packs, read_packed
from dvx.store.remote import Remote

_AT_ONCE = 4


class PackCheck(Struct):
    """What the packs hold that is right, its size in bytes, and what is wrong with them."""

    right: set[Digest] = field(default_factory=set)
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


def check(project: Project, remote: Remote, packs: Packs, healer: Healer | None, tell: Tell) -> PackCheck:
    """Read all packs; without a `healer` nothing is changed. Raises RemoteError."""
    result = PackCheck()
    listed = packs.listed()
    for number, pack in enumerate(listed, 1):
        tell(Progress(f"checking packs of {remote.name}", number, len(listed), "packs"))
        try:
            places = list(packs.promised(pack))
        except MissingData:
            continue
        except Corrupted as error:
            result.findings.append(_broken(project, remote, packs, pack, error, heal=healer is not None))
            continue
        wrong = _wrong(packs, pack, places, result)
        too_long = pack.size > sum(place.size for place in places)
        healed = {digest: _source(project, remote, healer, digest) for digest in wrong} if healer is not None else {}
        aside = _heal(project, remote, packs, pack, places, healed) if healer is not None and (wrong or too_long) else ""
        if too_long:
            result.findings.append(Finding(Flaw.LEFTOVER, f"the end of the pack {pack.name}", store=remote.name, aside=aside))
        for digest in wrong:
            where = healed.get(digest, "")
            result.findings.append(Finding(Flaw.WRONG, str(digest), digest, store=remote.name, healed=where, aside=aside))
            if where:
                result.right.add(digest)
    return result


def _wrong(packs: Packs, pack: Pack, places: list[Packed], result: PackCheck) -> Mapping[Digest, str]:
    def take(digest: Digest, data: bytes) -> None:
        result.right.add(digest)
        result.bytes += len(data)

    return read_packed(packs, {place.digest: (pack.name, place) for place in places}, _AT_ONCE, take)


def _source(project: Project, remote: Remote, healer: Healer, digest: Digest) -> str:
    """Where a good copy was found; it is in the cache then."""
    return "the cache" if project.cache.verify(digest) else healer.heal(digest, but=remote.name)


def _heal(project: Project, remote: Remote, packs: Packs, pack: Pack, places: list[Packed], healed: Mapping[Digest, str]) -> str:
    """Write a pack anew with good copies, under its name; what has none is left out, under another. Returns where the wrong
    bytes are kept."""
    project.cache.barrier()
    aside = _put_aside(project, remote, packs.file(pack.name, PACK))
    data = files.read(aside)
    objects: list[tuple[Digest, bytes]] = []
    for place in places:
        source = healed.get(place.digest)
        if source is None:
            objects.append((place.digest, data[place.offset : place.offset + place.size]))
        elif source:
            objects.append((place.digest, project.cache.read(place.digest)))
    name = packs.write(objects) if objects else ""
    if name != pack.name:
        for suffix in (INDEX, PACK, CONDEMNED):
            remote.remove(packs.file(pack.name, suffix))
    return aside


def _broken(project: Project, remote: Remote, packs: Packs, pack: Pack, error: Corrupted, *, heal: bool) -> Finding:
    """A pack whose index is unusable goes: nothing can be read from it. What it held is missing then, and pushed again."""
    aside = ""
    if heal:
        aside = _put_aside(project, remote, packs.file(pack.name, INDEX))
        remote.remove(packs.file(pack.name, INDEX))
    return Finding(Flaw.WRONG, error.message, store=remote.name, aside=aside)


def _put_aside(project: Project, remote: Remote, name: str) -> str:
    place = os.path.join(project.cache.root, "quarantine", "remotes", remote.name, name)
    files.make_folder(os.path.dirname(place))
    files.remove(place)
    remote.download(name, place)
    return place


def with_needs(findings: list[Finding], needed: Mapping[Digest, str]) -> list[Finding]:
    """The findings, with a path that needs each."""
    return [replace(one, path=needed.get(one.digest, "")) if one.digest else one for one in findings]
