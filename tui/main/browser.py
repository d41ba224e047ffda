"""The captures in the list, kept up with the database: new captures, gaps, and matches of a filter.

Owns the `Listing` and its searches. Draws nothing: `changed` is called when rows may have changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TypeVar

from relay.filters import Filter
from relay.store.read.counts import EventCount
from relay.store.read.listing import Span
from tui.gateway import AT_ONCE, Gateway, interrupted
from tui.state.listing import IdList, IdRange, Listing, missing

T = TypeVar("T")

COUNTED_AT_ONCE = 20_000
"""Spans up to this are counted before they are shown; larger ones are assumed to have no gaps until then."""

LATE_WINDOW = 1_000
"""Newest captures that a filter on later changes (verdicts, states, stars) checks again."""

QUIET_S = 0.5
"""Time without a removal before the next count: the WAL, which still holds removed bytes, is emptied right
after a removal, and that fails while a reader is active."""

SETTLED_S = 0.3
"""Pause between two checks of a filter on later changes."""


class FilterSearch:
    """Progress of a filter."""

    def __init__(self, filter: Filter, newest: int) -> None:
        self.filter = filter
        self.newest = newest
        """Captures up to this id were checked."""
        self.scanned_to = newest + 1
        """Captures from this id on were checked."""
        self.done = False
        self.stopped = False
        """Stopped before all captures were checked."""
        self.is_late = any(leaf.is_late for leaf in filter.leaves())


class Browser:
    """The captures of one database as a list."""

    def __init__(self, gateway: Gateway, changed: Callable[[], None]) -> None:
        self.listing = Listing()
        self.filter_search: FilterSearch | None = None
        """The filter that is applied; None for all captures."""
        self.span = Span(0, 0)
        self._gateway = gateway
        self._changed = changed
        self._news = asyncio.Event()
        self._searching = asyncio.Lock()
        self._counting = False
        self._known: EventCount | None = None
        self._count_wanted = 0
        """Goes up with each reason to count: a count that started before it is out of date."""
        self._count_at = 0.0
        """When to start counting; by `monotonic`."""
        self.is_counted = False
        """Whether the missing ids are known; else `count` has to be called."""

    @property
    def total(self) -> int:
        """Number of captures in the database; an upper bound unless `is_counted`."""
        if self.is_counted and self._known is not None:
            return self._known.captures
        return self.span.last - self.span.first + 1 if self.span.last else 0

    @property
    def events(self) -> int | None:
        """Number of different events; None where it is not known."""
        return self._known.events if self.is_counted and self._known is not None else None

    # -- all captures --------------------------------------------------------------------------

    def show_all(self) -> None:
        """Show all captures; call `count` afterwards."""
        self.filter_search = None
        self.span = self._gateway.span()
        self._want_count()
        self.listing.show(IdRange(self.span.first or 1, self.span.last))
        self._changed()

    def _want_count(self, *, after_s: float = 0.0) -> None:
        self.is_counted = False
        self._count_wanted += 1
        self._count_at = monotonic() + after_s

    async def count(self) -> None:
        """Find the missing ids, leave them out, and count, until all is known.

        Raises:
            RelayError: the database cannot be read.
        """
        if self._counting:
            return  # The running count goes on until all is known.
        self._counting = True
        try:
            while not self.is_counted:
                rest = self._count_at - monotonic()
                if rest > 0:
                    await asyncio.sleep(rest)
                    continue
                await self._count()
                self._changed()
        finally:
            self._counting = False

    async def _count(self) -> None:
        span, wanted = self.span, self._count_wanted
        try:
            if span.last - span.first < COUNTED_AT_ONCE:
                ids, known = self._gateway.counted(span)
            else:
                ids, known = await asyncio.to_thread(self._gateway.counted, span)
            there = IdRange(span.first or 1, span.last) if ids is None else IdList(ids)
            await self._leave_out(there, span.last)
            self._known = self._gateway.with_newer(known)
            self.is_counted = wanted == self._count_wanted
        except Exception as error:
            if not interrupted(error):
                raise
            self._count_at = monotonic() + QUIET_S

    async def _leave_out(self, there: IdRange | IdList, upto: int) -> None:
        """Remove captures up to an id that do not exist, from the list and the marks."""
        if self.filter_search is None:
            self.listing.recount(there, upto)
            self.listing.begin_at(self.span.first)
            return
        asked = [*self.listing.marks, *self.listing.ids.all()]
        gone = await asyncio.to_thread(lambda: [number for number in missing(asked, there) if number <= upto])
        self.listing.remove(gone)

    # -- news ----------------------------------------------------------------------------------

    def poll(self) -> int | None:
        """Read what was committed; return the number of new captures, None where nothing changed.

        Raises:
            RelayError: the database cannot be read.
        """
        if not self._gateway.changed():
            return None
        before, self.span = self.span, self._gateway.span()
        came = max(0, self.span.last - before.last)
        self._news.set()
        if self.span.removed != before.removed or (before.last and self.span.first != before.first):
            self._want_count(after_s=QUIET_S)
            self.listing.begin_at(self.span.first or self.listing.newest + 1)
        if self.filter_search is None:
            ids = self._gateway.newer(self.listing.newest)
            if len(ids) == AT_ONCE:
                self.show_all()
            else:
                self.listing.add_newer(ids)
        if self.is_counted and self._known is not None:
            self._known = self._gateway.with_newer(self._known)
        self._changed()
        return came

    def lost(self, ids: Sequence[int]) -> None:
        """Remove captures that could not be drawn; others may be missing too."""
        self.listing.remove(ids)
        self._want_count(after_s=QUIET_S)
        self._changed()

    def clear_marks(self) -> None:
        """Unmark all captures."""
        self.listing.marks.clear()
        self._changed()

    # -- a filter ------------------------------------------------------------------------------

    async def search(self, filter: Filter) -> None:
        """Show matches as they are found, newest first, then new ones, until cancelled.

        Raises:
            RelayError: the database cannot be read.
        """
        async with self._searching:
            self.span = self._gateway.span()
            filter_search = self.filter_search = FilterSearch(filter, self.span.last)
            # Drawn with the first window, some milliseconds later, so that no empty list is drawn.
            self.listing.show(IdList())
            await self._scan(filter_search)
            while True:
                await self._news.wait()
                self._news.clear()
                await self._keep_up(filter_search)
                if filter_search.is_late:
                    await asyncio.sleep(SETTLED_S)

    @property
    def is_searching(self) -> bool:
        """Whether the search has not reached the oldest capture yet."""
        return self.filter_search is not None and not self.filter_search.done

    def stop_search(self) -> None:
        """Stop the search; new captures are still checked."""
        if self.filter_search is not None and not self.filter_search.done:
            self.filter_search.stopped = True
            self._gateway.stop_search()

    async def _scan(self, filter_search: FilterSearch) -> None:
        windows = self._gateway.search(filter_search.filter, before=filter_search.newest + 1)
        try:
            while not filter_search.stopped:
                window = await self._in_thread(lambda: next(windows, None))
                if window is None:
                    break
                self.listing.add_older(window.ids)
                filter_search.scanned_to = window.upto
                self._changed()
                if self._news.is_set():
                    self._news.clear()
                    await self._keep_up(filter_search)
        finally:
            windows.close()
        filter_search.done = True
        if not filter_search.stopped:
            filter_search.scanned_to = min(filter_search.scanned_to, self.span.first)
        self._changed()

    async def _keep_up(self, filter_search: FilterSearch) -> None:
        """Check new captures, and for changes in the newest."""
        newest = self.span.last
        after = filter_search.newest
        if filter_search.is_late and filter_search.scanned_to <= newest - LATE_WINDOW:
            after = min(after, newest - LATE_WINDOW)
        elif filter_search.is_late and filter_search.done:
            after = filter_search.scanned_to - 1
        found = await self._in_thread(
            lambda: self._gateway.search_newer(filter_search.filter, after=after, upto=newest)
        )
        if found is None:
            return
        filter_search.newest = newest
        if after < filter_search.newest and filter_search.is_late:
            self.listing.replace_above(after, found)
        else:
            self.listing.add_newer(found)
        self._changed()

    async def _in_thread(self, work: Callable[[], T]) -> T | None:
        """Run in a thread; when cancelled, stop the search and wait until it has ended."""
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._gateway.stop_search()
            while not running.done():  # A second cancellation must not leave it running.
                with suppress(asyncio.CancelledError, Exception):
                    await asyncio.shield(running)
            raise
        except Exception as error:
            if interrupted(error):
                return None
            raise
