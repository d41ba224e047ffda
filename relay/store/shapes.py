"""Shapes in the log: which captures have none yet, and how they get one.

Owns the SQL of it. Everything up to the mark `shapes_upto` was looked at; captures above it may have been,
since what has just come is judged before what has long waited.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from relay.decoding import encoding_of
from relay.store import rows
from relay.store.reader import Reader
from relay.store.search import Gaps

MARK = "shapes_upto"

IDS_AT_ONCE = 2_000
"""Ids of one look for captures without a shape: most may have one already."""


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
    """Captures that another version of the catalogue judged, or none did; oldest first."""
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
    """The bodies of captures with their Content-Encoding, one in memory at a time, without those removed."""
    for number in ids:
        for headers, body in reader.rows("SELECT headers, body FROM captures WHERE id = ?", (number,)):
            yield number, body, encoding_of(rows.headers(headers))


def where_judging_stands(connection: sqlite3.Connection) -> tuple[int, int]:
    """The mark, and the newest capture's id; 0 for none."""
    mark = connection.execute("SELECT value FROM marks WHERE name = ?", (MARK,)).fetchone()
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM captures").fetchone()
    return (mark[0] if mark else 0), newest[0]


def first_unjudged(connection: sqlite3.Connection, after: int, upto: int) -> int | None:
    """The oldest capture without a shape above `after`, up to `upto`; None where there is none."""
    row = connection.execute(
        "SELECT id FROM captures WHERE id > ? AND id <= ? AND shape IS NULL ORDER BY id LIMIT 1",
        (after, upto),
    ).fetchone()
    return None if row is None else int(row[0])


def save_shapes(
    connection: sqlite3.Connection, shapes: Mapping[str, Sequence[int]], version: str, upto: int | None
) -> int:
    """Write the shapes of captures, by shape, and the mark (None: leave it); gives how many there are."""
    saved = 0
    for shape, ids in shapes.items():
        # One statement for all of a shape: each is a hand-over of the interpreter to who answers.
        marks = ",".join("?" * len(ids))
        saved += connection.execute(
            f"UPDATE captures SET shape = ?, shape_version = ? WHERE id IN ({marks})", (shape, version, *ids)
        ).rowcount
    if upto is not None:
        connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (MARK, upto))
    return saved
