"""Everything asked of Git."""

from dvx.git.repository import Git
from dvx.git.values import CommitInfo, Comparison, RefChange

__all__ = ["CommitInfo", "Comparison", "Git", "RefChange"]
