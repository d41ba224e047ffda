"""The list of captures; draws only the rows on screen.

Owns drawing, scrolling and the moves of the cursor in a `Listing`. Gets its rows from a function when it
draws them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import ClassVar, Protocol

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from relay.models import CaptureRow
from tui.keyboard import keys
from tui.presenters import columns
from tui.state.listing import Listing
from tui.widgets.cursor_list import CursorList


class Fetch(Protocol):
    """Where rows come from."""

    def __call__(self, ids: Sequence[int], *, summaries: bool) -> Mapping[int, CaptureRow] | None:
        """The rows of ids that exist; None where they cannot be read."""


class CaptureList(CursorList, can_focus=True):
    """Captures as rows; a million scroll as fast as ten."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.LIST)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--cursor", "list--marked"}

    @dataclass
    class Opened(Message):
        """Open the capture under the cursor."""

        list: CaptureList

        @property
        def control(self) -> CaptureList:
            return self.list

    @dataclass
    class NotMarked(Message):
        """There are too many captures to mark."""

        list: CaptureList
        reason: str

        @property
        def control(self) -> CaptureList:
            return self.list

    def __init__(self, listing: Listing, fetch: Fetch, today: Callable[[], date], *, id: str) -> None:
        super().__init__(listing, id=id)
        self._fetch = fetch
        self._today = today
        self._columns: tuple[str, ...] = ()
        """Names of the chosen columns; empty for the defaults."""
        self._summaries = True
        """Whether the summary may be shown."""
        self._has_positions = False
        """Whether a capture of a team was seen."""
        self._known: dict[int, CaptureRow | None] = {}
        self._strips: dict[tuple[int, bool, bool], Strip] = {}
        self._anchor: int | None = None
        """Id of the top row, which stays there when rows are added above it."""
        self._cursor_in_view = True
        self._is_placed = False
        """Whether it has a size, and has scrolled to the cursor."""

    # -- changes -------------------------------------------------------------------------------

    def rows_changed(self) -> None:
        """Rows were added, removed or changed: read those on screen again."""
        self._known.clear()
        self._strips.clear()
        self._resize_content()
        if self.listing.following:
            self.show_cursor()
        elif self._anchor is not None:
            in_view = self._cursor_in_view
            self.scroll_row(self.listing.y_of(self._anchor))
            if in_view:
                self.show_cursor()
        self._remember()
        self.refresh()

    def _resize_content(self) -> None:
        size = Size(self.scrollable_content_region.width, len(self.listing))
        if self.show_vertical_scrollbar and size.height >= self.virtual_size.height:
            # An assignment would lay out the whole screen, ten times a second while webhooks come in.
            self.set_reactive(CaptureList.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
        else:
            self.virtual_size = size

    def row(self, number: int | None) -> CaptureRow | None:
        """The row of a capture; None if it does not exist."""
        if number is None:
            return None
        if number not in self._known:
            found = self._fetch((number,), summaries=self._has_summaries())
            if found is None:
                return None
            self._remember_rows({number: found.get(number)})
        return self._known.get(number)

    @property
    def chosen_columns(self) -> tuple[str, ...]:
        """Names of the chosen columns; empty for the defaults."""
        return self._columns

    def choose_columns(self, names: tuple[str, ...]) -> None:
        """Draw other columns."""
        had = self._has_summaries()
        self._columns = names
        if self._has_summaries() and not had:
            self._known.clear()
        self._strips.clear()
        self.refresh()
        self.post_message(self.Moved(self))

    @property
    def shows_summaries(self) -> bool:
        """Whether the summary of an event is shown where there is room."""
        return self._summaries

    def show_summaries(self, shown: bool) -> None:
        """Show the summary of each event, or hide it and do not read it."""
        self._summaries = shown
        self._known.clear()
        self.choose_columns(self._columns)

    def _has_summaries(self) -> bool:
        return any(column.name == "summary" for column, _ in self.columns_now().shown)

    def columns_now(self) -> columns.Layout:
        """The current layout of the columns."""
        width = self.scrollable_content_region.width or self.screen.size.width - 3
        hidden = frozenset() if self._summaries else frozenset({"summary"})
        return columns.layout(
            width, len(str(self.listing.newest)), self._columns, hidden, team=self._has_positions
        )

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        changed = super()._size_updated(size, virtual_size, container_size, layout)
        if size.height and not self._is_placed:
            # Before `on_resize` comes, a first frame would read and draw the oldest rows.
            self._is_placed = True
            self.set_reactive(CaptureList.virtual_size, Size(size.width, len(self.listing)))
            self.show_cursor()
        return changed

    def on_resize(self) -> None:
        self._known.clear()  # A wider row may have room for the summary, which was not read before.
        self._strips.clear()
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.listing))
        self.show_cursor()
        self.post_message(self.Moved(self))  # The header has to follow the new layout.

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._remember()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self._strips.clear()
        self.refresh()

    # -- drawing -------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y
        if at >= len(self.listing):
            return Strip.blank(width, self.rich_style)
        number = self.listing.id_at(at)
        under = number == self.listing.cursor
        if under:
            self.drawn_cursor_y = at
        marked = number in self.listing.marks
        cached = self._strips.get((number, under, marked))
        if cached is None:
            cached = self._strip(number, under=under, marked=marked)
            if number in self._known:
                self._strips[number, under, marked] = cached
        return cached

    def _strip(self, number: int, *, under: bool, marked: bool) -> Strip:
        if number not in self._known:
            self._read_page()
        listed = self._known.get(number)
        layout = self.columns_now()
        base = self.rich_style
        if marked:
            base += self.style_of("list--marked")
        if under:
            base += self.style_of("list--cursor")
        if listed is not None:
            pieces = list(columns.row(listed, layout, self._today(), marked=marked))
        else:
            pieces = list(columns.no_row(number, layout))
        return Strip(self.segments(pieces, base)).adjust_cell_length(
            self.scrollable_content_region.width, base
        )

    def _read_page(self) -> None:
        """Read the rows on screen, in one go; others are not read, as their summaries take their bodies."""
        height = max(self.size.height, 1)
        first = self.scroll_offset.y
        last = min(len(self.listing), first + height)
        wanted = [self.listing.id_at(y) for y in range(first, last)]
        missing = [number for number in wanted if number not in self._known]
        found = self._fetch(missing, summaries=self._has_summaries())
        if found is None:
            return
        if len(self._known) > 50 * height:
            self._known.clear()
            self._strips.clear()
        self._remember_rows({number: found.get(number) for number in missing})

    def _remember_rows(self, found: Mapping[int, CaptureRow | None]) -> None:
        self._known |= found
        if not self._has_positions and any(row and row.position is not None for row in found.values()):
            self._has_positions = True
            self.choose_columns(self._columns)

    # -- moving --------------------------------------------------------------------------------

    def action_mark(self) -> None:
        # One row down in either order; it stays on the last one, so that another Space unmarks it: as in
        # mutt, mc, ranger and htop.
        self.listing.mark()
        self.action_move(1)

    def action_mark_to(self, by: int) -> None:
        self._mark(partial(self.listing.mark_to, by))
        self.go_to(self.listing.cursor_y)

    def action_mark_all(self) -> None:
        self._mark(self.listing.mark_all)

    def _mark(self, mark: Callable[[], None]) -> None:
        try:
            mark()
        except ValueError as error:
            self.post_message(self.NotMarked(self, str(error)))
        self._marks_changed()

    def action_unmark_all(self) -> None:
        self.listing.marks.clear()
        self._marks_changed()

    def _marks_changed(self) -> None:
        self.refresh()
        self.post_message(self.Moved(self))

    def action_open(self) -> None:
        self.post_message(self.Opened(self))

    def _remember(self) -> None:
        if not len(self.listing):
            self._anchor = None
            return
        top = min(self.scroll_offset.y, len(self.listing) - 1)
        bottom = min(top + max(self.size.height, 1), len(self.listing)) - 1
        self._anchor = self.listing.id_at(top)
        self._cursor_in_view = top <= self.listing.cursor_y <= bottom
        self.listing.mark_seen(max(self._anchor, self.listing.id_at(bottom)))

    # -- mouse ---------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Go to a row; with Shift mark all rows up to it, with Ctrl mark it alone."""
        at = self.scroll_offset.y + event.y
        if at >= len(self.listing):
            return
        if event.shift:
            self.action_mark_to(at - self.listing.cursor_y)
            return
        self.go_to(at)
        if event.ctrl:
            self._mark(self.listing.mark)
        elif event.chain == 2:
            self.action_open()

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._hold()
        super()._on_mouse_scroll_up(event)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._hold()
        super()._on_mouse_scroll_down(event)

    def _hold(self) -> None:
        if self.listing.following:
            self.listing.stop_following()
            self.post_message(self.Moved(self))
