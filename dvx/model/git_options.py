"""The text of a Git configuration file, and which options in it make the Git commands of dvx start a program."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

# of what follows an option with power holds one; most files have none of these words
_WORDS = re.compile(
    rb"sshcommand|proxy|cookie|sslverify|askpass|alternaterefs|filter|lfs|credential|uploadpack|receivepack|vcs|gpg|include|protocol|::|hook",
    re.IGNORECASE,
)
_HEADER = re.compile(r'\[\s*([\w.-]+)(?:\s+"((?:[^"\\\n]|\\.)*)")?\s*\]')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t\r]*")
_BLANK = re.compile(r"(?:[\s\ufeff]|[#;][^\n]*)*")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}
# section and key; what may stand between them is a name
_RUN = frozenset(
    [("core", key) for key in ("sshcommand", "gitproxy", "askpass", "alternaterefscommand")]
    + [("filter", key) for key in ("clean", "smudge", "process")]
    + [("lfs", key) for key in ("path", "clean", "smudge", "standalonetransferagent")]
    + [("remote", key) for key in ("uploadpack", "receivepack", "vcs")]
    + [
        ("gpg", "program"),
        ("gpg", "defaultkeycommand"),
        ("credential", "helper"),
        ("gc", "recentobjectshook"),
        ("hook", "command"),
    ]
    + [("http", key) for key in ("savecookies", "cookiefile", "proxy", "sslverify")]
    + [("include", "path"), ("includeif", "path")]
)
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_PLAIN_PROTOCOLS = frozenset({"http", "https", "git", "ssh", "file"})
# what people use, found where their own programs are: these name no other program
_USUAL = {
    "filter": re.compile(
        r"git-lfs (?:(?:clean|smudge(?: --skip)?) -- %f|filter-process(?: --skip)?)"
        r"|git-crypt (?:clean|smudge)(?: --key-name=[\w-]+)?|nbstripout|cat"
    ),
    "credential": re.compile(r"(?:cache(?: --timeout[= ]\d+)?|store|osxkeychain|manager|manager-core|libsecret|wincred|oauth)"),
    "core.sshcommand": re.compile(r"ssh(?: -i [\w./~-]+| -o IdentitiesOnly[= ]yes| -o BatchMode[= ]yes| -p \d+| -[46Cqv])*"),
    "remote": re.compile(r"git-(?:upload|receive)-pack"),
    "http.sslverify": re.compile(r"(?i:true|yes|on|1)"),
}


class GitOption(Struct, frozen=True):
    """One option as a file has it; `name` is lower case but for its subsection, and `line` counts from 1."""

    name: str
    value: str
    line: int


def may_have_power(data: bytes) -> bool:
    """Whether a file has to be read at all."""
    return _WORDS.search(data) is not None


def read_options(text: str) -> Iterator[GitOption]:
    """The options of a file, as Git reads them (source: git-config, "Syntax").

    Raises:
        ValueError: it is not one.
    """
    section, at = "", _skip(text, 0)
    while at < len(text):
        header = _HEADER.match(text, at)
        if header:
            section = header[1].lower() + ("." + re.sub(r"\\(.)", r"\1", header[2]) if header[2] is not None else "")
            at = _skip(text, header.end())
            continue
        key = _KEY.match(text, at)
        if key is None or not section:
            raise ValueError(f"line {_line(text, at)} is not understood")
        begin, at, value = at, key.end(), "true"
        if text[at : at + 1] == "=":
            value, at = _value(text, at + 1)
        elif at < len(text) and text[at] not in "\n#;":
            raise ValueError(f"line {_line(text, at)} is not understood")
        yield GitOption(f"{section}.{key[1].lower()}", value, _line(text, begin))
        at = _skip(text, at)


def has_power(option: GitOption) -> bool:
    """Whether Git, called by dvx, starts a program because of it that is not one of the usual ones."""
    section, _, rest = option.name.partition(".")
    between, _, key = rest.rpartition(".")
    if (section, key) in _RUN:
        usual = _USUAL.get(option.name) or _USUAL.get(section)
        return bool(option.value) and (usual is None or usual.fullmatch(option.value) is None)
    if section == "protocol" and key == "allow":
        return between not in _PLAIN_PROTOCOLS and option.value != "never"
    if section == "url":
        return _HELPER.match(between) is not None
    return section == "remote" and key in ("url", "pushurl") and _HELPER.match(option.value) is not None


def is_include(option: GitOption) -> bool:
    """Whether its value is the path of another file of options."""
    return option.name == "include.path" or (option.name.startswith("includeif.") and option.name.endswith(".path"))


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins there, and where its line ends."""
    found: list[str] = []
    kept, quoted = 0, False
    while at < len(text) and text[at] != "\n" and (quoted or text[at] not in "#;"):
        char, following = text[at], text[at + 1 : at + 3]
        at += 1
        if char == "\\":
            if following[:1] == "\n" or following == "\r\n":
                at += 1 + (following[:1] == "\r")
                continue
            found.append(_ESCAPES.get(following[:1], following[:1]))
            kept, at = len(found), at + 1
        elif char == '"':
            quoted = not quoted
            kept = len(found)
        elif quoted or not char.isspace():
            found.append(char)
            kept = len(found)
        elif found:
            found.append(char)
    if quoted:
        raise ValueError(f"line {_line(text, at)} is not understood")
    return "".join(found[:kept]), at


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
