"""Reads what a backfill has to know: which events are here, and which window was complete."""

from __future__ import annotations

from datetime import datetime

from relay.models import from_micros
from relay.models.imports import ImportedCapture
from relay.store.columns import EVENT_KEY, event_key
from relay.store.read.reader import Reader
from relay.store.sources import backfill_mark


def last_complete(reader: Reader, environment: str, region: str) -> datetime | None:
    """The end of the last complete window, aware, UTC; None where there was none."""
    found = reader.rows("SELECT value FROM marks WHERE name = ?", (backfill_mark(environment, region),))
    return from_micros(found[0][0]) if found else None


def has_event(reader: Reader, capture: ImportedCapture) -> bool:
    """Whether a capture of the same event is stored."""
    [(found,)] = reader.rows(f"SELECT EXISTS ({_OF_EVENT})", {"key": event_key(capture)})
    return bool(found)


def sent_sha256(reader: Reader, capture: ImportedCapture) -> str | None:
    """The hash of the body that Lean sent first of the same event, hex; None if no webhook of it came."""
    found = reader.rows(
        "SELECT body_sha256 FROM captures"
        f" WHERE origin = 'received' AND id IN ({_OF_EVENT}) ORDER BY id LIMIT 1",
        {"key": event_key(capture)},
    )
    return str(found[0][0]) if found else None


_OF_EVENT = (
    "SELECT capture_id FROM events WHERE event_id = :key UNION ALL SELECT id FROM captures"
    " WHERE id > coalesce((SELECT value FROM marks WHERE name = 'events_upto'), 0)"
    f" AND {EVENT_KEY} = :key"
)
"""SQL for the captures of an event, indexed or not yet."""
