"""The number of captures and of different events in a database: counted once, then kept up to date.

Owns the counting for a screen. The first count goes through the index of events in steps (0.15 s for a
million); later captures are counted by their `repeat_of`. After a removal everything is counted again.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.store.read.reader import Reader
from relay.store.read.search import Gaps

EVENTS_IN_A_STEP = 100_000
"""Rows of the index per statement: some 15 ms, then the WAL can start over."""

_UPTO = "SELECT coalesce((SELECT value FROM marks WHERE name = 'events_upto'), 0)"

_NEWER = """SELECT count(*),
    count(CASE WHEN repeat_of IS NULL AND coalesce(event_id, event_type) IS NOT NULL THEN 1 END),
    coalesce(max(id), :after)
    FROM captures WHERE id > :after AND id <= :upto"""

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class EventCount:
    """The totals at one moment."""

    captures: int
    events: int
    """Different events: distinct event_ids, and bodies of events without one."""
    upto: int
    """The newest capture that is counted."""


def counted(reader: Reader, captures: int, upto: int) -> EventCount:
    """Count the events of all captures up to an id.

    Args:
        captures: the number of these captures.
    """
    indexed = min(reader.rows(_UPTO)[0][0], upto)
    after: str | None = ""
    events, gaps = 0, Gaps()
    while after is not None:
        found = reader.rows(
            "SELECT event_id FROM events WHERE event_id > ? ORDER BY event_id LIMIT 1 OFFSET ?",
            (after, EVENTS_IN_A_STEP),
        )
        last = found[0][0] if found else None
        events += reader.rows(
            "SELECT count(DISTINCT event_id) FROM events WHERE event_id > :after"
            " AND (:last IS NULL OR event_id <= :last) AND capture_id <= :indexed",
            {"after": after, "last": last, "indexed": indexed},
        )[0][0]
        after = last
        gaps.leave()
    # Captures that are not indexed yet: at most the newest few thousand.
    events += reader.rows(_NEWER, {"after": indexed, "upto": upto})[0][1]
    return EventCount(captures, events, upto)


def with_newer(reader: Reader, known: EventCount) -> EventCount:
    """Add the captures that have arrived since; reads each of those rows."""
    captures, events, upto = reader.rows(_NEWER, {"after": known.upto, "upto": _LARGEST})[0]
    return EventCount(known.captures + captures, known.events + events, upto) if captures else known
