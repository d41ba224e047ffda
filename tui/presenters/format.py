"""Words and glyphs of the screen, cut to a width. Pure: text and names of tones, no colours.

Owns the glyphs, which differ without their colours too, and how text is fitted and wrapped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Literal

from rich.cells import cell_len, set_cell_size

from relay.models import Delivery, Shape, Signature
from relay.text.local_time import local
from relay.text.safe import visible
from relay.text.units import format_bytes

Tone = Literal["plain", "dim", "strong", "good", "bad", "warn", "accent"]
"""Meaning of a piece of text. The theme has a colour for each; no meaning is shown by colour alone."""

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
"""Shape -> glyph, word and tone in the list; a documented one has no glyph."""

STATES: dict[str, tuple[str, Tone]] = {
    "queued": ("…", "dim"),
    "sending": ("→", "accent"),
    "parked": ("‖", "warn"),
}

VERDICTS: dict[str, tuple[str, Tone]] = {"delivered": ("✓", "good"), "retry": ("✗", "bad")}

Piece = tuple[str, Tone]


def counted(count: int, noun: str) -> str:
    """`1 capture`, `1,234 captures`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_captures(ids: Sequence[int]) -> str:
    """`capture 12`, `1,234 captures`."""
    return f"capture {ids[0]}" if len(ids) == 1 else counted(len(ids), "capture")


def short_size(count: int) -> str:
    """A number of bytes in at most 8 cells: `412 B`, `10.4 KiB`, `312 KiB`."""
    written = format_bytes(count)
    number, unit = written.split(" ")
    return written if len(written) <= 8 else f"{float(number):.0f} {unit}"


def clock(at: datetime, today: date, width: int) -> str:
    """A local time in 8 or 12 cells; the date if not today."""
    here = local(at)
    if here.date() == today:
        return f"{here:%H:%M:%S}" + (f".{here.microsecond // 1000:03}" if width >= 12 else "")
    if here.year != today.year:
        return f"{here:%Y-%m-%d}"[2 if width < 12 else 0 :]
    return f"{here:%d %b %H:%M}" if width >= 12 else f"{here:%d %b}"


def of_delivery(delivery: Delivery) -> Piece:
    """`✓ 200`, `✗ 500`, `✗ timeout`, `… queued`: the state of a delivery."""
    if delivery.state in STATES and not (delivery.state == "queued" and delivery.attempts):
        glyph, tone = STATES[delivery.state]
        return f"{glyph} {delivery.state}", tone
    glyph, tone = VERDICTS.get(delivery.verdict or "", ("–", "dim"))
    came = str(delivery.status) if delivery.status is not None else delivery.outcome or delivery.state
    if delivery.status is not None and delivery.outcome not in (None, "answered"):
        came = f"{delivery.status} {delivery.outcome}"
    return visible(f"{glyph} {came}"), tone


def led(text: str, tone: Tone) -> list[Piece]:
    """A sentence, of which only the first words are in the tone of what is bad: `✗ 500`, `Why`."""
    if tone != "bad":
        return [(text, tone)]
    ends = [at for at in map(text.find, (": ", ", ", " in ")) if at > 0]
    end = min(ends) if ends else len(" ".join(text.split(" ", 2)[:2]))
    return [(text[:end], tone), (text[end:], "plain")]


def cut(text: str, width: int) -> str:
    """Text in at most `width` cells, with an ellipsis where it was cut."""
    return text if cell_len(text) <= width else fit(text, width)


def fit(text: str, width: int) -> str:
    """Text in exactly `width` cells, with an ellipsis where it was cut."""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…" if width else ""


def fit_pieces(pieces: list[Piece], width: int) -> list[Piece]:
    """Pieces with a blank between them, in exactly `width` cells."""
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
    """Bars for counts, the highest one full; a dot for 0."""
    most = max(counts, default=0)
    return [("·", "dim") if not count else (SPARKS[round(count / most * 7)], "accent") for count in counts]


def wrapped(text: str, width: int) -> list[str]:
    """Text in lines of at most `width` cells, broken at blanks, or within longer words."""
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
                head = word[:1]  # A wide character that does not fit.
            lines.append(line + head)
            word, line, used = word[len(head) :], "", 0
            cells = cell_len(word)
        line += word
        used += cells
    if line or not lines:
        lines.append(line.rstrip())
    return lines


def wrapped_pieces(pieces: Sequence[Piece], width: int) -> list[list[Piece]]:
    """Pieces in lines of at most `width` cells, broken anywhere; at least one line."""
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


def wrapped_name(name: str, width: int) -> list[str]:
    """A path in lines of at most `width` cells, broken at its dots; the later ones are indented.

    A step that is too long is broken at an underscore or a dash, or else anywhere.
    """
    lines, line = [], ""
    for part in _name_parts(name, width - 2):
        if line.strip() and cell_len(line + part) > width:
            lines.append(line)
            line = "  "
        line += part
    return [*lines, line]


def _name_parts(name: str, width: int) -> Iterator[str]:
    """Pieces of a name that can be on lines of their own, none wider than `width`."""
    for step in re.findall(r"\[?[^.\[]*\.?", name):
        if cell_len(step) <= width:
            yield step
            continue
        for word in re.findall(r"[^_-]*[_-]?", step):
            for piece in wrapped_pieces([(word, "plain")], max(width, 1)):
                yield "".join(text for text, _ in piece)


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
