"""A text that is edited, of which the terminal sees no character that it would act on."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import TextArea

from relay.text import visible


class FormArea(TextArea):
    """A form to edit; what would act is drawn as a sign in one cell, and stays in the text as it is."""

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        strip = super().render_line(y)
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
