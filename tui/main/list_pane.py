"""The list of the main screen: when its rows are read, and what a person does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from relay.errors import RelayError
from relay.filters import Filter
from relay.models import CaptureRow
from tui.main.browser import Browser
from tui.main.context import CaptureContext


class ListView(Protocol):
    """Where the rows are drawn."""

    def rows_changed(self) -> None:
        """Rows came, went or differ."""

    def moved(self) -> None:
        """The cursor moved, or follows, or no longer does."""

    def go_to(self, y: int) -> None:
        """Put the cursor on a row."""

    def focus(self) -> Any:
        """Take the keys."""


class ListController:
    """Keeps the list up with the database, through a filter or without one."""

    def __init__(self, context: CaptureContext, browser: Browser, view: ListView) -> None:
        self.browser = browser
        self.unreadable: str | None = None
        """Why the database cannot be read; nothing is read until it can."""
        self._context, self._view = context, view

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        if action == "mark" and not self.browser.listing.chosen():
            return "No capture is selected."
        return None

    # -- reading -------------------------------------------------------------------------------

    def fetch(self, ids: Sequence[int]) -> Mapping[int, CaptureRow] | None:
        """Rows to be drawn, at once; None while the database cannot be read."""
        if self.unreadable is None:
            try:
                found = self._context.gateway.rows(ids)
            except RelayError as error:
                self.cannot_read(error)
                return None
            gone = [number for number in ids if number not in found]
            if gone:
                self._context.ui.call_later(partial(self._lose, gone))  # Not while it is being drawn.
            return found
        return None

    def _lose(self, ids: list[int]) -> None:
        self.browser.lost(ids)
        self._count()

    def poll(self) -> int:
        """Take up what has been committed; return how many captures came."""
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
        """Read the list from the start, through the filter where there is one."""
        finding = self.browser.finding
        try:
            if finding is not None:
                self.search(finding.filter)
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
        """Read nothing until `recover` finds that it can be read."""
        self.unreadable = str(error)

    async def recover(self) -> None:
        """Read again what could not be read before, or a database that replaced the one before."""
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
        return self.browser.finding.filter.text if self.browser.finding is not None else ""

    def search(self, filter: Filter) -> None:
        """Show only what matches."""
        self._context.ui.start(partial(self._search, filter), group="search", exclusive=True)

    async def _search(self, filter: Filter) -> None:
        try:
            await self.browser.search(filter)
        except RelayError as error:
            self.cannot_read(error)

    def show_all(self) -> None:
        """Show every capture."""
        self._context.ui.cancel("search")
        self.browser.finding = None
        self.read_again()

    # -- what a person does --------------------------------------------------------------------

    def has(self, number: int) -> bool:
        """Whether a capture is in the list, and no filter hides it."""
        listing = self.browser.listing
        return bool(len(listing)) and listing.id_at(listing.y_of(number)) == number

    def go_to(self, number: int) -> None:
        """Put the cursor on a capture, or the nearest one."""
        self._view.go_to(self.browser.listing.y_of(number))

    def focus(self) -> None:
        """Give the list the keys."""
        self._view.focus()

    def follow(self) -> None:
        """Go with the newest capture, or stay where the cursor is."""
        listing = self.browser.listing
        if listing.following:
            listing.hold()
        else:
            listing.follow()
        self._view.moved()

    def turn(self) -> None:
        """Reverse the order."""
        self.browser.listing.turn()
        self._view.rows_changed()
        self._view.moved()

    def clear_marks(self) -> None:
        """Unmark all captures."""
        self.browser.clear_marks()

    def refresh(self) -> None:
        """Clear the marks and read the rows again."""
        self.browser.listing.marks.clear()
        self.read_again()
