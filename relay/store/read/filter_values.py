"""Finds values to suggest for a filter, in the columns of the newest captures.

Reads only a limited number of captures, however large the database is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from relay.filters.matching import as_meant
from relay.models import Comparison, Origin, Shape, Signature
from relay.store.read.reader import Reader
from relay.store.read.search import Gaps

NEWEST = 20_000
"""Captures that are read: some 100 ms on a busy machine."""

AT_ONCE = 5_000
"""Ids per statement: some 20 ms, then the WAL can start over."""

MOST = 100
"""Values per key."""

LONGEST = 1_000
"""Longest value, in characters; an event type may be as long as its body."""

_PATH = "substr(target, 1, instr(target || '?', '?') - 1)"

_COLUMNS = {
    "type": f"CASE WHEN length(event_type) <= {LONGEST} THEN event_type END",
    "method": f"CASE WHEN length(method) <= {LONGEST} THEN method END",
    "answer": "answer",
    "signed": "signed_by",
    "sig": "signature",
    "shape": "shape",
    "origin": "origin",
    "token": "app_token",
    "sender": "sender",
}
"""Key of the filter -> a column with few values: these are counted together, in one pass."""

_COMBINATIONS = (
    f"SELECT count(*), {', '.join(_COLUMNS.values())} FROM captures WHERE id > ? AND id <= ?"
    f" GROUP BY {', '.join(str(at) for at in range(2, len(_COLUMNS) + 2))}"
)

_WORDS = {"sig": Signature, "shape": Shape, "origin": Origin, "token": Comparison, "sender": Comparison}
"""Keys whose values are known: one that no capture has is counted as 0."""

_DELIVERIES = """SELECT attempts.status FROM attempts WHERE attempts.id > (SELECT max(id) FROM attempts) - ?
    AND attempts.status IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT ?"""

_HEADERS = """SELECT json_extract(value, '$[0]') AS name
    FROM captures, json_each(captures.headers)
    WHERE captures.id > ? AND json_valid(captures.headers)
    GROUP BY lower(name) ORDER BY count(*) DESC LIMIT ?"""

HEADERS_OF = 200
"""Captures whose header names are read."""


@dataclass(frozen=True, slots=True)
class SeenValues:
    """Values in the newest captures, the most frequent first."""

    counts: dict[str, dict[str, int]]
    """Key of the filter -> value -> captures that have it; for a type, those below it are not counted."""
    names: dict[str, list[str]] = field(default_factory=dict)
    """Keys whose values are not counted by captures."""
    counted: int = 0
    """Captures read."""
    is_all: bool = True
    """No older captures exist."""


def seen_values(reader: Reader) -> SeenValues:
    """Find the values, in a pass over the newest captures and one over their paths."""
    newest, oldest = reader.newest_id(), reader.oldest_id()
    gaps = Gaps()
    found: dict[str, Counter[str]] = {key: Counter() for key in _COLUMNS}
    counted = 0
    for first in range(max(newest - NEWEST, oldest - 1), newest, AT_ONCE):
        for count, *values in reader.rows(_COMBINATIONS, (first, min(first + AT_ONCE, newest))):
            counted += count
            for key, value in zip(_COLUMNS, values, strict=True):
                if value is not None:
                    found[key][as_meant(str(value))] += count
        gaps.leave()
    counts = {key: dict(values.most_common(MOST)) for key, values in found.items()}
    for key, words in _WORDS.items():
        counts[key] |= {word: 0 for word in words if word not in counts[key]}
    paths = reader.rows(
        f"SELECT {_PATH} AS value, count(*) FROM captures WHERE id > ? AND length(value) <= {LONGEST}"
        " GROUP BY 1 ORDER BY 2 DESC LIMIT ?",
        (newest - NEWEST, MOST),
    )
    counts["path"] = {as_meant(str(value)): count for value, count in paths}
    gaps.leave()
    names = {"status": [str(status) for (status,) in reader.rows(_DELIVERIES, (NEWEST, MOST))]}
    gaps.leave()
    headers = reader.rows(_HEADERS, (newest - HEADERS_OF, MOST))
    names["header"] = [as_meant(str(name)) for (name,) in headers]
    return SeenValues(counts, names, counted, oldest > newest - NEWEST)
