"""Reads the attempts of a replay, and a target's response before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relay.models import AttemptEvent
from relay.store import rows
from relay.store.read.reader import Reader


def attempts(reader: Reader, ids: Sequence[int]) -> list[AttemptEvent]:
    """Attempts by their ids, in that order. Answers come whole, up to 1 MiB each: ask for a few at a time."""
    return [
        rows.followed(row)
        for row in reader.rows(
            f"SELECT {rows.ATTEMPT_COLUMNS}, {rows.FOLLOWED_COLUMNS} FROM attempts"
            " JOIN deliveries ON deliveries.id = attempts.delivery_id"
            " JOIN captures ON captures.id = deliveries.capture_id"
            f" WHERE attempts.id IN ({_marks(ids)}) ORDER BY attempts.id",
            ids,
        )
    ]


def answer_before(reader: Reader, capture_id: int, target: str, before: int) -> int | None:
    """The status of a capture's last answer up to an attempt: from this target, else from any; None: none."""
    found = reader.rows(
        "SELECT attempts.status FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery_id"
        " WHERE deliveries.capture_id = ? AND attempts.id <= ? AND attempts.status IS NOT NULL"
        " ORDER BY deliveries.target = ? DESC, attempts.id DESC LIMIT 1",
        (capture_id, before, target),
    )
    return found[0][0] if found else None


def _marks(items: Sequence[Any]) -> str:
    return ", ".join("?" * len(items))
