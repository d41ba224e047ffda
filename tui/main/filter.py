"""The filter of the main screen: written, applied, switched off; and what is remembered of a screen.

Owns what a filter that somebody writes does to the list, and the memory of how the screen was left.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from textual import work
from textual.screen import Screen
from textual.timer import Timer

from relay import filters
from relay.errors import RelayError
from relay.filters import Filter, FilterError
from relay.text.local_time import now
from tui.gateway import Gateway
from tui.main.browser import Browsing
from tui.state.memory import Memory, Recall
from tui.theme import THEMES
from tui.widgets.capture_list import CaptureList
from tui.widgets.detail import Detail
from tui.widgets.filter_bar import FilterBar

WRITTEN_AFTER_S = 0.15
"""How long nothing has to be typed for a filter to be applied."""

HALF_AFTER_S = 0.6
"""The same where a word is at its beginning: as a text `ty` finds nothing, and `type:` is meant."""

ZOOMS = ("list", "detail")


class Filtering(Screen[None]):
    """The part of the main screen that has to do with its filter."""

    gateway: Gateway
    _browsing: Browsing
    _bar: FilterBar
    _list: CaptureList
    _detail: Detail
    _writing: Timer | None = None
    """Waits for the filter to be written to its end."""
    _memory = Memory()
    """What is in the file."""

    def _show_again(self) -> None:
        """Read the list anew."""
        raise NotImplementedError

    def _cannot_read(self, error: RelayError) -> None:
        """Leave the log alone."""
        raise NotImplementedError

    # -- writing -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "edit_filter" and self._bar.has_focus_within:
            return False
        return super().check_action(action, parameters)

    def action_edit_filter(self) -> None:
        self._bar.edit()
        self._see_values()

    @work(exclusive=True, group="seen")
    async def _see_values(self) -> None:
        with suppress(RelayError):  # What reads the list says so.
            self._bar.seen = await self.gateway.seen_values()
            self._bar.seen_changed()

    def action_switch_filter(self) -> None:
        self._bar.enabled = not self._bar.enabled
        self._apply(self._bar.text)

    def on_filter_bar_edited(self, event: FilterBar.Edited) -> None:
        self._bar.enabled = True
        if self._writing is not None:
            self._writing.stop()
        after_s = HALF_AFTER_S if event.half else WRITTEN_AFTER_S
        self._writing = self.set_timer(after_s, lambda: self._apply(event.text))

    def on_filter_bar_left(self, event: FilterBar.Left) -> None:
        if self._writing is not None:
            self._writing.stop()
        text = "" if event.cleared else self._bar.text
        if not self._apply(text):
            self._bar.edit()  # The error is there to be corrected; in the list the next letters would act.
            return
        self._bar.recall = Recall(Memory(self._bar.recall.history).with_filter(text).history)
        self._list.focus()

    def on_filter_bar_stop_wanted(self, event: FilterBar.StopWanted) -> None:
        self._browsing.stop_search()

    # -- applying ------------------------------------------------------------------------------

    def _apply(self, text: str) -> bool:
        """Narrow the list by a filter; False where it is none, and then the last good one stays."""
        try:
            filter = filters.parse(text, now())
        except FilterError as fault:
            self._bar.complain(fault)
            return False
        self._bar.complain(None)
        applied = self._browsing.finding.filter.text if self._browsing.finding is not None else ""
        if (text if self._bar.enabled else "").strip() == applied.strip():
            return True
        if not text.strip() or not self._bar.enabled:
            self.workers.cancel_group(self, "search")
            self._browsing.finding = None
            self._show_again()
        else:
            self._search(filter)
        return True

    @work(exclusive=True, group="search")
    async def _search(self, filter: Filter) -> None:
        try:
            await self._browsing.search(filter)
        except RelayError as error:
            self._cannot_read(error)

    # -- from one time to the next -------------------------------------------------------------

    def _take_up(self, memory: Memory) -> None:
        """Show the list as it was left."""
        self._memory = memory
        self._browsing.listing.newest_first = memory.newest_first
        if memory.theme in {theme.name for theme in THEMES}:
            self.app.theme = memory.theme
        if memory.zoom in ZOOMS:
            self.add_class(f"-zoom-{memory.zoom}")
        self._detail.open_tab_named(memory.tab)
        self._list.choose_columns(memory.columns)
        self._bar.recall = Recall(memory.history)
        self._bar.put(memory.filter)
        self._bar.enabled = memory.filter_on or not memory.filter
        self._show_again()
        if memory.filter:
            self._apply(memory.filter)

    def _remembered(self) -> Memory:
        """How the screen is now."""
        zoom = next((zoom for zoom in ZOOMS if self.has_class(f"-zoom-{zoom}")), "")
        filter = self._bar.shown_text.strip()
        return replace(
            Memory(self._bar.recall.history),
            filter=filter if not self._bar.has_class("-faulty") else self._memory.filter,
            filter_on=self._bar.enabled,
            newest_first=self._browsing.listing.newest_first,
            tab=self._detail.active,
            columns=self._list.chosen_columns,
            zoom=zoom,
            theme=self.app.theme,
        )

    def leave_memory(self) -> None:
        """Write it down at once: the screen is about to go."""
        self.gateway.remember_now(self._remembered())

    @work(exclusive=True, group="memory")
    async def _keep_memory(self) -> None:
        """Write down how the screen is, where that has changed."""
        memory = self._remembered()
        if memory != self._memory:
            self._memory = memory
            await self.gateway.remember(memory)
