"""An edited request in words: the line under it, and the marks of its lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from relay.analysis.shape_result import ShapeResult
from relay.models import Shape
from relay.text.captures import shape_words
from relay.text.safe import visible
from tui.bodies.json_edit import Changes
from tui.presenters.edit_draft import FormParts, Review
from tui.presenters.format import SHAPES, Piece, Tone, counted

LONGEST_WAS = 200
"""Characters of an original value that are shown."""


class LineMark(NamedTuple):
    """The mark of a line of the edited text."""

    sign: str
    """One cell."""
    kind: str
    """`change`, `warning` or `error`."""
    note: str = ""
    """Written after the line; safe to show."""


def line_marks(review: Review) -> dict[int, LineMark]:
    """The marks of an edited text, by line."""
    marks = {line: LineMark("!", "warning", visible(words)) for line, words in review.warnings.items()}
    for mark in () if review.changes is None else review.changes.marks:
        for line in range(mark.first, mark.last + 1):
            note = "added" if mark.was is None else f"was {_short(mark.was)}"
            parts = [note] if line == mark.first else []
            parts += [marks[line].note] if line in marks else []
            marks[line] = LineMark(mark.sign, "change", " · ".join(parts))
    if review.error is not None:
        marks[review.error.line] = LineMark("✗", "error", visible(review.error.words))
    return marks


def _short(was: str) -> str:
    cut = was if len(was) <= LONGEST_WAS else f"{was[: LONGEST_WAS - 1]}…"
    return visible(" ".join(cut.split()) if "\n" in cut else cut)


def status(review: Review, others: tuple[str, ...] = (), *, first_line: int = 1) -> list[Piece]:
    """The line under an edited request: `JSON ✓  2 values changed  shape: documented`.

    Args:
        others: changed parts of the request other than the body.
        first_line: number of the body's first line.
    """
    pieces: list[Piece] = []
    if review.error is None:
        pieces.append(("JSON ✓", "good"))
    elif review.changes is None:
        pieces.append(("not JSON", "dim"))
    else:
        line = review.error.line + first_line
        pieces.append((f"JSON ✗ line {line:,}: {visible(review.error.words)}", "bad"))
    changed = [*others, *_counts(review)]
    text = ", ".join(changed) if changed else "unchanged"
    pieces.append((text, "accent" if changed else "dim"))
    if review.shape is not None:
        pieces.append(_shape(review.shape))
    return pieces


def changed_parts(original: FormParts | None, now: FormParts) -> tuple[str, ...]:
    """Changed parts of the request other than the body."""
    if original is None:
        return ()
    found = (
        ("request line changed", original.request != now.request),
        ("headers changed", original.headers != now.headers),
    )
    return tuple(words for words, is_so in found if is_so)


def _counts(review: Review) -> Iterator[str]:
    found = review.changes
    if not review.is_changed:
        return
    if found is None or found == Changes():
        yield "body changed" if found is None or review.error is not None else "white space changed"
        return
    if found.values:
        yield f"{counted(found.values, 'value')} changed"
    if found.names:
        yield f"{counted(found.names, 'name')} changed"
    if found.added:
        yield f"{found.added:,} added"
    if found.removed:
        yield f"{found.removed:,} removed"
    if found.uncounted:
        yield "values added or removed"


def _shape(result: ShapeResult) -> Piece:
    words = shape_words(result.shape, result.undocumented)
    warnings = sum(each.warning for each in result.differences)
    count = f", {counted(warnings, 'warning')}" if warnings else ""
    tone: Tone = "good" if result.shape is Shape.DOCUMENTED else SHAPES[result.shape][2]
    return f"shape: {visible(words)}{count}", tone
