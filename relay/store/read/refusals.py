"""Reads refusals: the newest, those since an id, and totals by reason."""

from __future__ import annotations

from relay.models import Refusal, RefusalTotals
from relay.store import rows
from relay.store.read.reader import Reader
from relay.store.rows import REFUSAL_COLUMNS


def newest_id(reader: Reader) -> int:
    """Id of the newest refusal; 0 if there is none. Costs microseconds."""
    return int(reader.rows("SELECT coalesce(max(id), 0) FROM refusals")[0][0])


def newest(reader: Reader, limit: int, reason: str | None = None) -> list[Refusal]:
    """The newest refusals, oldest first.

    Args:
        reason: only those with this one.
    """
    only, values = ("", ()) if reason is None else (" WHERE reason = ?", (reason,))
    found = reader.rows(
        f"SELECT {REFUSAL_COLUMNS} FROM refusals{only} ORDER BY id DESC LIMIT ?", (*values, limit)
    )
    return [rows.refusal(row) for row in reversed(found)]


def newer(reader: Reader, after: int) -> list[Refusal]:
    """Refusals above an id, oldest first; 0 reads all, in 30 ms if the table is full."""
    found = reader.rows(f"SELECT {REFUSAL_COLUMNS} FROM refusals WHERE id > ? ORDER BY id", (after,))
    return [rows.refusal(row) for row in found]


def tally(reader: Reader) -> RefusalTotals:
    """Totals by reason, and the number of rows dropped for newer ones; 5 ms if the table is full."""
    found = reader.rows(
        "SELECT reason, sum(count), count(*), min(id), min(at) FROM refusals"
        " GROUP BY reason ORDER BY 2 DESC, 1"
    )
    # Ids are never reused, and the oldest rows are dropped first.
    oldest = min((row[3] for row in found), default=1)
    return RefusalTotals(
        by_reason={reason: count for reason, count, *_ in found},
        rows=sum(row[2] for row in found),
        dropped=oldest - 1,
        since=rows.time(min(row[4] for row in found)) if found else None,
    )
