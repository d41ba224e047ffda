"""Rows of the list: whole in any width, safe, and plain without colours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from relay.models import Delivery, Listed, Origin, Shape, Signature
from relay.text import visible
from tests.factories import a_delivery
from tui import format

AT = datetime(2026, 11, 20, 8, 15, 30, 123000, UTC)
LOCAL = AT.astimezone()


def a_row(**changes: object) -> Listed:
    values: dict[str, object] = {
        "id": 12,
        "received_at": AT,
        "method": "POST",
        "target": "/webhooks/lean",
        "event_type": "payment.updated",
        "signature": Signature.VALID,
        "shape": Shape.DOCUMENTED,
        "repeat_of": None,
        "origin": Origin.RECEIVED,
        "answer": 200,
        "on_purpose": False,
        "size_bytes": 412,
        "starred": False,
        "note": None,
        "deliveries": (),
    }
    return Listed(**(values | changes))  # type: ignore[arg-type]


def written(listed: Listed, width: int = 120) -> str:
    columns = format.layout(width, 4)
    return "".join(text for text, _ in format.row(listed, columns, LOCAL.date(), marked=False))


@given(
    st.integers(79, 260),
    st.integers(1, 9),
    st.text(max_size=60),
    st.integers(0, 2**40),
    st.sampled_from(Signature),
    st.sampled_from([None, *Shape]),
    st.booleans(),
)
def test_any_row_fills_its_width(
    width: int,
    digits: int,
    text: str,
    size: int,
    signature: Signature,
    shape: Shape | None,
    busy: bool,
) -> None:
    """Whatever it says, a row is as wide as all others, and safe to show."""
    deliveries = (a_delivery(1, status=599, verdict="retry", outcome=text or "timeout"), a_delivery(2))
    listed = a_row(
        event_type=text or None,
        size_bytes=size,
        signature=signature,
        shape=shape,
        id=10**digits - 1,
        repeat_of=10**digits - 2 if busy else None,
        note=text if busy else None,
        on_purpose=busy,
        starred=busy,
        deliveries=deliveries if busy else (),
    )
    columns = format.layout(width, digits)
    pieces = list(format.row(listed, columns, LOCAL.date(), marked=busy))
    line = "".join(piece for piece, _ in pieces)
    assert cell_len(line) == width
    assert visible(line) == line
    assert cell_len(format.header(columns, newest_first=False)) <= width


def test_roomy_row() -> None:
    """With room, words: signature, backend's answer with verdict, repeat, sample."""
    listed = a_row(repeat_of=9, origin=Origin.SAMPLE, deliveries=(a_delivery(1),))
    line = written(listed, 140)
    assert f"{LOCAL:%H:%M:%S}.123" in line
    for part in (
        "  12",
        "payment.updated",
        "✓ valid",
        "412 B",
        "✓ 200 delivered",
        "↻ repeat of 9",
        "◇ sample",
    ):
        assert part in line


def test_narrow_row() -> None:
    """In 80 columns, signs in place of words, and nothing of the rest is lost."""
    listed = a_row(repeat_of=9, shape=Shape.DRIFT, deliveries=(a_delivery(1, status=500, verdict="retry"),))
    line = written(listed, 79)
    for part in (f"{LOCAL:%H:%M:%S}", "payment.updated", "valid", "412 B", "✗ 500", "↻ ≠"):
        assert part in line


def test_a_request_without_event() -> None:
    """Method and target stand where there is no event."""
    assert "POST /webhooks/lean" in written(a_row(event_type=None))


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"state": "queued", "attempts": 0}, "… queued"),
        ({"state": "sending", "attempts": 0}, "→ sending"),
        ({"state": "parked", "attempts": 0}, "‖ parked"),
        ({"status": 200}, "✓ 200 delivered"),
        ({"status": 201, "verdict": "retry"}, "✗ 201 retry"),
        ({"status": None, "verdict": "retry", "outcome": "timeout"}, "✗ timeout"),
        ({"status": None, "verdict": None, "outcome": "loop"}, "– loop"),
        ({"state": "queued", "status": 500, "verdict": "retry"}, "✗ 500 retry"),
    ],
)
def test_how_a_delivery_stands(changes: dict[str, object], shown: str) -> None:
    """Each state has a sign and a word of its own."""
    assert format.of_delivery(a_delivery(1, **changes), wordy=True)[0] == shown


def test_of_several_targets_the_one_that_failed() -> None:
    """One failure among several targets is what the row tells."""
    failed: Delivery = a_delivery(2, status=500, verdict="retry")
    assert format.outcome(a_row(deliveries=(a_delivery(1), failed, a_delivery(3))), 30)[0] == "✗ 500 retry +2"


@pytest.mark.parametrize(
    ("count", "written"),
    [(412, "412 B"), (10_650, "10.4 KiB"), (1023 * 1024, "1023 KiB"), (3_250_000, "3.1 MiB")],
)
def test_sizes_fit(count: int, written: str) -> None:
    """At most eight cells."""
    assert format.short_size(count) == written


def test_other_days() -> None:
    """A time of another day is that day."""
    today = LOCAL.date()
    assert format.clock(AT, today, 8) == f"{LOCAL:%H:%M:%S}"
    assert format.clock(AT, today + timedelta(days=1), 8) == f"{LOCAL:%d %b}"
    assert format.clock(AT, date(2027, 3, 1), 12) == f"{LOCAL:%Y-%m-%d}"


@given(st.text(alphabet="ab 漢é-", max_size=80), st.integers(2, 20))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    """Each line fits, and all that is no blank is there, in order."""
    lines = format.wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_sparkline() -> None:
    """The highest bar is full, a low one is seen, and none is a dot."""
    assert "".join(text for text, _ in format.sparkline([0, 1, 50, 100])) == "·▁▅█"
