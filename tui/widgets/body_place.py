"""The place of the cursor in a body: the path of its value or the note on it, hits, and line number."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on, work
from textual.message import Message
from textual.widget import Widget

from relay.text.safe import visible
from tui.bodies import JsonDocument
from tui.widgets.body_text import BodyText

PATH_AT_ONCE = 1024 * 1024
"""Largest text in bytes whose paths are looked up on each move of the cursor; in others when it rests."""

MOST_SHOWN = 500
"""Characters of a path; keys can be of any length."""


class BodyPlace(Widget):
    """Texts about the cursor's line. Draws nothing: a widget for its timer and its thread."""

    DEFAULT_CSS = "BodyPlace { display: none; }"

    class Changed(Message):
        """The texts have changed."""

    @dataclass
    class _Path(Message):
        """A thread has found the path of a line in a large text."""

        document: JsonDocument
        line: int
        path: str

    def __init__(self, text: BodyText) -> None:
        super().__init__()
        self._text = text
        self.position = ""
        """Line and number of lines; empty without a body."""
        self.words = ""
        """The path of the value at the cursor, or the note on it; safe to show."""

    def on_mount(self) -> None:
        """Start the timer for a cursor that rests."""
        self._rest = self.set_interval(0.15, self._look_up, pause=True)

    def update(self) -> None:
        """Make the texts again."""
        self._show(None)

    def _show(self, path: str | None) -> None:
        text = self._text
        if text.document is None:
            self.position = self.words = ""
        else:
            self.position = f"{text.line + 1:,}/{text.document.lines.count:,}"
            note = text.marks.get(text.line)
            if note is not None:
                path = f"! {note}"
            elif path is None and isinstance(text.document, JsonDocument):
                if len(text.document.data) <= PATH_AT_ONCE:
                    path = text.document.path(text.line)
                else:
                    self._rest.reset()
                    self._rest.resume()
            self.words = visible((path or "")[:MOST_SHOWN])
        self.post_message(self.Changed())

    def _look_up(self) -> None:
        self._rest.pause()
        document = self._text.document
        if isinstance(document, JsonDocument):
            self._look_up_in_thread(document, self._text.line)

    @work(thread=True, exclusive=True, group="body-path")
    def _look_up_in_thread(self, document: JsonDocument, line: int) -> None:
        self.post_message(self._Path(document, line, document.path(line)))

    @on(_Path)
    def _take(self, event: _Path) -> None:
        event.stop()
        if event.document is self._text.document and event.line == self._text.line:
            self._show(event.path)
