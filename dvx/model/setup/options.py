"""Options: every option that a configuration file may set, and what its value may be."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from dvx.model.setup.quoting import Value


class ValueKind(Enum):
    """What a value is, in the words of an error message."""

    TEXT = "a text"
    FLAG = "`true` or `false`"
    WHOLE = "a whole number"
    NUMBER = "a number"
    LINKS = "a list of `reflink`, `hardlink`, `symlink`, `copy`"
    CHOICE = "one of"


class Option(Struct, frozen=True):
    """One option. `secret` values are neither printed nor written to tracked files; `path` ones are relative to their file."""

    kind: ValueKind = ValueKind.TEXT
    minimum: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    path: bool = False

    def refusal(self, value: Value) -> str:
        """What is wrong with a value, without the value of a secret; empty if nothing is."""
        if self.kind is ValueKind.LINKS:
            words = split_words(value)
            return "" if words and _LINKS.issuperset(words) else f"is {self.kind.value}, not `{','.join(words)}`"
        if isinstance(value, tuple):
            return "is a single value: put it in double quotes, as it has a comma"
        if self.kind is ValueKind.FLAG and value.lower() not in ("true", "false"):
            return f"is {self.kind.value}, not `{value}`"
        if self.kind is ValueKind.CHOICE and value.lower() not in self.choices:
            return f"is {self.kind.value} {', '.join(f'`{choice}`' for choice in self.choices)}, not `{value}`"
        if self.kind in (ValueKind.WHOLE, ValueKind.NUMBER) and not self._counts(value):
            least = "" if self.minimum is None else f" of at least {self.minimum}"
            return f"is {self.kind.value}{least}, not `{value}`"
        return ""

    def _counts(self, value: str) -> bool:
        try:
            number = int(value) if self.kind is ValueKind.WHOLE else float(value)
        except ValueError:
            return False
        return self.minimum is None or number >= self.minimum


_LINKS = frozenset({"reflink", "hardlink", "symlink", "copy"})


def split_words(value: Value) -> tuple[str, ...]:
    """The words of a list that is written with or without quotes."""
    return tuple(word.strip() for word in (value.split(",") if isinstance(value, str) else value))


TEXT = Option()
SECRET = Option(secret=True)
PATH = Option(path=True)
FLAG = Option(ValueKind.FLAG)
WHOLE = Option(ValueKind.WHOLE)
COUNT = Option(ValueKind.WHOLE, minimum=1)
SECONDS = Option(ValueKind.NUMBER, minimum=0)
LINKS = Option(ValueKind.LINKS)
GROUP = Option(ValueKind.CHOICE, choices=("group",))

Options = Mapping[str, Option]


def _each(option: Option, names: str) -> dict[str, Option]:
    return dict.fromkeys(names.split(), option)


_LOCAL = {"type": LINKS, "shared": GROUP, **_each(FLAG, "protected slow_link_warning verify")}

# names that only older versions of DVC used are known, so that their files still load
SECTIONS: Mapping[str, Options] = {
    "core": {
        **_each(TEXT, "remote site_cache_dir machine"),
        **_each(FLAG, "interactive analytics hardlink_lock no_scm autostage experiments check_update"),
        "checksum_jobs": COUNT,
    },
    "cache": {"dir": PATH, **_LOCAL, **_each(TEXT, "local s3 gs hdfs webhdfs ssh azure")},
    "state": _each(TEXT, "dir row_limit row_cleanup_quota"),
    "index": _each(TEXT, "dir"),
    "plots": {**_each(TEXT, "html_template out_dir"), "auto_open": FLAG},
    "exp": {**_each(TEXT, "code data models metrics params plots live git_remote"), "auto_push": FLAG},
    "parsing": {
        "bool": Option(ValueKind.CHOICE, choices=("store_true", "boolean_optional")),
        "list": Option(ValueKind.CHOICE, choices=("nargs", "append")),
    },
    "hydra": {"enabled": FLAG, **_each(TEXT, "config_dir config_module config_name plugins_path")},
    "studio": {"token": SECRET, **_each(TEXT, "url repo_url"), "offline": FLAG},
}
DATABASE: Options = {**_each(TEXT, "url username"), "password": SECRET}

_COMMON = {"url": PATH, **_each(COUNT, "jobs checksum_jobs"), **_each(FLAG, "worktree no_traverse version_aware")}
_HTTP = {
    "auth": Option(ValueKind.CHOICE, choices=("basic", "digest", "custom")),
    **_each(TEXT, "user method ssl_verify"),
    **_each(SECRET, "password custom_auth_header"),
    **_each(SECONDS, "connect_timeout read_timeout"),
    **_each(FLAG, "ask_password verify"),
}
_WEBDAV = {
    **_each(TEXT, "user bearer_token_command ssl_verify"),
    **_each(PATH, "cert_path key_path"),
    **_each(SECRET, "password token custom_auth_header"),
    **_each(FLAG, "ask_password verify"),
    "timeout": WHOLE,
}
REMOTES: Mapping[str, Options] = {
    scheme: {**_COMMON, **own}
    for scheme, own in {
        "": _LOCAL,
        "s3": {
            **_each(TEXT, "region profile endpointurl ssl_verify sse sse_kms_key_id sse_customer_algorithm acl"),
            **_each(TEXT, "grant_read grant_read_acp grant_write_acp grant_full_control"),
            **_each(PATH, "credentialpath configpath"),
            **_each(SECRET, "access_key_id secret_access_key session_token sse_customer_key"),
            **_each(FLAG, "use_ssl allow_anonymous_login listobjects cache_regions verify"),
            **_each(WHOLE, "read_timeout connect_timeout"),
        },
        "gs": {
            **_each(TEXT, "projectname endpointurl"),
            **_each(FLAG, "allow_anonymous_login verify"),
            "credentialpath": PATH,
        },
        "azure": {
            **_each(TEXT, "account_name tenant_id client_id"),
            **_each(SECRET, "connection_string sas_token account_key client_secret"),
            **_each(FLAG, "allow_anonymous_login exclude_environment_credential exclude_visual_studio_code_credential"),
            **_each(FLAG, "exclude_shared_token_cache_credential exclude_managed_identity_credential verify"),
            **_each(WHOLE, "timeout read_timeout connection_timeout"),
        },
        "ssh": {
            **_each(WHOLE, "port timeout max_sessions"),
            **_each(SECRET, "password passphrase"),
            **_each(FLAG, "ask_password ask_passphrase gss_auth allow_agent verify"),
            "user": TEXT,
            "keyfile": PATH,
            "type": LINKS,
        },
        "http": _HTTP,
        "https": _HTTP,
        "webdav": _WEBDAV,
        "webdavs": _WEBDAV,
        "hdfs": {**_each(TEXT, "user kerb_ticket"), "replication": WHOLE},
        "webhdfs": {
            **_each(TEXT, "user kerberos_principal proxy_to ssl_verify data_proxy_target"),
            **_each(SECRET, "password token"),
            **_each(FLAG, "kerberos use_https verify"),
        },
        "oss": {**_each(SECRET, "oss_key_id oss_key_secret"), "oss_endpoint": TEXT, "verify": FLAG},
        "gdrive": {
            **_each(TEXT, "profile gdrive_client_id gdrive_service_account_user_email"),
            **_each(PATH, "gdrive_user_credentials_file gdrive_service_account_json_file_path"),
            **_each(FLAG, "gdrive_use_service_account gdrive_trash_only gdrive_acknowledge_abuse verify"),
            "gdrive_client_secret": SECRET,
        },
    }.items()
}
_WITH_DVC = "copy the data to a kind of remote that dvx reaches, or go on using DVC for this one"
UNREACHED: Mapping[str, tuple[str, str]] = {
    "hdfs": ("it needs Hadoop's own client", _WITH_DVC),
    "webhdfs": ("it needs Hadoop's own client", _WITH_DVC),
    "oss": (
        "there was no server to test it with",
        "ask its S3-compatible endpoint: `s3://BUCKET/PATH` with the option `endpointurl`",
    ),
    "gdrive": ("Google blocks the log-in that DVC comes with, and dvx has none of its own", _WITH_DVC),
}
"""Kinds of remotes that DVC has and dvx does not: why, and what to do. Their options are known, as files of DVC may have them."""
REACHED = tuple(scheme for scheme in REMOTES if scheme not in UNREACHED)
"""The kinds of remotes, by the scheme of their URLs; that of a folder is empty."""
ANY_REMOTE: Options = {name: option for options in REMOTES.values() for name, option in options.items()}
