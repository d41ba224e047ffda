"""The editor of a laid-out JSON body: colours, and beside a changed line what it was.

Draws marks that `tui.bodies.json_edit` has found; knows nothing of the original body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.strip import Strip

from tui.presenters.edit_status import LineMark
from tui.presenters.format import fit
from tui.widgets.exact_text import QuickWrap
from tui.widgets.json_colours import JSON_CLASSES, JSON_CSS
from tui.widgets.safe_inputs import FormArea

GUTTER = 2
"""Cells before the text, for the sign of a line."""

MOST_COLOURED = 4_000
"""Characters of the longest line that is coloured; each of its rows would cost as much as the whole."""

NOTES_AT = 56
"""The cell at which notes begin where the window is wide enough and the line short enough."""

LEAST_NOTE = 8
"""Cells of the shortest note that is drawn."""

_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*+"(?=[ \t]*:))|(?P<string>"(?:[^"\\]|\\.)*+")|(?P<odd>".*)'
    r"|(?P<number>-?[0-9][^ \t{}\[\],:\"]*)|(?P<punctuation>[{}\[\],:])|(?P<literal>[^ \t{}\[\],:\"]+)"
)


class JsonArea(FormArea):
    """A text area with JSON's colours, signs before its lines and notes after them."""

    DEFAULT_CSS = f"""
    JsonArea {{
        {JSON_CSS}
        & > .edit--change {{ color: $text-accent; text-style: bold; }}
        & > .edit--warning {{ color: $text-warning; text-style: bold; }}
        & > .edit--error {{ color: $text-error; text-style: bold; }}
        & > .edit--note {{ color: $dim; text-style: italic; }}
    }}
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *JSON_CLASSES,
        *(f"edit--{name}" for name in ("change", "warning", "error", "note")),
    }

    marks: Mapping[int, LineMark] = {}

    @property
    def gutter_width(self) -> int:
        return GUTTER

    def show_marks(self, marks: Mapping[int, LineMark]) -> None:
        """Draw the marks of lines, in place of those before."""
        if marks != self.marks:
            self.marks = marks
            self.refresh()

    async def _on_key(self, event: events.Key) -> None:
        """A new line is indented as the one before."""
        if event.key == "enter" and not self.read_only:
            event.stop()
            event.prevent_default()
            row, column = min(self.selection)
            before = self.document[row][:column]
            blanks = before[: len(before) - len(before.lstrip(" "))]
            self.replace(f"\n{blanks}", *self.selection, maintain_selection_offset=False)

    def get_line(self, line_index: int) -> Text:
        """A line in its colours."""
        line = super().get_line(line_index)
        if len(line) <= MOST_COLOURED:
            for found in _TOKEN.finditer(line.plain):
                line.stylize(self._style(f"body--{found.lastgroup}"), *found.span())
        return line

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        width = self.scrollable_content_region.width
        wrapped = self.wrapped_document
        assert isinstance(wrapped, QuickWrap)
        row = self.scroll_offset.y + y
        place = wrapped.row(row)
        blank = Segment(" " * GUTTER, self.rich_style)
        if place is None:
            return Strip([blank, *strip]).adjust_cell_length(width, self.rich_style)
        line, is_last = place
        mark = self.marks.get(line)
        if mark is None:
            return Strip([blank, *strip])
        before = wrapped.row(row - 1)
        sign = " " if before is not None and before[0] == line else mark.sign
        shown = Segment(f"{sign} ", self.rich_style + self._style(f"edit--{mark.kind}"))
        if is_last and mark.note:
            strip = self._with_note(strip, mark)
        return Strip([shown, *strip])

    def _with_note(self, strip: Strip, mark: LineMark) -> Strip:
        """A row with its note in the blank cells at its end, in a column where both fit."""
        used = cell_len(strip.text.rstrip()) + 2
        width, note = strip.cell_length, cell_len(mark.note)
        start = max(used, min(NOTES_AT, width // 2, width - note - 1))
        if width - start < min(LEAST_NOTE, note):
            return strip
        kind = "note" if mark.kind == "change" else mark.kind
        text = fit(mark.note, min(note, width - start))
        segment = Segment(text, self.rich_style + self._style(f"edit--{kind}"))
        rest = Strip.blank(width - start - cell_len(text), self.rich_style)
        return Strip([*strip.crop(0, start), segment, *rest])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)
