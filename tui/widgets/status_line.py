"""The top of the screen: the engine's status in one line, and sentences about errors below it."""

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
from tui.presenters.status import EngineState, Status
from tui.widgets.text import content

BARS = 20
BAR_S = 3
"""Seconds of one bar; the sparkline shows a minute."""


class Arrivals:
    """Recent captures, counted in bars of BAR_S seconds. Times come in as arguments."""

    def __init__(self) -> None:
        self._bars: deque[int] = deque([0] * BARS, maxlen=BARS)
        self._upto: int | None = None
        """Number of the newest bar, since the epoch."""

    def add(self, count: int, at: float) -> None:
        """Count captures.

        Args:
            at: Unix time.
        """
        self.turn(at)
        assert self._upto is not None
        place = BARS - 1 - (self._upto - int(at // BAR_S))
        if 0 <= place < BARS:
            self._bars[place] += count

    def turn(self, now: float) -> None:
        """Move the bars to the left as time passes; empty them where the clock was set back beyond them."""
        bar = int(now // BAR_S)
        if self._upto is None or bar + BARS < self._upto:
            self._upto = bar
            self._bars.extend([0] * BARS)
        for _ in range(min(bar - self._upto, BARS)):
            self._bars.append(0)
        self._upto = max(self._upto, bar)

    @property
    def sparks(self) -> list[Piece]:
        """The bars, the newest at the right."""
        return sparkline(list(self._bars))

    @property
    def rate(self) -> str:
        """`12/s` over the last three bars, or `7/min` over all."""
        lately = sum(list(self._bars)[-3:]) / (3 * BAR_S)
        return f"{lately:,.0f}/s" if lately >= 1 else f"{sum(self._bars)}/min"


class StatusLine(Widget):
    """The URL for webhooks, recent captures, and the state of the targets, in one line."""

    status: reactive[Status] = reactive(Status(engine=EngineState.LOOKING))

    @dataclass
    class UrlWanted(Message):
        """The line was clicked: copy the URL."""

        line: StatusLine

        @property
        def control(self) -> StatusLine:
            return self.line

    @dataclass
    class RefusalsWanted(Message):
        """The count of refusals was clicked."""

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
    """Sentences about errors; hidden without any."""

    sentences: reactive[tuple[Piece, ...]] = reactive((), recompose=True)

    def compose(self):  # type: ignore[no-untyped-def]
        for text, tone in self.sentences:
            yield Static(content([(text, "plain")]), classes=f"banner -{tone}", markup=False)

    def watch_sentences(self) -> None:
        self.display = bool(self.sentences)
