"""Ends a run of the torture with its totals, and with what was not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.totals import TOTALS, Totals

HERE = Path(__file__).parent


@pytest.fixture
def totals() -> Totals:
    """What this test adds its figures to."""
    return TOTALS


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped, with the reason in words."""
    if report.skipped and isinstance(report.longrepr, tuple) and report.fspath.startswith("tests/torture"):
        TOTALS.not_run[report.nodeid.partition("::")[2]] = report.longrepr[2].removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The closing line; only where something was counted."""
    if Totals() == TOTALS:
        return
    for name, reason in TOTALS.not_run.items():
        terminalreporter.write_line(f"not run: {name}: {reason}")
    terminalreporter.write_line(TOTALS.line())
