"""Corrects the stored response, if the caller got another one.

Plain functions over the writing connection; `Writer.write` and the recorder run them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from relay.models import NOT_WRITTEN, STORED_TOO_LATE

_MARK = f"UPDATE captures SET answer = 503, answer_reason = '{STORED_TOO_LATE}' WHERE "


def mark_range_answered_503(connection: sqlite3.Connection, first_id: int, end_id: int) -> bool:
    """Mark rows that were committed after their caller was answered 503; return whether that was written."""
    try:
        connection.execute(f"{_MARK} id >= ? AND id < ?", (first_id, end_id))
    except sqlite3.Error:
        return False
    return True


def mark_answered_503(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Mark committed rows whose callers had been answered 503."""
    connection.executemany(f"{_MARK} id = ?", [(number,) for number in ids])


def mark_unanswered(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Mark rows whose response could not be sent, because the caller had disconnected."""
    connection.executemany(
        f"UPDATE captures SET answer_reason = coalesce(answer_reason || '; ', '') || '{NOT_WRITTEN}'"
        " WHERE id = ?",
        [(number,) for number in ids],
    )


def mark_answered_503_beyond(connection: sqlite3.Connection, newest_id: int) -> None:
    """Mark all rows after this one, whose process ended before it could report them as stored.

    Imported captures had no caller, and a team's were answered elsewhere.
    """
    connection.execute(f"{_MARK} id > ? AND source IS NULL AND position IS NULL", (newest_id,))
