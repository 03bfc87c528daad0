"""Power: what some options can do, so that a file which may have come with a repository must not set them alone."""

from __future__ import annotations

from enum import Enum

from dvx.model.setup.options import ANY_REMOTE, TEXT
from dvx.model.setup.settings import Level, OptionName, Setting


class Power(Enum):
    """What an option can do; the value says it to the user."""

    COMMAND = "can run a command"
    PLACE = "says where dvx writes"
    BROWSER = "opens a browser"
    PUSH = "pushes experiments as soon as they are recorded"
    PUSH_PLACE = "says where experiments are pushed as soon as they are recorded"
    DATABASE = "says which database dvx connects to, and with which driver"


# files of credentials can name a command that prints them (`credential_process`, `source_profile`, `executable`)
_COMMANDS = frozenset(
    {"bearer_token_command", "configpath", "credentialpath"}
    | {"gdrive_user_credentials_file", "gdrive_service_account_json_file_path"}
)
_OTHERS = {
    ("cache", "dir"): Power.PLACE,
    ("plots", "out_dir"): Power.PLACE,
    ("plots", "auto_open"): Power.BROWSER,
    ("exp", "auto_push"): Power.PUSH,
    ("exp", "git_remote"): Power.PUSH_PLACE,
}
_SERVERS = frozenset({"url", "endpointurl", "oss_endpoint", "account_name"})
# through whom a server is reached, and whether it has to show who it is
_WAYS = frozenset({"port", "use_ssl", "use_https", "ssl_verify", "auth", "proxy_to", "data_proxy_target"})
# how much at once, how long, and how links look: wherever data goes, it goes there all the same
_HARMLESS = frozenset(
    {"jobs", "checksum_jobs", "max_sessions", "timeout", "read_timeout", "connect_timeout", "connection_timeout"}
    | {"no_traverse", "listobjects", "cache_regions", "replication", "verify"}
    | {"type", "protected", "slow_link_warning", "gdrive_trash_only"}
)


def power_of(name: OptionName) -> Power | None:
    """What an option can do that a stranger must not; None for all others."""
    if name.section == "remote":
        return Power.COMMAND if name.option in _COMMANDS else None
    return Power.DATABASE if name.section == "db" and name.option == "url" else _OTHERS.get((name.section, name.option))


def may_be_recorded(option: str) -> bool:
    """Whether a pointer may set this option of a store for everybody: it runs nothing, names no file and asks for nothing."""
    known = ANY_REMOTE.get(option, TEXT)
    name = OptionName("remote", "", option)
    return power_of(name) is None and not (known.path or known.secret or option.startswith("ask_"))


def says_where(name: OptionName) -> bool:
    """Whether an option says which server gets data and credentials, or who on the way can read them."""
    return name.section == "remote" and name.option in _SERVERS | _WAYS


def is_way(option: str) -> bool:
    """Whether an option of a remote says how its server is reached."""
    return option in _WAYS


def steers(name: OptionName) -> bool:
    """Whether an option changes where the data of a remote goes, how, as whose, and who may read or open it there."""
    return name.section == "remote" and name.option not in _HARMLESS


def is_inside(setting: Setting) -> bool:
    """Whether a setting stands in a file below the project, which may have come with it."""
    return setting.level in (Level.REPO, Level.LOCAL)
