"""A message to the user as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tui.presenters.format import Piece, Tone

Severity = Literal["information", "warning", "error"]

_LOOKS: dict[Severity, tuple[str, Tone]] = {
    "information": ("·", "accent"),
    "warning": ("!", "warn"),
    "error": ("✗", "bad"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A message, safe to draw."""

    text: str
    """Sentences; lines may be joined."""
    title: str = ""
    severity: Severity = "information"
    captures: Sequence[int] = ()
    """Captures that a key shows."""


def pieces(notice: Notice) -> Iterator[Piece]:
    """`! Sent again: 12 captures  12 deliveries in 0.6 s: 9 delivered, 3 not · Enter shows the 3`."""
    glyph, tone = _LOOKS[notice.severity]
    yield f"{glyph} ", tone
    if notice.title:
        yield notice.title, tone
        yield "  ", "plain"
    yield " · ".join(notice.text.splitlines()), "plain"
    if notice.captures:
        count = len(notice.captures)
        yield f" · Enter shows {'it' if count == 1 else f'the {count:,}'}", "accent"
