"""Starts the commands of stages, each in a process group of its own, which can outlive this process."""

from dvx.shell.apart import Apart, output_of, start_apart
from dvx.shell.jobs import Ended, Job, Shell, shell_words
from dvx.shell.trace import Trace, is_alive, read_trace

__all__ = ["Apart", "Ended", "Job", "Shell", "Trace", "is_alive", "output_of", "read_trace", "shell_words", "start_apart"]
