"""A body among other blocks, such as a response: decoded, JSON laid out, the first lines in tones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from relay.models import Headers
from relay.text.decoding import encoding_of
from relay.text.units import format_bytes
from tui.bodies import open_body
from tui.presenters.blocks import Block, Lines, Note
from tui.presenters.format import Tone

MOST_LINES = 100
MOST_OF_LINE = 2_000
"""Bytes of a line."""

TONES: Mapping[str, Tone] = {
    "key": "strong",
    "string": "good",
    "number": "warn",
    "literal": "accent",
    "punctuation": "dim",
    "comment": "dim",
    "offset": "dim",
    "odd": "bad",
}
"""Tones by style of a body's view; other styles are plain."""


def header(headers: Headers, name: str) -> str:
    """The value of a header, the last of several; empty where there is none."""
    return next((value for key, value in reversed(headers) if key.lower() == name), "")


def lines(body: bytes, headers: Headers) -> Iterator[Block]:
    """The beginning of a body in its best view, and a note on the rest."""
    opened = open_body(body, header(headers, "content-type"), encoding_of(headers))
    document = opened.document(opened.names[0])
    if opened.coding:
        yield Note(
            f"{opened.coding}: {format_bytes(opened.size)} from {format_bytes(opened.received)}", "dim"
        )
    for note in (*opened.notes, *document.notes):
        yield Note(note, "warn")
    count = document.lines.count
    shown = []
    cut = False
    for number in range(min(count, MOST_LINES)):
        start, stop = document.lines.bounds(number)
        spans = document.spans(number, start, min(stop, start + MOST_OF_LINE))
        shown.append(tuple((span.text, TONES.get(span.style, "plain")) for span in spans))
        cut = cut or stop > start + MOST_OF_LINE
    yield Lines(tuple(shown))
    if count > MOST_LINES:
        yield Note(f"… and {count - MOST_LINES:,} more lines of {format_bytes(opened.size)}", "dim")
    elif cut:
        yield Note("… long lines are cut", "dim")
