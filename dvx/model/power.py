"""Power: what some options can do, so that a file which may have come with a repository must not set them alone."""

from __future__ import annotations

from enum import Enum

from dvx.model.options import ANY_REMOTE, TEXT
from dvx.model.settings import Level, OptionName, Setting


class Power(Enum):
    """What an option can do; the value says it to the user."""

    COMMAND = "can run a command"
    PLACE = "says where dvx writes"
    DATABASE = "says which database dvx connects to, and with which driver"


# files of credentials can name a command that prints them (`credential_process`, `source_profile`, `executable`)
_COMMANDS = frozenset(
    {"bearer_token_command", "configpath", "credentialpath"}
    | {"gdrive_user_credentials_file", "gdrive_service_account_json_file_path"}
)
_PLACES = frozenset({("cache", "dir"), ("plots", "out_dir")})
_SERVERS = frozenset({"url", "endpointurl", "oss_endpoint", "account_name"})


def power_of(name: OptionName) -> Power | None:
    """What an option can do that a stranger must not; None for all others."""
    if name.section == "remote":
        return Power.COMMAND if name.option in _COMMANDS else None
    if (name.section, name.option) in _PLACES:
        return Power.PLACE
    return Power.DATABASE if name.section == "db" and name.option == "url" else None


def may_be_recorded(option: str) -> bool:
    """Whether a pointer may set this option of a store for everybody: it runs nothing, names no file and asks for nothing."""
    known = ANY_REMOTE.get(option, TEXT)
    name = OptionName("remote", "", option)
    return power_of(name) is None and not (known.path or known.secret or option.startswith("ask_"))


def says_where(name: OptionName) -> bool:
    """Whether an option says where a remote is: which server gets data and credentials."""
    return name.section == "remote" and name.option in _SERVERS


def is_inside(setting: Setting) -> bool:
    """Whether a setting stands in a file below the project, which may have come with it."""
    return setting.level in (Level.REPO, Level.LOCAL)
