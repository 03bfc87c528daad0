"""Where the `dvx` command starts: importing dvx takes a moment, in which Ctrl-C shall leave no traceback."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the `dvx` command."""
    try:
        from dvx.cli.main import main as start

        start()
    except KeyboardInterrupt:
        sys.exit(130)
