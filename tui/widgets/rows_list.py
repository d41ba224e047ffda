"""A list of rows by id; draws only those on screen, with a function for the text of a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.strip import Strip

from tui.keyboard import keys
from tui.state.listing import Listing
from tui.widgets.cursor_list import CursorList
from tui.widgets.lines import Line


class RowsList(CursorList, can_focus=True):
    """Rows in memory; ten thousand scroll as fast as ten."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.ROWS)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--cursor"}

    def __init__(self, listing: Listing, draw: Callable[[int, int], Line], *, id: str) -> None:
        """
        Args:
            draw: makes the row of an id at a width; safe to show.
        """
        super().__init__(listing, id=id)
        self._draw = draw

    def rows_changed(self) -> None:
        """The rows have changed."""
        self._resize()
        self.refresh()
        self.moved()

    def add_newer(self, ids: list[int]) -> None:
        """Add new rows; rows on screen stay in place unless the cursor follows the newest."""
        top = self.scroll_offset.y
        self.listing.add_newer(ids)
        self._resize()
        if self.listing.following:
            self.show_cursor()
        elif self.listing.newest_first:
            self.scroll_row(top + len(ids))
        self.refresh()
        self.post_message(self.Moved(self))

    def _resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.listing))

    def on_resize(self) -> None:
        self._resize()
        self.show_cursor()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y
        if at >= len(self.listing):
            return Strip.blank(width, self.rich_style)
        number = self.listing.id_at(at)
        base = self.rich_style
        if number == self.listing.cursor:
            self.drawn_cursor_y = at
            base += self.style_of("list--cursor")
        return Strip(self.segments(self._draw(number, width), base)).adjust_cell_length(width, base)

    # -- moving --------------------------------------------------------------------------------

    def follow(self) -> None:
        """Start or stop following the newest row."""
        if self.listing.following:
            self.listing.stop_following()
        else:
            self.listing.follow()
        self.moved()

    def turn(self) -> None:
        """Reverse the order."""
        self.listing.turn()
        self.refresh()
        self.moved()

    def on_click(self, event: events.Click) -> None:
        at = self.scroll_offset.y + event.y
        if at < len(self.listing):
            self.go_to(at)
