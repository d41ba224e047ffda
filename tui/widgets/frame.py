"""A frame with a name in its upper edge and facts in its lower one; bright while the focus is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.style import Style

from tui.presenters.format import Piece
from tui.theme import TONES

EDGE = 6
"""Cells of an edge that no label has: corners, and a line and a blank on both sides."""


@dataclass(frozen=True, slots=True)
class Label:
    """A piece of text in an edge; safe to show."""

    text: str
    style: str = ""
    click: str = ""
    """The action of a click; empty without one."""


def labels(pieces: Iterable[Piece]) -> list[Label]:
    """Pieces as labels."""
    return [Label(text, TONES[tone]) for text, tone in pieces]


class Frame(Vertical):
    """Widgets in a frame with labels."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._upper: tuple[Label, ...] = ()
        self._lower: tuple[Label, ...] = ()

    def show_upper(self, shown: Iterable[Label]) -> None:
        """Show labels in the upper edge."""
        upper = tuple(shown)
        if upper != self._upper:
            self._upper = upper
            self._border_title = self._content(upper)
            self._draw_edge(0)

    def show_lower(self, shown: Iterable[Label]) -> None:
        """Show labels in the lower edge."""
        lower = tuple(shown)
        if lower != self._lower:
            self._lower = lower
            self._border_subtitle = self._content(lower)
            self._draw_edge(self.outer_size.height - 1)

    def _draw_edge(self, y: int) -> None:
        """Draw one row again. Textual would draw the whole frame with all that is in it."""
        self.refresh(Region(0, y, self.outer_size.width, 1).translate(-self.content_offset))

    @property
    def room(self) -> int:
        """Cells of an edge for labels."""
        return max(self.size.width + 2 - EDGE, 0)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        # Textual does not resolve the theme's colours in an edge.
        self._border_title, self._border_subtitle = self._content(self._upper), self._content(self._lower)
        self.refresh()

    def _content(self, shown: Iterable[Label]) -> Content:
        parse = self.app.stylesheet.parse_style
        text = Content.assemble(
            *((label.text, parse(label.style) if label.style else Style()) for label in shown)
        )
        return text.expand_tabs(4).split()[0]  # As Textual makes a title: it cannot draw other lines.

    async def on_click(self, event: events.Click) -> None:
        """Run the action of a label. No text carries actions, as some comes from outside."""
        edges = {self.region.y: self._upper, self.region.bottom - 1: self._lower}
        at = event.screen_x - self.region.x - EDGE // 2  # A click on a child comes here too.
        for label in edges.get(event.screen_y, ()):
            cells = cell_len(label.text)
            if 0 <= at < cells and label.click:
                await self.run_action(label.click)
            at -= cells
