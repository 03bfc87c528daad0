"""Which kinds of remotes the installed packages can reach; nothing is loaded to tell."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from dvx.store.schemes import SCHEMES, find_scheme, scheme_of

# protocol of fsspec -> the modules that it needs, which are called like their packages
_MODULES = {
    "abfs": ("adlfs",),
    "gs": ("gcsfs",),
    "hdfs": ("pyarrow",),
    "http": ("requests",),
    "https": ("requests",),
    "oss": ("ossfs",),
    "s3": ("s3fs",),
    "ssh": ("paramiko",),
    "webdav": ("webdav4",),
    "webhdfs": ("requests",),
}


def supported() -> dict[str, tuple[tuple[str, str], ...]]:
    """The schemes of URLs that can be reached, each with the packages that do it and their versions."""
    found = {}
    for name, scheme in SCHEMES.items():
        modules = _MODULES.get(scheme.protocol, ())
        if all(find_spec(module) for module in modules):
            found[name] = tuple((module, installed(module)) for module in modules)
    return found


def missing_package(url: str) -> str:
    """What to install to reach a URL; empty if nothing is missing.

    Raises:
        ConfigError: its scheme is unknown.
    """
    if not scheme_of(url):
        return ""
    scheme = find_scheme(url)
    return "" if all(find_spec(module) for module in _MODULES.get(scheme.protocol, ())) else scheme.package


def installed(package: str) -> str:
    """The version of an installed package; empty if that is unknown."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
