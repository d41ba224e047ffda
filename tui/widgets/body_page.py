"""The tab *Body*: a capture's body, with marks where it differs from Lean's documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.presenters.blocks import CaptureDetail
from tui.presenters.bodies import header
from tui.presenters.shape import body_notes
from tui.theme import TONES
from tui.widgets.body_view import BodyView
from tui.widgets.frame import Label, labels

STRUCTURED = ("pretty", "tree")
"""Views that have paths."""


class BodyPage(Vertical):
    """A body. Cursor and folds are kept for the same body; the view is kept for the next ones too."""

    def __init__(self, *, is_small: bool = False) -> None:
        """
        Args:
            is_small: it has few rows: notes are without the value that is in their line, and the first one
                is brought into view.
        """
        super().__init__()
        self.view = BodyView()
        self._is_small = is_small
        self._shown: tuple[bytes, str, str] | None = None
        self._notes: Mapping[str, str] = {}
        self._wants_mark = False
        """Move the cursor to a mark as soon as there is one."""
        self._wants_note = False
        """Bring the first note into view, unless the cursor was moved."""

    def compose(self) -> ComposeResult:
        yield Static("The request has no body.", classes="no-body", markup=False)
        yield self.view

    def show(self, detail: CaptureDetail) -> None:
        capture = detail.capture
        headers = capture.headers
        body = capture.body, header(headers, "content-type"), header(headers, "content-encoding")
        if body != self._shown:
            self._shown, self._notes = body, {}
            self._wants_note = self._is_small
            self.set_class(not capture.body, "-empty")
            self.view.show(*body)
        notes = body_notes(detail, short=self._is_small)
        if notes != self._notes:
            self._notes = notes
            self.view.mark(notes)

    def continue_from(self, other: BodyPage) -> None:
        """Show the body as another page does, if it is the same one."""
        if self._shown is not None and self._shown == other._shown:
            self.view.continue_from(other.view)

    def next_difference(self) -> None:
        """Put the cursor on the next value that differs, in a view that has paths."""
        self._wants_mark = True
        if self.view.is_ready and self.view.view not in STRUCTURED:
            view = next((name for name in self.view.views if name in STRUCTURED), None)
            if view is not None:
                self.view.show_view(view)
        self._go()

    @on(BodyView.Shown)
    def _go(self) -> None:
        if self._wants_mark and self.view.is_ready and self.view.view in STRUCTURED:
            self._wants_mark = not self.view.next_mark()
        elif self._wants_note:
            self.call_after_refresh(self.show_note)

    def show_note(self) -> None:
        """Go to the first note if it is out of view, and the cursor was not moved since the body came."""
        text = self.view.text
        if not self._wants_note or not text.marks or not self.view.is_ready:
            return
        if text.has_focus or text.cursor != (0, 0):
            self._wants_note = False
        elif not text.is_in_view(next(iter(text.marks))):
            self._wants_note = False
            self.view.next_mark()

    @property
    def has_no_body(self) -> bool:
        """Whether the request has no body."""
        return self.has_class("-empty")

    def edge(self) -> list[Label]:
        """The views, the size of the body and the place of the cursor; nothing without a body."""
        view = self.view
        if self.has_no_body:
            return []
        views = [
            Label(f" {name} ", "bold reverse" if name == view.view else TONES["dim"], f"show_view({name!r})")
            for name in view.views
        ]
        words = [word for word in (view.facts, view.position, view.place) if word]
        return [*views, *labels([("".join(f" · {word}" for word in words), "dim")])]

    def focus(self, scroll_visible: bool = True) -> Self:
        """Focus the text."""
        self.view.focus(scroll_visible)
        return self
