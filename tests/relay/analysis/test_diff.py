from typing import Any

import pytest
from hypothesis import given

from relay.analysis.diff import differences
from relay.models import Capture
from tests.support import strategies
from tests.support.factories import BODY, a_capture


def compared(a: dict[str, Any], b: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(each.field, each.a, each.b) for each in differences(a_capture(**a), a_capture(**b))]


def test_the_same() -> None:
    """Captures that sent the same do not differ, whenever and from where they came."""
    assert compared({}, {"id": 2, "client": "10.0.0.1:1", "note": "x"}) == []


def test_request_line_and_headers() -> None:
    """Fields are compared as sent; headers by name, all values in order; else their order and case."""
    assert compared({"method": "GET", "target": "/a"}, {"http_version": "1.0"}) == [
        ("method", "GET", "POST"),
        ("target", "/a", "/webhooks/lean"),
        ("http_version", "1.1", "1.0"),
    ]
    assert compared({"headers": (("A", "1"), ("a", "2"))}, {"headers": (("B", "1"), ("A", "2"))}) == [
        ("header a", "1 | 2", "2"),
        ("header b", None, "1"),
    ]
    assert compared({"headers": (("A", "1"), ("B", "2"))}, {"headers": (("B", "2"), ("a", "1"))}) == [
        ("header order", "A B", "B a")
    ]


def test_bodies() -> None:
    """JSON is compared by value with own digits, other bytes from the first that differs."""
    assert compared({"body": b'{"a":1.0,"b":"x","c":[1]}'}, {"body": b'{"b":"\\u0078","a":1,"c":[]}'}) == [
        ("body a", "1.0", "1"),
        ("body c[0]", "1", None),
        ("body c", None, "[]"),
    ]
    assert compared({"body": b'{"a":1}'}, {"body": b'{"a": 1}'}) == [
        (
            "body",
            "7 bytes, the same values written differently; byte 5: 31 7d",
            "8 bytes, the same values written differently; byte 5: 20 31 7d",
        )
    ]
    assert compared({"body": b"abc"}, {"body": b"ab"}) == [
        ("body", "3 bytes; byte 2: 63", "2 bytes; ends at byte 2")
    ]
    assert compared({"body": BODY}, {"body": b""})[0][2] == "0 bytes; ends at byte 0"


def test_long_paths_are_not_made() -> None:
    """Bodies in which each of many values is below a long key are compared as bytes."""
    zeros, ones = (b'{"%s":[%s]}' % (b"k" * 100_000, b",".join([digit] * 1_000)) for digit in (b"0", b"1"))
    [(field, one, _)] = compared({"body": zeros}, {"body": ones})
    assert field == "body"
    assert (one or "").startswith("102006 bytes; byte 100005: 30 2c 30")


@pytest.mark.slow
@given(strategies.captures(), strategies.captures())
def test_differing_is_differing_bytes(a: Capture, b: Capture) -> None:
    """There is a difference exactly if request line, headers or body differ in a byte."""
    same = all(
        getattr(a, name) == getattr(b, name)
        for name in ("method", "target", "http_version", "headers", "body")
    )
    assert (not list(differences(a, b))) is same
    assert not list(differences(a, a))
