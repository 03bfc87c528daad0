"""fsck of the packs of a remote: every object in them is read, and a pack with wrong ones is written anew."""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import Digest
from dvx.model.events import Progress, Tell
from dvx.model.transfer.pack import INDEX, PACK, Pack, Packed
from dvx.model.upkeep.fsck import Finding, Flaw
from dvx.ops.upkeep.heal import Healer
from dvx.project import Project
from dvx.store import files
from dvx.store.reading import read_regular
from dvx.store.remotes.packs import Packs, read_packed
from dvx.store.remotes.remote import Remote

_AT_ONCE = 4


class PackCheck(Struct):
    """What the packs hold that is right, its size in bytes, and what is wrong with them."""

    right: set[Digest] = field(default_factory=set)
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


class _Flawed(Struct, frozen=True):
    """A pack, the place of each object in it by its index, and those whose bytes are wrong."""

    pack: Pack
    places: list[Packed]
    wrong: frozenset[Digest]

    @property
    def is_too_long(self) -> bool:
        """Whether it goes on where its index ends."""
        return self.pack.size > sum(place.size for place in self.places)


def check(project: Project, remote: Remote, packs: Packs, healer: Healer | None, tell: Tell) -> PackCheck:
    """Read all packs; without a `healer` nothing is changed. Raises RemoteError."""
    listed, strays = packs.listing()
    result, flawed = PackCheck(), list[_Flawed]()
    result.findings += [Finding(Flaw.LEFTOVER, f"half of a pack: {one.name}", store=remote.name) for one in strays]
    for number, pack in enumerate(listed, 1):
        tell(Progress(f"checking packs of {remote.name}", number, len(listed), "packs"))
        try:
            places = list(packs.promised(pack))
        except MissingData:
            continue
        except Corrupted as error:
            result.findings.append(_broken(project, remote, packs, pack, error, heal=healer is not None))
            continue
        one = _Flawed(pack, places, frozenset(_wrong(packs, pack, places, result)))
        if one.wrong or one.is_too_long:
            flawed.append(one)
    healed = healer.heal_remote({digest for one in flawed for digest in one.wrong}, remote.name) if healer is not None else {}
    for one in flawed:
        aside = _heal(project, remote, packs, one, healed) if healer is not None else ""
        if one.is_too_long:
            text = f"the end of the pack {one.pack.name}"
            result.findings.append(Finding(Flaw.LEFTOVER, text, store=remote.name, aside=aside))
        for digest in sorted(one.wrong):
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


def _heal(project: Project, remote: Remote, packs: Packs, flawed: _Flawed, healed: Mapping[Digest, str]) -> str:
    """Replace a pack by a new one with good copies; what has none is left out. Returns where the wrong bytes are kept."""
    project.cache.barrier()
    pack = flawed.pack
    aside = _put_aside(project, remote, packs.file(pack.name, PACK))
    data, _ = read_regular(aside, sum(place.size for place in flawed.places))
    objects: list[tuple[Digest, bytes]] = []
    for place in flawed.places:
        if place.digest not in flawed.wrong:
            objects.append((place.digest, data[place.offset : place.offset + place.size]))
        elif place.digest in healed:
            objects.append((place.digest, project.cache.read(place.digest)))
    if objects:
        packs.write(objects)
    packs.remove(pack.name)
    return aside


def _broken(project: Project, remote: Remote, packs: Packs, pack: Pack, error: Corrupted, *, heal: bool) -> Finding:
    """A pack whose index is unusable goes: nothing can be read from it. What it held is missing then, and pushed again."""
    aside = ""
    if heal:
        aside = _put_aside(project, remote, packs.file(pack.name, INDEX))
        remote.remove(packs.file(pack.name, INDEX))
    return Finding(Flaw.WRONG, error.message, store=remote.name, aside=aside)


def _put_aside(project: Project, remote: Remote, name: str) -> str:
    place = project.cache.kept(f"quarantine/remotes/{remote.name}/{name}")
    files.make_folder(os.path.dirname(place))
    files.remove(place)
    remote.download(name, place)
    return place


def with_needs(findings: list[Finding], needed: Mapping[Digest, str]) -> list[Finding]:
    """The findings, with a path that needs each."""
    return [replace(one, path=needed.get(one.digest, "")) if one.digest else one for one in findings]
