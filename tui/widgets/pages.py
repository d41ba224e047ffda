"""The tabs of the detail, as a table: each shows one side of a capture.

A new tab is a line in `PAGES`: an id, a title, and a widget with `show`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from relay.models import Headers
from tui.facts.blocks import Subject
from tui.facts.client import client
from tui.facts.deliveries import deliveries
from tui.facts.event import event
from tui.facts.headers import headers
from tui.facts.shape import shape
from tui.facts.signature import signature
from tui.widgets.body_view import BodyView
from tui.widgets.facts_page import FactsPage


class Page(Protocol):
    """What stands in a tab."""

    def show(self, subject: Subject) -> None:
        """Show a capture."""


class BodyPage(Vertical):
    """The body as what its headers say it is."""

    def __init__(self) -> None:
        super().__init__()
        self._view = BodyView()
        self._shown: bytes | None = None

    def compose(self) -> ComposeResult:
        yield self._view

    def show(self, subject: Subject) -> None:
        """Show a capture's body; the same one is left as it is, with its place, folds and search."""
        capture = subject.capture
        if capture.body is not self._shown and capture.body != self._shown:
            self._shown = capture.body
            self._view.show(
                capture.body,
                header_value(capture.headers, "content-type"),
                header_value(capture.headers, "content-encoding"),
            )


def header_value(headers: Headers, name: str) -> str:
    """The value of a header; of several the last, empty without any."""
    return next((value for known, value in reversed(headers) if known.lower() == name), "")


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
