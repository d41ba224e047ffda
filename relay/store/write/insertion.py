"""Inserts the captures of a job one by one: imported ones, events of a backfill, a team's.

Finds the first capture of each event, and keeps the index of events complete. Captures that are received here
go in groups instead (`relay.store.write.recorder`).
"""

from __future__ import annotations

import sqlite3

from msgspec.structs import astuple

from relay.store.columns import COLUMNS, Row, event_key, is_searchable_as_bytes
from relay.store.write.event_index import index_events

_COLUMNS = ("repeat_of", "plain", *COLUMNS, "source", "position")
_INSERT = f"INSERT INTO captures ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


class Insertion:
    """The captures of one transaction; `EventIndex.follow` comes after it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._new: dict[str, int] = {}
        """Event key -> its first capture of this transaction."""
        self.newest: int | None = None
        """Id of the last one added; None before the first."""
        index_events(connection)

    def first(self, key: str | None) -> int | None:
        """The first capture of an event; None if there is none yet."""
        if key is None:
            return None
        row = self._connection.execute(
            "SELECT min(capture_id) FROM events WHERE event_id = ?", (key,)
        ).fetchone()
        return self._new.get(key) if row[0] is None else int(row[0])

    def add(self, row: Row, *, source: str | None = None, position: int | None = None) -> int:
        """Add one capture and return its id.

        Args:
            source: JSON text about the file of an imported one.
            position: in the team's log.
        """
        key = event_key(row)
        number = self._connection.execute(
            _INSERT, (self.first(key), is_searchable_as_bytes(row), *astuple(row), source, position)
        ).lastrowid
        assert number is not None
        if key is not None:
            self._new.setdefault(key, number)
        self.newest = number
        return number

    def end(self) -> None:
        """Index what was added."""
        if self.newest is not None:
            index_events(self._connection)
