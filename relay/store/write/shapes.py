"""Finds captures without a shape, and stores shapes.

All captures up to the mark `shapes_upto` were checked; some above it may have been, because new captures are
checked before older ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

MARK = "shapes_upto"


def where_judging_stands(connection: sqlite3.Connection) -> tuple[int, int]:
    """The mark, and the newest capture's id; 0 for none."""
    mark = connection.execute("SELECT value FROM marks WHERE name = ?", (MARK,)).fetchone()
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM captures").fetchone()
    return (mark[0] if mark else 0), newest[0]


def first_unjudged(connection: sqlite3.Connection, after: int, upto: int) -> int | None:
    """The oldest capture without a shape above `after`, up to `upto`; None if all have one."""
    row = connection.execute(
        "SELECT id FROM captures WHERE id > ? AND id <= ? AND shape IS NULL ORDER BY id LIMIT 1",
        (after, upto),
    ).fetchone()
    return None if row is None else int(row[0])


def save_shapes(
    connection: sqlite3.Connection, shapes: Mapping[str, Sequence[int]], version: str, upto: int | None
) -> int:
    """Store the shapes of captures, by shape, and the mark (None: unchanged); return the number stored."""
    saved = 0
    for shape, ids in shapes.items():
        # One statement per shape, because each statement releases the GIL.
        marks = ",".join("?" * len(ids))
        saved += connection.execute(
            f"UPDATE captures SET shape = ?, shape_version = ? WHERE id IN ({marks})", (shape, version, *ids)
        ).rowcount
    if upto is not None:
        connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (MARK, upto))
    return saved
