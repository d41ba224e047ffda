"""What a row of the list says, cut to a width. Pure: text and names of tones, no colours.

Owns the columns and their glyphs. Each glyph differs from the others without its colour. Text that came
from outside is made safe here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from rich.cells import cell_len, set_cell_size

from relay.models import Delivery, Listed, Origin, Shape, Signature
from relay.phrases import called, size
from relay.text import visible

Tone = Literal["plain", "dim", "strong", "good", "bad", "warn", "accent"]
"""What a piece of text means; the theme gives each a colour, and none says anything by colour alone."""

SIGNATURES: dict[Signature, tuple[str, Tone]] = {
    Signature.VALID: ("✓", "good"),
    Signature.INVALID: ("✗", "bad"),
    Signature.MALFORMED: ("✗", "bad"),
    Signature.MISSING: ("○", "warn"),
    Signature.UNCHECKED: ("·", "dim"),
}

SHAPES: dict[Shape, tuple[str, str, Tone]] = {
    Shape.DOCUMENTED: ("", "", "dim"),
    Shape.DRIFT: ("≠", "drift", "warn"),
    Shape.UNKNOWN: ("?", "unknown", "warn"),
    Shape.NOT_JSON: ("¬", "not JSON", "warn"),
}
"""Of each shape its glyph and word in the list; a documented one needs none."""

STATES: dict[str, tuple[str, Tone]] = {
    "queued": ("…", "dim"),
    "sending": ("→", "accent"),
    "parked": ("‖", "warn"),
}

VERDICTS: dict[str, tuple[str, Tone]] = {"delivered": ("✓", "good"), "retry": ("✗", "bad")}

Piece = tuple[str, Tone]


@dataclass(frozen=True, slots=True)
class Layout:
    """How many cells each column has; 0 leaves it out. Columns are two apart, except at the edge."""

    id: int
    time: int
    what: int
    signature: int
    size: int
    outcome: int
    flags: int


EDGE = 4
"""Cells for the mark and the star in front."""

GAP = 2


@lru_cache(maxsize=32)
def layout(width: int, id_digits: int) -> Layout:
    """The columns that fit into a width.

    Args:
        width: cells of a row.
        id_digits: of the largest id.
    """
    roomy = width >= 100
    fixed = Layout(
        id=max(id_digits, 2) + 1 if roomy else 0,
        time=12 if roomy else 8,
        what=0,
        signature=11 if roomy else 9,
        size=8,
        outcome=16 if roomy else 9,
        flags=0,
    )
    columns = [fixed.id, fixed.time, fixed.signature, fixed.size, fixed.outcome]
    left = width - EDGE - sum(column + GAP for column in columns if column) - GAP
    flags = min(34, max(7, left - 34)) if roomy else 7
    what = max(8, left - flags)
    return Layout(fixed.id, fixed.time, what, fixed.signature, fixed.size, fixed.outcome, flags)


def header(columns: Layout, *, newest_first: bool) -> str:
    """The names of the columns, over the rows."""
    arrow = "▲" if newest_first else "▼"
    cells = [
        ("id".rjust(columns.id), columns.id),
        (f"time {arrow}", columns.time),
        ("event", columns.what),
        ("signature", columns.signature),
        ("size".rjust(columns.size), columns.size),
        ("backend", columns.outcome),
        ("", columns.flags),
    ]
    return " " * EDGE + (" " * GAP).join(fit(text, width) for text, width in cells if width)


def row(listed: Listed, columns: Layout, today: date, *, marked: bool) -> Iterator[Piece]:
    """One capture as pieces of text; together they are as wide as the layout."""
    yield ("● " if marked else "  "), "accent"
    yield ("★ " if listed.starred else "  "), "warn"
    cells: list[tuple[int, Callable[[int], list[Piece]]]] = [
        (columns.id, lambda width: [(str(listed.id).rjust(width), "dim")]),
        (columns.time, lambda width: [(fit(clock(listed.received_at, today, width), width), "plain")]),
        (columns.what, lambda width: [_what(listed, width)]),
        (columns.signature, lambda width: [_signature(listed.signature, width)]),
        (columns.size, lambda width: [(fit(short_size(listed.size_bytes).rjust(width), width), "dim")]),
        (columns.outcome, lambda width: fit_pieces([outcome(listed, width)], width)),
        (columns.flags, lambda width: fit_pieces(list(_flags(listed, width)), width)),
    ]
    first = True
    for width, cell in cells:
        if width:
            if not first:
                yield " " * GAP, "plain"
            first = False
            yield from cell(width)


def no_row(number: int, columns: Layout, *, removed: bool) -> Iterator[Piece]:
    """The row of a capture that is no longer there, or cannot be read now."""
    width = sum((*(column + GAP for column in _widths(columns) if column),)) - GAP
    yield " " * EDGE + fit(f"{number} was removed" if removed else f"{number} …", width), "dim"


def _widths(columns: Layout) -> tuple[int, ...]:
    return (
        columns.id,
        columns.time,
        columns.what,
        columns.signature,
        columns.size,
        columns.outcome,
        columns.flags,
    )


def short_size(count: int) -> str:
    """A number of bytes in at most 8 cells: `412 B`, `10.4 KiB`, `312 KiB`."""
    written = size(count)
    number, unit = written.split(" ")
    return written if len(written) <= 8 else f"{float(number):.0f} {unit}"


def clock(at: datetime, today: date, width: int) -> str:
    """A time of this machine's clock in 8 or 12 cells; of another day, the day."""
    local = at.astimezone()
    if local.date() == today:
        return f"{local:%H:%M:%S}" + (f".{local.microsecond // 1000:03}" if width >= 12 else "")
    if local.year != today.year:
        return f"{local:%Y-%m-%d}"[2 if width < 12 else 0 :]
    return f"{local:%d %b %H:%M}" if width >= 12 else f"{local:%d %b}"


def _what(listed: Listed, width: int) -> Piece:
    name = called(listed.event_type, listed.method, listed.target)
    return fit(name, width), "strong" if listed.event_type else "plain"


def _signature(signature: Signature, width: int) -> Piece:
    glyph, tone = SIGNATURES[signature]
    return fit(f"{glyph} {signature}" if width > 9 else str(signature), width), tone


def outcome(listed: Listed, width: int) -> Piece:
    """What became of a capture at its targets: of several the one that most needs a look."""
    if not listed.deliveries:
        return "", "dim"
    text, tone = of_delivery(min(listed.deliveries, key=_needs_a_look), wordy=width > 12)
    others = len(listed.deliveries) - 1
    return f"{text} +{others}" if others else text, tone


def _needs_a_look(delivery: Delivery) -> tuple[bool, bool, int]:
    """Orders deliveries: live ones that failed, then those that are not through, then the newest."""
    return delivery.verdict == "delivered", delivery.verdict is None, -delivery.id


def of_delivery(delivery: Delivery, *, wordy: bool) -> Piece:
    """`✓ 200`, `✗ 500 retry`, `✗ timeout`, `… queued`: how a delivery stands."""
    if delivery.state in STATES and not (delivery.state == "queued" and delivery.attempts):
        glyph, tone = STATES[delivery.state]
        return f"{glyph} {delivery.state}", tone
    glyph, tone = VERDICTS.get(delivery.verdict or "", ("–", "dim"))
    came = str(delivery.status) if delivery.status is not None else delivery.outcome or delivery.state
    if delivery.status is not None and delivery.outcome not in (None, "answered"):
        came = f"{delivery.status} {delivery.outcome}"
    if wordy and delivery.verdict and (delivery.status is not None or delivery.verdict == "delivered"):
        came = f"{came} {delivery.verdict}"
    return visible(f"{glyph} {came}"), tone


def _flags(listed: Listed, width: int) -> Iterator[Piece]:
    wordy = width > 12
    if listed.on_purpose:
        yield f"answered {listed.answer}" if wordy else f"!{listed.answer}", "warn"
    if listed.repeat_of is not None:
        yield f"↻ repeat of {listed.repeat_of}" if wordy else "↻", "accent"
    if listed.shape is not None and SHAPES[listed.shape][0]:
        glyph, word, tone = SHAPES[listed.shape]
        yield f"{glyph} {word}" if wordy else glyph, tone
    if listed.origin == Origin.SAMPLE:
        yield "◇ sample" if wordy else "◇", "dim"
    if listed.note is not None:
        yield f"✎ {visible(listed.note)}" if wordy else "✎", "accent"


def fit(text: str, width: int) -> str:
    """Text in exactly so many cells, with an ellipsis where it was cut."""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…" if width else ""


def fit_pieces(pieces: list[Piece], width: int) -> list[Piece]:
    """Pieces with a blank between them in exactly so many cells."""
    fitted: list[Piece] = []
    left = width
    for text, tone in pieces:
        if fitted and left > 1:
            fitted.append((" ", "plain"))
            left -= 1
        if left <= 0:
            break
        cut = text if cell_len(text) <= left else fit(text, left)
        fitted.append((cut, tone))
        left -= cell_len(cut)
    if left > 0:
        fitted.append((" " * left, "plain"))
    return fitted


SPARKS = "▁▂▃▄▅▆▇█"


def sparkline(counts: list[int]) -> list[Piece]:
    """Bars for counts, the highest being full; one that is empty is a dot."""
    most = max(counts, default=0)
    return [("·", "dim") if not count else (SPARKS[round(count / most * 7)], "accent") for count in counts]


def wrapped(text: str, width: int) -> list[str]:
    """Text in lines of at most so many cells: broken at blanks, and within a word that is longer."""
    if len(text) <= width and cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    line, used = "", 0
    for word in _words(text):
        cells = cell_len(word)
        if used + cells > width and line and cells <= width and not line.isspace():
            lines.append(line.rstrip())
            line, used = "", 0
            word = word.lstrip()
            cells = cell_len(word)
        while used + cells > width:
            head = _head(word, width - used)
            if not head and not line:
                head = word[:1]  # A wide character where there is room for none.
            lines.append(line + head)
            word, line, used = word[len(head) :], "", 0
            cells = cell_len(word)
        line += word
        used += cells
    if line or not lines:
        lines.append(line.rstrip())
    return lines


def wrapped_pieces(pieces: Sequence[Piece], width: int) -> list[list[Piece]]:
    """Pieces side by side in lines of at most so many cells, broken anywhere; at least one line."""
    lines: list[list[Piece]] = [[]]
    left = width
    for text, tone in pieces:
        while text:
            head = _head(text, left) or ("" if lines[-1] else text[:1])
            if head:
                lines[-1].append((head, tone))
                left -= cell_len(head)
                text = text[len(head) :]
            if text:
                lines.append([])
                left = width
    return lines


def _words(text: str) -> Iterator[str]:
    """Words, each with the blanks before it."""
    start = 0
    for at in range(1, len(text)):
        if text[at] == " " and text[at - 1] != " ":
            yield text[start:at]
            start = at
    yield text[start:]


def _head(text: str, width: int) -> str:
    if text.isascii():
        return text[: max(0, width)]
    used = 0
    for at, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:at]
    return text
