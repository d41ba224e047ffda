"""Shapes in the log: which captures have none yet, and how they get one.

Owns the SQL of it. Everything up to the mark `shapes_upto` was looked at; captures above it may have been,
because new captures are checked before older ones.
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
    """The oldest capture without a shape above `after`, up to `upto`; None where there is none."""
    row = connection.execute(
        "SELECT id FROM captures WHERE id > ? AND id <= ? AND shape IS NULL ORDER BY id LIMIT 1",
        (after, upto),
    ).fetchone()
    return None if row is None else int(row[0])


def save_shapes(
    connection: sqlite3.Connection, shapes: Mapping[str, Sequence[int]], version: str, upto: int | None
) -> int:
    """Write the shapes of captures, by shape, and the mark (None: leave it); returns how many there are."""
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
