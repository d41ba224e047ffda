"""Two captures side by side: values that differ, then folds for ids and times, headers and equal fields.

Pure. Owns the order of the fields, how they are laid out at a width, and which part of a value is
highlighted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import zip_longest

from rich.cells import cell_len

from relay.analysis.diff import Difference
from relay.analysis.incidental import is_incidental
from relay.models import Capture
from relay.text import captures
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_time
from tui.presenters.format import Piece, Tone, wrapped, wrapped_name, wrapped_pieces

Line = list[Piece]

BESIDE = 70
"""From this many cells on, a field's name is next to its values, not above."""

FEWEST_NAME, MOST_NAME = 16, 0.3
"""Cells of a name, and its part of the width."""

MOST_SHOWN = 2_000
"""Characters of a value."""

EMPTY: Line = []

BETWEEN: Piece = (" │ ", "dim")

MOST_HIGHLIGHTED = 40
"""Characters. In longer differences, as of two signatures, colour would mark everything."""

APART = "   "


class Fold(StrEnum):
    """Fields that are hidden until they are asked for."""

    INCIDENTAL = "incidental"
    """Ids and times that differ."""
    HEADERS = "headers"
    """Headers that differ."""
    SAME = "same"
    """Fields that are equal."""


ALL = frozenset(Fold)

ONLY: Mapping[Set[Fold], str] = {
    frozenset({Fold.INCIDENTAL}): "ids and times",
    frozenset({Fold.HEADERS}): "headers",
    frozenset({Fold.INCIDENTAL, Fold.HEADERS}): "ids, times and headers",
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two captures, without their bodies, and their fields."""

    a: Capture
    b: Capture
    subject: int
    """The one of them that is compared with the other."""
    relation: str
    """`the one before of the same payment`."""
    differing: tuple[Difference, ...]
    same: tuple[Difference, ...]
    left_out: int = 0
    """Fields beyond those."""

    def turned(self) -> Comparison:
        """The comparison with sides swapped."""
        differing, same = (
            tuple(Difference(row.field, row.b, row.a, row.header) for row in rows)
            for rows in (self.differing, self.same)
        )
        return replace(self, a=self.b, b=self.a, differing=differing, same=same)

    @cached_property
    def values(self) -> tuple[Difference, ...]:
        """Fields that differ and are not folded: the payload first, then the envelope and the request."""
        rows = (row for row in self.differing if not _is_header(row) and not is_incidental(row))
        return tuple(sorted(rows, key=_place))

    @cached_property
    def folds(self) -> Mapping[Fold, tuple[Difference, ...]]:
        """The folds that have fields, with these."""
        found = {
            Fold.INCIDENTAL: tuple(row for row in self.differing if is_incidental(row)),
            Fold.HEADERS: tuple(row for row in self.differing if _is_header(row)),
            Fold.SAME: tuple(sorted(self.same, key=_place)),
        }
        return {fold: rows for fold, rows in found.items() if rows}

    @property
    def first_open(self) -> frozenset[Fold]:
        """Folds that are open at first: those with all differences, if no other value differs."""
        return frozenset() if self.values else frozenset(self.folds) - {Fold.SAME}


@dataclass(frozen=True, slots=True)
class Laid:
    """Lines, and the places of the folds in them."""

    lines: list[Line]
    folds: Mapping[int, Sequence[tuple[range, Fold]]]
    """Line -> cells that open or close a fold."""

    def fold_at(self, line: int, cell: int) -> Fold | None:
        """The fold that is opened or closed at a place."""
        return next((fold for cells, fold in self.folds.get(line, ()) if cell in cells), None)


def laid_out(comparison: Comparison, width: int, open: Set[Fold], keys: Mapping[str, str]) -> Laid:
    """Lay a comparison out.

    Args:
        open: folds whose fields are shown.
        keys: fold, or `partner`, -> the key for it, as written for users.
    """
    columns = _columns(comparison, width)
    lines: list[Line] = [*_head(comparison, width, keys.get("partner", "")), []]
    lines += _column_heads(comparison, columns)
    for row in comparison.values:
        lines += _changed(row, columns)
    folds: dict[int, list[tuple[range, Fold]]] = {}
    if comparison.values:
        lines.append([(" " * (columns.field + columns.value), "plain"), BETWEEN])
    if open.isdisjoint(comparison.folds):
        _add_closed(comparison, width, keys, lines, folds)
    else:
        _add_each(comparison, columns, open, keys, lines, folds)
    if comparison.left_out:
        lines.append([(f"… and {comparison.left_out:,} more fields", "dim")])
    return Laid(lines, folds)


# -- the head --------------------------------------------------------------------------------------


def _head(comparison: Comparison, width: int, partner: str) -> Iterator[Line]:
    """`#2 payment.updated compared with #1, the one before of the same payment`."""
    about, other = comparison.a, comparison.b
    if about.id != comparison.subject:
        about, other = other, about
    name = _named(about)
    words = f" compared with #{other.id}, {comparison.relation}"
    keys = f"{APART}{partner} other partners" if partner else ""
    if cell_len(name + words) > width:
        for line in wrapped(name, width):
            yield [(line, "strong")]
        for line in wrapped(words.strip(), width):
            yield [(line, "plain")]
    else:
        fits = cell_len(name + words + keys) <= width
        yield [(name, "strong"), (words, "plain"), (keys if fits else "", "dim")]
    if not comparison.differing:
        yield [("The same method, target, headers and body.", "good")]
    elif not comparison.values:
        yield [(f"Only {ONLY[comparison.first_open]} differ.", "good")]


def _named(capture: Capture) -> str:
    return f"#{capture.id} {captures.title(capture)}"


def _column_heads(comparison: Comparison, columns: _Columns) -> Iterator[Line]:
    """The captures' titles and times, over their columns, and a rule."""
    a, b = comparison.a, comparison.b
    yield columns.line(EMPTY, [(_named(a), "strong")], [(_named(b), "strong")])
    times = [format_time(each.received_at) for each in (a, b)]
    if len(times[0]) > columns.value:
        times = [time.rpartition(" ")[0] for time in times]  # without the offset
    yield columns.line(EMPTY, [(times[0], "dim")], [(times[1], "dim")])
    yield [("─" * (columns.field + columns.value + 1) + "┼" + "─" * (columns.value + 1), "dim")]


# -- fields ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """Cells before the first value, and of each value."""

    field: int
    value: int
    is_beside: bool
    """Whether names are next to the values."""

    def line(self, name: Line, a: Line, b: Line) -> Line:
        """A line with the rule in it; cut to the columns."""
        return [*_fitted(name, self.field), *_fitted(a, self.value), BETWEEN, *_fitted(b, self.value)]


def _columns(comparison: Comparison, width: int) -> _Columns:
    is_beside, field = width >= BESIDE, 2
    if is_beside:
        longest = max((cell_len(_name(row)) for row in (*comparison.differing, *comparison.same)), default=0)
        field = min(max(longest + 4, FEWEST_NAME), int(width * MOST_NAME))
    return _Columns(field, max((width - field - cell_len(BETWEEN[0])) // 2, 8), is_beside)


def _changed(row: Difference, columns: _Columns) -> Iterator[Line]:
    """A field with both values, highlighted where they differ, and their kinds if these differ."""
    a, b = _highlighted_pair(_value(row, row.a), _value(row, row.b))
    if row.a is None:
        a = [("absent", "dim")]
    if row.b is None:
        b = [("absent", "dim")]
    kinds = _kind(row, row.a), _kind(row, row.b)
    if None not in kinds and kinds[0] != kinds[1]:
        a, b = [*a, (f"  {kinds[0]}", "dim")], [*b, (f"  {kinds[1]}", "dim")]
    return _row(("~ ", "warn"), _name(row), "plain", a, b, columns)


def _same(row: Difference, columns: _Columns) -> Iterator[Line]:
    name = f"header {_name(row)}" if row.header is not None else _name(row)
    return _row(("  ", "dim"), name, "dim", [(_value(row, row.a), "plain")], [("=", "dim")], columns)


def _row(sign: Piece, name: str, tone: Tone, a: Line, b: Line, columns: _Columns) -> Iterator[Line]:
    width = columns.field - 2 if columns.is_beside else columns.value
    names = [[sign, (part, tone)] for part in wrapped_name(name, width - len(sign[0]))]
    names[1:] = [[("  ", "plain"), piece] for _, piece in names[1:]]
    if not columns.is_beside:
        for line in names:
            yield [*_fitted(line, columns.field + columns.value), BETWEEN]
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


def _is_header(row: Difference) -> bool:
    return row.header is not None or row.field == "header order"


def _place(row: Difference) -> int:
    """The payload first, then the rest of the body, the request line and the headers."""
    if row.field.startswith("body"):
        return 0 if row.field.startswith("body payload") else 1
    return 3 if _is_header(row) else 2


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


def _fitted(pieces: Line, width: int) -> Line:
    """The first row of pieces, padded to a width."""
    first = wrapped_pieces(pieces, width)[0]
    used = sum(cell_len(text) for text, _ in first)
    return [*first, (" " * (width - used), "plain")]


# -- folds -----------------------------------------------------------------------------------------


def _add_closed(
    comparison: Comparison,
    width: int,
    keys: Mapping[str, str],
    lines: list[Line],
    folds: dict[int, list[tuple[range, Fold]]],
) -> None:
    """All folds on one line, or on several where they do not fit."""
    line: Line = []
    used = 0
    for fold, rows in comparison.folds.items():
        pieces = list(_fold_head(fold, rows, keys, is_open=False))
        cells = sum(cell_len(text) for text, _ in pieces)
        if line and used + len(APART) + cells > width:
            lines.append(line)
            line, used = [], 0
        if line:
            line.append((APART, "plain"))
            used += len(APART)
        folds.setdefault(len(lines), []).append((range(used, used + cells), fold))
        line += pieces
        used += cells
    if line:
        lines.append(line)


def _add_each(
    comparison: Comparison,
    columns: _Columns,
    open: Set[Fold],
    keys: Mapping[str, str],
    lines: list[Line],
    folds: dict[int, list[tuple[range, Fold]]],
) -> None:
    """Each fold on a line, with its fields below if it is open."""
    cells = columns.field + columns.value
    for fold, rows in comparison.folds.items():
        folds[len(lines)] = [(range(cells), fold)]
        head = list(_fold_head(fold, rows, keys, is_open=fold in open))
        lines.append([*_fitted(head, cells), BETWEEN])
        if fold in open:
            for row in rows:
                lines += _same(row, columns) if fold is Fold.SAME else _changed(row, columns)


def _fold_head(
    fold: Fold, rows: Sequence[Difference], keys: Mapping[str, str], *, is_open: bool
) -> Iterable[Piece]:
    """`▸ 7 ids and times differ`."""
    count = len(rows)
    match fold:
        case Fold.INCIDENTAL:
            words = "1 id or time differs" if count == 1 else f"{count:,} ids and times differ"
        case Fold.HEADERS:
            words = "1 header differs" if count == 1 else f"{count:,} headers differ"
        case Fold.SAME:
            words = f"{count:,} the same"
    yield ("▾ " if is_open else "▸ ", "accent")
    yield words, "plain"
    if fold in keys:
        yield f" {keys[fold]}", "dim"
