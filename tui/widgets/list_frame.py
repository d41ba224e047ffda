"""Parts around the list: the header of its columns, the counts below, and the text while it is empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.keyboard import keymap
from tui.presenters import columns
from tui.presenters.columns import Layout
from tui.presenters.format import Piece
from tui.presenters.setup import Setup, steps
from tui.presenters.status import EngineState, Status
from tui.state.listing import Listing
from tui.theme import TONES
from tui.widgets.frame import Frame, Label, labels
from tui.widgets.text import content


class SearchProgress(Protocol):
    """Progress of a filter."""

    scanned_to: int
    done: bool
    stopped: bool


class ListHead(Widget):
    """The header of the columns; a click on the one with the arrow reverses the order."""

    _text: reactive[str] = reactive("")
    _ordered: range = range(0)
    """Cells of the name with the arrow."""

    @dataclass
    class OrderWanted(Message):
        """The arrow was clicked: reverse the order."""

        head: ListHead

        @property
        def control(self) -> ListHead:
            return self.head

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.tooltip = "Click on the arrow to reverse the order"

    def on_click(self, event: events.Click) -> None:
        if event.x in self._ordered:
            self.post_message(self.OrderWanted(self))

    def show(self, layout: Layout, *, newest_first: bool) -> None:
        """Show the columns of a layout."""
        self._text = columns.header(layout, newest_first=newest_first)
        self._ordered = columns.ordered_cells(layout)

    def render(self) -> RenderResult:
        return Content(self._text)


class ListFrame(Frame):
    """The frame of the list: the counts, whether it follows, and the number of new captures."""

    def on_mount(self) -> None:
        self.show_upper([Label("Captures", TONES["strong"])])

    def show_counts(
        self,
        listing: Listing,
        filter_search: SearchProgress | None,
        *,
        total: int,
        events: int | None,
        exact: bool,
        pending: bool,
    ) -> None:
        """Show the counts.

        Args:
            filter_search: progress of the filter; None without one.
            total: captures in the database.
            events: number of different events; None where it is not known.
            exact: whether the total is exact; otherwise it is an upper bound.
            pending: whether another filter is written and not applied yet.
        """
        written = keymap.of(self.app).written
        follow, stop = written("list.follow"), written("look.back")
        pieces = counted(
            listing,
            filter_search,
            total=total,
            events=events,
            exact=exact,
            pending=pending,
            follow=follow,
            stop=stop,
        )
        self.show_lower(labels(pieces))


def counted(
    listing: Listing,
    filter_search: SearchProgress | None,
    *,
    total: int,
    events: int | None,
    exact: bool,
    pending: bool,
    follow: str,
    stop: str,
) -> Iterator[Piece]:
    """`1,204 captures, 1,100 events · following`, `143 match (14.0%) of 1,021 · all scanned · 2 marked`."""
    at_most = "" if exact else "at most "
    count = len(listing)
    if filter_search is None:
        yield f"{at_most}{count:,} {'capture' if count == 1 else 'captures'}", "plain"
        if events is not None and count:
            yield f", {events:,} {'event' if events == 1 else 'events'}", "plain"
    else:
        # Before the end, the number of captures among the checked ids is not known.
        whole = filter_search.done and not filter_search.stopped and exact and total and not pending
        share = f" ({count / total:.1%})" if whole else ""
        yield f"{count:,} {'matches' if count == 1 else 'match'}{share}", "strong"
        if pending:
            pass  # The progress would seem to be that of the filter in the bar.
        elif filter_search.stopped:
            yield f" · stopped at #{filter_search.scanned_to:,}", "warn"
        elif filter_search.done:
            yield f" of {at_most}{total:,} · all scanned", "dim"
        else:
            yield f" · scanned back to #{filter_search.scanned_to:,} …, {stop} stops", "accent"
    if pending:
        yield " · the filter is not applied yet", "warn"
    if listing.following:
        yield " · following", "good"
    elif listing.unseen:
        yield f" · {'▲' if listing.newest_first else '▼'} {listing.unseen:,} new, {follow} follows", "warn"
    if listing.marks:
        yield f" · {len(listing.marks):,} marked", "accent"


class Empty(Widget):
    """First steps, shown while there are no captures."""

    url: reactive[str] = reactive("")
    status: reactive[Status] = reactive(Status(engine=EngineState.LOOKING))
    setup: reactive[Setup] = reactive(Setup())

    def render(self) -> RenderResult:
        width = self.content_size.width
        return content(steps(self.setup, self.status, self.url, keymap.of(self.app), width))
