"""Baselines: the responses that a replay is compared with, and that no replay changes by itself."""

from __future__ import annotations

from relay.models import Baseline
from relay.store.read.reader import Reader

_COLUMNS = "attempts.id, deliveries.target, attempts.status, attempts.verdict"

_PINNED = f"""SELECT {_COLUMNS}, 1 FROM baselines JOIN attempts ON attempts.id = baselines.attempt_id
    JOIN deliveries ON deliveries.id = attempts.delivery_id
    WHERE baselines.capture_id = ? AND baselines.target = ? AND baselines.pinned = 1"""

_FIRST_LIVE = f"""SELECT {_COLUMNS}, 0 FROM deliveries
    JOIN attempts ON attempts.delivery_id = deliveries.id
    WHERE deliveries.capture_id = ? AND deliveries.kind = 'live' AND attempts.status IS NOT NULL
    ORDER BY deliveries.target = ? DESC, attempts.id LIMIT 1"""


def baseline(reader: Reader, capture_id: int, target: str) -> Baseline | None:
    """The response that a target's are compared with: the pinned one, else the first live one.

    Where this target has neither, the capture's first live response anywhere; None where there is none.
    """
    for sql in (_PINNED, _FIRST_LIVE):
        for attempt_id, of, status, verdict, is_pinned in reader.rows(sql, (capture_id, target)):
            return Baseline(
                attempt_id=attempt_id,
                target=of,
                status=status,
                is_delivered=verdict == "delivered",
                is_pinned=bool(is_pinned),
            )
    return None
