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
from tui.presenters.comparison import Comparison, Fold, head
from tui.presenters.format import Piece
from tui.screens.help import HelpScreen
from tui.widgets.frame import Frame, labels
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.side_by_side import SideBySide

PROGRESS_S = 0.2


class CompareScreen(Screen[None]):
    """Fields of two captures that differ, and equal ones; then those of other partners."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.COMPARE)]
    KEYS: ClassVar[tuple[Key, ...]] = (*keys.SCROLL, *keys.COMPARE)

    def __init__(self, gateway: Gateway, a: int, b: int | None) -> None:
        """
        Args:
            b: None to compare `a` with its closest partner.
        """
        super().__init__()
        self._number = a if b is None else b
        self._comparisons = gateway.comparison_task(a, b)
        self._shown: Comparison | None = None
        self._frame = Frame(id="compare")
        self._fields = SideBySide()

    def compose(self) -> ComposeResult:
        with self._frame:
            yield self._fields
        yield KeysFoot()

    def on_mount(self) -> None:
        self._fields.focus()
        self._show_head()
        self._compare(1)

    def on_unmount(self) -> None:
        self._comparisons.close()

    @work(exclusive=True, group="compare")
    async def _compare(self, by: int) -> None:
        timer = self.set_interval(PROGRESS_S, self._show_progress)
        try:
            self._shown = await self._comparisons.comparison(by)
        except RelayError as error:
            if error.word != "stopped":
                self._shown = None
                self._show_head()
                self._fields.show_message(visible(str(error)), "bad")
                return
        finally:
            timer.stop()
        if self._shown is not None:
            self._show_head()
            self._fields.show(self._shown)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_head)

    def _show_head(self) -> None:
        """Say in the frame which captures are compared."""
        shown: list[Piece] = (
            [("Compare", "strong")] if self._shown is None else head(self._shown, self._frame.room)
        )
        self._frame.show_upper(labels(shown))

    def _show_progress(self) -> None:
        """Show the progress of the search for a partner, which takes long in a large database."""
        passed, stop = self._comparisons.passed, keymap.of(self.app).written("compare.close")
        counted = f": {passed:,} passed" if passed else ""
        self._fields.show_message(
            f"Searching for a capture to compare #{self._number} with{counted} … {stop} stops.", "dim"
        )

    def action_partner(self, by: int) -> None:
        if self._comparisons.is_over:
            self._compare(by)

    def action_fold(self, fold: str) -> None:
        self._fields.toggle(Fold(fold))

    def action_every(self) -> None:
        self._fields.toggle_all()

    def action_turn(self) -> None:
        if self._shown is not None:
            self._shown = self._shown.turned()
            self._fields.turn()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))

    def action_close(self) -> None:
        if self._comparisons.is_over or self._shown is None:
            self.dismiss()
        else:
            self._comparisons.stop()
