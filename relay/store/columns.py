"""The columns of an incoming capture, and the INSERT statement for many of them.

Owns the form of that statement; executes nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from relay.models.imports import ImportedCapture
from relay.text.prefilter import is_plain


class Row(msgspec.Struct, array_like=True, gc=False):
    """One incoming capture; its fields are the columns to insert, and an array on the wire.

    Compared with a tuple of the same values: created, sent, read and inserted in 1.57 us instead of 1.47, and
    each access to a field is 20 ns faster than an index.
    """

    received_at: int
    method: str
    target: str
    http_version: str
    client: str
    tls: str | None
    answer: int
    answer_reason: str | None
    origin: str
    event_type: str | None
    event_id: str | None
    event_at: int | None
    customer_id: str | None
    signature: str
    signed_by: str | None
    app_token: str | None
    sender: str | None
    body_sha256: str
    headers: str
    body: Any
    """`bytes` or `bytearray`; None only on the wire, where a large body has its own frame."""


COLUMNS = Row.__struct_fields__
"""The columns of a `Row`, in this order; the writer adds `id`, `repeat_of` and `plain`."""

HASHED = "sha256:"
"""Prefix of an event's key that is the hash of its body."""

EVENT_KEY = f"coalesce(event_id, CASE WHEN event_type IS NOT NULL THEN '{HASHED}' || body_sha256 END)"
"""SQL over a row of captures: the same as `event_key`."""


def event_key(row: Row | ImportedCapture) -> str | None:
    """The key of an event: its `event_id`, else the hash of its body; None if it is not an event.

    Lean documents `event_id` as part of every webhook but omits it in some of its samples.
    """
    if row.event_id is not None or row.event_type is None:
        return row.event_id
    return f"{HASHED}{row.body_sha256}"


def is_searchable_as_bytes(row: Row) -> int:
    """The column `plain`: 1 if texts can be searched in the bytes (`relay.text.prefilter`), else 0."""
    return int(is_plain(row.target, row.headers, row.body))


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
