"""What a push relies on, read back from the remote: all of it where the user wants that, else what its checksums put in doubt.

What is wrong there is kept in quarantine here, sent again from a good copy in the cache, and read once more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Collection, Mapping
from functools import partial

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import Digest
from dvx.model.events import Notice, Progress, Tell
from dvx.model.paths import printable
from dvx.model.transfer.plan import Need, TransferResult
from dvx.ops.transfer.plans import RemoteDifference, Step
from dvx.ops.transfer.provenance import refuse, unconfirmed
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.crowd import each
from dvx.store.remotes.packs import read_packed
from dvx.store.remotes.remote_objects import RemoteObjects
from dvx.store.verify import Check

_FEW, _SMALL = 4, 8 << 20
_READERS = 4


def read_back(project: Project, step: Step, objects: RemoteObjects, tell: Tell, *, everything: bool) -> TransferResult:
    """Read what a push relies on; `failed` has what is wrong at the remote and could not be mended.

    Raises:
        RemoteError: the remote failed.
        DvxError: the user has to agree first that data goes to this remote.
    """
    found = step.found
    if found is None:
        return TransferResult()
    needs = {**found.wanted.files, **found.wanted.trees}
    wrong: Mapping[Digest, str]
    if everything:
        wrong = _wrong(project, objects, needs.keys(), tell)
        tell(Notice(f"objects read back from `{step.remote}`: {len(needs)}, wrong or missing: {len(wrong)}"))
    else:
        settings = project.config.remote(step.remote)
        doubtful = {} if any(name.startswith("sse") for name in settings.options) else _doubtful(project, found, needs)
        wrong = _wrong(project, objects, sorted(doubtful, key=lambda digest: doubtful[digest])[:_FEW], tell)
        if wrong:
            wrong = _wrong(project, objects, doubtful, tell)
    if not wrong:
        return TransferResult()
    hurt = [needs[digest] for digest in wrong]
    # that the remote has something under a name says nothing of whose data it is
    refuse(unconfirmed(project, step.remote, found.items, hurt, found.wanted.children), step.remote, step.url)
    return _mend(project, objects, {need: wrong[need.digest] for need in hurt}, tell)


def _wrong(project: Project, objects: RemoteObjects, digests: Collection[Digest], tell: Tell) -> dict[Digest, str]:
    """Those of the objects that cannot be read as they should be, and why."""
    packed, wrong = _read_packs(objects, digests, tell)
    alone = [digest for digest in digests if digest not in packed]
    for count, reason in enumerate(each(partial(_read, project, objects), alone, objects.remote.jobs), 1):
        tell(Progress(f"reading {objects.remote.name} back", count, len(alone), "objects"))
        digest = alone[count - 1]
        if reason:
            wrong[digest] = wrong.get(digest, reason)
        else:
            wrong.pop(digest, None)
    return wrong


def _read_packs(objects: RemoteObjects, digests: Collection[Digest], tell: Tell) -> tuple[set[Digest], dict[Digest, str]]:
    """Which lie in packs as they should, and what is wrong with others in packs."""
    if objects.packs is None or not digests:
        return set(), {}
    located = objects.packs.locate(digests, tell)
    wrong = read_packed(objects.packs, located, min(_READERS, objects.remote.jobs), lambda _digest, _data: None)
    return located.keys() - wrong.keys(), wrong


def _read(project: Project, objects: RemoteObjects, digest: Digest) -> str:
    """What is wrong with an object that lies at the remote by itself; empty if nothing is."""
    temp = project.cache.new_temp()
    try:
        objects.remote.download(digest.object_name, temp, Check(digest))
    except (Corrupted, MissingData) as error:
        return error.message
    finally:
        files.remove(temp)
    return ""


def _doubtful(project: Project, found: RemoteDifference, needs: Mapping[Digest, Need]) -> dict[Digest, int]:
    """Objects, with their sizes, whose MD5 is not what the store says unasked. An encrypted one has another there, too."""
    told = {digest: one for digest, one in found.told.items() if digest in needs and digest not in found.absent}
    known = {digest: one for digest, one in told.items() if digest.algorithm == "md5"}
    others = [digest for digest in told.keys() - known.keys() if told[digest].size <= _SMALL]
    sample = random.sample(others, min(_FEW, len(others)))
    md5s = {digest: digest.hex.partition(".")[0] for digest in known}
    md5s |= {digest: md5 for digest in sample if (md5 := _md5(project.cache.path(digest)))}
    return {digest: told[digest].size for digest, md5 in md5s.items() if told[digest].md5 != md5}


def _md5(path: str) -> str:
    try:
        return hashlib.md5(files.read(path), usedforsecurity=False).hexdigest()
    except OSError:
        return ""


def _mend(project: Project, objects: RemoteObjects, wrong: Mapping[Need, str], tell: Tell) -> TransferResult:
    """Send what is wrong again, from the cache."""
    failed: list[tuple[str, str]] = []
    sent = 0
    for need, reason in wrong.items():
        problem = _send_again(project, objects, need.digest)
        if problem:
            failed.append((need.path, f"{reason}, and {problem}"))
        else:
            sent += need.size or 0
            tell(Notice(f"`{printable(need.path)}` was wrong at `{objects.remote.name}`, and was sent again: {reason}"))
    return TransferResult(len(wrong) - len(failed), sent, tuple(failed))


def _send_again(project: Project, objects: RemoteObjects, digest: Digest) -> str:
    """Replace what is at the remote, which is kept here. Returns why that was in vain; empty if it was not."""
    if not project.cache.verify(digest):
        return "the cache has no good copy of it"
    remote, aside = objects.remote, project.cache.aside(objects.remote.name, digest)
    files.make_folder(os.path.dirname(aside))
    files.remove(aside)
    with contextlib.suppress(MissingData):
        remote.download(digest.object_name, aside)
    remote.upload(project.cache.path(digest), digest.object_name, Check(digest))
    remote.flush()
    return _read(project, objects, digest)
