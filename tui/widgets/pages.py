"""The tabs of the detail, as a table: each shows one side of a capture.

A new tab is a line in `PAGES`: an id, a title, and a widget with `show`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from textual.widget import Widget

from relay.bodies import hex_rows, laid_out
from relay.phrases import size
from relay.text import visible_block
from tui.facts.blocks import Subject
from tui.facts.client import client
from tui.facts.deliveries import deliveries
from tui.facts.event import event
from tui.facts.headers import headers
from tui.facts.shape import shape
from tui.facts.signature import signature
from tui.format import wrapped
from tui.widgets.facts_page import FactsPage
from tui.widgets.lines import Line, LinesView


class Page(Protocol):
    """What stands in a tab."""

    def show(self, subject: Subject) -> None:
        """Show a capture."""


MOST_SHOWN = 64 * 1024
"""Characters of a body in the plain view."""

MOST_HEX = 4096
"""Bytes of one that is no text."""


class BodyPage(LinesView):
    """A body as plain text: JSON laid out with each number's own digits, text as it is, else hex."""

    _text = ""

    def show(self, subject: Subject) -> None:
        """Show a capture's body."""
        self._text = _plain(subject.capture.body)
        self.lines_changed(to_top=True)

    def lines_for(self, width: int) -> list[Line]:
        return [[(part, "plain")] for line in self._text.split("\n") for part in wrapped(line, width)]


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
    """A tab: its id, its title, and what makes the widget in it, which is a `Page`."""

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
