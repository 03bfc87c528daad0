"""Which lines of a file that Git has are others than a stage read, and which commits changed them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from dvx.model.digest import Digest, digest_bytes
from dvx.ops.tracked.past import Past
from dvx.project import Project
from dvx.store.reading import read_regular

_MOST_BYTES = 1 << 18
_MOST_LINES = 10_000
# to find the least change takes the square of the lines, where many are the same
_MOST_EXACT = 1_000
_Opcode = tuple[str, int, int, int, int]


def line_changes(project: Project, past: Past, path: str, old: Digest) -> list[str]:
    """The ranges of lines of a file, as it is now, that changed since it had a digest; none if Git does not know that version."""
    if path.startswith(("../", "/")):
        return []
    try:
        now, _ = read_regular(project.abs(path), _MOST_BYTES + 1)
    except OSError:
        return []
    if not _is_text(now):
        return []
    known = past.versions(path)
    texts = {blob: data for blob, data in past.texts(blob for _, blob in known).items() if _is_text(data)}
    at = next((at for at, (_, blob) in enumerate(known) if _digest(texts, blob, old) == old), None)
    if at is None:
        return []
    steps = [(commit, texts[blob]) for commit, blob in reversed(known[:at]) if blob in texts]
    if now != texts.get(known[0][1]):
        steps.append(("", now))
    by = {commit: past.subject(commit) for commit, _ in steps if commit}
    before = texts[known[at][1]].splitlines()
    makers = _makers(before, steps)
    found = []
    for tag, start, end, first, last in _opcodes(before, now.splitlines()):
        if tag == "delete":
            told = by.get(steps[0][0], "not committed") if len(steps) == 1 else "gone"
            found.append(f"{_range(start, end)} of the old version: {told}")
        elif tag != "equal":
            runs = itertools.groupby(range(first, last), lambda line: makers[line])
            for maker, run in runs:
                lines = list(run)
                found.append(f"{_range(lines[0], lines[-1] + 1)}: {by.get(maker or '', 'not committed')}")
    return found


def _digest(texts: Mapping[str, bytes], blob: str, like: Digest) -> Digest | None:
    return digest_bytes(texts[blob], like.algorithm) if blob in texts else None


def _is_text(data: bytes) -> bool:
    return len(data) <= _MOST_BYTES and b"\0" not in data and len(data.splitlines()) <= _MOST_LINES


def _makers(before: list[bytes], steps: Sequence[tuple[str, bytes]]) -> list[str | None]:
    """The commit that brought each line of the last version; empty if it is in none, None for those that were there before."""
    makers: list[str | None] = [None] * len(before)
    for commit, data in steps:
        after = data.splitlines()
        new: list[str | None] = []
        for tag, start, end, first, last in _opcodes(before, after):
            new += makers[start:end] if tag == "equal" else [commit] * (last - first)
        before, makers = after, new
    return makers


def _opcodes(before: list[bytes], after: list[bytes]) -> list[_Opcode]:
    """What `difflib` says, without the lines at both ends that are the same, which cost it much."""
    pairs = zip(before, after, strict=False)
    head = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    ends = zip(reversed(before[head:]), reversed(after[head:]), strict=False)
    tail = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], ends))
    middles = (before[head : len(before) - tail], after[head : len(after) - tail])
    found = SequenceMatcher(None, *middles, autojunk=max(map(len, middles)) > _MOST_EXACT).get_opcodes()
    return [
        ("equal", 0, head, 0, head),
        *((tag, start + head, end + head, first + head, last + head) for tag, start, end, first, last in found),
        ("equal", len(before) - tail, len(before), len(after) - tail, len(after)),
    ]


def _range(start: int, end: int) -> str:
    return f"line {start + 1}" if end - start == 1 else f"lines {start + 1}-{end}"
