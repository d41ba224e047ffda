"""A strict reader of JUnit files: elements, attributes and order of the schema that most CI systems share.

Written from that schema (`testsuites` of `testsuite` of `properties` and `testcase`, in the form of Ant's
reports); anything beyond it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from xml.etree import ElementTree as Xml

ATTRIBUTES: Mapping[str, tuple[set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"name", "timestamp", "hostname", "tests", "failures", "errors", "time"},
        {"skipped", "package", "id"},
    ),
    "properties": (set(), set()),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "classname", "time"}, set()),
    "failure": ({"type"}, {"message"}),
    "error": ({"type"}, {"message"}),
    "skipped": (set(), {"message"}),
    "system-out": (set(), set()),
    "system-err": (set(), set()),
}
"""Element -> attributes that it must have, and that it may have."""

CHILDREN: Mapping[str, tuple[str, ...]] = {
    "testsuites": ("testsuite",),
    "testsuite": ("properties", "testcase", "system-out", "system-err"),
    "properties": ("property",),
    "testcase": ("skipped", "error", "failure", "system-out", "system-err"),
}
"""Element -> what may be in it, in this order."""

TEXT = ("failure", "error", "skipped", "system-out", "system-err")
NUMBERS = ("tests", "failures", "errors", "skipped")


def read(data: bytes) -> Xml.Element:
    """The root of a file.

    Raises:
        ValueError: it does not follow the schema; says where.
    """
    root = Xml.fromstring(data)
    if root.tag != "testsuites":
        raise ValueError(f"the root is {root.tag}")
    _check(root)
    for suite in root:
        cases = suite.findall("testcase")
        counts = {
            "tests": len(cases),
            "failures": sum(case.find("failure") is not None for case in cases),
            "errors": sum(case.find("error") is not None for case in cases),
            "skipped": sum(case.find("skipped") is not None for case in cases),
        }
        for name, count in counts.items():
            if suite.get(name) not in (None, str(count)):
                raise ValueError(f"{suite.get('name')} says {suite.get(name)} {name}, and has {count}")
        datetime.strptime(suite.attrib["timestamp"], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - as the schema has it
    return root


def _check(element: Xml.Element) -> None:
    must, may = ATTRIBUTES[element.tag]
    given = set(element.attrib)
    if not must <= given <= must | may:
        raise ValueError(f"{element.tag} has the attributes {sorted(given)}")
    for name in NUMBERS:
        if name in given and not element.attrib[name].isdigit():
            raise ValueError(f"{element.tag}: {name} is {element.attrib[name]!r}")
    if "time" in given:
        float(element.attrib["time"])
    if element.tag not in TEXT and (element.text or "").strip():
        raise ValueError(f"{element.tag} has text")
    order = CHILDREN.get(element.tag, ())
    places = [order.index(child.tag) for child in element]
    if places != sorted(places):
        raise ValueError(f"{element.tag} has {[child.tag for child in element]}")
    for child in element:
        _check(child)
