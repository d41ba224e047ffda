"""The index of event ids, filled behind the commits: sorted groups write fewer pages than single captures.

Owns which captures are not in it yet. Ids of events that came since are held in memory, so that a repeat
is known at once; after a crash the rest is filled from the captures themselves, before anything new comes.
"""

from __future__ import annotations

import sqlite3
from time import monotonic

from relay.store.columns import EVENT_KEY, Row, event_key

FILL_AT = 2_048
"""So many captures are indexed even while others wait: some 10 ms of the writer."""

IDLE_S = 0.1
"""With less, the writer waits until nothing has come for so long."""

SLICE = 20_000
"""Captures of one transaction at the start, where nobody waits yet."""


class EventIndex:
    """The progress of the index, and the captures after it; runs on the writer thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._recent: dict[str, int] = {}
        """Event key -> its first capture beyond the index."""
        self._pending = 0
        self._last = 0
        self._grew_at = 0.0
        row = connection.execute("SELECT value FROM marks WHERE name = 'events_upto'").fetchone()
        self._upto = row[0] if row else 0
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM captures").fetchone()[0]
        while self._upto < newest:
            self._fill(connection, min(self._upto + SLICE, newest))

    def agrees(self, connection: sqlite3.Connection) -> bool:
        """Whether the tables say the same of the index: not once a backup was restored into them."""
        row = connection.execute("SELECT value FROM marks WHERE name = 'events_upto'").fetchone()
        return bool((row[0] if row else 0) == self._upto)

    def first(self, key: str | None) -> int | None:
        """The first capture of an event beyond the index, as far as committed."""
        return None if key is None else self._recent.get(key)

    def committed(self, first_id: int, rows: list[Row]) -> None:
        """Captures with consecutive ids are on disk."""
        recent = self._recent
        for number, row in enumerate(rows, first_id):
            key = event_key(row)
            if key is not None:
                recent.setdefault(key, number)
        self._pending += len(rows)
        self._last = first_id + len(rows) - 1
        self._grew_at = monotonic()

    @property
    def due_in_s(self) -> float | None:
        """When `fill` is due if nothing comes; None when there is nothing to fill."""
        if not self._pending:
            return None
        return max(self._grew_at + IDLE_S - monotonic(), 0.0)

    @property
    def is_due(self) -> bool:
        """Whether much waits for the index, or something does and nothing has come for a while."""
        return self._pending >= FILL_AT or (self._pending > 0 and self.due_in_s == 0.0)

    def fill(self, connection: sqlite3.Connection) -> None:
        """Index everything that is committed.

        Raises:
            sqlite3.Error: nothing of it was; all stays as it was.
        """
        if self._pending:
            self._fill(connection, self._last)
            self._recent.clear()
            self._pending = 0

    def _fill(self, connection: sqlite3.Connection, upto: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(
                f"INSERT OR IGNORE INTO events SELECT {EVENT_KEY} AS key, id FROM captures"
                " WHERE id > ? AND id <= ? AND key IS NOT NULL ORDER BY key",
                (self._upto, upto),
            )
            connection.execute("INSERT OR REPLACE INTO marks VALUES ('events_upto', ?)", (upto,))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._upto = upto
