"""How long this process was stalled while it waited: stopped, asleep, or too busy to run.

Owns the two measures of it, and timeouts that do not count such time. A deadline that passed while nothing
could be read says nothing about the other end: its data is still in the socket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic

TICK_S = 0.25
"""How often the loop is checked while a watch is active."""

LATE_S = 1.0
"""A loop that is late by less than this is busy, and does not count as stalled."""

_WITH_SLEEP: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that cannot be set and runs while the machine sleeps; its name differs on Linux and macOS."""


def awake_and_asleep() -> float:
    """Seconds on a clock that cannot be set and that includes the machine's sleep."""
    return time.clock_gettime(_WITH_SLEEP)


class Standstill:
    """Measures stalls of the loop while a watch is active."""

    def __init__(self, clock: Callable[[], float] = awake_and_asleep) -> None:
        """
        Args:
            clock: as `awake_and_asleep`.
        """
        self._clock = clock
        self._stopped_s = 0.0
        self._watches = 0
        self._due: float | None = None
        """`monotonic()` of the next check; None while no watch is active."""

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """A watch, active while the context lasts."""
        self._watches += 1
        if self._due is None:
            self._check_later()
        try:
            yield Watch(self)
        finally:
            self._watches -= 1

    def stopped_s(self) -> float:
        """Seconds by `monotonic()` in which the loop did not run while a watch was active."""
        return self._stopped_s + self._late_s()

    def slept_s(self) -> float:
        """Seconds in which the machine slept, since an arbitrary moment; only differences are meaningful."""
        return self._clock() - monotonic()

    def _late_s(self) -> float:
        late_s = 0.0 if self._due is None else monotonic() - self._due
        return late_s if late_s >= LATE_S else 0.0

    def _check_later(self) -> None:
        self._due = monotonic() + TICK_S
        asyncio.get_running_loop().call_later(TICK_S, self._check)

    def _check(self) -> None:
        self._stopped_s += self._late_s()
        self._due = None
        if self._watches:
            self._check_later()


class Watch:
    """A period of time, and how much of it this process was stalled."""

    def __init__(self, standstill: Standstill) -> None:
        self._standstill = standstill
        self._stopped_s, self._slept_s = standstill.stopped_s(), standstill.slept_s()

    def stopped_s(self) -> float:
        """Seconds counted by `monotonic()` in which nothing could be read."""
        return self._standstill.stopped_s() - self._stopped_s

    def slept_s(self) -> float:
        """Seconds not counted by `monotonic()`, because the machine slept."""
        slept_s = self._standstill.slept_s() - self._slept_s
        return slept_s if slept_s >= LATE_S else 0.0

    def after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Call after this many seconds in which the loop ran; data that arrived in between is read first."""
        return Timer(self, seconds, call)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Limit the time that the context may take.

        Raises:
            TimeoutError: it took longer, not counting stalls.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as timeout:
            timer = self.after(seconds, lambda: timeout.reschedule(loop.time()))
            try:
                yield
            finally:
                timer.cancel()


class Timer:
    """A scheduled call; made by `Watch.after`."""

    def __init__(self, watch: Watch, seconds: float, call: Callable[[], object]) -> None:
        self._watch = watch
        self._call = call
        self._granted_s = watch.stopped_s()
        self._handle = asyncio.get_running_loop().call_later(seconds, self._due)

    def cancel(self) -> None:
        self._handle.cancel()

    def _due(self) -> None:
        more_s = self._watch.stopped_s() - self._granted_s
        if more_s > 0:
            self._granted_s += more_s
            self._handle = asyncio.get_running_loop().call_later(more_s, self._due)
        else:
            self._call()
