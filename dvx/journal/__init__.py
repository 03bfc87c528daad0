"""What runs did, and which experiments are to run: both in SQLite, each written before the act."""

from dvx.journal.facts import Journal
from dvx.journal.tasks import TaskBook

__all__ = ["Journal", "TaskBook"]
