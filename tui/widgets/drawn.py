"""What Textual's own widgets draw, made safe at the last moment: they draw text as it is that somebody edits.

Owns the form: a character that would act is a sign in one cell, so that the cursor stays where it is meant.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import Input, TextArea

from relay.text.safe import visible


class FormArea(TextArea):
    """A text to edit; what would act stays in it as it is."""

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        return drawn(super().render_line(y))


class Line(Input):
    """A line to edit; what would act stays in it as it is."""

    def render_line(self, y: int) -> Strip:
        """The line."""
        return drawn(super().render_line(y))


def drawn(strip: Strip) -> Strip:
    """A line of the screen without a character that the terminal would act on."""
    if visible(strip.text) == strip.text:
        return strip
    segments = [Segment(_drawn(text), style, control) for text, style, control in strip]
    return Strip(segments).adjust_cell_length(strip.cell_length)


def _drawn(text: str) -> str:
    return "".join(
        character if visible(character) == character else _sign(visible(character)) for character in text
    )


def _sign(shown: str) -> str:
    """A control picture as it is; of what has none, a mark."""
    return shown if len(shown) == 1 else "·"
