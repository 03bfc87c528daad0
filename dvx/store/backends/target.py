"""Target: what a backend is to open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from dvx.store.remotes.schemes import Scheme


class Target(Struct, frozen=True):
    """A remote's URL and its options as arguments; `jobs` is how many work on it at once, `environ` the environment."""

    scheme: Scheme
    url: str
    options: dict[str, Any]
    jobs: int
    environ: Mapping[str, str] = field(default_factory=dict)
