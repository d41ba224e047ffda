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
    key = event_key(capture)
    [(found,)] = reader.rows(
        "SELECT EXISTS (SELECT 1 FROM events WHERE event_id = :key) OR EXISTS (SELECT 1 FROM captures"
        " WHERE id > coalesce((SELECT value FROM marks WHERE name = 'events_upto'), 0)"
        f" AND {EVENT_KEY} = :key)",
        {"key": key},
    )
    return bool(found)
