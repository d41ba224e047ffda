"""Finds values to suggest for a filter, in the columns of the newest captures.

Reads only a limited number of captures, however large the database is.
"""

from __future__ import annotations

from relay.filters.matching import as_meant
from relay.store.read.reader import Reader
from relay.store.read.search import Gaps

NEWEST = 20_000
"""Captures that are read: some 50 ms on a cold disk."""

MOST = 100
"""Values per key."""

LONGEST = 1_000
"""Longest value, in characters; an event type may be as long as its body."""

_PATH = "substr(target, 1, instr(target || '?', '?') - 1)"

_CAPTURES = {
    "type": "event_type",
    "method": "method",
    "path": _PATH,
    "answer": "answer",
    "signed": "signed_by",
}

_DELIVERIES = """SELECT attempts.status FROM attempts WHERE attempts.id > (SELECT max(id) FROM attempts) - ?
    AND attempts.status IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT ?"""

_HEADERS = """SELECT json_extract(value, '$[0]') AS name
    FROM captures, json_each(captures.headers)
    WHERE captures.id > ? AND json_valid(captures.headers)
    GROUP BY lower(name) ORDER BY count(*) DESC LIMIT ?"""

HEADERS_OF = 200
"""Captures whose header names are read."""


def seen_values(reader: Reader) -> dict[str, list[str]]:
    """Key of the filter -> its values in the newest captures, the most frequent first."""
    newest = reader.newest_id()
    found: dict[str, list[str]] = {}
    gaps = Gaps()
    for key, column in _CAPTURES.items():
        rows = reader.rows(
            f"SELECT {column} AS value FROM captures WHERE id > ? AND length(value) <= {LONGEST}"
            " GROUP BY 1 ORDER BY count(*) DESC LIMIT ?",
            (newest - NEWEST, MOST),
        )
        found[key] = [as_meant(str(value)) for (value,) in rows]
        gaps.leave()
    found["status"] = [str(status) for (status,) in reader.rows(_DELIVERIES, (NEWEST, MOST))]
    gaps.leave()
    found["header"] = [as_meant(str(name)) for (name,) in reader.rows(_HEADERS, (newest - HEADERS_OF, MOST))]
    return found
