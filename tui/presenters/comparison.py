"""Two captures side by side: values that differ, then folds for ids and times, headers and equal fields.

Pure. Owns the order of the fields, and what is folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from rich.cells import cell_len

from relay.analysis.diff import Difference
from relay.analysis.incidental import is_incidental
from relay.models import Capture
from relay.text import captures
from relay.text.units import format_time
from tui.presenters.field_pair import BETWEEN, EMPTY, Columns, Line, changed, columns_for, fitted, same
from tui.presenters.format import Piece, cut

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
    notes: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Capture id -> field -> how its value differs from Lean's documentation; not made safe."""

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

    def notes_on(self, row: Difference) -> tuple[str | None, str | None]:
        """Notes on both values of a field."""
        a, b = (self.notes.get(each.id, {}).get(row.field) for each in (self.a, self.b))
        return a, b

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


def laid_out(comparison: Comparison, width: int, open: Set[Fold], keys: Mapping[Fold, str]) -> Laid:
    """Lay a comparison out.

    Args:
        open: folds whose fields are shown.
        keys: fold -> its key, as written for users.
    """
    columns = columns_for((*comparison.differing, *comparison.same), width)
    lines: list[Line] = [*_conclusion(comparison), *_column_heads(comparison, columns)]
    for row in comparison.values:
        lines += changed(row, columns, comparison.notes_on(row))
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


def _is_header(row: Difference) -> bool:
    return row.header is not None or row.field == "header order"


def _place(row: Difference) -> int:
    """The payload first, then the rest of the body, the request line and the headers."""
    if row.field.startswith("body"):
        return 0 if row.field.startswith("body payload") else 1
    return 3 if _is_header(row) else 2


# -- the head --------------------------------------------------------------------------------------


def head(comparison: Comparison, width: int) -> list[Piece]:
    """`#2 payment.updated compared with #1, the one before of the same payment`, for the edge of a frame."""
    about, other = comparison.a, comparison.b
    if about.id != comparison.subject:
        about, other = other, about
    words = f" compared with #{other.id}, {comparison.relation}"
    name, number = _named(about), f"#{about.id}"
    shown = name if cell_len(name + words) <= width else number  # Its type is over its column too.
    return [(shown, "strong"), (cut(words, max(width - len(shown), 0)), "plain")]


def _conclusion(comparison: Comparison) -> Iterator[Line]:
    if not comparison.differing:
        yield [("The same method, target, headers and body.", "good")]
    elif not comparison.values:
        yield [(f"Only {ONLY[comparison.first_open]} differ.", "good")]


def _named(capture: Capture) -> str:
    return f"#{capture.id} {captures.title(capture)}"


def _column_heads(comparison: Comparison, columns: Columns) -> Iterator[Line]:
    """The captures' titles and times, over their columns, and a rule."""
    a, b = comparison.a, comparison.b
    yield columns.line(EMPTY, [(_named(a), "strong")], [(_named(b), "strong")])
    times = [format_time(each.received_at) for each in (a, b)]
    if len(times[0]) > columns.value:
        times = [time.rpartition(" ")[0] for time in times]  # without the offset
    yield columns.line(EMPTY, [(times[0], "dim")], [(times[1], "dim")])
    yield [("─" * (columns.field + columns.value + 1) + "┼" + "─" * (columns.value + 1), "dim")]


# -- folds -----------------------------------------------------------------------------------------


def _add_closed(
    comparison: Comparison,
    width: int,
    keys: Mapping[Fold, str],
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
    columns: Columns,
    open: Set[Fold],
    keys: Mapping[Fold, str],
    lines: list[Line],
    folds: dict[int, list[tuple[range, Fold]]],
) -> None:
    """Each fold on a line, with its fields below if it is open."""
    cells = columns.field + columns.value
    for fold, rows in comparison.folds.items():
        folds[len(lines)] = [(range(cells), fold)]
        named = list(_fold_head(fold, rows, keys, is_open=fold in open))
        lines.append([*fitted(named, cells), BETWEEN])
        if fold in open:
            for row in rows:
                if fold is Fold.SAME:
                    lines += same(row, columns)
                else:
                    lines += changed(row, columns, comparison.notes_on(row))


def _fold_head(
    fold: Fold, rows: Sequence[Difference], keys: Mapping[Fold, str], *, is_open: bool
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
