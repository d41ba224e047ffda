"""Prints what each part of the torture tried, and ends a run with its totals and with what was not run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterator, Sequence

import pytest

from tests.torture.rows import ALSO, LONGEST_FIRST
from tests.torture.totals import Part, Row, Totals

PART = "torture"
"""Key of a test's part among the properties of its report."""

ROW_OF = {file: name for name, files in ALSO.items() for file in files}


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; register what has to see the tests of other folders, too."""
    config.addinivalue_line("markers", "alone: measures time, so that no other test may run meanwhile")
    config.pluginmanager.register(Company())
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        config.pluginmanager.register(Printer(terminal))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no processor is idle at the end; what has to be alone comes last."""

    def place(item: pytest.Item) -> tuple[bool, int]:
        name = item.name.partition("[")[0]
        first = LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)
        return item.get_closest_marker("alone") is not None, first

    items.sort(key=place)


@pytest.fixture
def part(request: pytest.FixtureRequest) -> Iterator[Part]:
    """The part that this test adds its figures to."""
    made = Part()
    yield made
    request.node.user_properties.append((PART, made.plain()))


class Company:
    """Lets a test that measures time wait until it is alone, where several processes run the torture."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Hold a lock while the test runs."""
        lock = os.environ.get("TORTURE_LOCK")
        if lock is None:
            return (yield)
        is_alone = item.get_closest_marker("alone") is not None
        with open(lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
            return (yield)


class Printer:
    """Sees the reports of all tests, in the process that has the terminal."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal
        self._totals = Totals()
        self._seconds: dict[str, float] = {}
        self._outcomes: dict[str, str] = {}
        self._left: set[str] = set()
        """Tests that are not over."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what there is to run, where one process does."""
        self._left.update(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same where several processes run it."""
        self._left.update(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sum up; print the part once its test is over."""
        file, _, test = report.nodeid.partition("::")
        row = ROW_OF.get(file)
        name = row or f"{_words(file)}: {_words(test)}"
        if report.skipped and isinstance(report.longrepr, tuple):
            # Others of its row may have run.
            what = name if row is None else f"{row}, {_words(file)}"
            self._totals.not_run[what] = report.longrepr[2].removeprefix("Skipped: ")
            self._outcomes[report.nodeid] = "skipped"
            self._left.discard(report.nodeid)
            return
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        if report.outcome == "failed":
            self._outcomes[report.nodeid] = "failed"
        outcome = self._outcomes.get(report.nodeid, "passed")
        if report.when != "teardown" or outcome == "skipped":
            return
        self._left.discard(report.nodeid)
        for plain in (value for key, value in report.user_properties if key == PART):
            assert isinstance(plain, dict)
            made = Part.of(plain)
            self._totals.figures.add(made.figures)
            self._print(made.lines(name, outcome, self._seconds[report.nodeid]))
            return
        counted = self._totals.rows.setdefault(row or _words(file), Row())
        counted.tried += 1
        counted.failed += outcome == "failed"

    def pytest_terminal_summary(self) -> None:
        """The last lines."""
        for test in sorted(self._left):
            self._totals.not_run[test] = "the run ended before"
        self._print(self._totals.lines())

    def _print(self, lines: list[str]) -> None:
        self._terminal.ensure_newline()
        for line in lines:
            self._terminal.write_line(line)


def _words(name: str) -> str:
    """The name of a file of tests or of a test, as words."""
    return name.rpartition("/")[2].removesuffix(".py").removeprefix("test_").replace("_", " ")
