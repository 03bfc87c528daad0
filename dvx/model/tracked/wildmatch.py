"""Patterns of ignore files, as Git reads them: byte by byte, by the rules of its `dir.c` and `wildmatch.c`.

A pattern becomes a regular expression that takes bounded time: between two asterisks the first place that fits is as good as any
other, since the second takes whatever is left, so what was found is not tried again elsewhere (atomic groups).
"""

from __future__ import annotations

import re
from itertools import pairwise

from msgspec import Struct

_SPECIAL = frozenset(b"*?[\\")
_STAR, _ANY, _FOLDERS = b"[^/]*", b".*", b"(?:.*/)?"
_DEEP = {_ANY: b".*?", _FOLDERS: b"(?:.*?/)??"}
_SLASH, _DASH, _OPEN, _CLOSE, _COLON, _ESCAPE = b"/-[]:\\"
_CLASSES = {
    b"alnum": rb"a-zA-Z0-9", b"alpha": rb"a-zA-Z", b"blank": rb" \t", b"cntrl": rb"\x00-\x1f\x7f", b"digit": rb"0-9",
    b"graph": rb"!-~", b"lower": rb"a-z", b"print": rb" -~", b"punct": rb"!-/:-@\[-`{-~", b"space": rb" \t\n\r\x0b\x0c",
    b"upper": rb"A-Z", b"xdigit": rb"0-9a-fA-F",
}  # fmt: skip


class Pattern(Struct, frozen=True):
    """What a line is about: `regex` fits all of a path, or with `by_name` of its last part; maybe only of folders."""

    excludes: bool
    folders_only: bool
    by_name: bool
    regex: re.Pattern[bytes]

    def matches(self, path: bytes, is_folder: bool) -> bool:
        """Whether the line is about this path (relative to the folder of the file) itself."""
        if self.folders_only and not is_folder:
            return False
        return self.regex.fullmatch(path.rpartition(b"/")[2] if self.by_name else path) is not None


def read_pattern(line: bytes) -> Pattern | None:
    """What a line, without its end, says; None for a comment and what matches nothing."""
    if line.startswith(b"#"):
        return None
    line = _trimmed(line)
    excludes = not line.startswith(b"!")
    line = line if excludes else line[1:]
    folders_only = line.endswith(b"/")
    line = line.removesuffix(b"/")
    by_name = b"/" not in line
    line = line if by_name else line.removeprefix(b"/")
    regex = _translated(line, by_name=by_name)
    return Pattern(excludes, folders_only, by_name, re.compile(regex, re.DOTALL)) if line and regex is not None else None


def _trimmed(line: bytes) -> bytes:
    """The line without blanks at its end, but those that a backslash keeps."""
    bare = line.rstrip(b" ")
    escapes = len(bare) - len(bare.rstrip(b"\\"))
    return bare + b" " if escapes % 2 and bare != line else bare


def _translated(line: bytes, *, by_name: bool) -> bytes | None:
    # Git compares what comes before the first special character by itself, so asterisks after it stand at a beginning
    at = next((at for at, byte in enumerate(line) if byte in _SPECIAL), len(line))
    start, found = at, [re.escape(line[:at])]
    while at < len(line):
        byte = line[at]
        if byte == ord("*"):
            end = next((end for end in range(at, len(line)) if line[end] != byte), len(line))
            is_border = end - at > 1 and (at == start or line[at - 1] == _SLASH)
            at = end
            if by_name or not is_border or not (end == len(line) or line.startswith((b"/", b"\\/"), end)):
                found.append(_STAR)
            elif line.startswith(b"/", end):
                found.append(_FOLDERS)
                at += 1
            else:
                found.append(_ANY)
        elif byte == _OPEN:
            one = _bracket(line, at + 1)
            if one is None:
                return None
            found.append(one[0])
            at = one[1]
        elif byte == ord("?"):
            found.append(b"[^/]")
            at += 1
        else:
            at += byte == _ESCAPE
            if at == len(line):
                return None
            found.append(re.escape(line[at : at + 1]))
            at += 1
    return _bounded(found)


def _bracket(line: bytes, at: int) -> tuple[bytes, int] | None:
    """The class of bytes that begins before `at`, and where it ends; None if it does not, or names no class."""
    negated = line[at : at + 1] in (b"!", b"^")
    at += negated
    found, before, first = [], -1, True
    while at < len(line) and (first or line[at] != _CLOSE):
        first = False
        byte = line[at]
        if byte == _OPEN and line.startswith(b":", at + 1) and (end := line.find(b"]", at + 2)) != at + 2:
            if end < 0:
                return None
            if line[end - 1] == _COLON:
                name = line[at + 2 : end - 1]
                if name not in _CLASSES:
                    return None
                found.append(_CLASSES[name])
                at, before = end + 1, -1
                continue
        is_range = byte == _DASH and before > 0 and at + 1 < len(line) and line[at + 1] != _CLOSE
        at += is_range
        at += line[at] == _ESCAPE and (is_range or byte == _ESCAPE)
        if at == len(line):
            return None
        if not is_range:
            found.append(re.escape(line[at : at + 1]))
        elif before <= line[at]:
            found.append(b"%b-%b" % (re.escape(bytes([before])), re.escape(line[at : at + 1])))
        before = -1 if is_range else line[at]
        at += 1
    if at >= len(line):
        return None
    inside = b"".join(found)
    if negated:
        return b"[^/%b]" % inside, at + 1
    return (b"(?!/)[%b]" % inside if inside else b"(?!)"), at + 1


def _bounded(parts: list[bytes]) -> bytes:
    """One expression of parts, each of which fits one byte, or is an asterisk of some kind."""
    deep = [at for at, part in enumerate(parts) if part in _DEEP]
    borders = [0, *deep, len(parts)]
    chunks = [parts[one:other] for one, other in pairwise(borders)]
    early = ([_DEEP.get(chunk[0], chunk[0]), *chunk[1:]] if chunk else [] for chunk in chunks[:-1])
    return b"".join([*(b"(?>%b)" % _chunk(chunk, is_last=False) for chunk in early), _chunk(chunks[-1], is_last=True)])


def _chunk(parts: list[bytes], *, is_last: bool) -> bytes:
    """Parts of which only the first may go beyond a slash."""
    stars = [at for at, part in enumerate(parts) if part == _STAR]
    first, *names = (b"".join(parts[one + 1 : other]) for one, other in pairwise([-1, *stars, len(parts)]))
    last = [_STAR + names.pop()] if is_last and names else []
    return b"".join([first, *(b"(?>[^/]*?%b)" % name for name in names), *last])
