"""A list with a cursor: moves in a `Listing`, and scrolling that keeps the cursor in view."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from tui.state.listing import Listing
from tui.widgets.lines import StyledView


class CursorList(StyledView):
    """Base of the lists of captures and of refusals, which draw the rows."""

    @dataclass
    class Moved(Message):
        """The cursor is on another row, or started or stopped following the newest."""

        list: CursorList

        @property
        def control(self) -> CursorList:
            return self.list

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CursorList.Moved)

    def __init__(self, listing: Listing, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.listing = listing
        self.drawn_cursor_y = 0
        """The row that was last drawn as that of the cursor."""

    def action_move(self, by: int) -> None:
        self.go_to(self.listing.cursor_y + by)

    def action_page(self, by: int) -> None:
        self.go_to(self.listing.cursor_y + by * max(1, self.size.height - 1))

    def action_edge(self, end: int) -> None:
        self.go_to(0 if end < 0 else len(self.listing) - 1)

    def go_to(self, y: int) -> None:
        """Put the cursor on a row."""
        self.listing.move_to(y)
        self.moved()

    def moved(self) -> None:
        """The cursor of the listing has changed: show it."""
        self.show_cursor()
        self.refresh_line(self.drawn_cursor_y)
        self.refresh_line(self.listing.cursor_y)
        self.post_message(self.Moved(self))

    def show_cursor(self) -> None:
        """Scroll until the cursor is in view."""
        height = self.scrollable_content_region.height
        if height <= 0 or not len(self.listing):
            return
        y, top = self.listing.cursor_y, self.scroll_offset.y
        if y < top:
            self.scroll_row(y)
        elif y >= top + height:
            self.scroll_row(y - height + 1)

    def scroll_row(self, y: int) -> None:
        """Scroll a row to the top, at once."""
        self.scroll_to(y=y, animate=False, force=True, immediate=True)
