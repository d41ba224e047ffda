"""The tabs of the detail: a table of pages, each shows one side of a capture.

A new tab is a line in `PAGES`: an id, a title, and a widget with `show`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from relay.bodies import hex_rows, laid_out
from relay.phrases import size
from relay.text import visible_block
from tui.facts.blocks import Block, Fact, Heading, Lines, Note, Subject
from tui.facts.client import client
from tui.facts.deliveries import deliveries
from tui.facts.event import event
from tui.facts.headers import headers
from tui.facts.shape import shape
from tui.facts.signature import signature
from tui.format import Piece, Tone, wrapped
from tui.widgets.text import content

DIM: Tone = "dim"

NAME_WIDTH = 14
"""Cells of a fact's name; a longer one pushes its value to the right."""


class Page(Protocol):
    """What stands in a tab."""

    def show(self, subject: Subject) -> None:
        """Show a capture."""


class FactsView(Widget):
    """Blocks of facts, wrapped to the width there is."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: tuple[Block, ...] = ()
        self._drawn: tuple[int, list[list[Piece]]] | None = None

    def show(self, blocks: Iterator[Block]) -> None:
        """Show other blocks."""
        self._blocks = tuple(blocks)
        self._drawn = None
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._lines(width)))

    def render(self) -> Content:
        lines = self._lines(self.content_size.width)
        return Content("\n").join([content(line) for line in lines])

    def _lines(self, width: int) -> list[list[Piece]]:
        if self._drawn is None or self._drawn[0] != width:
            drawn: list[list[Piece]] = []
            for block in self._blocks:
                drawn += _drawn(block, max(width, 20), first=not drawn)
            self._drawn = width, drawn
        return self._drawn[1]


def _drawn(block: Block, width: int, *, first: bool) -> list[list[Piece]]:
    match block:
        case Heading(text, tone):
            lines: list[list[Piece]] = [] if first else [[("", "plain")]]
            return lines + [[(line, tone if tone != "plain" else "strong")] for line in wrapped(text, width)]
        case Note(text, tone):
            return [[(line, tone)] for line in wrapped(text, width)]
        case Lines(text, tone):
            return [[("  " + part, tone)] for line in text.split("\n") for part in wrapped(line, width - 2)]
        case Fact(name, value, tone):
            indent = min(max(NAME_WIDTH, len(name) + 2), width // 2)
            if len(name) + 2 > indent:
                named = wrapped(name, width)
                below = wrapped(value, width - 4)
                return [
                    *([(line, DIM)] for line in named),
                    *([("    ", DIM), (line, tone)] for line in below),
                ]
            rows = wrapped(value, width - indent)
            return [
                [((name if at == 0 else "").ljust(indent), "dim"), (line, tone)]
                for at, line in enumerate(rows)
            ]


class FactsPage(VerticalScroll):
    """A tab of facts."""

    def __init__(self, facts: Callable[[Subject], Iterator[Block]]) -> None:
        super().__init__()
        self._facts = facts

    def compose(self) -> ComposeResult:
        yield FactsView()

    def show(self, subject: Subject) -> None:
        self.query_one(FactsView).show(self._facts(subject))
        self.scroll_home(animate=False)


MOST_SHOWN = 64 * 1024
"""Characters of a body in the plain view."""

MOST_HEX = 4096
"""Bytes of one that is no text."""


class BodyPage(VerticalScroll):
    """A body as plain text: JSON laid out with each number's own digits, text as it is, else hex."""

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, subject: Subject) -> None:
        self.query_one(Static).update(Content(_plain(subject.capture.body)))
        self.scroll_home(animate=False)


def _plain(body: bytes) -> str:
    if not body:
        return "no body"
    try:
        text = laid_out(body) or body.decode("utf-8")
        shown, left = visible_block(text[:MOST_SHOWN].replace("\r\n", "\n")), len(text) - MOST_SHOWN
    except UnicodeDecodeError:
        shown, left = "\n".join(hex_rows(body[:MOST_HEX])), len(body) - MOST_HEX
    return shown if left <= 0 else f"{shown}\n… and {left:,} more of {size(len(body))}"


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: its id, its title, and what makes the widget in it."""

    id: str
    title: str
    page: Callable[[], Widget]


PAGES: tuple[Tab, ...] = (
    Tab("event", "Event", lambda: FactsPage(event)),
    Tab("body", "Body", BodyPage),
    Tab("headers", "Headers", lambda: FactsPage(headers)),
    Tab("deliveries", "Deliveries", lambda: FactsPage(deliveries)),
    Tab("shape", "Shape", lambda: FactsPage(shape)),
    Tab("signature", "Signature", lambda: FactsPage(signature)),
    Tab("client", "Client", lambda: FactsPage(client)),
)
"""The tabs in their order."""
