"""What the list shows, kept up with the log: new captures, gaps, and what a filter finds.

Owns the `Listing` and the searches behind it. Draws nothing: `changed` is called when rows may have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from relay.filters import Filter
from relay.store.listing import Span
from tui.gateway import AT_ONCE, Gateway, interrupted
from tui.listing import Dense, Found, Listing

T = TypeVar("T")

DENSE_UNASKED = 20_000
"""Spans up to this are counted before they are shown; larger ones pass for dense until they are counted."""

LATE_WINDOW = 1_000
"""Of the newest captures so many are asked again by a filter on what comes later: verdicts, states, stars."""

SETTLED_S = 0.3
"""How long a filter on what comes later rests between looks."""


class Finding:
    """How far a filter has come."""

    def __init__(self, filter: Filter, newest: int) -> None:
        self.filter = filter
        self.newest = newest
        """Captures up to here were asked."""
        self.scanned_to = newest + 1
        """And from here on."""
        self.done = False
        self.stopped = False
        """It was told to end before everything was asked."""
        self.is_late = any(leaf.is_late for leaf in filter.leaves())

    @property
    def looked_at(self) -> int:
        """How many ids were asked."""
        return self.newest - self.scanned_to + 1


class Browsing:
    """The captures of one log as a list."""

    def __init__(self, gateway: Gateway, changed: Callable[[], None]) -> None:
        self.listing = Listing()
        self.finding: Finding | None = None
        """The filter that is applied; None for all captures."""
        self.span = Span(0, 0)
        self._gateway = gateway
        self._changed = changed
        self._news = asyncio.Event()
        self._searching = asyncio.Lock()
        self._counted = False
        """Whether it is known which ids are missing."""

    @property
    def total(self) -> int:
        """How many captures the log holds, at most."""
        return self.span.last - self.span.first + 1 if self.span.last else 0

    # -- all captures --------------------------------------------------------------------------

    def show_all(self) -> None:
        """Show every capture; `count` has to follow."""
        self.finding = None
        self.span = self._gateway.span()
        self._counted = False
        self.listing.show(Dense(self.span.first or 1, self.span.last))
        self._changed()

    async def count(self) -> None:
        """Find out which ids are missing, and leave them out."""
        span = self.span
        if self.finding is not None:
            return
        if self.total <= DENSE_UNASKED:
            gaps = self._gateway.gaps(span)
        else:
            gaps = await asyncio.to_thread(self._gateway.gaps, span)
        if self._has_moved_on():
            return
        self._counted = True
        if gaps is not None:
            found = Found(gaps)
            self.listing.show(found)
            self.listing.add_newer(self._gateway.newer(span.last))
        self._changed()

    def _has_moved_on(self) -> bool:
        return self.finding is not None

    # -- news ----------------------------------------------------------------------------------

    def poll(self) -> int | None:
        """Take up what has been committed; how many captures came, None where nothing changed at all.

        Raises:
            RelayError: the log cannot be read.
        """
        if not self._gateway.changed():
            return None
        before, self.span = self.span, self._gateway.span()
        came = max(0, self.span.last - before.last)
        self._news.set()
        if self.finding is None:
            ids = self._gateway.newer(self.listing.newest)
            if len(ids) == AT_ONCE or self.span.first != before.first:
                self.show_all()
                self._counted = False
            else:
                self.listing.add_newer(ids)
        return came

    @property
    def needs_count(self) -> bool:
        """Whether `count` has to be called."""
        return self.finding is None and not self._counted

    def lost(self) -> None:
        """A row that was to be drawn is gone: others may be too."""
        self._counted = False

    # -- a filter ------------------------------------------------------------------------------

    async def search(self, filter: Filter) -> None:
        """Show what matches, newest first as it is found, and what comes; until cancelled.

        Raises:
            RelayError: the log cannot be read.
        """
        async with self._searching:
            self.span = self._gateway.span()
            finding = self.finding = Finding(filter, self.span.last)
            self.listing.show(Found())
            self._changed()
            await self._scan(finding)
            while True:
                await self._news.wait()
                self._news.clear()
                await self._keep_up(finding)
                if finding.is_late:
                    await asyncio.sleep(SETTLED_S)

    @property
    def is_searching(self) -> bool:
        """Whether a filter is still on its way back through the log."""
        return self.finding is not None and not self.finding.done

    def stop_search(self) -> None:
        """Be content with what has been found; what comes is still asked."""
        if self.finding is not None and not self.finding.done:
            self.finding.stopped = True
            self._gateway.stop_search()

    async def _scan(self, finding: Finding) -> None:
        windows = self._gateway.search(finding.filter, before=finding.newest + 1)
        try:
            while not finding.stopped:
                window = await self._in_thread(lambda: next(windows, None))
                if window is None:
                    break
                self.listing.add_older(window.ids)
                finding.scanned_to = window.upto
                self._changed()
                if self._news.is_set():
                    self._news.clear()
                    await self._keep_up(finding)
        finally:
            windows.close()
        finding.done = True
        if not finding.stopped:
            finding.scanned_to = min(finding.scanned_to, self.span.first)
        self._changed()

    async def _keep_up(self, finding: Finding) -> None:
        """What came since, and of the newest what matches only now."""
        newest = self.span.last
        after = finding.newest
        if finding.is_late and finding.scanned_to <= newest - LATE_WINDOW:
            after = min(after, newest - LATE_WINDOW)
        elif finding.is_late and finding.done:
            after = finding.scanned_to - 1
        found = await self._in_thread(
            lambda: self._gateway.search_newer(finding.filter, after=after, upto=newest)
        )
        if found is None:
            return
        finding.newest = newest
        if after < finding.newest and finding.is_late:
            self.listing.replace_above(after, found)
        else:
            self.listing.add_newer(found)
        self._changed()

    async def _in_thread(self, work: Callable[[], T]) -> T | None:
        """Run in a thread; when cancelled, end the search there and wait until it has ended."""
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._gateway.stop_search()
            while not running.done():  # A second cancellation must not leave it running either.
                with suppress(asyncio.CancelledError, Exception):
                    await asyncio.shield(running)
            raise
        except Exception as error:
            if interrupted(error):
                return None
            raise
