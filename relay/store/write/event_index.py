"""Fills the index of event ids after the commits: sorted groups write fewer pages than single captures.

Owns which captures are not indexed yet. Keeps their event ids in memory, so that repeats are recognised at
once; after a crash it first indexes the rest from the captures themselves.
"""

from __future__ import annotations

import sqlite3
from time import monotonic

from relay.store.columns import EVENT_KEY, Row, event_key

FILL_AT = 2_048
"""This many captures are indexed even while others wait: some 10 ms of the writer."""

IDLE_S = 0.1
"""Fewer are indexed only after this long without new captures."""

SLICE = 20_000
"""Captures per transaction at start, when nothing waits yet."""


class EventIndex:
    """The progress of the index, and the captures after it; runs on the writer thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._recent: dict[str, int] = {}
        """Event key -> its first capture that is not indexed."""
        self._pending = 0
        self._last = 0
        self._grew_at = 0.0
        self._upto = _indexed_upto(connection)
        newest = _newest(connection)
        while self._upto < newest:
            self._fill(connection, min(self._upto + SLICE, newest))

    def agrees(self, connection: sqlite3.Connection) -> bool:
        """Whether the tables agree with this state; they do not after a backup was restored into them."""
        return _indexed_upto(connection) == self._upto

    def follow(self, connection: sqlite3.Connection) -> None:
        """Take over the progress of a job that has added captures and indexed all that there are."""
        self._upto = _indexed_upto(connection)
        self._recent.clear()
        self._pending = 0

    def first(self, key: str | None) -> int | None:
        """The first committed capture of an event that is not indexed."""
        return None if key is None else self._recent.get(key)

    def committed(self, first_id: int, rows: list[Row]) -> None:
        """Add committed captures, with consecutive ids."""
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
        """Seconds until `fill` is due if nothing arrives; None if there is nothing to index."""
        if not self._pending:
            return None
        return max(self._grew_at + IDLE_S - monotonic(), 0.0)

    @property
    def is_due(self) -> bool:
        """Whether many captures wait for the index, or some do and nothing has arrived for a while."""
        return self._pending >= FILL_AT or (self._pending > 0 and self.due_in_s == 0.0)

    def fill(self, connection: sqlite3.Connection) -> None:
        """Index everything that is committed.

        Raises:
            sqlite3.Error: nothing was indexed.
        """
        if self._pending:
            self._fill(connection, self._last)
            self._recent.clear()
            self._pending = 0

    def _fill(self, connection: sqlite3.Connection, upto: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _index(connection, self._upto, upto)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._upto = upto


def index_events(connection: sqlite3.Connection) -> None:
    """Index all captures, in the transaction of a job that adds some; `EventIndex.follow` comes next.

    Cheap where all are indexed; else at most FILL_AT captures are not.
    """
    after, newest = _indexed_upto(connection), _newest(connection)
    if newest > after:
        _index(connection, after, newest)


def _indexed_upto(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM marks WHERE name = 'events_upto'").fetchone()
    return int(row[0]) if row else 0


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM captures").fetchone()[0])


def _index(connection: sqlite3.Connection, after: int, upto: int) -> None:
    connection.execute(
        f"INSERT OR IGNORE INTO events SELECT {EVENT_KEY} AS key, id FROM captures"
        " WHERE id > ? AND id <= ? AND key IS NOT NULL ORDER BY key",
        (after, upto),
    )
    connection.execute("INSERT OR REPLACE INTO marks VALUES ('events_upto', ?)", (upto,))
