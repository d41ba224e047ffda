"""The rows of attempts: the statement that inserts them, and their values."""

from __future__ import annotations

from typing import Any

import msgspec

from relay.models import Headers
from relay.models.attempt_record import AttemptRecord

_COLUMNS = ("delivery_id", *AttemptRecord.__struct_fields__)

_encode = msgspec.json.Encoder().encode


def insert_attempts(count: int) -> str:
    """Statement that inserts this many attempts, for concatenated `attempt_values`."""
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO attempts ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)}"


def attempt_values(delivery_id: int, record: AttemptRecord) -> tuple[Any, ...]:
    """An attempt as the columns of its row, in their order."""
    return (
        delivery_id,
        record.number,
        record.started_at,
        record.elapsed_us,
        record.outcome,
        record.status,
        record.verdict,
        record.verdict_reason,
        record.error,
        record.address,
        record.sent_method,
        record.sent_target,
        _as_text(record.sent_headers),
        record.sent_body,
        _as_text(record.headers),
        record.body,
        record.body_size,
    )


def reason_of(record: AttemptRecord) -> str | None:
    """The reason of a delivery after this attempt."""
    return None if record.verdict == "delivered" else record.verdict_reason


def _as_text(headers: Headers | None) -> str | None:
    return None if headers is None else _encode(headers).decode()
