"""Two captures side by side: fields that differ first, then equal ones.

Pure. Owns how a field is laid out at a width, and which part of a value is highlighted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len

from relay.analysis.diff import Difference
from relay.models import Capture
from relay.text import captures
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_time
from tui.presenters.format import Piece, Tone, wrapped_pieces

Line = list[Piece]

WIDE = 110
"""From this many cells on, a field's name is next to its values, not above."""

MOST_SHOWN = 2_000
"""Characters of a value."""

EMPTY: Line = []

BETWEEN: Piece = (" │ ", "dim")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two captures, without their bodies, and their fields."""

    a: Capture
    b: Capture
    rows: tuple[Difference, ...]
    """Those that differ first."""
    left_out: int = 0
    """Fields beyond those."""

    @property
    def changed(self) -> int:
        """Number of the rows that differ."""
        return sum(row.differs for row in self.rows)

    def turned(self) -> Comparison:
        """The comparison with sides swapped."""
        rows = tuple(Difference(row.field, row.b, row.a, row.header) for row in self.rows)
        return Comparison(a=self.b, b=self.a, rows=rows, left_out=self.left_out)


def title(comparison: Comparison) -> str:
    """`5 fields differ, 23 are the same`."""
    changed, same = comparison.changed, len(comparison.rows) - comparison.changed
    if not changed:
        return "The same method, target, headers and body."
    differ = "1 field differs" if changed == 1 else f"{changed:,} fields differ"
    return f"{differ}, {same:,} {'is' if same == 1 else 'are'} the same."


def heads(comparison: Comparison, width: int) -> Line:
    """The captures' titles, over their columns."""
    field, column = _columns(width)
    first, second = (_fitted([(_named(each), "strong")], column) for each in (comparison.a, comparison.b))
    return [(" " * field, "plain"), *first, BETWEEN, *second]


def lines(comparison: Comparison, width: int, *, every: bool) -> list[Line]:
    """Lay the fields out.

    Args:
        every: equal ones too.
    """
    found: list[Line] = [heads(comparison, width), _times(comparison, width), []]
    found.append([(title(comparison), "warn" if comparison.changed else "good")])
    for row in comparison.rows:
        if row.differs:
            found += _changed(row, width)
    same = [row for row in comparison.rows if not row.differs]
    if every and same:
        found += [[], [("The same", "strong")]]
        for row in same:
            found += _same(row, width)
    if comparison.left_out:
        found.append([(f"… and {comparison.left_out:,} more fields", "dim")])
    return found


def _named(capture: Capture) -> str:
    return f"#{capture.id} {captures.title(capture)}"


def _times(comparison: Comparison, width: int) -> Line:
    field, column = _columns(width)
    first, second = (
        _fitted([(format_time(each.received_at), "dim")], column) for each in (comparison.a, comparison.b)
    )
    return [(" " * field, "plain"), *first, BETWEEN, *second]


def _columns(width: int) -> tuple[int, int]:
    """Cells before the first value, and of each value."""
    field = width * 28 // 100 if width >= WIDE else 2
    return field, max((width - field - cell_len(BETWEEN[0])) // 2, 8)


def _changed(row: Difference, width: int) -> Iterator[Line]:
    field, column = _columns(width)
    a, b = _highlighted_pair(_value(row, row.a), _value(row, row.b))
    if row.a is None:
        a = [("absent", "dim")]
    if row.b is None:
        b = [("absent", "dim")]
    name = f"≠ {visible(row.field)}"
    names: list[Line] = []
    if width >= WIDE:
        names = wrapped_pieces([(name, "warn")], field - 2)
    else:
        yield from wrapped_pieces([(name, "warn")], width)
    rows = zip_longest(names, wrapped_pieces(a, column), wrapped_pieces(b, column), fillvalue=EMPTY)
    for named, left, right in rows:
        yield [*_fitted(named, field), *_fitted(left, column), BETWEEN, *right]


def _same(row: Difference, width: int) -> Iterator[Line]:
    field, _ = _columns(max(width, WIDE))
    value = wrapped_pieces([(_value(row, row.a), "plain")], max(width - field, 8))
    names = wrapped_pieces([(f"  {visible(row.field)}", "dim")], field - 2)
    for named, part in zip_longest(names, value, fillvalue=EMPTY):
        yield [*_fitted(named, field), *part]


def _fitted(pieces: Line, width: int) -> Line:
    """The first row of pieces, padded to a width."""
    first = wrapped_pieces(pieces, width)[0]
    used = sum(cell_len(text) for text, _ in first)
    return [*first, (" " * (width - used), "plain")]


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
    return _highlighted(a, begin, end, "bad"), _highlighted(b, begin, end, "good")


def _shared(a: str, b: str) -> int:
    """Length of the common start of two texts."""
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _highlighted(text: str, begin: int, end: int, tone: Tone) -> Line:
    stop = len(text) - end
    parts: Line = [(text[:begin], "plain"), (text[begin:stop], tone), (text[stop:], "plain")]
    return [part for part in parts if part[0]]
