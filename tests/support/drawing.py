"""A view drawn without a screen."""

from __future__ import annotations

from relay.text.safe import visible
from tui.bodies import Document, Rows
from tui.bodies.lines import Lines


def measured(lines: Lines, width: int | None, *, hangs: bool = False) -> Rows:
    """The rows of a text."""
    rows = Rows(lines, width, hangs=hangs)
    for _ in rows.measure():
        pass
    return rows


def rows_of(document: Document, width: int | None) -> Rows:
    """The rows of a document as the screen would ask for them."""
    return measured(document.lines, width if document.wraps else None, hangs=document.hangs)


def drawn(document: Document, width: int | None = None, most: int = 2000) -> list[str]:
    """Each row as text; asserts that rows and lines agree and that no character is hostile."""
    rows = rows_of(document, width)
    found = []
    for row in range(min(rows.total, most)):
        line, part = rows.place(row)
        assert rows.row(line, part) == row
        start, stop, hang = rows.piece(line, part)
        assert rows.part(line, start) == part
        spans = document.spans(line, start, stop)
        text = "".join(span.text for span in spans)
        assert visible(text) == text
        found.append(" " * hang + text)
    return found
