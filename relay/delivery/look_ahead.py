"""The next deliveries of one target, read before their turn, so that none waits for the database.

Owns how many are read, for how long they hold, and what is known of the queue when none is due. What was read
stays queued in the database: it can be dropped at any time, and read again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from time import monotonic

from relay.store.write.deliveries import Due, DueDelivery, DueRow, Look, due_delivery

AHEAD = 16
"""Deliveries read at once, unless their bodies are large (`relay.store.write.deliveries.due`)."""

LOW = 8
"""With no more than these left, the next record of an attempt brings more."""

HOLDS_S = 0.25
"""How long they hold: a capture may be removed meanwhile, or its delivery be parked."""


class LookAhead:
    """The next deliveries of one target; one look at a time is under way."""

    def __init__(self, target: str, longest: int) -> None:
        """
        Args:
            longest: the longest wait of the retry policy, in microseconds.
        """
        self._target = target
        self._longest = longest
        self._found: deque[tuple[float, DueRow]] = deque()
        """Each with the time at which it expires, by `monotonic()`."""
        self._news = 0
        """Counts what may have changed the queue."""
        self._drops = 0
        self._look: tuple[int, int] | None = None
        """`_news` and `_drops` at the begin of the look that is under way; None without one."""
        self._all_at: int | None = None
        """`_news` at the begin of the last look if that found all that were due, else None."""
        self.next_at: int | None = None
        """When the next one is due after those, microseconds UTC; None if none waits."""

    def take(self) -> DueDelivery | None:
        """The next one; None where none is read, or what was read has expired."""
        if self._found and self._found[0][0] < monotonic():
            self.drop()
        return due_delivery(self._found.popleft()[1]) if self._found else None

    def drop(self) -> None:
        """Forget what was read, and what the look that is under way will find."""
        self._found.clear()
        self._drops += 1
        self._all_at = None

    def changed(self) -> None:
        """Note that something may have been queued."""
        self._news += 1

    @property
    def is_looking(self) -> bool:
        return self._look is not None

    @property
    def is_low(self) -> bool:
        """Whether a look can begin, and should."""
        return self._look is None and len(self._found) <= LOW and not self.has_all

    @property
    def has_all(self) -> bool:
        """Whether the last look found all that were due, and nothing has changed since."""
        return self._all_at == self._news

    def begin(self, now: int, begun: Iterable[int]) -> Look:
        """Begin a look; `end` it with what `relay.store.write.deliveries.due` finds.

        Args:
            now: microseconds UTC.
            begun: deliveries whose attempt is not recorded yet; they may still be queued.
        """
        self._look = self._news, self._drops
        return Look(
            target=self._target,
            now=now,
            longest=self._longest,
            limit=AHEAD - len(self._found),
            known=(*begun, *(row[0] for _, row in self._found)),
        )

    def end(self, due: Due) -> None:
        """Take what a look found, unless it was dropped meanwhile."""
        assert self._look is not None
        (news, drops), self._look = self._look, None
        if drops != self._drops:
            return
        found, are_all, self.next_at = due
        expires = monotonic() + HOLDS_S
        self._found.extend((expires, row) for row in found)
        self._all_at = news if are_all else None
