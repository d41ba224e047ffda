"""Everything that belongs to the ids of one capture, in one timeline."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from relay.errors import RelayError
from relay.text.local_time import now
from relay.text.safe import visible
from tui.gateway import Gateway
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.presenters.format import Piece
from tui.presenters.journey import CaptureJourney, heads, period, row, title
from tui.screens.help import HelpScreen
from tui.widgets.frame import Frame, labels
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.text import content

BREAK: Piece = ("\n", "plain")

PROGRESS_S = 0.1
"""How often the progress of a search is shown."""


class JourneyScreen(Screen[int | None]):
    """A line for each step; returns the capture to go to."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.JOURNEY)]
    KEYS: ClassVar[tuple[Key, ...]] = (*keys.STEPS, *keys.JOURNEY)

    def __init__(self, gateway: Gateway, number: int) -> None:
        """
        Args:
            number: the capture whose ids are followed.
        """
        super().__init__()
        self._gateway, self._number = gateway, number
        self._place: int | None = None
        self._followed: CaptureJourney | None = None
        self._is_looking = False
        self._frame = Frame(id="journey")
        self._head = Static(id="journey-head", markup=False)
        self._steps = Steps(markup=False, compact=True)

    def compose(self) -> ComposeResult:
        with self._frame:
            yield self._head
            yield self._steps
        yield KeysFoot()

    def on_mount(self) -> None:
        self._frame.show_upper(labels([("Journey", "strong")]))
        self._steps.focus()
        self.set_interval(PROGRESS_S, self._show_progress)
        self._follow()

    def on_unmount(self) -> None:
        self._gateway.stop_journey()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @work(exclusive=True, group="journey")
    async def _follow(self) -> None:
        self._gateway.stop_journey()
        self._is_looking = True
        self._show_progress()
        try:
            self._followed = await self._gateway.journey(self._number, self._place)
        except RelayError as error:
            if error.word != "stopped":
                self._is_looking = False
                self._head.update(content([(visible(str(error)), "bad")]))
                return
        self._is_looking = False
        if self._followed is None:
            return
        self._draw()
        steps = self._followed.journey.steps
        at = next((at for at, step in enumerate(steps) if step.capture_id == self._number), 0)
        self._steps.highlighted = at

    def _show_progress(self) -> None:
        """Show the progress of the search, and the key that ends it."""
        if self._is_looking:
            looking = self._gateway.journey_looking()
            words = looking.words if looking is not None else "Looking through the database"
            leave = keymap.of(self.app).written("journey.close")
            ends = f"{leave} closes." if self._followed is None else f"{leave} stops."
            self._head.update(content([(f"{words} … {ends}", "dim")]))

    def _draw(self) -> None:
        followed, written = self._followed, keymap.of(self.app).written
        if followed is None:
            return
        self._frame.show_upper(labels([title(followed, self._frame.room)]))
        self._frame.show_lower(labels([period(followed, self._frame.room)]))
        width, today = max(self.size.width - 5, 20), now().date()
        head = heads(followed, written("journey.next_id"), width)
        self._head.update(
            content(piece for at, line in enumerate(head) for piece in [BREAK, *line][not at :])
        )
        highlighted = self._steps.highlighted
        self._steps.clear_options()
        for step in followed.journey.steps:
            first, *rest = row(step, followed, width, today)
            pieces = [*first, *(piece for line in rest for piece in [BREAK, *line])]
            self._steps.add_option(Option(content(pieces), id=str(step.capture_id)))
        self._steps.highlighted = highlighted

    def action_turn(self, by: int) -> None:
        if self._followed is not None and len(self._followed.ids) > 1:
            self._place = (self._followed.place + by) % len(self._followed.ids)
            self._follow()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(int(event.option.id or 0) or None)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))

    def action_close(self) -> None:
        if self._is_looking and self._followed is not None:
            self._gateway.stop_journey()
        else:
            self.dismiss(None)


class Steps(OptionList):
    """The list of steps, with the keys of other lists."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.STEPS)]
