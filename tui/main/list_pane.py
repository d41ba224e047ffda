"""The list of the main screen: reads its rows, and moves its cursor."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from relay.errors import RelayError
from relay.filters import Filter
from relay.models import CaptureRow
from tui.main.browser import Browser
from tui.main.context import CaptureContext


class ListView(Protocol):
    """The view of the list."""

    def rows_changed(self) -> None:
        """Rows were added, removed or changed."""

    def moved(self) -> None:
        """The cursor moved, or started or stopped following."""

    def go_to(self, y: int) -> None:
        """Put the cursor on a row."""

    def focus(self) -> Any:
        """Focus the list."""


class ListController:
    """Keeps the list up with the database, with or without a filter."""

    def __init__(self, context: CaptureContext, browser: Browser, view: ListView) -> None:
        self.browser = browser
        self.unreadable: str | None = None
        """Why the database cannot be read; nothing is read until it can be."""
        self._context, self._view = context, view

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        if action in ("mark", "mark_to", "mark_all") and not len(self.browser.listing):
            return "The list is empty."
        if action == "unmark_all" and not self.browser.listing.marks:
            return "No capture is marked."
        return None

    # -- reading -------------------------------------------------------------------------------

    def fetch(self, ids: Sequence[int], *, summaries: bool) -> Mapping[int, CaptureRow] | None:
        """Rows to draw; None while the database cannot be read."""
        if self.unreadable is None:
            try:
                found = self._context.gateway.rows(ids, summaries=summaries)
            except RelayError as error:
                self.cannot_read(error)
                return None
            gone = [number for number in ids if number not in found]
            if gone:
                self._context.ui.call_later(partial(self._lose, gone))  # Not while drawing.
            return found
        return None

    def _lose(self, ids: list[int]) -> None:
        self.browser.lost(ids)
        self._count()

    def poll(self) -> int:
        """Read what was committed; return the number of new captures."""
        if self.unreadable is not None:
            return 0
        try:
            came = self.browser.poll()
        except RelayError as error:
            self.cannot_read(error)
            return 0
        if came is not None and not self.browser.is_counted:
            self._count()
        return came or 0

    def read_again(self) -> None:
        """Read the list from the start, with the filter if there is one."""
        filter_search = self.browser.filter_search
        try:
            if filter_search is not None:
                self.search(filter_search.filter)
            else:
                self.browser.show_all()
                self._count()
        except RelayError as error:
            self.cannot_read(error)

    def _count(self) -> None:
        self._context.ui.start(self._count_all, group="count")

    async def _count_all(self) -> None:
        try:
            await self.browser.count()
        except RelayError as error:
            self.cannot_read(error)

    def cannot_read(self, error: RelayError) -> None:
        """Stop reading until `recover` finds the database readable."""
        self.unreadable = str(error)

    async def recover(self) -> None:
        """Read the list again where the database is readable again, or was replaced."""
        gateway = self._context.gateway
        if self.unreadable is not None and await gateway.is_readable():
            self.unreadable = None
            self.read_again()
        if gateway.reopened():
            self.read_again()

    # -- the filter ----------------------------------------------------------------------------

    @property
    def filter_text(self) -> str:
        """The filter that is applied; empty without one."""
        return self.browser.filter_search.filter.text if self.browser.filter_search is not None else ""

    def search(self, filter: Filter) -> None:
        """Show only matches."""
        self._context.ui.start(partial(self._search, filter), group="search", exclusive=True)

    async def _search(self, filter: Filter) -> None:
        try:
            await self.browser.search(filter)
        except RelayError as error:
            self.cannot_read(error)

    def show_all(self) -> None:
        """Show all captures."""
        self._context.ui.cancel("search")
        self.browser.filter_search = None
        self.read_again()

    # -- actions of the user -------------------------------------------------------------------

    def has(self, number: int) -> bool:
        """Whether a capture is in the list."""
        listing = self.browser.listing
        return bool(len(listing)) and listing.id_at(listing.y_of(number)) == number

    def go_to(self, number: int) -> None:
        """Put the cursor on a capture, or the nearest one."""
        self._view.go_to(self.browser.listing.y_of(number))

    def focus(self) -> None:
        """Focus the list."""
        self._view.focus()

    def follow(self) -> None:
        """Start or stop following the newest capture."""
        listing = self.browser.listing
        if listing.following:
            listing.stop_following()
        else:
            listing.follow()
        self._view.moved()

    def turn(self) -> None:
        """Reverse the order."""
        self.browser.listing.turn()
        self._view.rows_changed()
        self._view.moved()

    def refresh(self, *, unmark: Collection[int] = ()) -> None:
        """Read the rows again; unmark some captures."""
        self.browser.listing.marks.difference_update(unmark)
        self.read_again()
