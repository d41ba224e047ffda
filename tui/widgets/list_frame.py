"""Round the list: the names of its columns, what it counts, and what stands there while it is empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from relay.text import visible
from tui import columns, keymap
from tui.columns import Layout
from tui.format import Piece
from tui.keymap import Keymap
from tui.listing import Listing
from tui.widgets.text import content


class Progress(Protocol):
    """How far a filter has come."""

    scanned_to: int
    done: bool
    stopped: bool

    @property
    def looked_at(self) -> int: ...


class ListHead(Widget):
    """The names of the columns; a click on them turns the order."""

    _text: reactive[str] = reactive("")

    @dataclass
    class OrderWanted(Message):
        """Somebody clicked: the other order is wanted."""

        head: ListHead

        @property
        def control(self) -> ListHead:
            return self.head

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.tooltip = "Click for newest first, or oldest first"

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.OrderWanted(self))

    def show(self, layout: Layout, *, newest_first: bool) -> None:
        """Name the columns of a layout."""
        self._text = columns.header(layout, newest_first=newest_first)

    def render(self) -> RenderResult:
        return Content(self._text)


class ListFoot(Widget):
    """What the list counts, whether it follows, and what is new."""

    _pieces: reactive[tuple[Piece, ...]] = reactive(())

    def show(self, listing: Listing, finding: Progress | None, total: int, *, exact: bool) -> None:
        """Count a list.

        Args:
            listing: what is listed.
            finding: how far the filter has come; None without one.
            total: captures of the log.
            exact: whether it is known that no id is missing.
        """
        written = keymap.of(self.app).written
        follow, stop = written("list.follow"), written("look.back")
        self._pieces = tuple(counted(listing, finding, total, exact=exact, follow=follow, stop=stop))

    def render(self) -> RenderResult:
        return content(self._pieces)


def counted(
    listing: Listing, finding: Progress | None, total: int, *, exact: bool, follow: str, stop: str
) -> Iterator[Piece]:
    """`143,037 match (14 %) · all scanned · ▼ 3 new · 2 marked`."""
    count = len(listing)
    if finding is None:
        yield f"{'' if exact else 'at most '}{count:,} {'capture' if count == 1 else 'captures'}", "plain"
    else:
        share = f" ({count / finding.looked_at:.1%})" if finding.looked_at > 0 else ""
        yield f"{count:,} {'matches' if count == 1 else 'match'}{share}", "strong"
        if finding.stopped:
            yield f" · stopped at #{finding.scanned_to:,}", "warn"
        elif finding.done:
            yield f" of {total:,} · all scanned", "dim"
        else:
            yield f" · scanned back to #{finding.scanned_to:,} …, {stop} stops", "accent"
    if listing.following:
        yield " · following", "good"
    elif listing.unseen:
        yield f" · {'▲' if listing.newest_first else '▼'} {listing.unseen:,} new, {follow} follows", "warn"
    if listing.marks:
        yield f" · {len(listing.marks):,} marked", "accent"


class Empty(Widget):
    """What to do while no capture has come."""

    url: reactive[str] = reactive("")
    public_url: reactive[str | None] = reactive(None)

    def render(self) -> RenderResult:
        return content(_first_steps(visible(self.url), self.public_url, keymap.of(self.app)))


def _first_steps(url: str, public_url: str | None, keys: Keymap) -> Iterator[Piece]:
    yield "Nothing has come yet.\n\n", "strong"
    if public_url:
        yield "Lean posts to  ", "dim"
        yield f"{visible(public_url)}\n", "accent"
    yield "Listening on   ", "dim"
    yield f"{url}\n\n", "accent"
    yield keys.written("relay.trigger"), "accent"
    yield " posts a sample, signed as Lean would\n", "plain"
    yield keys.written("relay.copy_url"), "accent"
    yield " copies the URL to give Lean\n", "plain"
    yield keys.written("help"), "accent"
    yield " shows all keys\n\n", "plain"
    yield "Or from a shell:\n", "dim"
    yield f'curl {url} -d \'{{"type":"payment.created"}}\'\n', "plain"
