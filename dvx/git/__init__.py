"""Everything asked of Git. What starts `git` is loaded at first use: most short commands need none."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvx.git.repository import Git
    from dvx.git.values import CommitInfo, Extra, RefChange, TreeComparison

__all__ = ["CommitInfo", "Extra", "Git", "RefChange", "TreeComparison"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dvx.git import repository, values

    return getattr(repository if name == "Git" else values, name)
