"""Requests as they would be sent, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.control.messages import Preview
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_bytes
from tui.presenters import bodies
from tui.presenters.blocks import Block, Heading, Lines, Note
from tui.presenters.format import Piece


def blocks(previews: Sequence[Preview], page: int, at_once: int, captures: int, on: str) -> Iterator[Block]:
    """The requests of one page, one after the other.

    Args:
        page: which, from 0 on.
        at_once: captures of a page.
        captures: how many there are in all.
        on: the key that goes to the next page.
    """
    yield Heading("A dry run: nothing is sent.", "good")
    if captures > at_once:
        last = min((page + 1) * at_once, captures)
        yield Note(f"Captures {page * at_once + 1:,} to {last:,} of {captures:,}; {on} goes on.", "dim")
    for each in previews:
        yield Heading(f"Capture {each.capture_id} to {visible(each.to)}")
        if each.signature_is_stale:
            yield Note("Its body is changed and not signed again: its signature will not verify.", "warn")
        request: tuple[Piece, ...] = (
            (f"{visible(each.method)} {latin1_shown(each.target)} HTTP/1.1", "accent"),
        )
        yield Lines((request, *(_header(name, value) for name, value in each.headers)))
        yield Note(f"{format_bytes(len(each.body))} of body:" if each.body else "No body.", "dim")
        if each.body:
            yield from bodies.lines(each.body, each.headers)
    if not previews:
        yield Note("None of these captures would go to any target.", "warn")


def _header(name: str, value: str) -> tuple[Piece, ...]:
    return (f"{latin1_shown(name)}: ", "dim"), (latin1_shown(value), "plain")
