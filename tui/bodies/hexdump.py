"""Hex dump: offset, bytes and ASCII. Text is made only when it is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from tui.bodies.document import Document, Hit, Span
from tui.bodies.lines import Lines

WIDTHS = ((16, 76), (8, 44), (4, 28))
"""Bytes of a row, and the cells that it takes."""


class HexDocument(Document):
    """Rows of 16 bytes; of 8 or 4 on a narrow screen."""

    wraps = False

    def __init__(self, data: bytes, notes: Sequence[str] = (), width: int = 76) -> None:
        # No index of lines: all have the same length.
        self.data = data
        self.notes = tuple(notes)
        self.per_row = next((count for count, cells in WIDTHS if cells <= width), WIDTHS[-1][0])
        self.lines = _HexLines(data, self.per_row)

    def fitting(self, width: int) -> HexDocument:
        """The same bytes in rows that fit `width` cells."""
        other = HexDocument(self.data, self.notes, width)
        return self if other.per_row == self.per_row else other

    def spans(self, line: int, start: int, stop: int, hits: Sequence[Hit] = ()) -> list[Span]:
        """The whole row, for any piece of it."""
        start, stop = self.lines.bounds(line)
        marks = [""] * (stop - start)
        for low, high, current in hits:
            for at in range(max(low, start), min(high, stop)):
                marks[at - start] = "current" if current else "hit"
        found = [Span(f"{start:08x}  ", "offset")]
        row = self.data[start:stop]
        for at, byte in enumerate(row):
            found.append(Span(f"{byte:02x}", _kind(byte), marks[at]))
            joined = marks[at] if at + 1 < len(row) and marks[at] == marks[at + 1] else ""
            found.append(Span(" ", "text", joined))
        found.append(Span("   " * (self.per_row - len(row)) + " ", "text"))
        for at, byte in enumerate(row):
            found.append(Span(chr(byte) if 0x20 <= byte < 0x7F else ".", _kind(byte), marks[at]))
        return found


class _HexLines(Lines):
    """The lines of a hex dump, by arithmetic."""

    def __init__(self, data: bytes, per_row: int) -> None:
        self.data = data
        self._per_row = per_row
        self.count = max(-(-len(data) // per_row), 1)
        self.widest = next(cells for count, cells in WIDTHS if count == per_row)

    def bounds(self, line: int) -> tuple[int, int]:
        """The bytes of a row."""
        start = line * self._per_row
        return start, min(start + self._per_row, len(self.data))

    def at(self, offset: int) -> int:
        """The row of a byte."""
        return min(offset // self._per_row, self.count - 1)


def _kind(byte: int) -> str:
    if byte == 0:
        return "comment"
    return "string" if 0x20 <= byte < 0x7F else "odd" if byte < 0x20 or byte == 0x7F else "number"
