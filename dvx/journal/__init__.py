"""What is to run, runs and ran, and what became of its stages: one SQLite database, written before the act."""

from dvx.journal.registry import Registry

__all__ = ["Registry"]
