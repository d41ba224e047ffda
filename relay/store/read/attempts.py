"""Reads the attempts of a replay, and a target's response before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from relay.models import Attempt, AttemptEvent
from relay.store import rows
from relay.store.read.reader import IDS_AT_ONCE, Reader

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
            f" WHERE attempts.id IN ({_marks(page)}) ORDER BY attempts.id",
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
            f" WHERE attempts.id IN ({_marks(page)}) ORDER BY attempts.id",
            page,
        ):
            verdicts[capture, delivery] = verdict
    others = {capture for (capture, _), verdict in verdicts.items() if verdict != "delivered"}
    return {capture for capture, _ in verdicts} - others


def status_before(reader: Reader, newest: int | None = None) -> Callable[[int, str], int | None]:
    """A function that finds the status of a capture's last response before a replay that is about to start.

    It takes a capture and a target, whose own response counts before any other's; None: there was none.

    Args:
        newest: the last attempt before the replay; without it, the newest one now.
    """
    before = reader.newest_attempt_id() if newest is None else newest

    def status(capture_id: int, target: str) -> int | None:
        found = reader.rows(
            "SELECT attempts.status FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery_id"
            " WHERE deliveries.capture_id = ? AND attempts.id <= ? AND attempts.status IS NOT NULL"
            " ORDER BY deliveries.target = ? DESC, attempts.id DESC LIMIT 1",
            (capture_id, before, target),
        )
        return found[0][0] if found else None

    return status


def _marks(items: Sequence[Any]) -> str:
    return ", ".join("?" * len(items))
