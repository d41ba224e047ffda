"""Read and compare two captures in a thread that can be stopped; large bodies take time."""

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
"""Most fields shown; those that differ come first."""


class ComparisonTask:
    """A comparison of two captures, while it is made."""

    def __init__(self, settings: Settings, a: int, b: int | None) -> None:
        """
        Args:
            b: None for the previous capture of the event type of `a`.
        """
        self._settings, self._a, self._b = settings, a, b
        self._reader: Reader | None = None
        self._stopped = False
        self.looked_at = 0
        """Captures that the search for the previous one has passed."""
        self.is_over = False

    async def result(self) -> Comparison:
        """Compare the two field by field.

        Raises:
            RelayError: one does not exist, there is no previous one, the database cannot be read, or it was
                `stopped`.
        """
        return await asyncio.to_thread(self._compare)

    def _compare(self) -> Comparison:
        try:
            with Reader(self._settings.db) as reader:
                self._reader = reader
                return comparison(reader, self._settings, self._a, self._b, self._on_progress)
        finally:
            self._reader = None
            self.is_over = True

    def _on_progress(self, looked_at: int) -> None:
        self.looked_at = looked_at
        if self._stopped:
            raise RelayError("stopped", word="stopped")

    def stop(self) -> None:
        """Stop within some milliseconds."""
        self._stopped = True
        if (reader := self._reader) is not None:
            reader.interrupt()


def comparison(
    reader: Reader, settings: Settings, a: int, b: int | None, progress: Callable[[int], None] | None = None
) -> Comparison:
    """Compare two captures field by field, with secret headers masked.

    Args:
        b: None for the previous capture of the event type of `a`, which is then the left one.
        progress: called with the number of captures that the search for it has passed.

    Raises:
        NotFound: one does not exist, or there is no previous one.
    """
    right = _there(reader, a if b is None else b)
    if b is None:
        kind = right.event.type if right.event is not None else None
        if kind is None:
            raise NotFound(
                f"no event type in capture {a}, so no previous one; mark two captures to compare them"
            )
        before = previous_of_type(reader, a, progress)
        if before is None:
            raise NotFound(f"no {kind} before capture {a}; mark two captures to compare them")
        left = _there(reader, before)
    else:
        left = _there(reader, a)
    fields = compared(left, right)
    rows = tuple(each.masked(settings.mask_headers) for each in islice(fields, MOST_FIELDS))
    return Comparison(a=_bare(left), b=_bare(right), rows=rows, left_out=sum(1 for _ in fields))


def _there(reader: Reader, number: int) -> Capture:
    capture = reader.capture(number)
    if capture is None:
        raise NotFound(f"capture {number} no longer exists")
    return capture


def _bare(capture: Capture) -> Capture:
    return replace(capture, body=b"", headers=())
