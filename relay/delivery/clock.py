"""The time by which deliveries are due: that of the wall clock, without its steps.

Owns the difference between a clock that people and programs set, and seconds that pass.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time

from relay.delivery.http.standstill import awake_and_asleep

STEP_S = 1.0
"""By less the wall clock is only corrected."""


class Clock:
    """Goes on as seconds pass, the machine's sleep among them, whatever becomes of the wall clock."""

    def __init__(
        self, wall: Callable[[], float] = time, passing: Callable[[], float] = awake_and_asleep
    ) -> None:
        """
        Args:
            wall: seconds since 1970, by a clock that may be set.
            passing: seconds by one that nobody sets.
        """
        self._wall, self._passing = wall, passing
        self._ahead_s = wall() - passing()

    def now(self) -> int:
        """Microseconds since 1970, by what the wall clock showed when it was last followed."""
        return round((self._passing() + self._ahead_s) * 1e6)

    @property
    def has_stepped(self) -> bool:
        """Whether the wall clock has been set since it was last followed."""
        return abs(self._wall() - self._passing() - self._ahead_s) >= STEP_S

    def follow(self) -> int:
        """By how many microseconds the wall clock was set; times that are still to come move with it."""
        ahead_s = self._wall() - self._passing()
        step_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        return round(step_s * 1e6)
