"""Requests of a dry run, as blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.control.messages import Preview
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_bytes
from tui.presenters import bodies
from tui.presenters.blocks import Block, Heading, Lines, Note
from tui.presenters.format import Piece


def blocks(previews: Sequence[Preview], page: int, at_once: int, captures: int, on: str) -> Iterator[Block]:
    """The requests of one page, in order.

    Args:
        page: its number, from 0.
        at_once: captures on a page.
        captures: number of all captures.
        on: the key for the next page.
    """
    if captures > at_once:
        last = min((page + 1) * at_once, captures)
        yield Note(f"Captures {page * at_once + 1:,} to {last:,} of {captures:,}; {on} shows more.", "dim")
    for each in previews:
        yield Heading(f"Capture {each.capture_id} to {visible(each.to)}")
        if each.signature_is_stale:
            yield Note("The body is changed but not signed again, so the signature will not verify.", "warn")
        request: tuple[Piece, ...] = (
            (f"{visible(each.method)} {latin1_shown(each.target)} HTTP/1.1", "accent"),
        )
        yield Lines((request, *(_header(name, value) for name, value in each.headers)))
        yield Note(f"Body, {format_bytes(len(each.body))}:" if each.body else "No body.", "dim")
        if each.body:
            yield from bodies.lines(each.body, each.headers)
    if not previews:
        yield Note("None of these captures would be sent to a target.", "warn")


def _header(name: str, value: str) -> tuple[Piece, ...]:
    return (f"{latin1_shown(name)}: ", "dim"), (latin1_shown(value), "plain")
