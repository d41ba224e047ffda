"""The columns of an incoming capture, and the INSERT statement for many of them.

Owns the form of that statement; executes nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from relay.text.prefilter import is_plain

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
"""The columns of a `Row`, in this order; the writer adds `id`, `repeat_of` and `plain`."""

Row = tuple[Any, ...]
"""The values of `COLUMNS` for one capture."""

HASHED = "sha256:"
"""Prefix of an event's key that is the hash of its body."""

EVENT_KEY = f"coalesce(event_id, CASE WHEN event_type IS NOT NULL THEN '{HASHED}' || body_sha256 END)"
"""SQL over a row of captures: the same as `event_key`."""

_EVENT_ID, _EVENT_TYPE = COLUMNS.index("event_id"), COLUMNS.index("event_type")
_BODY_SHA256, _TARGET = COLUMNS.index("body_sha256"), COLUMNS.index("target")
_HEADERS, _BODY = COLUMNS.index("headers"), COLUMNS.index("body")


def event_key(row: Row) -> str | None:
    """The key of an event: its `event_id`, else the hash of its body; None if it is not an event.

    Lean documents `event_id` as part of every webhook but omits it in some of its samples.
    """
    event_id: str | None = row[_EVENT_ID]
    if event_id is not None or row[_EVENT_TYPE] is None:
        return event_id
    return f"{HASHED}{row[_BODY_SHA256]}"


def is_searchable_as_bytes(row: Row) -> int:
    """The column `plain`: 1 if texts can be searched in the bytes (`relay.text.prefilter`), else 0."""
    return int(is_plain(row[_TARGET], row[_HEADERS], row[_BODY]))


# The first capture of the event: indexed ones are older than those not indexed yet.
_FIRST = "coalesce((SELECT min(capture_id) FROM events WHERE event_id = ?), ?)"


@cache
def insert_of(rows: int) -> str:
    """The statement that inserts this many captures; one text per number, so that it stays prepared.

    Its values for each: its `event_key`, the first capture of that event among those not indexed yet (or
    None), `id`, its `is_searchable_as_bytes`, and the columns.
    """
    one = f"({_FIRST}, {', '.join('?' * (len(COLUMNS) + 2))})"
    return (
        f"INSERT INTO captures (repeat_of, id, plain, {', '.join(COLUMNS)}) VALUES {', '.join([one] * rows)}"
    )
