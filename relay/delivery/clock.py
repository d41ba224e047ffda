"""The clock for due times: wall-clock time without its jumps.

Owns the offset between a clock that can be set and one that only runs forward.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time

from relay.delivery.http.standstill import awake_and_asleep

STEP_S = 1.0
"""Smaller changes of the wall clock are corrections, not steps."""


class Clock:
    """Runs steadily, through the machine's sleep, even when the wall clock is set."""

    def __init__(
        self, wall: Callable[[], float] = time, passing: Callable[[], float] = awake_and_asleep
    ) -> None:
        """
        Args:
            wall: seconds since 1970, by a clock that can be set.
            passing: seconds by a clock that cannot be set.
        """
        self._wall, self._passing = wall, passing
        self._ahead_s = wall() - passing()

    def now(self) -> int:
        """Microseconds since 1970, by the wall clock as last followed."""
        return round((self._passing() + self._ahead_s) * 1e6)

    @property
    def has_stepped(self) -> bool:
        """Whether the wall clock has been set since it was last followed."""
        return abs(self._wall() - self._passing() - self._ahead_s) >= STEP_S

    def follow(self) -> int:
        """Adopt the wall clock, and return the step in microseconds, by which due times have to move."""
        ahead_s = self._wall() - self._passing()
        step_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        return round(step_s * 1e6)
