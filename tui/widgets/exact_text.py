"""Text for Textual's text area that keeps every character, also in texts of some MiB.

Textual's own document ends a line at each of ten characters and joins the lines with one of them. Its
wrapping takes 80 us for each line (measured: 9 s for 112,000 lines), also where none is too long.
"""

from __future__ import annotations

from textual._wrap import compute_wrap_offsets
from textual.document._document import Document, EditResult, Location
from textual.document._wrapped_document import WrappedDocument
from textual.expand_tabs import get_tab_widths


class ExactDocument(Document):
    """Lines between line feeds; every other character is text."""

    def __init__(self, text: str) -> None:
        super().__init__("")
        self._lines = text.split("\n")
        self._text: str | None = text
        self.edits = 0
        """Number of replacements so far."""

    @property
    def text(self) -> str:
        """The whole text; Textual asks for it with each row that it draws."""
        if self._text is None:
            self._text = "\n".join(self._lines)
        return self._text

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Replace the text between two places."""
        (top, left), (bottom, right) = sorted((start, end))
        replaced = self.get_text_range((top, left), (bottom, right))
        before = self._lines[top][:left] if top < len(self._lines) else ""
        after = self._lines[bottom][right:] if bottom < len(self._lines) else ""
        made = text.split("\n")
        made[0] = before + made[0]
        column = len(made[-1])
        made[-1] += after
        self._lines[top : bottom + 1] = made
        self._text = None
        self.edits += 1
        return EditResult((top + len(made) - 1, column), replaced)


class QuickWrap(WrappedDocument):
    """Wraps a line only where it can be too long, and again only after a change."""

    def __init__(self, document: ExactDocument, width: int = 0, tab_width: int = 4) -> None:
        self._exact = document
        self._unwrapped: tuple[int, int] | None = None
        """Edits of the document when no line was wrapped, and cells of the longest one; else None."""
        super().__init__(document, width, tab_width)

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        """Wrap all lines to a width; 0 for no wrapping."""
        self._width = width
        self._tab_width = tab_width or self._tab_width
        if self._unwrapped is not None:
            edits, longest = self._unwrapped
            if edits == self._exact.edits and (not width or longest <= width):
                return
        lines = self._exact.lines
        longest = max(map(_most_cells, lines))
        count = len(lines)
        self._wrap_offsets = [[] for _ in range(count)]
        self._tab_width_cache = [[] for _ in range(count)]
        self._line_index_to_offsets = [[row] for row in range(count)]
        self._offset_to_line_info = [(row, 0) for row in range(count)]
        has_tabs = "\t" in self._exact.text
        self._unwrapped = None if has_tabs else (self._exact.edits, longest)
        if has_tabs or (width and longest > width):
            self._unwrapped = None
            self._wrap_long(width)

    def _wrap_long(self, width: int) -> None:
        row = 0
        self._offset_to_line_info = []
        for index, line in enumerate(self._exact.lines):
            if "\t" in line or (width and _most_cells(line) > width):
                sections = get_tab_widths(line, self._tab_width)
                self._tab_width_cache[index] = [cells for _, cells in sections]
                if width:
                    self._wrap_offsets[index] = compute_wrap_offsets(
                        line, width, self._tab_width, precomputed_tab_sections=sections
                    )
            rows = len(self._wrap_offsets[index]) + 1
            self._line_index_to_offsets[index] = list(range(row, row + rows))
            self._offset_to_line_info += [(index, part) for part in range(rows)]
            row += rows

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self._offset_to_line_info)

    def row(self, y: int) -> tuple[int, bool] | None:
        """The line at a row, and whether that is the last row of it; None below the text."""
        if not 0 <= y < len(self._offset_to_line_info):
            return None
        line, part = self._offset_to_line_info[y]
        return line, part == len(self._wrap_offsets[line])


def _most_cells(line: str) -> int:
    """The most cells that a line without tabs can take."""
    return len(line) if line.isascii() else 2 * len(line)
