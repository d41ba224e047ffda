"""How captures get into their table: the columns that arrive, and one statement for many rows.

Owns what an INSERT of captures looks like; executes nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

COLUMNS = (
    "received_at",
    "method",
    "target",
    "http_version",
    "client",
    "tls",
    "answer",
    "answer_reason",
    "origin",
    "event_type",
    "event_id",
    "event_at",
    "customer_id",
    "signature",
    "signed_by",
    "app_token",
    "sender",
    "body_sha256",
    "headers",
    "body",
)
"""What `Row` holds, in this order; `id` and `repeat_of` are the writer's."""

Row = tuple[Any, ...]
"""The values of `COLUMNS` for one capture."""

# A TEMP trigger belongs to this connection alone: no other program's INSERT runs it, and it is no
# part of the public schema. An index look-up for each row; the UPDATE only where there is a first.
REPEATS = """
CREATE TEMP TRIGGER mark_repeats AFTER INSERT ON main.captures
WHEN NEW.event_id IS NOT NULL
     AND EXISTS (SELECT 1 FROM captures WHERE event_id = NEW.event_id AND id < NEW.id)
BEGIN
    UPDATE captures SET repeat_of = (SELECT min(id) FROM captures WHERE event_id = NEW.event_id)
    WHERE id = NEW.id;
END
"""


@cache
def insert_of(rows: int) -> str:
    """The statement that inserts so many captures, ids first; one text a number, so it stays prepared."""
    one = f"({', '.join('?' * (len(COLUMNS) + 1))})"
    return f"INSERT INTO captures (id, {', '.join(COLUMNS)}) VALUES {', '.join([one] * rows)}"
