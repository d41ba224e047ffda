"""Pieces of text with tones as Textual's content. Markup in them is never interpreted."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from tui.presenters.format import Piece
from tui.theme import TONES


def content(pieces: Iterable[Piece]) -> Content:
    """Join pieces into content."""
    return Content.assemble(*((text, TONES[tone]) for text, tone in pieces))
