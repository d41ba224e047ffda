"""Rows of a list, and which ids there are, without a body being read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from relay.lean.summary import summary
from relay.models import Origin, Shape
from relay.store.read import listing
from relay.store.read.reader import Reader
from tests.support.factories import NOON, a_capture, a_delivery, insert_all, new_log


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Captures 1 to 9 without 4, the second with all that a row can show."""
    log = new_log(tmp_path / "relay.db")
    full = a_capture(
        2,
        origin=Origin.SAMPLE,
        shape=Shape.DRIFT,
        repeat_of=1,
        signed_by="sandbox",
        starred=True,
        note="look",
        deliveries=(a_delivery(1), a_delivery(2, status=500, verdict="retry")),
    )
    insert_all(log, [full, *(a_capture(number) for number in (1, 3, 5, 6, 7, 8, 9))])
    log.close()
    with Reader(tmp_path / "relay.db") as found:
        yield found


def test_a_row_says_what_the_capture_says(reader: Reader) -> None:
    """Each field of a row is that of the capture."""
    row, capture = listing.fetch(reader, [2])[2], reader.capture(2)
    assert capture is not None
    assert capture.event is not None
    shared = ("id", "received_at", "method", "target", "signature", "shape", "repeat_of", "origin", "client")
    for name in (*shared, "signed_by", "starred", "note", "deliveries"):
        assert getattr(row, name) == getattr(capture, name), name
    event = capture.event
    assert (row.event_type, row.event_id, row.event_at, row.customer_id) == (
        event.type,
        event.event_id,
        event.at,
        event.customer_id,
    )
    assert (row.answer, row.on_purpose, row.size_bytes) == (200, False, len(capture.body))


def test_summaries_only_where_asked_for(reader: Reader) -> None:
    """The body is read for a summary alone."""
    assert listing.fetch(reader, [1])[1].summary == ()
    row, capture = listing.fetch(reader, [1], summaries=True)[1], reader.capture(1)
    assert capture is not None
    assert row.summary == summary(row.event_type or "", capture.body) != ()


def test_rows_that_are_gone_are_left_out(reader: Reader) -> None:
    """Ids without a capture have no row."""
    assert listing.fetch(reader, [3, 4, 99]).keys() == {3}


def test_gaps(reader: Reader) -> None:
    """A span with a gap is not dense, one beside it is, and all ids are those that exist."""
    span = listing.span(reader)
    assert span == listing.Span(1, 9)
    assert not listing.is_dense(reader, span)
    assert listing.is_dense(reader, listing.Span(5, 9))
    assert list(listing.all_ids(reader, span)) == [1, 2, 3, 5, 6, 7, 8, 9]


def test_empty_log(tmp_path: Path) -> None:
    """Nothing is dense too."""
    new_log(tmp_path / "empty.db").close()
    with Reader(tmp_path / "empty.db") as reader:
        span = listing.span(reader)
        assert (span, listing.is_dense(reader, span)) == (listing.Span(0, 0), True)
        assert list(listing.all_ids(reader, span)) == []


def test_arrivals(reader: Reader) -> None:
    """When the newest came, newest first, none from before the time, at most so many."""
    since = NOON + timedelta(seconds=7)
    assert listing.arrivals(reader, since, 10) == [NOON + timedelta(seconds=number) for number in (9, 8, 7)]
    assert len(listing.arrivals(reader, since, 2)) == 2


def test_event_ids(reader: Reader) -> None:
    """The event_ids of captures in the log's order, of those that have one."""
    found = listing.event_ids(reader, [3, 1, 99])
    captures = {each.id: each for each in reader.captures([1, 3])}
    assert found == [event.event_id for _, each in sorted(captures.items()) if (event := each.event)]
    assert found
