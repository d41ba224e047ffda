"""Searches a database for the captures that match a filter, window by window.

Goes through windows of ids and leaves a gap after each, in which it holds no snapshot: otherwise the WAL
could not start over and would grow during the whole search. `relay.store.read.filter_sql` translates the
filter to SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Event
from time import monotonic, sleep
from typing import TypeVar

from relay.filters.tree import Filter
from relay.store.read.filter_sql import Condition
from relay.store.read.reader import Reader

T = TypeVar("T")

FIRST_WINDOW = 2_000
LARGEST_WINDOW = 200_000
"""Largest number of ids per statement; windows start small, so that a first page comes soon."""

GROWTH, WINDOW_S = 4, 0.1
"""A window is at most this many times larger than the previous one, and takes about this time."""

GAP_S = 0.01
"""Longer than the writer waits before it tries a checkpoint again (5 ms)."""

READING_S = 0.05
"""Time that other readers may read continuously before they leave a gap."""


@dataclass(frozen=True, slots=True)
class Window:
    """One step of a search."""

    ids: list[int]
    """The ids found, in the order of the search."""
    upto: int
    """The last id searched."""


def search(
    reader: Reader,
    filter: Filter,
    *,
    newest_first: bool = True,
    after: int = 0,
    before: int | None = None,
    gap_s: float = GAP_S,
) -> Iterator[list[int]]:
    """Ids of the matching captures, window by window; a window without any yields an empty list.

    Arguments and end as for `scan`.
    """
    for window in scan(reader, filter, newest_first=newest_first, after=after, before=before, gap_s=gap_s):
        yield window.ids


def scan(
    reader: Reader,
    filter: Filter,
    *,
    newest_first: bool = True,
    after: int = 0,
    before: int | None = None,
    gap_s: float = GAP_S,
) -> Iterator[Window]:
    """Search window by window; yields the ids found and the progress.

    Ends early, without an error, when `reader.interrupt()` is called.

    Args:
        after: only ids above this one.
        before: only ids below this one; None for no bound.
    """
    with Condition(reader, filter) as condition:
        try:
            first = max(after + 1, reader.oldest_id())
            last = reader.newest_id() if before is None else min(before - 1, reader.newest_id())
            spans = _spans(first, last, condition.events_upto(), newest_first=newest_first)
        except sqlite3.OperationalError:  # interrupted before the first window
            return
        for low, high, is_indexed in spans:
            ask = partial(condition.between, newest_first=newest_first, through_events=is_indexed)
            width = high - low + 1 if is_indexed else FIRST_WINDOW
            windows = scan_windows(
                reader, low, high, ask, newest_first=newest_first, gap_s=gap_s, width=width
            )
            looked_upto = None
            for (first_id, last_id), found in windows:
                looked_upto = first_id if newest_first else last_id
                yield Window(found, looked_upto)
            if looked_upto != (low if newest_first else high):
                return


def scan_windows(
    reader: Reader,
    first: int,
    last: int,
    ask: Callable[[int, int], T],
    *,
    newest_first: bool = True,
    gap_s: float = GAP_S,
    width: int = FIRST_WINDOW,
) -> Iterator[tuple[tuple[int, int], T]]:
    """Run a statement on each window of ids, from one end to the other; yield the window and its result.

    Ends early, without an error, when `reader.interrupt()` is called.

    Args:
        first: the lowest id.
        last: the highest.
        ask: runs the statement on a window, both ends included.
        width: ids of the first window.
    """
    started = reader.interruptions
    waiting = Event()
    while first <= last:
        low = max(first, last - width + 1) if newest_first else first
        high = last if newest_first else min(last, first + width - 1)
        begun = monotonic()
        try:
            found = ask(low, high)
        except sqlite3.OperationalError:
            return
        taken_s = monotonic() - begun
        if reader.interruptions != started:
            return
        yield (low, high), found
        first, last = (first, low - 1) if newest_first else (high + 1, last)
        fits = int(width * min(GROWTH, WINDOW_S / max(taken_s, 1e-6)))
        width = min(max(fits, FIRST_WINDOW), LARGEST_WINDOW)
        if first <= last:
            waiting.wait(gap_s)
            if reader.interruptions != started:
                return


def _spans(first: int, last: int, indexed: int, *, newest_first: bool) -> list[tuple[int, int, bool]]:
    """Split the ids in two, in the order of a search: the indexed ones, up to an id, and the rest."""
    spans = [(first, min(indexed, last), True), (max(first, indexed + 1), last, False)]
    there = [span for span in spans if span[0] <= span[1]]
    return there[::-1] if newest_first else there


class Gaps:
    """Leaves gaps in continuous reading: at most a fifth of the time."""

    def __init__(self) -> None:
        self._since = monotonic()

    def leave(self) -> None:
        """Between two statements, pause if the last gap was long ago."""
        if monotonic() - self._since > READING_S:
            sleep(GAP_S)
            self._since = monotonic()
