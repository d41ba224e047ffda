"""The filter of the main screen: edit it, apply it, turn it off, save it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from relay import filters
from relay.control.messages import id_ranges
from relay.errors import RelayError
from relay.filters import FilterError
from relay.text.local_time import now
from tui.main.context import CaptureContext, Stoppable
from tui.main.list_pane import ListController
from tui.state.completion import FilterValues
from tui.state.screen_state import FilterHistory, ScreenState

WRITTEN_AFTER_S = 0.15
"""Pause in typing after which a filter is applied."""

HALF_AFTER_S = 0.6
"""The same for the start of a word: as a text `ty` finds nothing, but `type:` is meant."""


def of_captures(ids: Iterable[int]) -> str:
    """A filter that matches these captures: `capture:3,7..9`."""
    ranges = (str(first) if first == last else f"{first}..{last}" for first, last in id_ranges(ids))
    return f"capture:{','.join(ranges)}"


def can_be_written(ids: Iterable[int]) -> bool:
    """Whether a filter can name all these captures."""
    return len(of_captures(ids)) <= filters.LONGEST


class Bar(Protocol):
    """The input of the filter."""

    enabled: bool
    """Whether the filter is applied."""
    seen: FilterValues
    history: FilterHistory

    @property
    def text(self) -> str:
        """The text of the filter."""

    @property
    def shown_text(self) -> str:
        """The text while the bar is open; otherwise empty."""

    @property
    def has_error(self) -> bool:
        """Whether an error is shown."""

    def edit(self) -> None:
        """Open the bar and focus it."""

    def put(self, text: str) -> None:
        """Set the text; the caller applies it."""

    def clear(self) -> None:
        """Empty the bar and close it."""

    def show_error(self, error: FilterError | None) -> None:
        """Show an error at its place; None removes it."""

    def seen_changed(self) -> None:
        """Offer the new values."""


class FilterController:
    """Applies the text in the bar to the list."""

    def __init__(self, context: CaptureContext, bar: Bar, pane: ListController) -> None:
        self._context, self._bar, self._pane = context, bar, pane
        self._writing: Stoppable | None = None
        """Timer that waits for a pause in typing."""

    # -- editing -------------------------------------------------------------------------------

    def edit(self) -> None:
        """Open the bar, and offer values of the database."""
        self._bar.edit()
        self._context.ui.start(self._read_values, group="seen", exclusive=True)

    async def _read_values(self) -> None:
        with suppress(RelayError):  # Reading the list shows the error.
            self._bar.seen = await self._context.gateway.seen_values()
            self._bar.seen_changed()

    def edited(self, text: str, *, half: bool) -> None:
        """Apply a text when typing pauses.

        Args:
            half: it ends with the start of a word.
        """
        self._bar.enabled = True
        self._stop_waiting()
        after_s = HALF_AFTER_S if half else WRITTEN_AFTER_S
        self._writing = self._context.ui.call_after(after_s, lambda: self.apply(text))

    def left(self, *, cleared: bool) -> None:
        """Apply the text at once and go to the list; stay in the bar if it is wrong."""
        text = "" if cleared else self._bar.text
        if not self.apply(text):
            self._bar.edit()  # In the list, the next letters typed would be actions.
            return
        self._remember(text)
        self._pane.focus()

    def _remember(self, text: str) -> None:
        self._bar.history = FilterHistory(ScreenState(self._bar.history.filters).with_filter(text).history)

    def _stop_waiting(self) -> None:
        if self._writing is not None:
            self._writing.stop()

    @property
    def is_pending(self) -> bool:
        """Whether the text in the bar is not applied yet: it is unfinished, or wrong."""
        return self._bar.enabled and self._bar.shown_text.strip() != self._pane.filter_text.strip()

    # -- applying ------------------------------------------------------------------------------

    def apply(self, text: str) -> bool:
        """Apply a filter to the list, or none while it is off.

        Returns:
            False where it is wrong, and the last good one stays.
        """
        self._stop_waiting()
        text = text if self._bar.enabled else ""
        try:
            filter = filters.parse(text, now())
        except FilterError as error:
            self._bar.show_error(error)
            return False
        self._bar.show_error(None)
        if text.strip() == self._pane.filter_text.strip():
            return True
        if text.strip():
            self._pane.search(filter)
        else:
            self._pane.show_all()
        return True

    def switch(self) -> None:
        """Turn the filter off, or on again; its text stays."""
        self._bar.enabled = not self._bar.enabled
        self.apply(self._bar.text)

    def clear(self) -> None:
        """Remove the filter."""
        self._bar.clear()
        self.apply("")

    def show_only(self, ids: Sequence[int]) -> None:
        """Show only these captures, by a filter in place of the one there is."""
        self._remember(self._bar.text)
        self._bar.enabled = True
        self._bar.put(of_captures(ids))
        self.apply(self._bar.text)
        self._pane.focus()

    def show(self, number: int) -> None:
        """Go to a capture, and turn the filter off where it hides it."""
        if not self._pane.has(number):
            self._bar.enabled = False
            self.apply(self._bar.text)
            switch = self._context.ui.key("filter.switch")
            self._context.ui.show_notice(
                "This capture does not match the filter, so the filter was turned off; "
                f"press {switch} to turn it back on."
            )
        self._pane.go_to(number)

    # -- saved state ---------------------------------------------------------------------------

    def restore(self, state: ScreenState) -> None:
        """Restore the filter of a saved state, and apply it."""
        self._bar.history = FilterHistory(state.history)
        self._bar.put(state.filter)
        self._bar.enabled = state.filter_on or not state.filter
        self._pane.read_again()
        if state.filter:
            self.apply(state.filter)

    def add_to(self, state: ScreenState) -> ScreenState:
        """The state with the current filter; a wrong text keeps the filter of the state."""
        return replace(
            state,
            history=self._bar.history.filters,
            filter=state.filter if self._bar.has_error else self._bar.shown_text.strip(),
            filter_on=self._bar.enabled,
        )
