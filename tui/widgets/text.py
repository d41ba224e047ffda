"""Pieces of text with tones as Textual shows them. No markup is ever read from them."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from tui.presenters.format import Piece
from tui.theme import TONES


def content(pieces: Iterable[Piece]) -> Content:
    """Pieces side by side."""
    return Content.assemble(*((text, TONES[tone]) for text, tone in pieces))
