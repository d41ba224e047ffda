"""A made-up morning of webhooks: what pictures of the screen, for tests and for the README, are taken of.

Owns the captures and the refusals. The same each time: seeded ids and amounts, fixed times.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from relay.config import SecretSource
from relay.lean.envelope import read_event
from relay.lean.samples import Sampler
from relay.lean.signature import sign
from relay.models import (
    Attempt,
    Capture,
    Event,
    Origin,
    RefusalEntry,
    Shape,
    Signature,
    from_micros,
    to_micros,
)
from relay.store.write.changes import add_refusals
from tests.support.factories import a_capture, a_delivery, insert, insert_attempt

START = datetime(2026, 11, 20, 9, 41, 7, 204_000, tzinfo=UTC)
TARGET = "http://localhost:3000/webhooks/lean"
SECRET = b"made-up-webhook-secret"

EVENTS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("entity.created", 0, ()),
    ("results.ready", 3.1, ()),
    ("payment_source.created", 9.4, ()),
    ("payment_source.beneficiary.created", 12.7, ()),
    ("payment_intent.created", 31.2, ()),
    ("payment.created", 34.0, ()),
    ("payment.updated", 36.5, ("payload.status=PENDING_WITH_BANK",)),
    ("payment.updated", 49.9, ("payload.status=ACCEPTED_BY_BANK",)),
    ("payment_intent.created", 92.3, ()),
    ("payment.created", 95.8, ('payload.amount="250.00"',)),
    ("payment.updated", 98.1, ("payload.status=FAILED",)),
    ("entity.created", 140.6, ()),
    ("payment.created", 151.2, ()),
)
"""Type, seconds after START, and what is changed in it."""


def secret_source(folder: Path) -> SecretSource:
    """Where the secret is that has signed them; writes it there."""
    file = folder / "webhook.secret"
    file.write_bytes(SECRET)
    file.chmod(0o600)
    return SecretSource(name="sandbox", file=file, where="made up")


def captures() -> list[Capture]:
    """The morning, oldest first: most is well; one drifts, one comes again, one is forged, one is junk."""
    now = START
    sampler = Sampler(random.Random(20), lambda: now)
    found: list[Capture] = []
    for number, (type_, after_s, changes) in enumerate(EVENTS, 1):
        now = START + timedelta(seconds=after_s)
        body = sampler.sample(type_, changes).body
        found.append(_capture(number, now, body, shape=Shape.DOCUMENTED))
    found[9] = replace(found[9], shape=Shape.DRIFT, starred=True, note="amount as a text: ask Lean")
    found[5] = replace(found[5], deliveries=(_delivery(6, status=500, verdict="retry"),))
    # Lean's second try of the payment that the backend failed on.
    found.append(
        replace(
            found[5],
            id=14,
            received_at=found[5].received_at + timedelta(seconds=60),
            repeat_of=6,
            deliveries=(_delivery(14),),
        )
    )
    forged = tuple(
        (name, sign(b"another body", SECRET) if name == "lean-signature" else value)
        for name, value in found[10].headers
    )
    found[10] = replace(found[10], signature=Signature.INVALID, signed_by=None, headers=forged)
    found[11] = replace(found[11], origin=Origin.SAMPLE)
    found.append(
        a_capture(
            15,
            received_at=START + timedelta(seconds=170),
            method="GET",
            target="/.env",
            headers=(("Host", "relay.example.com"), ("User-Agent", "curl/8.5.0")),
            body=b"",
            signature=Signature.MISSING,
            shape=Shape.NOT_JSON,
            event=None,
            deliveries=(_delivery(15, status=404, verdict="retry"),),
        )
    )
    found[12] = replace(
        found[12],
        deliveries=(_delivery(13, status=None, outcome="timeout", verdict="retry", elapsed_ms=1e4),),
    )
    found.sort(key=lambda capture: capture.received_at)
    return [replace(capture, id=number) for number, capture in enumerate(found, 1)]


def _delivery(id: int, **changes: Any) -> Any:
    return a_delivery(id, target=TARGET, **({"elapsed_ms": 12.4} | changes))


def _capture(number: int, at: datetime, body: bytes, **changes: Any) -> Capture:
    row = read_event(body)
    assert row is not None
    event = Event(
        type=row.type,
        event_id=row.event_id,
        at=None if row.event_at is None else from_micros(row.event_at),
        customer_id=row.customer_id,
    )
    headers = (
        ("Host", "relay.example.com"),
        ("User-Agent", "Apache-HttpClient/4.5.14 (Java/17.0.9)"),
        ("Content-Type", "application/json"),
        ("lean-signature", sign(body, SECRET)),
        ("Content-Length", str(len(body))),
    )
    return a_capture(
        number,
        received_at=at + timedelta(milliseconds=41),
        body=body,
        body_sha256=sha256(body).hexdigest(),
        headers=headers,
        event=event,
        signature=Signature.VALID,
        signed_by="sandbox",
        deliveries=(_delivery(number),),
        **changes,
    )


def refusals() -> Iterator[RefusalEntry]:
    """The refusals meanwhile: noise, a page, an upload, and two that Lean would miss."""
    for after_s, client, reason, detail, count in (
        (-3300, "198.51.100.23", "malformed", "Invalid method encountered: b'\\x16\\x03\\x01'", 14),
        (-210, "127.0.0.1", "cross-site", "a web page sent this, not a server",
         1),
        (12, "198.51.100.23", "hung-up", "the caller left within the head of a request", 1),
        (71, "203.0.113.9", "too-large", "a body of 20971520 bytes or more; --max-body is 10485760", 2),
        (88, "203.0.113.9", "store-full", "no room left on the disk for the log", 1),
        (151, "203.0.113.77", "tls-no-certificate", "it showed no certificate", 3),
    ):  # fmt: skip
        yield RefusalEntry(to_micros(START + timedelta(seconds=after_s)), client, reason, detail, count)


def fill(log: sqlite3.Connection) -> None:
    """Put the morning into a log, with what the backend said."""
    add_refusals(log, list(refusals()))
    for capture in captures():
        deliveries = tuple(replace(delivery, attempts=0) for delivery in capture.deliveries)
        insert(log, replace(capture, deliveries=deliveries))
        for delivery, attempt in zip(capture.deliveries, _attempts(capture), strict=True):
            insert_attempt(log, attempt)
            log.execute("UPDATE deliveries SET state = 'ended' WHERE id = ?", (delivery.id,))


def _attempts(capture: Capture) -> Iterator[Attempt]:
    for delivery in capture.deliveries:
        answered = delivery.status is not None
        body = b'{"error":"no such payment"}' if delivery.status == 500 else b""
        yield Attempt(
            id=delivery.id,
            delivery_id=delivery.id,
            capture_id=capture.id,
            target=delivery.target,
            kind=delivery.kind,
            number=1,
            started_at=capture.received_at + timedelta(milliseconds=2),
            elapsed_ms=delivery.elapsed_ms or 0,
            outcome=delivery.outcome or "answered",
            status=delivery.status,
            verdict=delivery.verdict,
            verdict_reason=None if delivery.verdict == "delivered" else f"{delivery.status} is not 200",
            headers=(("Content-Type", "application/json"), ("Server", "dev")) if answered else None,
            body=body if answered else None,
            body_size=len(body) if answered else None,
        )
