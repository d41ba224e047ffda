"""Two captures field by field."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from relay.errors import RelayError
from relay.text.safe import visible
from tui.gateway import Gateway
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.screens.help import HelpScreen
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.side_by_side import SideBySide

PROGRESS_S = 0.2


class CompareScreen(Screen[None]):
    """Fields of two captures that differ, and equal ones."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.COMPARE)]
    KEYS: ClassVar[tuple[Key, ...]] = (*keys.SCROLL, *keys.COMPARE)

    def __init__(self, gateway: Gateway, a: int, b: int | None) -> None:
        """
        Args:
            b: None for the previous capture of the event type of `a`.
        """
        super().__init__()
        self._a, self._is_search = a, b is None
        self._comparison = gateway.comparison_task(a, b)

    def compose(self) -> ComposeResult:
        yield SideBySide()
        yield KeysFoot()

    def on_mount(self) -> None:
        self._fields = self.query_one(SideBySide)
        self._fields.focus()
        self._compare()

    def on_unmount(self) -> None:
        self._comparison.stop()

    @work(exclusive=True, group="compare")
    async def _compare(self) -> None:
        timer = self.set_interval(PROGRESS_S, self._show_progress) if self._is_search else None
        try:
            self._fields.show(await self._comparison.result())
        except RelayError as error:
            if error.word != "stopped":
                self._fields.show_message(visible(str(error)), "bad")
        finally:
            if timer is not None:
                timer.stop()

    def _show_progress(self) -> None:
        """Show the progress of the search for the previous capture, which takes long for a rare type."""
        looked_at, stop = self._comparison.looked_at, keymap.of(self.app).written("compare.close")
        passed = f": {looked_at:,} passed" if looked_at else ""
        self._fields.show_message(
            f"Searching captures before #{self._a} for its type{passed} … {stop} stops.", "dim"
        )

    def action_every(self) -> None:
        self._fields.show_every(not self._fields.every)

    def action_turn(self) -> None:
        self._fields.turn()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))

    def action_close(self) -> None:
        self.dismiss()
