"""Scrolling lines of styled text; only those on screen are drawn, so that a change costs no layout."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.keyboard import keys
from tui.presenters.format import Piece
from tui.theme import TONES

Line = list[Piece]


class StyledView(ScrollView):
    """A scroll view with the theme's tones."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles: dict[str, Style] = {}

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def style_of(self, name: str) -> Style:
        """The partial style of a component class."""
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(name, partial=True)
        return self._styles[name]

    def segments(self, pieces: Line, base: Style) -> list[Segment]:
        """Pieces as segments for Textual."""
        return [Segment(text, base + self.style_of(f"tone--{tone}")) for text, tone in pieces]


class LinesView(StyledView, can_focus=True):
    """Text wrapped to the width; it can be selected with the mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.SCROLL)]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []

    def lines_for(self, width: int) -> list[Line]:
        """The lines at a width; a view with text overrides this."""
        return []

    def lines_changed(self, *, to_top: bool) -> None:
        """Make the lines again."""
        self._lines = self.lines_for(max(self.scrollable_content_region.width, 20))
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines))
        if to_top:
            self.scroll_to(y=0, animate=False, force=True, immediate=True)
        self.refresh()

    def on_resize(self) -> None:
        self.lines_changed(to_top=False)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        segments = self.segments(self._lines[at], self.rich_style)
        selected = self.text_selection.get_span(at) if self.text_selection is not None else None
        if selected is not None:
            line = Text.assemble(*((segment.text, segment.style or "") for segment in segments))
            start, end = selected
            line.stylize(
                self.screen.get_component_rich_style("screen--selection"), start, None if end < 0 else end
            )
            segments = list(line.render(self.app.console))
        return Strip(segments).adjust_cell_length(width, self.rich_style).apply_offsets(0, at)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text."""
        return selection.extract("\n".join("".join(text for text, _ in line) for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()
