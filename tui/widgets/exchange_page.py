"""The tab *Exchange*: what came in and what the backend responded, next to each other."""

from __future__ import annotations

from typing import Self

from textual import events
from textual.app import ComposeResult, RenderResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.css.scalar import Scalar
from textual.widget import Widget

from tui.presenters import exchange
from tui.presenters.blocks import CaptureDetail
from tui.presenters.format import Piece
from tui.widgets.body_page import BodyPage
from tui.widgets.facts_page import FactsPage
from tui.widgets.frame import Label, labels
from tui.widgets.text import content

BESIDE = 108
"""From this many cells on, body and response are side by side."""

TALL = 30
"""From this many rows on, the response begins at the same row for each capture."""


class ExchangePage(Vertical):
    """A line of facts, the body of the capture, and the responses to it."""

    def __init__(self) -> None:
        super().__init__()
        self._facts = ExchangeFacts()
        self.body = BodyPage(is_small=True)
        self._responses = FactsPage(exchange.responses)
        self._source = ""
        self._summary: list[Piece] = []

    def compose(self) -> ComposeResult:
        yield self._facts
        with Container(classes="exchange--panes"):
            yield self.body
            yield self._responses

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= BESIDE, "-side-by-side")
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Below the body, responses take no more rows than they have; in a tall window always the same."""
        responses, are_beside = self._responses, self.has_class("-side-by-side")
        # Textual puts blanks around a title only where there is a corner.
        responses.border_title = Content(self._source if are_beside else f" {self._source} ")
        if are_beside or self.size.height >= TALL:
            responses.styles.clear_rule("height")
        elif responses.styles.height != Scalar.from_number(wanted := responses.virtual_size.height + 1):
            responses.styles.height = wanted
        self.call_after_refresh(self.body.show_note)

    def show(self, detail: CaptureDetail) -> None:
        """Show a capture."""
        self._facts.show(detail)
        self.body.show(detail)
        self._responses.show(detail)
        self._source = exchange.source(detail)
        self._fit()
        self._summary = exchange.summary(detail)

    def edge(self) -> list[Label]:
        """The responses by name, and the place of the cursor in the body."""
        view = self.body.view
        words = [
            word for word in (view.view, view.position, view.place) if word and not self.body.has_no_body
        ]
        place: Piece = " · ".join(words), "dim"
        between: list[Piece] = [("   ", "plain")] if self._summary and words else []
        return labels([*self._summary, *between, place])

    def focus(self, scroll_visible: bool = True) -> Self:
        """Focus the body."""
        self.body.focus(scroll_visible)
        return self


class ExchangeFacts(Widget):
    """Facts about a capture: a line, and one for each remark."""

    DEFAULT_CSS = """
    ExchangeFacts { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._detail: CaptureDetail | None = None
        self._remarks: list[Content] = []

    def show(self, detail: CaptureDetail) -> None:
        """Show a capture's facts."""
        self._detail = detail
        self._remarks = [content(line) for line in exchange.remarks(detail)]
        height = 1 + len(self._remarks)
        if height != self.size.height:  # An assignment lays out the screen.
            self.styles.height = height
        self.refresh()

    def render(self) -> RenderResult:
        if self._detail is None:
            return Content("")
        facts = content(exchange.facts(self._detail, self.content_size.width))
        return Content("\n").join([facts, *self._remarks])
