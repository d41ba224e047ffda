"""The retries of a replay: when each is due, and how many deliveries may wait for theirs."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from relay.delivery.replay_plan import ReplayPlan
from relay.delivery.retry import RetryPolicy, next_attempt_at

FIRST_S = 1.0
MOST_S = 15.0
"""Pauses of `until_delivered`: the first, doubled up to the longest."""

MOST_WAITING = 2_000
MOST_WAITING_BYTES = 64 * 1024 * 1024
"""Deliveries that wait for a retry on Lean's schedule, and their bodies: no others begin meanwhile."""


def next_due(
    plan: ReplayPlan, attempts: int, first_at: datetime, last_at: datetime, now: datetime
) -> datetime | None:
    """When a delivery that was not delivered is retried; None for not at all.

    Args:
        attempts: made so far, at least 1.
        first_at: start of the first attempt.
        last_at: start of the last attempt.
        now: end of the last attempt.
    """
    if plan.until_delivered:
        return now + timedelta(seconds=min(FIRST_S * 2 ** min(attempts - 1, 10), MOST_S))
    if plan.retries is None:
        return None
    return next_attempt_at(RetryPolicy.LEAN, attempts, first_at, last_at, now, time_scale=plan.retries)


class WaitingRoom:
    """Counts the deliveries that wait for a retry and hold up nothing."""

    def __init__(self) -> None:
        self._count = self._bytes = 0
        self._fits = asyncio.Event()
        self._fits.set()

    async def fits(self) -> None:
        """Wait while too many wait."""
        await self._fits.wait()

    def enter(self, size: int) -> None:
        """Count a delivery with a body of so many bytes."""
        self._count, self._bytes = self._count + 1, self._bytes + size
        if self._count >= MOST_WAITING or self._bytes >= MOST_WAITING_BYTES:
            self._fits.clear()

    def leave(self, size: int) -> None:
        """Discount a delivery that was counted."""
        self._count, self._bytes = self._count - 1, self._bytes - size
        if self._count < MOST_WAITING and self._bytes < MOST_WAITING_BYTES:
            self._fits.set()
