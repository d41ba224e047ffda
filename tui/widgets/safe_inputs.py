"""Textual's text inputs, made safe: on their own they draw control characters as they are.

Owns the replacement: a control character becomes a sign in one cell, so that the cursor stays in place.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import Input, TextArea

from relay.text.safe import visible


class FormArea(TextArea):
    """A text area; control characters stay in the text."""

    def render_line(self, y: int) -> Strip:
        return safe_strip(super().render_line(y))


class LineInput(Input):
    """A line to edit; control characters stay in the text."""

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
