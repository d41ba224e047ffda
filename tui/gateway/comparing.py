"""Two captures read and compared: in a thread, since large bodies take their time; and to be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from relay.analysis.diff import compared
from relay.config import Settings
from relay.errors import NotFound, RelayError
from relay.models import Capture
from relay.store.read.previous import previous_of_type
from relay.store.read.reader import Reader
from tui.presenters.comparison import Comparison

MOST_FIELDS = 5_000
"""Fields that are shown; those that differ come first."""


class Comparing:
    """Two captures of one log on their way to being compared."""

    def __init__(self, settings: Settings, a: int, b: int | None) -> None:
        """
        Args:
            b: None for the one before `a` that has its event type.
        """
        self._settings, self._a, self._b = settings, a, b
        self._reader: Reader | None = None
        self._stopped = False
        self.looked_at = 0
        """How many captures the look for the one before has passed."""
        self.is_over = False

    async def result(self) -> Comparison:
        """The two field by field.

        Raises:
            RelayError: one is not there, none came before, the log cannot be read, or it was `stopped`.
        """
        return await asyncio.to_thread(self._compare)

    def _compare(self) -> Comparison:
        try:
            with Reader(self._settings.db) as reader:
                self._reader = reader
                return comparison(reader, self._settings, self._a, self._b, self._tell)
        finally:
            self._reader = None
            self.is_over = True

    def _tell(self, looked_at: int) -> None:
        self.looked_at = looked_at
        if self._stopped:
            raise RelayError("stopped", word="stopped")

    def stop(self) -> None:
        """End it within some milliseconds."""
        self._stopped = True
        if (reader := self._reader) is not None:
            reader.interrupt()


def comparison(
    reader: Reader, settings: Settings, a: int, b: int | None, tell: Callable[[int], None] | None = None
) -> Comparison:
    """Two captures field by field, secret headers masked.

    Args:
        b: None for the one before `a` that has its event type; that is the left one then.
        tell: told how many captures were passed on the way to that one.

    Raises:
        NotFound: one is not there, or none came before.
    """
    right = _there(reader, a if b is None else b)
    if b is None:
        kind = right.event.type if right.event is not None else None
        if kind is None:
            raise NotFound(f"capture {a} has no event type to find another by; mark two to compare them")
        before = previous_of_type(reader, a, tell)
        if before is None:
            raise NotFound(f"no {kind} came before capture {a}; mark two captures to compare them")
        left = _there(reader, before)
    else:
        left = _there(reader, a)
    fields = compared(left, right)
    rows = tuple(each.masked(settings.mask_headers) for each in islice(fields, MOST_FIELDS))
    return Comparison(a=_bare(left), b=_bare(right), rows=rows, left_out=sum(1 for _ in fields))


def _there(reader: Reader, number: int) -> Capture:
    capture = reader.capture(number)
    if capture is None:
        raise NotFound(f"capture {number} is no longer there")
    return capture


def _bare(capture: Capture) -> Capture:
    return replace(capture, body=b"", headers=())
