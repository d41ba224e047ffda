"""The line under a body: path of the value at the cursor or the note on it, hits, and line number."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on, work
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from relay.text.safe import visible
from tui.bodies import JsonDocument
from tui.widgets.body_text import BodyText

PATH_AT_ONCE = 1024 * 1024
"""Largest text in bytes whose paths are looked up on each move of the cursor; in others when it rests."""

MOST_SHOWN = 500
"""Characters of a path; keys can be of any length."""


class BodyFoot(Static):
    """Text about the cursor's line."""

    DEFAULT_CSS = """
    BodyFoot {
        height: 1;
        padding: 0 1;
        color: $text-muted;
    }
    """

    @dataclass
    class _Path(Message):
        """A thread has found the path of a line in a large text."""

        document: JsonDocument
        line: int
        path: str

    def __init__(self, text: BodyText) -> None:
        super().__init__(markup=False)
        self._text = text
        self._found = ""
        """The state of a search, as text."""

    def on_mount(self) -> None:
        """Start the timer for a cursor that rests."""
        self._rest = self.set_interval(0.15, self._look_up, pause=True)

    def show(self, found: str) -> None:
        """Show the cursor's line, and the state of a search."""
        self._found = found
        self._show(None)

    def _show(self, path: str | None) -> None:
        text = self._text
        if text.document is None:
            self.update("")
            return
        right = f"{self._found}  {text.line + 1:,}/{text.document.lines.count:,}".lstrip()
        note = text.marks.get(text.line)
        if note is not None:
            path = f"! {note}"
        elif path is None and isinstance(text.document, JsonDocument):
            if len(text.document.data) <= PATH_AT_ONCE:
                path = text.document.path(text.line)
            else:
                self._rest.reset()
                self._rest.resume()
        room = max(self.content_size.width - len(right) - 1, 0)
        left = Content(visible((path or "")[:MOST_SHOWN])).truncate(room, ellipsis=True, pad=True)
        self.update(Content.assemble(left, " ", right))

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
