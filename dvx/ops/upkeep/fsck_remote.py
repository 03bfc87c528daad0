"""fsck of a remote: every object is read, wrong ones are replaced by good copies or taken away."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import chain

from msgspec.structs import replace

from dvx.errors import Corrupted, MissingData, UnsafePath
from dvx.model.digest import Digest
from dvx.model.events import Progress, Tell
from dvx.model.transfer.claims import is_announcement, is_claim_name
from dvx.model.transfer.pack import FOLDER
from dvx.model.tree import decode_tree
from dvx.model.upkeep.fsck import Finding, Flaw, Report
from dvx.ops.tracked.reach import Reach
from dvx.ops.upkeep import fsck_packs
from dvx.ops.upkeep.fsck_packs import PackCheck
from dvx.ops.upkeep.heal import Healer
from dvx.project import Project
from dvx.store import files
from dvx.store.objects import digest_of
from dvx.store.remotes.crowd import each
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.remote import Remote
from dvx.store.remotes.remote_objects import RemoteObjects
from dvx.store.verify import Check


def check(
    project: Project, objects: RemoteObjects, reach: Reach, healer: Healer | None, needed: Mapping[Digest, str], tell: Tell
) -> Report:
    """Read all that is at a remote; without a `healer` nothing is changed. `needed` says which path needs an object.

    Raises:
        RemoteError: it cannot be read.
    """
    remote = objects.remote
    others = ("runs/", f"{FOLDER}/") if objects.packs is not None else ("runs/",)
    listed = [
        one
        for one in remote.listing("")
        if not (one.name.startswith(others) or is_claim_name(one.name) or is_announcement(one.name))
    ]
    findings: list[Finding] = []
    for done, finding in enumerate(each(lambda one: _check(project, remote, one), listed, remote.jobs), 1):
        tell(Progress(f"checking {remote.name}", done, len(listed), "objects"))
        if finding is not None:
            path = needed.get(finding.digest, "") if finding.digest else ""
            findings.append(replace(finding, path=path))
    packed = PackCheck()
    try:
        if objects.packs is not None:
            packed = fsck_packs.check(project, remote, objects.packs, healer, tell)
        findings += _promised(objects, reach, listed, findings, packed)
        if healer is not None:
            wrong = [finding.digest for finding in findings if finding.flaw is not Flaw.TREE and finding.digest is not None]
            sources = healer.heal_remote(wrong, remote.name)
            findings = [_heal(project, remote, finding, sources) for finding in findings]
            remote.flush()
            project.cache.barrier()
    finally:
        remote.discard()
    findings += fsck_packs.with_needs(packed.findings, needed)
    return Report(len(listed) + len(packed.right), sum(one.size for one in listed) + packed.bytes, tuple(findings))


def _check(project: Project, remote: Remote, one: Listed) -> Finding | None:
    digest = digest_of(one.name)
    if digest is None:
        return Finding(Flaw.MISNAMED, one.name, store=remote.name)
    temp = project.cache.new_temp()
    try:
        remote.download(one.name, temp, Check(digest))
        if digest.is_tree:
            decode_tree(files.read(temp), digest.algorithm)
    except MissingData:
        return None
    except Corrupted as error:
        flaw = Flaw.TREE if os.path.exists(temp) else Flaw.WRONG
        return Finding(flaw, str(digest) if flaw is Flaw.WRONG else f"{digest}: {error.message}", digest, store=remote.name)
    except UnsafePath as error:
        return Finding(Flaw.TREE, f"{digest}: {error.message}", digest, store=remote.name)
    finally:
        files.remove(temp)
    return None


def _promised(
    objects: RemoteObjects, reach: Reach, listed: list[Listed], findings: list[Finding], packed: PackCheck
) -> Iterator[Finding]:
    """Files that a tree at the remote names and that are not there: a tree is a promise."""
    bad = {finding.digest for finding in findings}
    there = {digest for one in listed if (digest := digest_of(one.name)) is not None}
    told = {finding.digest for finding in packed.findings}
    trees = sorted(there - bad)
    for tree in chain((tree for _, tree in reach.here(trees)), (tree for _, tree, _ in reach.there(objects, trees))):
        for entry in tree.entries:
            if entry.digest not in there and entry.digest not in packed.right and entry.digest not in told:
                told.add(entry.digest)
                yield Finding(Flaw.MISSING, str(entry.digest), entry.digest, entry.path, objects.remote.name)


def _heal(project: Project, remote: Remote, finding: Finding, sources: Mapping[Digest, str]) -> Finding:
    """Put a good copy in the place of what is wrong. The wrong bytes are kept here, whether there is a good copy or not."""
    digest = finding.digest
    if digest is None or finding.flaw is Flaw.TREE:
        return finding
    aside = ""
    if finding.flaw is Flaw.WRONG:
        aside = project.cache.aside(remote.name, digest)
        files.make_folder(os.path.dirname(aside))
        files.remove(aside)
        remote.download(digest.object_name, aside)
    source = sources.get(digest, "")
    if source:
        remote.upload(project.cache.path(digest), digest.object_name, Check(digest))
    elif aside:
        remote.remove(digest.object_name)
    return replace(finding, healed=source, aside=aside)
