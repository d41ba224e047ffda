"""Captures as rows of a list, without headers and bodies.

Owns the fast queries for a screen that scrolls through a million captures. A body's length is in the row's
header, so a page of rows touches no overflow page, unless summaries are asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.lean.catalogue import undocumented
from relay.lean.summary import MOST_BYTES, summary
from relay.models import CaptureRow, Delivery, Origin, Shape, Signature, to_micros
from relay.store import rows
from relay.store.read.reader import IDS_AT_ONCE, Reader, marks
from relay.store.read.search import Gaps

IDS_IN_A_STEP = 100_000
"""Ids per statement when reading all: some 20 ms, then the WAL can start over."""

_COLUMNS = """captures.id, captures.received_at, captures.method, captures.target, captures.event_type,
    captures.signature, captures.shape, captures.repeat_of, captures.origin, captures.answer,
    captures.answer_reason IS NOT NULL, length(captures.body), notes.starred, substr(notes.text, 1, 4096),
    captures.client, captures.signed_by, captures.event_id, captures.event_at, captures.customer_id,
    captures.position"""


@dataclass(frozen=True, slots=True)
class Span:
    """First and last id in the database; both 0 if it is empty."""

    first: int
    last: int
    removed: int = 0
    """Number of captures ever removed: a change means that some were."""


def fetch(reader: Reader, ids: Sequence[int], *, summaries: bool = False) -> dict[int, CaptureRow]:
    """Rows of the ids that exist; any number, although a screen asks for a page.

    Args:
        summaries: with the summary of each event, for which its body is read, up to 64 KiB.
    """
    found: dict[int, CaptureRow] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        page = ids[start : start + IDS_AT_ONCE]
        deliveries = reader.deliveries(page)
        said = _summaries(reader, page) if summaries else {}
        for row in reader.rows(
            f"SELECT {_COLUMNS} FROM captures LEFT JOIN notes ON notes.capture_id = captures.id"
            f" WHERE captures.id IN ({marks(page)})",
            page,
        ):
            found[row[0]] = _row(row, said.get(row[0], ()), deliveries.get(row[0], ()))
    return found


def _summaries(reader: Reader, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    bodies = reader.rows(
        f"SELECT id, event_type, body FROM captures WHERE id IN ({marks(ids)})"
        " AND event_type IS NOT NULL AND length(body) <= ?",
        (*ids, MOST_BYTES),
    )
    return {number: summary(event_type, body) for number, event_type, body in bodies}


def span(reader: Reader) -> Span:
    """First and last id, and the number removed; costs microseconds."""
    first, last, removed = reader.rows(
        "SELECT (SELECT min(id) FROM captures), (SELECT max(id) FROM captures),"
        " (SELECT value FROM marks WHERE name = 'removed')"
    )[0]
    return Span(first or 0, last or 0, removed or 0)


def is_dense(reader: Reader, span: Span) -> bool:
    """Whether every id of a span exists: then row n of a list is id first + n, and no ids are kept.

    Counts the captures: 0.2 s for a million.
    """
    count = reader.rows("SELECT count(*) FROM captures WHERE id BETWEEN ? AND ?", (span.first, span.last))
    return bool(count[0][0] == (span.last - span.first + 1 if span.last else 0))


def all_ids(reader: Reader, span: Span) -> array[int]:
    """Every id of a span, ascending; 8 bytes each, 0.2 s for a million."""
    found = array("q")
    gaps = Gaps()
    after = span.first - 1
    while page := reader.page(after, IDS_IN_A_STEP, span.last):
        found.extend(page)
        after = page[-1]
        gaps.leave()
    return found


def arrivals(reader: Reader, since: datetime, most: int) -> list[datetime]:
    """Arrival times of at most this many of the newest captures since a time; newest first."""
    found = reader.rows("SELECT received_at FROM captures ORDER BY id DESC LIMIT ?", (most,))
    return [rows.time(at) for (at,) in found if at >= to_micros(since)]


def _row(row: rows.Row, said: tuple[str, ...], deliveries: tuple[Delivery, ...]) -> CaptureRow:
    return CaptureRow(
        id=row[0],
        received_at=rows.time(row[1]),
        method=row[2],
        target=row[3],
        event_type=row[4],
        signature=rows.word(Signature, row[5]) or Signature.UNCHECKED,
        shape=rows.word(Shape, row[6]),
        repeat_of=row[7],
        origin=rows.word(Origin, row[8]) or Origin.RECEIVED,
        answer=row[9],
        on_purpose=bool(row[10]),
        size_bytes=row[11],
        starred=bool(row[12]),
        note=row[13],
        client=row[14],
        signed_by=row[15],
        event_id=row[16],
        event_at=None if row[17] is None else rows.time(row[17]),
        customer_id=row[18],
        position=row[19],
        undocumented=undocumented(row[4]),
        summary=said,
        deliveries=deliveries,
    )


def event_ids(reader: Reader, ids: Sequence[int]) -> list[str]:
    """Event_ids of captures, in order of id; those without one are left out."""
    found: list[str] = []
    for start in range(0, len(ids), IDS_AT_ONCE):
        page = ids[start : start + IDS_AT_ONCE]
        found += (
            event_id
            for (event_id,) in reader.rows(
                f"SELECT event_id FROM captures WHERE id IN ({marks(page)}) AND event_id IS NOT NULL"
                " ORDER BY id",
                page,
            )
        )
    return found
