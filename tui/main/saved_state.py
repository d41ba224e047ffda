"""The state of the main screen between two starts: restored at the first, saved whenever it has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.screen import Screen

from tui.gateway import Gateway
from tui.main.filter import FilterController
from tui.main.panes import Panes
from tui.state.listing import Listing
from tui.state.screen_state import ScreenState
from tui.theme import THEMES
from tui.widgets.capture_list import CaptureList
from tui.widgets.detail import Detail


class SavedState:
    """Collects the state from the parts of the screen, and restores it."""

    def __init__(
        self,
        screen: Screen[Any],
        gateway: Gateway,
        list: CaptureList,
        detail: Detail,
        panes: Panes,
        filter: FilterController,
    ) -> None:
        self._screen, self._gateway = screen, gateway
        self._list, self._detail, self._panes, self._filter = list, detail, panes, filter
        self._saved = ScreenState()
        self._is_restored = False

    @property
    def _listing(self) -> Listing:
        return self._list.listing

    def restore(self, state: ScreenState) -> None:
        """Restore the screen from a saved state."""
        self._saved, self._is_restored = state, True
        self._listing.newest_first = state.newest_first
        if state.theme in {theme.name for theme in THEMES}:
            self._screen.app.theme = state.theme
        self._panes.zoom = state.zoom
        self._detail.open_tab_named(state.tab)
        self._list.choose_columns(state.columns)
        self._list.show_summaries(state.summaries)
        self._filter.restore(state)

    def current(self) -> ScreenState:
        """The current state of the screen."""
        return replace(
            self._filter.add_to(self._saved),
            newest_first=self._listing.newest_first,
            tab=self._detail.active,
            columns=self._list.chosen_columns,
            summaries=self._list.shows_summaries,
            zoom=self._panes.zoom,
            theme=self._screen.app.theme,
        )

    async def save_changes(self) -> None:
        """Save the state if it has changed."""
        state = self.current()
        if state != self._saved:
            self._saved = state
            await self._gateway.save_state(state)

    def save_now(self) -> None:
        """Save the state at once, as the screen is about to close; one that is not restored yet stays."""
        if self._is_restored:
            self._gateway.save_state_now(self.current())
