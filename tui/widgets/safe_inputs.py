"""Textual's text inputs, made safe: on their own they draw control characters as they are.

Owns the replacement: a control character becomes a sign in one cell, so that the cursor stays in place.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import Location
from textual.document._document_navigator import DocumentNavigator
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, TextArea

from relay.text.safe import visible
from tui.widgets.exact_text import ExactDocument, QuickWrap

MOST_MATCHED = 2_000
"""Lines of the longest text in which the other bracket of a pair is looked for, character by character."""


async def run_bound(widget: Widget, event: events.Key) -> None:
    """Run the widget's own binding of a key at once, if there is one.

    Textual asks all parents about a key before the binding of an input runs. A letter that comes meanwhile
    overtakes it: over a connection that stalls, text would be written where the cursor was before.
    """
    for binding in widget._bindings.key_to_bindings.get(event.key, ()):
        if not binding.priority and await widget.app.run_action(binding.action, widget):
            event.stop()
            event.prevent_default()
            return


class FormArea(TextArea):
    """A text area that keeps every character, and shows control characters as signs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+home", "edge(-1)", "to the top", show=False),
        Binding("ctrl+end", "edge(1)", "to the end", show=False),
    ]

    async def _on_key(self, event: events.Key) -> None:
        await run_bound(self, event)  # Textual calls the handlers of the bases itself.

    def _set_document(self, text: str, language: str | None) -> None:
        super()._set_document("", language)
        self.document = ExactDocument(text)
        self.wrapped_document = QuickWrap(self.document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._rewrap_and_refresh_virtual_size()

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """The other bracket of a pair, in a text that is searched within milliseconds."""
        if self.document.line_count > MOST_MATCHED:
            return None
        return super().find_matching_bracket(bracket, search_from)

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn: a character for each of the text's, so that the cursor stays in place."""
        line = self.document.get_line(line_index)
        if visible(line) != line:
            line = "\t".join(map(_safe, line.split("\t")))
        return Text(line, end="", no_wrap=True)

    def action_edge(self, way: int) -> None:
        """Go to the beginning or the end of the text."""
        self.move_cursor(self.document.start if way < 0 else self.document.end)

    def on_paste(self, event: events.Paste) -> None:
        """Line ends as terminals paste them."""
        event.text = event.text.replace("\r\n", "\n").replace("\r", "\n")


class LineInput(Input):
    """A line to edit; control characters stay in the text."""

    async def _on_key(self, event: events.Key) -> None:
        await run_bound(self, event)  # Textual calls the handlers of the bases itself.

    def render_line(self, y: int) -> Strip:
        return safe_strip(super().render_line(y))


def safe_strip(strip: Strip) -> Strip:
    """Replace control characters in a line of the screen."""
    if visible(strip.text) == strip.text:
        return strip
    segments = [Segment(_safe(text), style, control) for text, style, control in strip]
    return Strip(segments).adjust_cell_length(strip.cell_length)


def _safe(text: str) -> str:
    return "".join(
        character if visible(character) == character else _sign(visible(character)) for character in text
    )


def _sign(shown: str) -> str:
    """The control picture of a character, or a dot without one."""
    return shown if len(shown) == 1 else "·"
