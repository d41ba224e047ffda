"""One field of two captures: its name, both values side by side, and the rule between them.

Pure. Owns how a field is laid out at a width, and which part of a value is highlighted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len

from relay.analysis.diff import Difference
from relay.text.safe import latin1_shown, visible
from tui.presenters.format import Piece, Tone, wrapped_name, wrapped_pieces

Line = list[Piece]

BESIDE = 70
"""From this many cells on, a field's name is next to its values, not above."""

FEWEST_NAME, MOST_NAME = 16, 0.3
"""Cells of a name, and its part of the width."""

MOST_SHOWN = 2_000
"""Characters of a value."""

MOST_HIGHLIGHTED = 40
"""Characters. In longer differences, as of two signatures, colour would mark everything."""

EMPTY: Line = []

BETWEEN: Piece = (" │ ", "dim")


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells before the first value, and of each value."""

    field: int
    value: int
    is_beside: bool
    """Whether names are next to the values."""

    def line(self, name: Line, a: Line, b: Line) -> Line:
        """A line with the rule in it; cut to the columns."""
        return [*fitted(name, self.field), *fitted(a, self.value), BETWEEN, *fitted(b, self.value)]


def columns_for(rows: Iterable[Difference], width: int) -> Columns:
    """Columns in which the names of these fields have room, up to a part of the width."""
    is_beside, field = width >= BESIDE, 2
    if is_beside:
        longest = max((cell_len(_name(row)) for row in rows), default=0)
        field = min(max(longest + 4, FEWEST_NAME), int(width * MOST_NAME))
    return Columns(field, max((width - field - cell_len(BETWEEN[0])) // 2, 8), is_beside)


def changed(
    row: Difference, columns: Columns, notes: tuple[str | None, str | None] = (None, None)
) -> Iterator[Line]:
    """A field with both values, highlighted where they differ, and their kinds if these differ.

    Args:
        notes: how each value differs from the documentation.
    """
    a, b = _highlighted_pair(_value(row, row.a), _value(row, row.b))
    if row.a is None:
        a = [("absent", "dim")]
    if row.b is None:
        b = [("absent", "dim")]
    kinds = _kind(row, row.a), _kind(row, row.b)
    if None in kinds or kinds[0] == kinds[1]:
        kinds = None, None
    a, b = ([*value, *_remark(kind, note)] for value, kind, note in zip((a, b), kinds, notes, strict=True))
    return _row(("~ ", "warn"), _name(row), "plain", a, b, columns)


def _remark(kind: str | None, note: str | None) -> Line:
    remark: Line = [] if kind is None else [(f"  {kind}", "dim")]
    if note is not None:
        remark.append((f"{', ' if remark else '  '}{visible(note)}", "warn"))
    return remark


def same(row: Difference, columns: Columns) -> Iterator[Line]:
    """A field that is equal in both, with its value once."""
    name = f"header {_name(row)}" if row.header is not None else _name(row)
    return _row(("  ", "dim"), name, "dim", [(_value(row, row.a), "plain")], [("=", "dim")], columns)


def _row(sign: Piece, name: str, tone: Tone, a: Line, b: Line, columns: Columns) -> Iterator[Line]:
    width = columns.field - 2 if columns.is_beside else columns.value
    names = [[sign, (part, tone)] for part in wrapped_name(name, width - len(sign[0]))]
    names[1:] = [[("  ", "plain"), piece] for _, piece in names[1:]]
    if not columns.is_beside:
        for line in names:
            yield [*fitted(line, columns.field + columns.value), BETWEEN]
        names = []
    values = (_value_lines(each, columns.value) for each in (a, b))
    for named, left, right in zip_longest(names, *values, fillvalue=EMPTY):
        yield columns.line(named, left, right)


def _value_lines(pieces: Line, width: int) -> Iterator[Line]:
    """A value in lines, broken at its blanks, or within longer words."""
    text = "".join(part for part, _ in pieces)
    ends, used = [], 0
    for word in re.finditer(r"[^ ]+ *| +", text):
        cells = cell_len(word[0].rstrip(" "))
        if used + cells > width >= cells:
            ends.append(word.start())
            used = 0
        used = (used + cells) % width + cell_len(word[0]) - cells
    start = 0
    for end in (*ends, len(text)):
        stop = end if end == len(text) else len(text[:end].rstrip(" "))
        yield from wrapped_pieces(list(_cut(pieces, start, stop)), width)
        start = end


def _cut(pieces: Line, start: int, stop: int) -> Iterator[Piece]:
    """The pieces from one character to another."""
    at = 0
    for text, tone in pieces:
        yield text[max(start - at, 0) : max(stop - at, 0)], tone
        at += len(text)


def _name(row: Difference) -> str:
    """A field's name, safe to show: `payload.amount`, `content-type`, `request method`."""
    match row.field:
        case "method" | "target":
            return f"request {row.field}"
        case "http_version":
            return "HTTP version"
        case "header order":
            return "order of headers"
        case field:
            return visible(field if field == "body" else field.removeprefix("body ").removeprefix("header "))


def _kind(row: Difference, value: str | None) -> str | None:
    """The kind of a JSON value as written; None for other values."""
    if value is None or not row.field.startswith("body "):
        return None
    names = {'"': "string", "t": "boolean", "f": "boolean", "n": "null", "{": "object", "[": "array"}
    return names.get(value[:1], "number")


def _value(row: Difference, value: str | None) -> str:
    if value is None:
        return ""
    shown = visible(value) if row.field.startswith("body") else latin1_shown(value)
    if len(shown) > MOST_SHOWN:
        return f"{shown[:MOST_SHOWN]}… {len(shown) - MOST_SHOWN:,} more"
    return shown


def _highlighted_pair(a: str, b: str) -> tuple[Line, Line]:
    """Two values, highlighted where they differ."""
    begin = _shared(a, b)
    end = _shared(a[begin:][::-1], b[begin:][::-1])
    if max(len(a), len(b)) - begin - end > MOST_HIGHLIGHTED:
        return [(a, "plain")], [(b, "plain")]
    return _highlighted(a, begin, end, "bad"), _highlighted(b, begin, end, "good")


def _shared(a: str, b: str) -> int:
    """Length of the common start of two texts."""
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _highlighted(text: str, begin: int, end: int, tone: Tone) -> Line:
    stop = len(text) - end
    parts: Line = [(text[:begin], "plain"), (text[begin:stop], tone), (text[stop:], "plain")]
    return [part for part in parts if part[0]]


def fitted(pieces: Line, width: int) -> Line:
    """The first row of pieces, padded to a width."""
    first = wrapped_pieces(pieces, width)[0]
    used = sum(cell_len(text) for text, _ in first)
    return [*first, (" " * (width - used), "plain")]
