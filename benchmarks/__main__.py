"""`python -m benchmarks [--quick] [--json] [--write] [NAME...]`: measure, and print a table of ratios."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from benchmarks import report
from benchmarks.cases import CASES, Case
from benchmarks.data_cases import DATA_CASES
from benchmarks.experiment_cases import EXPERIMENT_CASES
from benchmarks.history_cases import HISTORY_CASES
from benchmarks.lab import QUICK, ROOT, Lab, Sizes, open_lab, remove
from benchmarks.measure import CommandFailed, alternate
from benchmarks.pipeline_cases import PIPELINE_CASES
from benchmarks.remote_cases import REMOTE_CASES

ALL = (*CASES, *DATA_CASES, *PIPELINE_CASES, *EXPERIMENT_CASES, *HISTORY_CASES, *REMOTE_CASES)
WORK = ROOT / "benchmarks" / ".work"
PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "benchmarks" / "figures.json"


def main(arguments: Sequence[str]) -> int:
    """Measure the cases that are named, or all; returns 0 whether goals are met or not."""
    options = _parser().parse_args(arguments)
    cases = [case for case in ALL if case.name in options.names or not (options.names or case.large)]
    remove(WORK)
    try:
        sizes = QUICK if options.quick else Sizes()
        lab = open_lab(WORK, replace(sizes, rounds=options.rounds or sizes.rounds))
        with lab.servers.stack:
            found = [row for case in cases for row in _measure(case, lab)]
        if options.write:
            PAGE.write_text(report.page(report.kept(FIGURES, found), lab))
        print(json.dumps(report.data(found, lab), indent=2) if options.json else report.table(found, "simple"))
    except CommandFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    finally:
        remove(WORK)
    return 0


def _measure(case: Case, lab: Lab) -> list[report.Row]:
    start = time.monotonic()
    print(f"{case.name} ...", end=" ", file=sys.stderr, flush=True)
    rounds = lab.sizes.rounds if case.slow else lab.sizes.many
    costs = alternate(case.setup(lab), lab.environ, rounds, warm=case.warm)
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    return report.rows(case, lab, costs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure dvx against its peers in one run.")
    parser.add_argument("names", nargs="*", choices=[[], *(case.name for case in ALL)], metavar="NAME", help="cases; default all")
    parser.add_argument("--quick", action="store_true", help="less data and fewer rounds")
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    parser.add_argument("--rounds", type=int, default=0, help="how often slow cases are measured")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
