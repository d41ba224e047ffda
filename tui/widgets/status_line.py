"""The top of the screen: how the engine is in one line, and what is wrong in sentences below it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from textual import events
from textual.app import RenderResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from tui.presenters import status
from tui.presenters.format import Piece, sparkline
from tui.presenters.status import Engine, Status
from tui.widgets.text import content

BARS = 20
BAR_S = 3
"""Seconds of one bar: the sparkline is a minute."""


class Arrivals:
    """How many captures came lately, counted in bars of BAR_S seconds. Times come in as arguments."""

    def __init__(self) -> None:
        self._bars: deque[int] = deque([0] * BARS, maxlen=BARS)
        self._upto: int | None = None
        """The number of the newest bar since the epoch."""

    def add(self, count: int, at: float) -> None:
        """Captures came.

        Args:
            at: Unix time.
        """
        self.turn(at)
        assert self._upto is not None
        place = BARS - 1 - (self._upto - int(at // BAR_S))
        if 0 <= place < BARS:
            self._bars[place] += count

    def turn(self, now: float) -> None:
        """Time has passed: bars move to the left."""
        bar = int(now // BAR_S)
        if self._upto is None:
            self._upto = bar
        for _ in range(min(bar - self._upto, BARS)):
            self._bars.append(0)
        self._upto = max(self._upto, bar)

    @property
    def sparks(self) -> list[Piece]:
        """A bar for each, the newest at the right."""
        return sparkline(list(self._bars))

    @property
    def rate(self) -> str:
        """`12/s`, `7/min`, of the last bars."""
        lately = sum(list(self._bars)[-3:]) / (3 * BAR_S)
        return f"{lately:,.0f}/s" if lately >= 1 else f"{sum(self._bars)}/min"


class StatusLine(Widget):
    """One line that tells where webhooks go, how many come, and how the targets are."""

    status: reactive[Status] = reactive(Status(engine=Engine.LOOKING))

    @dataclass
    class UrlWanted(Message):
        """Somebody clicked on the line: the URL is to be copied."""

        line: StatusLine

        @property
        def control(self) -> StatusLine:
            return self.line

    @dataclass
    class RefusalsWanted(Message):
        """Somebody clicked on the count of what was turned away."""

        line: StatusLine

        @property
        def control(self) -> StatusLine:
            return self.line

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.arrivals = Arrivals()
        self.tooltip = "Click to copy the URL to give Lean; click the refused to see them"

    def _pieces(self) -> list[Piece]:
        arrivals = self.arrivals
        return status.line(self.status, arrivals.sparks, arrivals.rate, self.content_size.width)

    def render(self) -> RenderResult:
        return content(self._pieces())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.x in status.refused_at(self._pieces()):
            self.post_message(self.RefusalsWanted(self))
        else:
            self.post_message(self.UrlWanted(self))


class Banners(Vertical):
    """Sentences on what is wrong; without any it takes no room."""

    said: reactive[tuple[Piece, ...]] = reactive((), recompose=True)

    def compose(self):  # type: ignore[no-untyped-def]
        for text, tone in self.said:
            yield Static(content([(text, "plain")]), classes=f"banner -{tone}", markup=False)

    def watch_said(self) -> None:
        self.display = bool(self.said)
