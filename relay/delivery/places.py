"""Places for the attempts at one target: for those in flight, and for one more that is not recorded yet.

Owns when the next attempt may begin. While an attempt is recorded the next one is sent; the one after that
waits for the record, so that a crash repeats at most one more than are in flight.
"""

from __future__ import annotations

from collections.abc import Callable


class Places:
    """The places of one target's attempts."""

    def __init__(self, most: int, freed: Callable[[], object]) -> None:
        """
        Args:
            most: attempts in flight at once.
            freed: called whenever the next attempt may be able to begin.
        """
        self._most = most
        self._freed = freed
        self._in_flight = 0
        self._unrecorded = 0

    @property
    def are_taken(self) -> bool:
        """Whether no attempt may begin."""
        return self._in_flight >= self._most or self._unrecorded > self._most

    def take(self) -> Place:
        self._in_flight += 1
        self._unrecorded += 1
        return Place(self)


class Place:
    """The place of one attempt; made by `Places.take`."""

    __slots__ = ("_is_in_flight", "_is_unrecorded", "_places")

    def __init__(self, places: Places) -> None:
        self._places = places
        self._is_in_flight = self._is_unrecorded = True

    def attempt_ended(self) -> None:
        """It no longer holds up the next attempt."""
        if self._is_in_flight:
            self._is_in_flight = False
            self._places._in_flight -= 1
            self._places._freed()

    def give_back(self) -> None:
        """It no longer holds up any: it is recorded, or takes too long. May be called twice."""
        self.attempt_ended()
        if self._is_unrecorded:
            self._is_unrecorded = False
            self._places._unrecorded -= 1
            self._places._freed()
