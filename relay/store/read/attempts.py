"""Reads the attempts of a replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.models import Attempt, AttemptEvent
from relay.store import rows
from relay.store.read.reader import IDS_AT_ONCE, Reader, marks

ATTEMPTS_AT_ONCE = 20
"""Attempts in memory; each may hold 1 MiB of a response."""


def in_pages(reader: Reader, ids: Sequence[int]) -> Iterator[AttemptEvent]:
    """Attempts by their ids, ascending; a few in memory at a time, as responses come whole."""
    for first in range(0, len(ids), ATTEMPTS_AT_ONCE):
        page = ids[first : first + ATTEMPTS_AT_ONCE]
        found = reader.rows(
            f"SELECT {rows.ATTEMPT_COLUMNS}, {rows.FOLLOWED_COLUMNS} FROM attempts"
            " JOIN deliveries ON deliveries.id = attempts.delivery_id"
            " JOIN captures ON captures.id = deliveries.capture_id"
            f" WHERE attempts.id IN ({marks(page)}) ORDER BY attempts.id",
            page,
        )
        yield from map(rows.followed, found)


def of_capture(reader: Reader, capture_id: int) -> Iterator[Attempt]:
    """Every attempt of a capture, in order of recording; a few in memory at a time."""
    after = 0
    while found := reader.rows(
        f"SELECT {rows.ATTEMPT_COLUMNS} FROM attempts"
        " JOIN deliveries ON deliveries.id = attempts.delivery_id"
        " WHERE deliveries.capture_id = ? AND attempts.id > ? ORDER BY attempts.id LIMIT ?",
        (capture_id, after, ATTEMPTS_AT_ONCE),
    ):
        yield from map(rows.attempt, found)
        after = found[-1][0]


def delivered(reader: Reader, ids: Sequence[int]) -> set[int]:
    """Captures of these attempts whose every delivery ended with the verdict `delivered`.

    Args:
        ids: of attempts, ascending.
    """
    verdicts: dict[tuple[int, int], str | None] = {}
    for first in range(0, len(ids), IDS_AT_ONCE):
        page = ids[first : first + IDS_AT_ONCE]
        for capture, delivery, verdict in reader.rows(
            "SELECT deliveries.capture_id, deliveries.id, attempts.verdict FROM attempts"
            " JOIN deliveries ON deliveries.id = attempts.delivery_id"
            f" WHERE attempts.id IN ({marks(page)}) ORDER BY attempts.id",
            page,
        ):
            verdicts[capture, delivery] = verdict
    others = {capture for (capture, _), verdict in verdicts.items() if verdict != "delivered"}
    return {capture for capture, _ in verdicts} - others
