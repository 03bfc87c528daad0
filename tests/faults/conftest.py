"""How many trials are run, and the table that counts them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

COUNT = "trials"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all-points` is known when this folder is named on the command line."""
    parser.addoption("--all-points", action="store_true", help="try every point with every error and in both dialects")


@pytest.fixture
def all_points(request: pytest.FixtureRequest) -> bool:
    """Whether every trial is wanted, and not only those that a quick run has time for."""
    return bool(request.config.getoption("--all-points", default=False))


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Tell how many trials of a kind were made."""

    def tell(what: str, trials: int) -> None:
        record_property(COUNT, f"{what}\t{trials}")

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of trials."""
    reports = terminalreporter.stats.get("passed", [])
    rows = sorted(str(value).split("\t") for report in reports for name, value in report.user_properties if name == COUNT)
    if rows:
        terminalreporter.section("trials, none of which broke a promise")
        for what, trials in rows:
            terminalreporter.line(f"{int(trials):6}  {what}")
        terminalreporter.line(f"{sum(int(trials) for _, trials in rows):6}  in all")
