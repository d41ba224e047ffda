"""JUnit files are accepted by a strict reader, whatever the texts of a report hold."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree.ElementTree import ParseError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.rehearsal.junit import junit
from relay.rehearsal.report import CheckName, Report, ReportLine, Result
from tests.support.junit import read

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

LINES = st.builds(
    ReportLine,
    check=st.sampled_from(CheckName),
    case=st.text(),
    result=st.sampled_from(Result),
    sent=st.text(),
    received=st.text(),
    why=st.text(),
    captures=st.lists(st.integers(1), max_size=3).map(tuple),
    command=st.none() | st.text(),
)


def report(*lines: ReportLine) -> Report:
    return Report(
        target="http://127.0.0.1:3000",
        seed=7,
        captures=3,
        samples=False,
        lines=lines,
        requests=9,
        elapsed_s=1.5,
    )


@given(st.lists(LINES))
def test_any_report_makes_a_valid_file(lines: list[ReportLine]) -> None:
    """Suites by check, a case for each line, failures and skips counted."""
    root = read(junit(report(*lines), AT))
    assert len(root.findall(".//testcase")) == len(lines)
    assert len(root.findall(".//failure")) == sum(line.result is Result.FAILED for line in lines)
    assert len(root.findall(".//skipped")) == sum(line.result is Result.UNKNOWN for line in lines)


def test_a_failure_says_what_and_why() -> None:
    line = ReportLine(
        check=CheckName.ORDER,
        case="the last event first",
        result=Result.FAILED,
        sent="3 events",
        received="2 x 200, 1 x 500",
        why="Lean guarantees no order.",
        captures=(4, 5),
        command="lean-relay show 4 --attempts",
    )
    root = read(junit(report(line), AT))
    (failure,) = root.findall("./testsuite[@name='rehearse order']/testcase/failure")
    assert failure.get("message") == "2 x 200, 1 x 500"
    for part in ("3 events", "Lean guarantees no order.", "captures 4, 5", "lean-relay show 4"):
        assert part in (failure.text or "")


@pytest.mark.parametrize(
    "wrong",
    [
        b"<testsuite/>",
        b"<testsuites><testcase/></testsuites>",
        b"<testsuites tests='one'/>",
        b"<testsuites>text</testsuites>",
    ],
)
def test_the_reader_is_strict(wrong: bytes) -> None:
    with pytest.raises((ValueError, KeyError, ParseError)):
        read(wrong)
