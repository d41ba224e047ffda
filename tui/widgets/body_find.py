"""The search line of a body: what is looked for, the hits, and the way from one to the next.

Searches large bodies in a thread, so that keys work meanwhile. `tui.bodies` finds, `BodyText` draws the hits.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual import on, work
from textual.message import Message
from textual.widgets import Input
from textual.worker import get_current_worker

from tui.bodies import HexDocument, Hits, found, search
from tui.widgets.body_text import BodyText
from tui.widgets.safe_inputs import LineInput

FOUND_AT_ONCE = 512 * 1024
"""Largest body in bytes that is searched within some milliseconds."""


class BodyFind(LineInput):
    """An input that searches the body as it is typed; hidden until it is opened."""

    DEFAULT_CSS = """
    BodyFind { display: none; height: 1; border: none; padding: 0 1; background: $surface; }
    BodyFind.-open { display: block; }
    """

    class Updated(Message):
        """The hits, or the one at the cursor, have changed."""

    class Unseen(Message):
        """The hit is in the part of a long line that is not drawn; wrapping shows it."""

    @dataclass
    class _Found(Message):
        """A thread has finished a search."""

        number: int
        hits: Hits

    def __init__(self, text: BodyText) -> None:
        super().__init__(placeholder="find in this body", compact=True)
        self._text = text
        self._number = 0
        """Number of the last search; results of older ones are dropped."""
        self._sought = ""
        self._is_searching = False
        self._begun_at = 0
        """Offset of the cursor when the line was opened."""

    @property
    def sought(self) -> str:
        """The text that is looked for; empty without a search."""
        return self._sought

    @property
    def is_open(self) -> bool:
        """Whether the line is shown."""
        return self.has_class("-open")

    @property
    def is_searching(self) -> bool:
        """Whether a thread searches."""
        return self._is_searching

    @property
    def words(self) -> str:
        """`1 of 3`, or the state of the search; empty without one."""
        hits = self._text.hits
        if self._is_searching:
            return "searching ..."
        if not self._sought:
            return ""
        if not len(hits):
            return "not found"
        return f"{self._text.hit + 1:,} of {len(hits):,}{'+' if hits.is_cut else ''}"

    # -- searching --------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the line and focus it."""
        self._begun_at = self._text.offset_at_cursor
        self.add_class("-open")
        self.focus()

    def close(self) -> None:
        """End the search; the cursor stays."""
        self.remove_class("-open")
        with self.prevent(Input.Changed):
            self.value = ""
        self.find("")
        self._text.focus()

    def forget(self) -> None:
        """Another body comes: end the search without a look at it."""
        self._number += 1
        self._sought = ""
        self._is_searching = False
        self._begun_at = 0
        self._text.hits, self._text.hit = Hits(), -1
        self.remove_class("-open")

    def find(self, text: str) -> None:
        """Search for a text from the cursor on, in any case, and go to the first hit; empty ends it."""
        self._sought = text
        self._number += 1
        self._text.hits, self._text.hit = Hits(), -1
        document = self._text.document
        self._is_searching = bool(text) and document is not None
        if not text or document is None:
            self._text.refresh()
            self.post_message(self.Updated())
            return
        as_hex = isinstance(document, HexDocument)
        if len(document.data) <= FOUND_AT_ONCE:
            self._take_hits(found(document.data, text, as_hex=as_hex))
        else:
            self.post_message(self.Updated())
            self._search_in_thread(self._number, document.data, text, as_hex=as_hex)

    @work(thread=True, exclusive=True, group="body-search")
    def _search_in_thread(self, number: int, data: bytes, text: str, *, as_hex: bool) -> None:
        worker = get_current_worker()
        last = Hits()
        for hits in search(data, text, as_hex=as_hex):
            if worker.is_cancelled:
                return
            last = hits
        self.post_message(self._Found(number, last))

    @on(_Found)
    def _take_found(self, event: _Found) -> None:
        event.stop()
        if event.number == self._number:
            self._take_hits(event.hits)

    def _take_hits(self, hits: Hits) -> None:
        self._is_searching = False
        self._text.hits = hits
        if len(hits):
            self._show_hit(hits.after(self._begun_at))
        self._text.refresh()
        self.post_message(self.Updated())

    # -- hits -------------------------------------------------------------------------------------

    def step(self, by: int) -> None:
        """Go to the next or previous hit, wrapping around."""
        text = self._text
        if not len(text.hits):
            return
        at = text.offset_at_cursor
        if text.hit >= 0 and at <= text.hits.starts[text.hit] < self._end_of_row():
            self._show_hit((text.hit + by) % len(text.hits))
        else:
            self._show_hit(text.hits.after(at) if by > 0 else text.hits.before(at))

    def _end_of_row(self) -> int:
        assert self._text.rows is not None
        return self._text.rows.piece(*self._text.cursor)[1]

    def _show_hit(self, number: int) -> None:
        if not self._text.show_hit(number):
            self.post_message(self.Unseen())
        self.post_message(self.Updated())

    # -- typing -----------------------------------------------------------------------------------

    @on(Input.Changed)
    def _sought_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.find(event.value)

    @on(Input.Submitted)
    def _sought_chosen(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value != self._sought:  # It was written for the body before.
            self.find(event.value)
        self._text.focus()
