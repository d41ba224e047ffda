"""A database of many captures, with their shapes or without.

Events differ in id alone; rows are as the receiver leaves them.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec.structs import astuple

from relay.store.columns import COLUMNS, Row, is_searchable_as_bytes
from relay.store.write import files
from relay.store.write.shapes import MARK
from tests.support.factories import new_log
from tests.support.lean_requests import a_body

HEADERS = json.dumps([["Host", "relay.test"], ["Content-Type", "application/json"]])


def fill(db: Path, count: int, *, judged: bool = False) -> None:
    """Make a database of `count` captures.

    Args:
        judged: whether each has its shape; none has one otherwise.
    """
    files.create_private(db)
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    with closing(new_log(db)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO captures (plain, {', '.join(COLUMNS)}) VALUES ({marks})",
            ((is_searchable_as_bytes(row), *astuple(row)) for row in map(_row, range(count))),
        )
        if judged:
            connection.execute("UPDATE captures SET shape = 'documented', shape_version = '0'")
            connection.execute("INSERT INTO marks VALUES (?, ?)", (MARK, count))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _row(number: int) -> Row:
    event_id = str(uuid4())
    body = a_body(event_id)
    values: dict[str, Any] = {
        "received_at": 1_780_000_000_000_000 + number,
        "method": "POST",
        "target": "/webhooks/lean",
        "http_version": "1.1",
        "client": "127.0.0.1:50312",
        "answer": 200,
        "origin": "received",
        "event_type": "payment.updated",
        "event_id": event_id,
        "signature": "unchecked",
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "headers": HEADERS,
        "body": body,
    }
    known: dict[str, Any] = {name: values.get(name) for name in COLUMNS}
    return Row(**known)
