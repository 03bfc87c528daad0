"""`python -m dvx`: the command line."""

from __future__ import annotations

from dvx.cli.entry import main

if __name__ == "__main__":
    main()
