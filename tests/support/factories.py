"""Captures with fixed times, and a log to put them in: what tests of reading start from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from relay.lean.catalogue import undocumented
from relay.models import Attempt, Capture, Delivery, Event, to_micros
from relay.store import schema
from relay.text.prefilter import is_plain

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
"""When everything of these factories happens, unless told otherwise."""

EVENT_ID = "b0a1c2d3-e4f5-4061-8273-94a5b6c7d8e9"

BODY = (
    b'{"type":"payment.updated","payload":{"id":"5b1f0f0e-7c55-4c0a-9a3e-2f4f6f0a1d01",'
    b'"customer_id":"c0ffee00-0000-4000-8000-000000000001","amount":100.50,"currency":"AED",'
    b'"status":"PENDING_WITH_BANK"},"message":"A payment object has been updated.",'
    b'"timestamp":"2026-11-20T11:59:59.089123Z","event_id":"b0a1c2d3-e4f5-4061-8273-94a5b6c7d8e9"}'
)


def a_capture(id: int = 1, **changes: Any) -> Capture:
    """A payment event as Lean sends it; `id` seconds after noon."""
    body = changes.pop("body", BODY)
    event = Event(
        type="payment.updated",
        event_id=EVENT_ID,
        at=NOON - timedelta(seconds=1),
        customer_id="c0ffee00-0000-4000-8000-000000000001",
    )
    values: dict[str, Any] = {
        "received_at": NOON + timedelta(seconds=id),
        "method": "POST",
        "target": "/webhooks/lean",
        "http_version": "1.1",
        "headers": (("Host", "localhost:5326"), ("content-type", "application/json")),
        "body": body,
        "body_sha256": sha256(body).hexdigest(),
        "client": "127.0.0.1:50312",
        "event": event if body is BODY else None,
    }
    values |= changes
    values.setdefault("undocumented", undocumented(values["event"].type if values["event"] else None))
    return Capture(id=id, **values)


def a_delivery(id: int = 1, **changes: Any) -> Delivery:
    """A live delivery that its target took at the first try."""
    values: dict[str, Any] = {
        "target": "http://localhost:3000",
        "kind": "live",
        "state": "ended",
        "verdict": "delivered",
        "attempts": 1,
        "outcome": None if changes.get("attempts") == 0 else "answered",
        "status": 200,
        "elapsed_ms": 41.5,
    }
    return Delivery(id=id, **(values | changes))


def an_attempt(id: int = 1, **changes: Any) -> Attempt:
    """The first attempt of the first delivery, which its target took in 41 ms."""
    values: dict[str, Any] = {
        "delivery_id": 1,
        "capture_id": 1,
        "target": "http://localhost:3000",
        "kind": "live",
        "number": 1,
        "started_at": NOON,
        "elapsed_ms": 41.2,
        "outcome": "answered",
        "status": 200,
        "verdict": "delivered",
    }
    return Attempt(id=id, **(values | changes))


def new_log(path: Path) -> sqlite3.Connection:
    """A migrated, empty log in WAL mode, for its user alone; the connection writes as an engine would."""
    path.touch(mode=0o600)  # SQLite gives -wal and -shm the same mode.
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    schema.migrate(connection)
    return connection


def insert(connection: sqlite3.Connection, capture: Capture) -> None:
    """Store a capture with its note and deliveries; each attempt but the last came to nothing."""
    event = capture.event or Event()
    headers = json.dumps(capture.headers, ensure_ascii=False, separators=(",", ":"))
    row = {
        "id": capture.id,
        "received_at": to_micros(capture.received_at),
        "method": capture.method,
        "target": capture.target,
        "http_version": capture.http_version,
        "client": capture.client,
        "tls": None if capture.tls is None else json.dumps(capture.tls),
        "answer": capture.answer.status,
        "answer_reason": capture.answer.on_purpose,
        "origin": capture.origin,
        "event_type": event.type,
        "event_id": event.event_id,
        "event_at": None if event.at is None else to_micros(event.at),
        "customer_id": event.customer_id,
        "signature": capture.signature,
        "signed_by": capture.signed_by,
        "app_token": capture.app_token,
        "sender": capture.sender,
        "repeat_of": capture.repeat_of,
        "shape": capture.shape,
        "shape_version": capture.shape_version,
        "body_sha256": capture.body_sha256,
        "headers": headers,
        "body": capture.body,
        "plain": int(is_plain(capture.target, headers, capture.body)),
        "source": None if capture.source is None else json.dumps({"digest": "", **capture.source.as_json()}),
        "position": capture.position,
    }
    _insert(connection, "captures", row)
    if capture.starred or capture.note is not None:
        note = {"capture_id": capture.id, "starred": int(capture.starred), "text": capture.note}
        _insert(connection, "notes", note)
    for delivery in capture.deliveries:
        _insert_delivery(connection, capture, delivery)


def insert_attempt(connection: sqlite3.Connection, attempt: Attempt) -> None:
    """Store one attempt of a delivery that is there already."""
    row = {
        "id": attempt.id,
        "delivery_id": attempt.delivery_id,
        "number": attempt.number,
        "started_at": to_micros(attempt.started_at),
        "elapsed_us": round(attempt.elapsed_ms * 1000),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "verdict": attempt.verdict,
        "verdict_reason": attempt.verdict_reason,
        "error": attempt.error,
        "sent_method": attempt.sent_method,
        "sent_target": attempt.sent_target,
        "sent_headers": None if attempt.sent_headers is None else json.dumps(attempt.sent_headers),
        "sent_body": attempt.sent_body,
        "headers": None if attempt.headers is None else json.dumps(attempt.headers),
        "body": attempt.body,
        "body_size": attempt.body_size,
        "address": attempt.address,
    }
    _insert(connection, "attempts", row)


def insert_all(connection: sqlite3.Connection, captures: Iterable[Capture]) -> None:
    """Store captures in one transaction."""
    connection.execute("BEGIN")
    for capture in captures:
        insert(connection, capture)
    connection.execute("COMMIT")


def _insert_delivery(connection: sqlite3.Connection, capture: Capture, delivery: Delivery) -> None:
    row = {
        "id": delivery.id,
        "capture_id": capture.id,
        "target": delivery.target,
        "kind": delivery.kind,
        "state": delivery.state,
        "reason": delivery.reason,
        "created_at": to_micros(capture.received_at),
        "due_at": to_micros(capture.received_at),
    }
    _insert(connection, "deliveries", row)
    for number in range(1, delivery.attempts + 1):
        last = number == delivery.attempts
        attempt = {
            "delivery_id": delivery.id,
            "number": number,
            "started_at": to_micros(capture.received_at) + number,
            "elapsed_us": round(delivery.elapsed_ms * 1000)
            if last and delivery.elapsed_ms is not None
            else 7,
            "outcome": (delivery.outcome or "answered") if last else "closed",
            "status": delivery.status if last else None,
            "verdict": delivery.verdict if last else None,
            "error": delivery.error if last else "refused",
        }
        _insert(connection, "attempts", attempt)


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
