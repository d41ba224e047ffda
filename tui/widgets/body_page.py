"""The tab *Body*: a capture's body in its views, with what differs from Lean's documentation marked in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.presenters.blocks import Subject
from tui.presenters.bodies import header
from tui.presenters.shape import body_notes
from tui.widgets.body_view import BodyView

STRUCTURED = ("pretty", "tree")
"""Views in which paths lead somewhere."""


class BodyPage(Vertical):
    """A body. Cursor and folds stay while it is the same one; the view stays for the next ones too."""

    def __init__(self) -> None:
        super().__init__()
        self.view = BodyView()
        self._shown: tuple[bytes, str, str] | None = None
        self._notes: Mapping[str, str] = {}
        self._wants_mark = False
        """The cursor is to go to a mark as soon as there is one on the screen."""

    def compose(self) -> ComposeResult:
        yield Static("It had no body.", classes="no-body", markup=False)
        yield self.view

    def show(self, subject: Subject) -> None:
        """Show a capture's body."""
        capture = subject.capture
        headers = capture.headers
        body = capture.body, header(headers, "content-type"), header(headers, "content-encoding")
        if body != self._shown:
            self._shown, self._notes = body, {}
            self.set_class(not capture.body, "-empty")
            self.view.show(*body)
        notes = body_notes(subject)
        if notes != self._notes:
            self._notes = notes
            self.view.mark(notes)

    def next_difference(self) -> None:
        """Put the cursor on the next value that differs, as soon as a view that has paths is there."""
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

    def focus(self, scroll_visible: bool = True) -> Self:
        """Give the keys to the text."""
        self.view.focus(scroll_visible)
        return self
