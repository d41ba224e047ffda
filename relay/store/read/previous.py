"""Finds the previous capture of the same event type.

Types have no index: the search goes back through windows of ids, with gaps in between in which the WAL can
start over, as in `relay.store.read.search`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from time import sleep

from relay.errors import RelayError
from relay.store.read.reader import Reader
from relay.store.read.search import GAP_S

WINDOW = 20_000
"""Ids per statement: some 20 ms."""


def previous_of_type(reader: Reader, number: int, report: Callable[[int], None] | None = None) -> int | None:
    """The newest capture before this one with the same event type; None if there is none.

    Args:
        report: called after each window with the number of ids searched.

    Raises:
        RelayError: `stopped`, the reader was interrupted.
    """
    before = reader.interruptions
    oldest, end = reader.oldest_id(), number
    while end > oldest:
        first = max(oldest, end - WINDOW)
        try:
            found = reader.rows(
                "SELECT max(id) FROM captures WHERE id >= ?1 AND id < ?2"
                " AND event_type = (SELECT event_type FROM captures WHERE id = ?3)",
                (first, end, number),
            )[0][0]
        except sqlite3.OperationalError as error:
            raise RelayError("stopped", word="stopped") from error
        if found is not None:
            return int(found)
        end = first
        if report is not None:
            report(number - end)
        if end > oldest:
            sleep(GAP_S)
        if reader.interruptions != before:
            raise RelayError("stopped", word="stopped")
    return None
