"""The table of the detail's tabs.

A new tab is a line in `PAGES`: an id, a title, and a widget with `show`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from textual.widget import Widget

from tui.keyboard import keys
from tui.keyboard.keys import Key
from tui.presenters.about import about
from tui.presenters.blocks import CaptureDetail
from tui.presenters.client import client
from tui.presenters.deliveries import deliveries
from tui.presenters.headers import headers
from tui.presenters.shape import shape
from tui.presenters.signature import signature
from tui.widgets.body_page import BodyPage
from tui.widgets.exchange_page import ExchangePage
from tui.widgets.facts_page import FactsPage
from tui.widgets.frame import Label


class Page(Protocol):
    """The widget in a tab."""

    def show(self, detail: CaptureDetail) -> None:
        """Show a capture."""

    def edge(self) -> list[Label]:
        """Labels for the lower edge of the frame."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: id, title, and a function that makes its `Page`."""

    id: str
    title: str
    page: Callable[[], Widget]
    keys: tuple[Key, ...] = keys.PAGE
    """Keys of its page."""


PAGES: tuple[Tab, ...] = (
    Tab("exchange", "Exchange", ExchangePage, keys.BODY),
    Tab("body", "Body", BodyPage, keys.BODY),
    Tab("headers", "Headers", lambda: FactsPage(headers)),
    Tab("deliveries", "Deliveries", lambda: FactsPage(deliveries)),
    Tab("shape", "Shape", lambda: FactsPage(shape)),
    Tab("signature", "Signature", lambda: FactsPage(signature)),
    Tab("client", "Client", lambda: FactsPage(client)),
    Tab("about", "About", lambda: FactsPage(about)),
)
