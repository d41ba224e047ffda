"""Stores captures that were not received here: imported ones, samples, and events of a backfill.

A plain function over the writing connection, the work of one transaction. Each capture has a digest and is
stored once: an import that was interrupted is simply run again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from relay.errors import RelayError
from relay.models import Origin
from relay.models.imports import BundleSecret, ImportedCapture, ImportedDelivery
from relay.store.columns import COLUMNS, Row, event_key
from relay.store.sources import backfill_mark, stored_as
from relay.store.write.attempts import attempt_values, insert_attempts
from relay.store.write.changes import rewrite
from relay.store.write.insertion import Insertion

_SAME = tuple(name for name in COLUMNS if name in ImportedCapture.__struct_fields__)
"""Columns that an import has from its file."""


class StoredImport(NamedTuple):
    """Where a capture is now."""

    id: int
    is_new: bool
    """False if it was there already."""


def add(
    connection: sqlite3.Connection,
    captures: Sequence[ImportedCapture],
    *,
    origin: str,
    received_at: int,
    bundle: BundleSecret | None = None,
) -> list[StoredImport]:
    """Store captures, in order, each with its note and its deliveries, which are over.

    Args:
        origin: `imported`, `sample` or `events-api`; of the last, an event that any capture has is known.
        received_at: microseconds UTC; their own times are in their sources.
        bundle: the secret that some of them name; stored with the first that is new.

    Raises:
        RelayError: `bundle-taken`, another secret has the bundle's name.
    """
    insertion = Insertion(connection)
    stored: list[StoredImport] = []
    for each in captures:
        known = stored_as(connection.execute, each)
        if known is None and origin == Origin.EVENTS_API:
            known = insertion.first(event_key(each))
        if known is None:
            number = insertion.add(_row(each, origin, received_at), source=each.source)
            _insert_rest(connection, number, each, received_at)
            stored.append(StoredImport(number, is_new=True))
        else:
            stored.append(StoredImport(known, is_new=False))
    insertion.end()
    if bundle is not None and insertion.newest is not None:
        _keep_secret(connection, bundle)
    return stored


def complete_window(
    connection: sqlite3.Connection, environment: str, region: str, start: int, end: int
) -> bool:
    """Record that all events of a window are here, unless a gap is left before it; return whether it was.

    Its commit takes the events to the disk, also if it records nothing.

    Args:
        start: of the window, microseconds UTC, as `end`.
    """
    rewrite(connection)
    return bool(
        connection.execute(
            "INSERT INTO marks (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            " WHERE value >= ? AND value < excluded.value",
            (backfill_mark(environment, region), end, start),
        ).rowcount
    )


def _row(capture: ImportedCapture, origin: str, received_at: int) -> Row:
    known = {name: getattr(capture, name) for name in _SAME}
    return Row(received_at=received_at, origin=origin, app_token=None, sender=None, **known)


def _insert_rest(
    connection: sqlite3.Connection, number: int, capture: ImportedCapture, received_at: int
) -> None:
    if capture.starred or capture.note is not None:
        connection.execute(
            "INSERT INTO notes (capture_id, starred, text) VALUES (?, ?, ?)",
            (number, int(capture.starred), capture.note),
        )
    for delivery in capture.deliveries:
        _insert_delivery(connection, number, delivery, received_at)


def _insert_delivery(
    connection: sqlite3.Connection, capture_id: int, delivery: ImportedDelivery, at: int
) -> None:
    created_at = min((each.started_at for each in delivery.attempts), default=at)
    number = connection.execute(
        "INSERT INTO deliveries (capture_id, target, kind, state, reason, created_at, due_at)"
        " VALUES (?, ?, ?, 'ended', ?, ?, ?)",
        (capture_id, delivery.target, delivery.kind, delivery.reason, created_at, created_at),
    ).lastrowid
    assert number is not None
    connection.executemany(insert_attempts(1), (attempt_values(number, each) for each in delivery.attempts))


def _keep_secret(connection: sqlite3.Connection, bundle: BundleSecret) -> None:
    connection.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (bundle.name, bundle.secret),
    )
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (bundle.name,)).fetchone()
    if row[0] != bundle.secret:
        raise RelayError(
            f"another file was imported as {bundle.name} meanwhile; import this one again",
            word="bundle-taken",
        )
