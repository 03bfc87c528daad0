"""The text of a Git configuration file, and which options in it make the Git commands of dvx start a program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from enum import Enum

from msgspec import Struct

# of what follows an option with power holds one; most files have none of these words
_WORDS = re.compile(
    rb"sshcommand|proxy|cookie|sslverify|askpass|alternaterefs|filter|lfs|credential|uploadpack|receivepack|vcs|gpg|include|protocol|::|hook"
    rb"|remote-",
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
# what a shell takes as it stands, but for quotes
_SIMPLE = re.compile(r"""[\w ./~+@,:=%"'\\-]*""")
# as actions/checkout writes it
_RUNNER_FOLDER = re.compile(r'(?<=")((?:UserKnownHostsFile=)?)\$(?=RUNNER_TEMP/)')
_STRIP_FLAGS = r"(?: --(?:keep-count|keep-output|keep-id|drop-empty-cells|strip-init-cells))*"
_YES_NO = (
    "BatchMode CheckHostIP Compression GSSAPIAuthentication HashKnownHosts IdentitiesOnly KbdInteractiveAuthentication"
    " PasswordAuthentication PubkeyAuthentication TCPKeepAlive UpdateHostKeys"
)
_SSH = (
    r"(?: -i \S+| -p \d+| -F (?:/dev/null|none)| -[46CTaqvx]+| -o (?i:"
    rf"(?:{_YES_NO.replace(' ', '|')})[= ](?:yes|no)"
    r"|StrictHostKeyChecking[= ](?:yes|no|ask|off|accept-new)|(?:IdentityAgent|ControlPath)[= ]none"
    r"|(?:ControlMaster|ForwardAgent|AddKeysToAgent)[= ]no|IdentityFile[= ]\S+"
    r"|LogLevel[= ]\w+|(?:ConnectTimeout|ConnectionAttempts|Port|ServerAliveInterval|ServerAliveCountMax)[= ]\d+"
    r"|(?:PreferredAuthentications|HostKeyAlgorithms|KexAlgorithms|PubkeyAccepted(?:Algorithms|KeyTypes))[= ][\w+@.,^-]+"
    r"|(?:User|Global)KnownHostsFile[= ](?:/dev/null|none|[\w./~$-]*known_hosts[\w.-]*)))*"
)
# what people use, by the last part of the program's name, with the words that follow it
_USUAL: dict[str, dict[str, str]] = {
    "filter": {
        "cat": "",
        "git-lfs": r" (?:clean(?: --)? %f|smudge(?: --skip)?(?: --)? %f|filter-process(?: --skip)?)",
        "git-crypt": r" (?:clean|smudge)(?: --key-name=[\w-]+)?",
        "nbstripout": _STRIP_FLAGS,
        r"python[\d.]*t?": rf"(?P<flags>(?: -[BEIPsSu]+| -X ?utf8(?:=1)?)*) -m nbstripout{_STRIP_FLAGS}",
    },
    "core.sshcommand": {"ssh": _SSH},
    "credential": {
        "gh": " auth git-credential",
        "glab": " auth git-credential",
        r"git-credential-(?:manager(?:-core)?|libsecret|oauth|osxkeychain)(?:\.exe)?": "",
        "aws": r"(?: --(?:profile|region)[= ][\w-]+)* codecommit credential-helper(?: \$@)?",
        "gcloud": r" auth git-helper(?: --account=[\w.@-]+)?(?: --ignore-unknown)?(?: \$@)?",
    },
    "remote": {"git-upload-pack": "", "git-receive-pack": ""},
    "gpg": {"gpg2?": "", "gpgsm": "", "ssh-keygen": "", "op-ssh-sign": ""},
}
# helpers that Git looks for under a name of its own
_HELPERS = re.compile(
    r"cache(?: --timeout[= ]\d+)?|store(?: --file(?:=(?!~)| )[\w./~-]*cred[\w.-]*)?"
    r"|osxkeychain|manager(?:-core)?|libsecret|wincred|oauth|gcloud\.sh"
)
_WRITTEN = re.compile(r"(?i:--file|KnownHostsFile)[= ](\S+)")
# as the runner of GitLab writes it
_JOB_TOKEN = """!f(){ if [ "$1" = "get" ] ; then echo "password=${CI_JOB_TOKEN}" ; fi ; } ; f"""  # noqa: S105 - names a variable
_CHECKED = re.compile(r"(?i:true|yes|on|1)")


class Condition(Enum):
    """What has to be so for an option to be harmless; the value says what it does otherwise."""

    NEVER = "lets Git run a program"
    PROGRAM = "lets Git run a program inside the repository"
    FOREIGN = "lets Git run a program of another user"
    PYTHON = "lets Git run a Python that may load modules of the repository"
    WRITTEN = "lets Git write a file inside the repository"


class Demand(Struct, frozen=True):
    """A program or a file that an option names must lie outside of the repository, or no option of its kind is harmless."""

    need: Condition
    path: str = ""


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
    # Git would take what comes before it for the whole value
    if "\0" in text:
        raise ValueError(f"line {_line(text, text.index(chr(0)))} has a NUL character")
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


def runs_module(data: bytes) -> bool:
    """Whether a file may name a Python that looks for modules in the current folder, if it is not told otherwise."""
    return b"nbstripout" in data


def demands(option: GitOption) -> tuple[Demand, ...]:
    """What has to be so for Git, called by dvx, to start no stranger's program because of an option; empty if it starts none."""
    section, _, rest = option.name.partition(".")
    between, _, key = rest.rpartition(".")
    never = (Demand(Condition.NEVER),)
    if (section, key) in _RUN:
        return _of_value(option, section) if option.value else ()
    if section == "alias":
        # Git takes an alias for a helper that is not installed
        return never if rest.lower().startswith(("credential-", "remote-")) else ()
    if section == "protocol" and key == "allow":
        return never if between not in _PLAIN_PROTOCOLS and option.value != "never" else ()
    helper = between if section == "url" else option.value if section == "remote" and key in ("url", "pushurl") else ""
    return never if _HELPER.match(helper) else ()


def is_include(option: GitOption) -> bool:
    """Whether its value is the path of another file of options."""
    return option.name == "include.path" or (option.name.startswith("includeif.") and option.name.endswith(".path"))


def _of_value(option: GitOption, section: str) -> tuple[Demand, ...]:
    """What an option that runs something demands: one of the usual programs, where no repository brings it."""
    never, command = (Demand(Condition.NEVER),), option.value
    if option.name == "http.sslverify":
        return () if _CHECKED.fullmatch(command) else never
    if section == "credential" and not command.startswith(("!", "/")):
        return _written(command) if _HELPERS.fullmatch(command) else never
    if section == "credential" and command == _JOB_TOKEN:
        return ()
    command = command.removeprefix("!")
    usual = _USUAL.get(option.name) or _USUAL.get(section, {})
    if _SIMPLE.fullmatch(_RUNNER_FOLDER.sub(r"\1", command).removesuffix(" $@")) is None:
        return never
    try:
        program, *words = shlex.split(command)
    except ValueError:
        return never
    if program.startswith("~") and not command.startswith("~/"):
        return never
    name, arguments = program.rpartition("/")[2], "".join(f" {word}" for word in words)
    for known, form in usual.items():
        found = re.fullmatch(form, arguments) if re.fullmatch(known, name) else None
        if found is not None:
            is_module = "flags" in found.groupdict() and not re.search(" -[BEsSu]*[IP]", found["flags"])
            asked = (
                (Demand(Condition.PYTHON, program),)
                if is_module
                else (Demand(Condition.PROGRAM, program),)
                if "/" in program
                else ()
            )
            return asked + _written(arguments)
    return never


def _written(arguments: str) -> tuple[Demand, ...]:
    """The files that a program writes, whatever stands in them."""
    return tuple(Demand(Condition.WRITTEN, path) for path in _WRITTEN.findall(arguments) if path not in ("/dev/null", "none"))


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
