"""Finds captures without a shape, and reads bodies for checking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.store import rows
from relay.store.read.reader import Reader
from relay.store.read.search import Gaps
from relay.text.decoding import encoding_of

IDS_AT_ONCE = 2_000
"""Ids per search for captures without a shape; most may have one already."""


def unjudged(reader: Reader, after: int, upto: int, limit: int) -> tuple[list[int], int]:
    """Captures without a shape among the ids above `after`, none above `upto`.

    Returns:
        At most `limit` ids, oldest first, and the id up to which that is all.
    """
    end = min(upto, after + IDS_AT_ONCE)
    found = [
        number
        for (number,) in reader.rows(
            "SELECT id FROM captures WHERE id > ? AND id <= ? AND shape IS NULL ORDER BY id LIMIT ?",
            (after, end, limit),
        )
    ]
    return found, found[-1] if len(found) == limit else end


def outdated(reader: Reader, version: str) -> Iterator[int]:
    """Captures not checked with this version of the catalogue, oldest first."""
    gaps = Gaps()
    after, newest = reader.oldest_id() - 1, reader.newest_id()
    while after < newest:
        end = min(newest, after + IDS_AT_ONCE)
        for (number,) in reader.rows(
            "SELECT id FROM captures WHERE id > ? AND id <= ? AND shape_version IS NOT ? ORDER BY id",
            (after, end, version),
        ):
            yield number
        after = end
        gaps.leave()


def bodies(reader: Reader, ids: Sequence[int]) -> Iterator[tuple[int, bytes, str]]:
    """Bodies of existing captures with their Content-Encoding, one in memory at a time."""
    for number in ids:
        for headers, body in reader.rows("SELECT headers, body FROM captures WHERE id = ?", (number,)):
            yield number, body, encoding_of(rows.headers(headers))
