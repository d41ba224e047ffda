"""Reads what a backfill has to know: which events are here, and which window was complete."""

from __future__ import annotations

from datetime import datetime

from relay.models.imports import ImportedCapture
from relay.store import rows
from relay.store.columns import event_key
from relay.store.read.reader import Reader
from relay.store.sources import backfill_mark


def last_complete(reader: Reader, environment: str, region: str) -> datetime | None:
    """The end of the last complete window, aware, UTC; None where there was none."""
    found = reader.rows("SELECT value FROM marks WHERE name = ?", (backfill_mark(environment, region),))
    return rows.time(found[0][0]) if found else None


def has_event(reader: Reader, capture: ImportedCapture) -> bool:
    """Whether a capture of the same event is stored."""
    return bool(_of_event(reader, capture))


def sent_sha256(reader: Reader, capture: ImportedCapture) -> str | None:
    """The hash of the body that Lean sent first of the same event, hex; None if no webhook of it came."""
    for number in _of_event(reader, capture):
        found = reader.rows(
            "SELECT body_sha256 FROM captures WHERE id = ? AND origin = 'received'", (number,)
        )
        if found:
            return str(found[0][0])
    return None


def _of_event(reader: Reader, capture: ImportedCapture) -> list[int]:
    key = event_key(capture)
    return [] if key is None else reader.by_event(key)
