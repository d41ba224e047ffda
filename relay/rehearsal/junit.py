"""A report as a JUnit file, which CI systems show: a suite for each check, a case for each line. Pure.

Follows the schema that most readers share: `testsuites`, `testsuite` with counts, time, timestamp and host
name, `properties`, and `testcase` with `failure`, `skipped` or `system-out`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

from relay.rehearsal.report import CheckName, Report, ReportLine, Result
from relay.text.safe import visible_block

NAME = "lean-relay rehearse"


def junit(report: Report, at: datetime) -> bytes:
    """The file's bytes, UTF-8.

    A failed line is a failure, an unknown one is skipped; warnings and notes are passed, with their words in
    `system-out`.

    Args:
        at: when the rehearsal began, aware.
    """
    failures = report.count(Result.FAILED)
    counts = {"tests": str(len(report.lines)), "failures": str(failures), "errors": "0"}
    root = Xml.Element("testsuites", {"name": NAME, **counts, "time": f"{report.elapsed_s:.3f}"})
    for name in dict.fromkeys(line.check for line in report.lines):
        root.append(_suite(report, name, at))
    Xml.indent(root)
    data: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _suite(report: Report, name: CheckName, at: datetime) -> Xml.Element:
    lines = [line for line in report.lines if line.check is name]

    def count(result: Result) -> str:
        return str(sum(line.result is result for line in lines))

    suite = Xml.Element(
        "testsuite",
        {
            "name": f"rehearse {name}",
            "timestamp": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
            "hostname": "localhost",
            "tests": str(len(lines)),
            "failures": count(Result.FAILED),
            "errors": "0",
            "skipped": count(Result.UNKNOWN),
            "time": "0.000",
        },
    )
    properties = Xml.SubElement(suite, "properties")
    for key, value in (("target", report.target), ("seed", str(report.seed))):
        Xml.SubElement(properties, "property", {"name": key, "value": _text(value)})
    for line in lines:
        suite.append(_case(line))
    return suite


def _case(line: ReportLine) -> Xml.Element:
    case = Xml.Element(
        "testcase", {"classname": f"rehearse.{line.check}", "name": _text(line.case), "time": "0.000"}
    )
    words = _text(f"sent {line.sent}; received {line.received}\n{line.why}")
    if line.captures:
        words += f"\ncaptures {', '.join(map(str, line.captures))}"
    if line.command:
        words += f"\n{_text(line.command)}"
    if line.result is Result.FAILED:
        failure = Xml.SubElement(case, "failure", {"message": _text(line.received), "type": str(line.check)})
        failure.text = words
    elif line.result is Result.UNKNOWN:
        Xml.SubElement(case, "skipped", {"message": _text(line.received)})
    else:
        Xml.SubElement(case, "system-out").text = f"{line.result}: {words}"
    return case


def _text(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return visible_block(text)
