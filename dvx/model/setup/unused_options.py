"""Options that dvx knows, as DVC's files may have them, and does not use, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from dvx.model.setup.settings import OptionName


class Unused(Struct, frozen=True):
    """Why an option has no effect; `kept` is the value that says what dvx does anyway, empty where there is none."""

    why: str
    kept: str = ""


_OLD = Unused("only older versions of DVC used it")
_VERIFIED = Unused("dvx verifies all data that it gets, and what changed in a cache, whatever this says", "true")
_NO_WARNING = Unused("there is no such warning; `dvx doctor` says which links do not work", "false")
_UNLINKED = Unused("no file is linked to one in a remote; `cache.type` says how files are linked to the cache")
_STUDIO = Unused("dvx knows of no hosted service")

UNUSED: Mapping[tuple[str, str], Unused] = {
    ("core", "analytics"): Unused("dvx reports to nobody how it is used", "false"),
    ("core", "check_update"): Unused("dvx looks for no newer version of itself", "false"),
    ("core", "site_cache_dir"): Unused("dvx keeps what it knows of files in the repository"),
    **{("core", option): _OLD for option in ("machine", "experiments")},
    ("cache", "verify"): _VERIFIED,
    ("cache", "slow_link_warning"): _NO_WARNING,
    **{("cache", option): _OLD for option in ("protected", "local", "s3", "gs", "hdfs", "webhdfs", "ssh", "azure")},
    **{("state", option): _OLD for option in ("dir", "row_limit", "row_cleanup_quota")},
    ("index", "dir"): _OLD,
    **{("exp", option): _OLD for option in ("code", "data", "models", "metrics", "params", "plots", "live")},
    **{("studio", option): _STUDIO for option in ("token", "url", "repo_url")},
    ("studio", "offline"): Unused(_STUDIO.why, "true"),
    ("remote", "verify"): _VERIFIED,
    ("remote", "slow_link_warning"): _NO_WARNING,
    ("remote", "type"): _UNLINKED,
    **{("remote", option): _OLD for option in ("protected", "no_traverse", "listobjects")},
}
"""By section and option; those of kinds of remotes that dvx does not reach are left out, as such a remote is refused."""
_OLD_SECTIONS = frozenset({"machine", "feature"})


def why_unused(name: OptionName, value: str) -> str:
    """Why setting an option to this value changes nothing that dvx does; empty if it does, or dvx does not know the option."""
    if name.section in _OLD_SECTIONS:
        return _OLD.why
    found = UNUSED.get((name.section, name.option))
    return "" if found is None or value.lower() == found.kept else found.why
