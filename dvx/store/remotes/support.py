"""Which kinds of remotes the installed packages can reach; nothing is loaded to tell."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from dvx.model.setup.options import REACHED
from dvx.store.remotes.schemes import SCHEMES, find_scheme, scheme_of


def supported() -> dict[str, tuple[tuple[str, str], ...]]:
    """The schemes of URLs that can be reached, each with the packages that do it and their versions."""
    schemes = ((name, SCHEMES[name].module) for name in REACHED if name)
    return {name: ((module, installed(module)),) for name, module in schemes if find_spec(module)}


def missing_package(url: str) -> str:
    """What to install to reach a URL; empty if nothing is missing.

    Raises:
        ConfigError: its scheme is unknown, or out of reach.
    """
    if not scheme_of(url):
        return ""
    scheme = find_scheme(url)
    return "" if not scheme.module or find_spec(scheme.module) else scheme.package


def installed(package: str) -> str:
    """The version of an installed package; empty if that is unknown."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
