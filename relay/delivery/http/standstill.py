"""How long this process stood still while something was awaited: stopped, asleep, or kept from running.

Owns the two measures of it, and waits that do not count such time. A deadline that passed while nobody could
read says nothing about the other end: what it sent lies in the socket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic

TICK_S = 0.25
"""How often the loop is looked at while something is awaited."""

LATE_S = 1.0
"""A loop that was late by less was busy, and is not said to have stood still."""

_WITH_SLEEP: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that nobody sets and that goes on while the machine sleeps: Linux and macOS name it differently."""


def awake_and_asleep() -> float:
    """Seconds on a clock that nobody sets, the machine's sleep among them."""
    return time.clock_gettime(_WITH_SLEEP)


class Standstill:
    """Looks at the loop while there is a watch."""

    def __init__(self, clock: Callable[[], float] = awake_and_asleep) -> None:
        """
        Args:
            clock: as `awake_and_asleep`.
        """
        self._clock = clock
        self._stopped_s = 0.0
        self._watches = 0
        self._due: float | None = None
        """`monotonic()` of the next look; None while nobody watches."""

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """A watch for as long as the context lasts."""
        self._watches += 1
        if self._due is None:
            self._look_later()
        try:
            yield Watch(self)
        finally:
            self._watches -= 1

    def stopped_s(self) -> float:
        """Seconds by `monotonic()` in which the loop did not run although somebody watched."""
        return self._stopped_s + self._late_s()

    def slept_s(self) -> float:
        """Seconds in which the machine slept, since some moment; differences alone mean something."""
        return self._clock() - monotonic()

    def _late_s(self) -> float:
        late_s = 0.0 if self._due is None else monotonic() - self._due
        return late_s if late_s >= LATE_S else 0.0

    def _look_later(self) -> None:
        self._due = monotonic() + TICK_S
        asyncio.get_running_loop().call_later(TICK_S, self._look)

    def _look(self) -> None:
        self._stopped_s += self._late_s()
        self._due = None
        if self._watches:
            self._look_later()


class Watch:
    """One stretch of time, and how much of it this process stood still."""

    def __init__(self, standstill: Standstill) -> None:
        self._standstill = standstill
        self._stopped_s, self._slept_s = standstill.stopped_s(), standstill.slept_s()

    def stopped_s(self) -> float:
        """Seconds that `monotonic()` counted and in which nothing could be read."""
        return self._standstill.stopped_s() - self._stopped_s

    def slept_s(self) -> float:
        """Seconds that `monotonic()` did not count: the machine slept."""
        slept_s = self._standstill.slept_s() - self._slept_s
        return slept_s if slept_s >= LATE_S else 0.0

    def after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Call so many seconds from now in which the loop ran; what came meanwhile is read before."""
        return Timer(self, seconds, call)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """
        Raises:
            TimeoutError: what the context holds took longer, not counting a standstill.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as timeout:
            timer = self.after(seconds, lambda: timeout.reschedule(loop.time()))
            try:
                yield
            finally:
                timer.cancel()


class Timer:
    """A call to come; made by `Watch.after`."""

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
