"""Waits that end early when something changes.

Owns how long one worker sleeps: until a time by its clock, or until it is woken.
"""

from __future__ import annotations

import asyncio

from relay.delivery.clock import Clock

LOOK_EVERY_S = 5.0
"""How often the clock is read while waiting: timers stop while the machine sleeps, and clocks can be set."""


class Wakeup:
    """Wakes one worker; made inside a running loop or before it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = asyncio.Event()

    def set(self) -> None:
        """End the current wait, or the next one."""
        self._changed.set()

    def clear(self) -> None:
        """Let the next wait last; call it before reading what may change."""
        self._changed.clear()

    async def wait(self, most_s: float | None = None) -> None:
        """Wait until something changes, for at most so many seconds; None for no limit."""
        if most_s is None:
            await self._changed.wait()
            return
        try:
            async with asyncio.timeout(most_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def wait_until(self, due: int | None) -> None:
        """Wait until a time in microseconds by the clock, until that is set, or until something changes.

        Args:
            due: None for no limit.
        """
        while not self._changed.is_set() and not (due is not None and self._clock.has_stepped):
            left_s = None if due is None else (due - self._clock.now()) / 1e6
            if left_s is not None and left_s <= 0:
                return
            await self.wait(None if left_s is None else min(max(left_s, 0.001), LOOK_EVERY_S))
