"""Converts rows of the public tables to models: the only place where columns become values.

Owns which columns are read. Other programs may have written rows too, so a value that does not fit the
schema (headers that are not JSON pairs, a word of a later version) becomes the nearest harmless value and
never raises.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from relay.lean.catalogue import undocumented
from relay.models import (
    EPOCH,
    Answer,
    Attempt,
    AttemptEvent,
    Capture,
    Comparison,
    Delivery,
    Event,
    Headers,
    Origin,
    Refusal,
    Shape,
    Signature,
    Source,
    from_micros,
)

Row = tuple[Any, ...]
Word = TypeVar("Word", bound=StrEnum)

CAPTURE_COLUMNS = ", ".join(
    f"captures.{name}"
    for name in (
        "id",
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
        "repeat_of",
        "shape",
        "shape_version",
        "body_sha256",
        "headers",
        "body",
        "source",
        "position",
    )
)

LAST_ATTEMPT = """(SELECT last.id FROM attempts AS last WHERE last.delivery_id = deliveries.id
    ORDER BY last.number DESC, last.id DESC LIMIT 1)"""
"""SQL for a row of `deliveries`: the id of its last attempt, NULL before the first."""

DELIVERY_COLUMNS = """deliveries.capture_id, deliveries.id, deliveries.target, deliveries.kind,
    deliveries.state, deliveries.reason,
    (SELECT count(*) FROM attempts AS made WHERE made.delivery_id = deliveries.id),
    attempts.verdict, attempts.status, attempts.error, attempts.elapsed_us, attempts.outcome"""

ATTEMPT_COLUMNS = """attempts.id, attempts.delivery_id, deliveries.capture_id, deliveries.target,
    deliveries.kind, attempts.number, attempts.started_at, attempts.elapsed_us, attempts.outcome,
    attempts.status, attempts.verdict, attempts.verdict_reason, attempts.error, attempts.sent_headers,
    attempts.sent_body, attempts.headers, attempts.body, attempts.body_size, attempts.sent_method,
    attempts.sent_target, attempts.address"""

FOLLOWED_COLUMNS = f"""captures.event_type, captures.method, captures.target, captures.signature,
    CASE WHEN deliveries.state = 'queued' AND attempts.id = {LAST_ATTEMPT} THEN deliveries.due_at END,
    captures.received_at, captures.repeat_of,
    (SELECT first.received_at FROM captures AS first WHERE first.id = captures.repeat_of),
    captures.source IS NOT NULL AND attempts.started_at < captures.received_at"""

REFUSAL_COLUMNS = "id, at, client, reason, detail, count"

# Made while the module loads, by one thread: msgspec crashes where two threads use a type for the first time.
_pairs = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_source = msgspec.json.Decoder(Source)


def capture(row: Row, deliveries: tuple[Delivery, ...] = ()) -> Capture:
    """A row of `CAPTURE_COLUMNS` followed by `notes.starred, notes.text`."""
    event = Event(
        type=row[10],
        event_id=row[11],
        at=None if row[12] is None else time(row[12]),
        customer_id=row[13],
    )
    return Capture(
        id=row[0],
        received_at=time(row[1]),
        method=row[2],
        target=row[3],
        http_version=row[4],
        client=row[5],
        tls=None if row[6] is None else tls_facts(row[6]),
        answer=Answer(status=row[7], on_purpose=row[8]),
        origin=word(Origin, row[9]) or Origin.RECEIVED,
        event=None if event == Event() else event,
        signature=word(Signature, row[14]) or Signature.UNCHECKED,
        signed_by=row[15],
        app_token=word(Comparison, row[16]),
        sender=word(Comparison, row[17]),
        repeat_of=row[18],
        shape=word(Shape, row[19]),
        shape_version=row[20],
        undocumented=undocumented(row[10]),
        body_sha256=row[21],
        headers=headers(row[22]),
        body=row[23],
        source=None if row[24] is None else source(row[24]),
        position=row[25],
        starred=bool(row[26]),
        note=row[27],
        deliveries=deliveries,
    )


def delivery(row: Row) -> Delivery:
    """A row of `DELIVERY_COLUMNS`, joined with its last attempt."""
    return Delivery(
        id=row[1],
        target=row[2],
        kind=row[3],
        state=row[4],
        reason=row[5],
        attempts=row[6],
        verdict=row[7],
        status=row[8],
        error=row[9],
        elapsed_ms=None if row[10] is None else row[10] / 1000,
        outcome=row[11],
    )


def attempt(row: Row) -> Attempt:
    """A row of `ATTEMPT_COLUMNS`."""
    return Attempt(
        id=row[0],
        delivery_id=row[1],
        capture_id=row[2],
        target=row[3],
        kind=row[4],
        number=row[5],
        started_at=time(row[6]),
        elapsed_ms=row[7] / 1000,
        outcome=row[8],
        status=row[9],
        verdict=row[10],
        verdict_reason=row[11],
        error=row[12],
        sent_headers=None if row[13] is None else headers(row[13]),
        sent_body=row[14],
        headers=None if row[15] is None else headers(row[15]),
        body=row[16],
        body_size=row[17],
        sent_method=row[18],
        sent_target=row[19],
        address=row[20],
    )


def followed(row: Row) -> AttemptEvent:
    """A row of `ATTEMPT_COLUMNS` and `FOLLOWED_COLUMNS`."""
    event_type, method, target, signature, again_at, received_at, repeat_of, first_at, elsewhere = row[21:]
    return AttemptEvent(
        attempt=attempt(row),
        event_type=event_type,
        method=method,
        request_target=target,
        signature=word(Signature, signature) or Signature.UNCHECKED,
        again_at=None if again_at is None else time(again_at),
        received_at=time(received_at),
        repeat_of=repeat_of,
        first_at=None if first_at is None else time(first_at),
        was_elsewhere=bool(elsewhere),
    )


def refusal(row: Row) -> Refusal:
    """A row of `REFUSAL_COLUMNS`."""
    return Refusal(id=row[0], at=time(row[1]), client=row[2], reason=row[3], detail=row[4], count=row[5])


def headers(text: str | bytes) -> Headers:
    """The JSON array of pairs in a `headers` column; empty if it is anything else."""
    try:
        return _pairs.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ()


def tls_facts(text: str | bytes) -> dict[str, Any]:
    """The JSON object in a `tls` column; empty if it is anything else."""
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        facts = msgspec.json.decode(text)
        if isinstance(facts, dict):
            return facts
    return {}


def source(text: str | bytes) -> Source | None:
    """The JSON object in a `source` column; None if it is anything else."""
    try:
        found = _source.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if found.received_at is not None and found.received_at.tzinfo is None:
        return replace(found, received_at=None)
    return found


def time(micros: int) -> datetime:
    """A column of microseconds UTC; EPOCH where no datetime can hold it."""
    try:
        return from_micros(micros)
    except (ValueError, OverflowError, OSError):
        return EPOCH


def word(words: type[Word], text: str | None) -> Word | None:
    try:
        return None if text is None else words(text)
    except ValueError:
        return None
