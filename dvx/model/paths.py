"""Paths as values: POSIX strings relative to the project, checked before use."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence

from dvx.errors import UnsafePath

# most paths are of this kind, which no disguise fits
_PLAIN = re.compile(r"[\w-][\w.-]*+(?:/[\w-][\w.-]*+)*+", re.ASCII)
_PLAIN_LINES = re.compile(rf"(?:{_PLAIN.pattern}\n)*+", re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:(?:[/\\]|\Z)")
_LONGEST = 4_096
# categories of characters that a terminal obeys, or that hide the text around them or turn it around
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_FORBIDDEN = frozenset({".git", ".dvx", ".dvc", "git~1", "dvx~1", "dvc~1"})
# what Unicode calls default ignorable, beside the format characters (Cf)
_IGNORABLE = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x3164, 0xFFA0]
    + [*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0100, 0xE01F0)]
)


def check_path(path: str) -> str:
    """Return `path` if it is safe to use below a project or tracked folder.

    Raises:
        UnsafePath: it is empty, absolute, a drive path, climbs with `..`, has empty or `.` parts, control
            characters, is longer than any system allows, or names `.git`, `.dvx` or `.dvc` in any disguise
            (case, 8.3 name, stream, trailing dots).
    """
    if len(path) > _LONGEST:
        raise UnsafePath(f"`{printable(path[:50])}...` is longer than {_LONGEST:,} characters")
    if _PLAIN.fullmatch(path):
        return path
    if not path or path[0] in "/\\" or _DRIVE.match(path):
        raise UnsafePath(f"`{printable(path)}` is not a relative path")
    if not path.isprintable() and any(ord(c) < 32 or ord(c) == 127 for c in path):
        raise UnsafePath(f"`{printable(path)}` has control characters")
    # a backslash separates on other systems
    for part in path.replace("\\", "/").split("/"):
        if not part.rstrip(". "):
            raise UnsafePath(f"`{printable(path)}` has an empty, `.` or `..` part")
        if part[0] in ".dDgG" or not part.isascii():
            _check_part(part, path)
    return path


def check_windows(path: str) -> None:
    """Refuse what Windows takes for a drive or a stream of a file, which elsewhere is a name; raises UnsafePath."""
    if ":" in path:
        raise UnsafePath(f"`{printable(path)}` has a colon, which names on Windows cannot have", "rename it where it comes from")


def check_paths(paths: Sequence[str]) -> None:
    """Like `check_path` of each; where all are plain, they are looked at in one go."""
    lines = "".join([f"{path}\n" for path in paths])
    if lines.count("\n") != len(paths) or max(map(len, paths), default=0) > _LONGEST or not _PLAIN_LINES.fullmatch(lines):
        for path in paths:
            check_path(path)


def _check_part(part: str, path: str) -> None:
    seen = (c for c in unicodedata.normalize("NFC", part) if ord(c) not in _IGNORABLE and unicodedata.category(c) != "Cf")
    plain = "".join(seen).split(":")[0].rstrip(". ").casefold()
    if plain in _FORBIDDEN:
        raise UnsafePath(f"`{printable(path)}` reaches into `{printable(part)}`")


def join(folder: str, name: str) -> str:
    """`name` as written in a file of `folder`, relative to the project; may come out with leading `..`."""
    joined = posixpath.normpath(posixpath.join(folder, name))
    return "" if joined == "." else joined


def located(text: str, folder: str, root: str) -> str:
    """Where `text`, as written in a file of `folder`, leads: relative to the project at `root`, also out of it; a URL stays.

    An absolute path stays, too, where `root` is empty.
    """
    if "://" in text:
        return text
    if not text.startswith("/"):
        found = join(folder, text)
        if not root or not found.startswith("../"):
            return found
        # it may come back in, by the name of the project's folder
        text = posixpath.join(root, found)
    if not root:
        return posixpath.normpath(text)
    found = posixpath.relpath(text, root)
    return "" if found == "." else found


def is_outside(path: str) -> bool:
    """Whether that, seen from the project, is a URL or leads out of the project."""
    return path.startswith(("../", "/")) or path == ".." or "://" in path


def parent(path: str) -> str:
    """The folder of `path`; empty for the project itself."""
    return path.rpartition("/")[0]


def ancestors(path: str) -> Iterator[str]:
    """The folders that a path lies in, the innermost first, without the project itself."""
    while path := parent(path):
        yield path


def relative(path: str, folder: str) -> str:
    """`path` as it is written in a file of `folder` (both relative to the project)."""
    if not folder:
        return path or "."
    if path.startswith(folder + "/"):
        return path[len(folder) + 1 :]
    if path == ".." or path.startswith("../"):
        return "../" * (folder.count("/") + 1) + path
    return posixpath.relpath("/" + path, "/" + folder)


def within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it; everything lies in the project (`""`)."""
    return not folder or path == folder or path.startswith(folder + "/")


def overlap(one: str, other: str) -> bool:
    """Whether one path is, contains or lies below the other."""
    return within(one, other) or within(other, one)


def printable(path: str) -> str:
    """`path` with bytes that are not text, and control characters, made visible."""
    return path.encode("utf-8", "backslashreplace").decode() if path.isprintable() else repr(path)[1:-1]


def listed(paths: Sequence[str]) -> str:
    """The first five of some paths, in a message."""
    return ", ".join(f"`{printable(path)}`" for path in paths[:5]) + (", ..." if len(paths) > 5 else "")


def visible(text: str) -> str:
    """`text`, which may have several lines, with all that a terminal obeys or does not show as escapes."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _UNSEEN else ascii(c)[1:-1] for c in text)
