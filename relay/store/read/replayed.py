"""Facts about captures that are about to be replayed: times, ids, signatures, and earlier responses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from relay.models import AttemptEvent
from relay.store import rows
from relay.store.read.reader import IDS_AT_ONCE, Reader, marks


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedEvents:
    """The events in captures, as far as fresh ids depend on them."""

    newest_at: datetime | None
    """The newest timestamp, aware, UTC; None where no event has one."""
    captures: int
    without_id: int
    """Captures without an event_id."""
    not_signable: int
    """Signed captures whose secret is not configured."""


def replayed_events(reader: Reader, ids: Iterable[int], secrets: Collection[str]) -> ReplayedEvents:
    """The events in the captures of ids.

    Args:
        secrets: the names of the configured secrets.
    """
    newest: int | None = None
    count = without_id = not_signable = 0
    left = iter(ids)
    while page := list(islice(left, IDS_AT_ONCE)):
        found = reader.rows(
            "SELECT max(event_at), count(*), coalesce(sum(event_id IS NULL), 0) FROM captures"
            f" WHERE id IN ({marks(page)})",
            page,
        )
        at, captures, missing = found[0]
        newest = at if newest is None else max(newest, at or newest)
        count, without_id = count + captures, without_id + missing
        for (signed_by,) in reader.rows(
            f"SELECT signed_by FROM captures WHERE id IN ({marks(page)})"
            " AND headers LIKE '%[\"lean-signature\",%'",
            page,
        ):
            not_signable += signed_by not in secrets
    return ReplayedEvents(
        newest_at=None if newest is None else rows.time(newest),
        captures=count,
        without_id=without_id,
        not_signable=not_signable,
    )


def was_delivered_before(reader: Reader, event: AttemptEvent, before: int) -> bool:
    """Whether the target of an attempt has answered 200 to this capture, or the first of its event, before.

    Args:
        before: the last attempt that counts.
    """
    attempt = event.attempt
    return bool(
        reader.rows(
            "SELECT EXISTS (SELECT 1 FROM deliveries JOIN attempts ON attempts.delivery_id = deliveries.id"
            " WHERE deliveries.capture_id IN (?, ?) AND deliveries.target = ? AND attempts.id <= ?"
            " AND attempts.status = 200 AND attempts.sent_body IS NULL)",
            (attempt.capture_id, event.repeat_of, attempt.target, before),
        )[0][0]
    )
