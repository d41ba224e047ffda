"""The filter of the main screen: written, applied, turned off, remembered."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from relay import filters
from relay.errors import RelayError
from relay.filters import FilterError
from relay.text.local_time import now
from tui.main.context import CaptureContext, Stoppable
from tui.main.list_pane import ListController
from tui.state.completion import Seen
from tui.state.memory import Memory, Recall

WRITTEN_AFTER_S = 0.15
"""How long nothing has to be typed for a filter to be applied."""

HALF_AFTER_S = 0.6
"""The same where a word is at its beginning: as a text `ty` finds nothing, and `type:` is meant."""


class Bar(Protocol):
    """Where a filter is written."""

    enabled: bool
    """Whether the filter is applied."""
    seen: Seen
    recall: Recall

    @property
    def text(self) -> str:
        """The text as written."""

    @property
    def shown_text(self) -> str:
        """The text while the bar is open; else empty."""

    @property
    def is_faulty(self) -> bool:
        """Whether the text is shown as wrong."""

    def edit(self) -> None:
        """Open the bar and take the keys."""

    def put(self, text: str) -> None:
        """Write a text that the caller applies."""

    def clear(self) -> None:
        """Empty the bar and close it."""

    def complain(self, fault: FilterError | None) -> None:
        """Show an error at its place; None takes it away."""

    def seen_changed(self) -> None:
        """Offer other values."""


class FilterController:
    """Applies what is written in the bar to the list."""

    def __init__(self, context: CaptureContext, bar: Bar, pane: ListController) -> None:
        self._context, self._bar, self._pane = context, bar, pane
        self._writing: Stoppable | None = None
        """Waits for the filter to be written to its end."""

    # -- writing -------------------------------------------------------------------------------

    def edit(self) -> None:
        """Open the bar, and offer values that the database has."""
        self._bar.edit()
        self._context.ui.start(self._read_values, group="seen", exclusive=True)

    async def _read_values(self) -> None:
        with suppress(RelayError):  # Reading the list shows the error.
            self._bar.seen = await self._context.gateway.seen_values()
            self._bar.seen_changed()

    def edited(self, text: str, *, half: bool) -> None:
        """Apply a text once typing pauses.

        Args:
            half: a word is at its beginning.
        """
        self._bar.enabled = True
        self._stop_waiting()
        after_s = HALF_AFTER_S if half else WRITTEN_AFTER_S
        self._writing = self._context.ui.call_after(after_s, lambda: self.apply(text))

    def left(self, *, cleared: bool) -> None:
        """Apply the text at once and go to the list; a wrong text keeps the keys."""
        self._stop_waiting()
        text = "" if cleared else self._bar.text
        if not self.apply(text):
            self._bar.edit()  # The error is there to be corrected; in the list the next letters would act.
            return
        self._bar.recall = Recall(Memory(self._bar.recall.history).with_filter(text).history)
        self._pane.focus()

    def _stop_waiting(self) -> None:
        if self._writing is not None:
            self._writing.stop()

    # -- applying ------------------------------------------------------------------------------

    def apply(self, text: str) -> bool:
        """Narrow the list by a filter; False where it is wrong, and the last good one stays."""
        try:
            filter = filters.parse(text, now())
        except FilterError as error:
            self._bar.complain(error)
            return False
        self._bar.complain(None)
        wanted = text.strip() if self._bar.enabled else ""
        if wanted == self._pane.filter_text.strip():
            return True
        if wanted:
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

    def show(self, number: int) -> None:
        """Turn the filter off where it hides a capture, and go there."""
        if not self._pane.has(number):
            self._bar.enabled = False
            self.apply(self._bar.text)
            switch = self._context.ui.key("filter.switch")
            self._context.ui.show_notice(
                "This capture does not match the filter, so the filter was turned off; "
                f"press {switch} to turn it back on."
            )
        self._pane.go_to(number)

    # -- memory --------------------------------------------------------------------------------

    def restore(self, memory: Memory) -> None:
        """Show the filter of a memory, and the list as it narrows it."""
        self._bar.recall = Recall(memory.history)
        self._bar.put(memory.filter)
        self._bar.enabled = memory.filter_on or not memory.filter
        self._pane.read_again()
        if memory.filter:
            self.apply(memory.filter)

    def remembered(self, memory: Memory) -> Memory:
        """A memory with the filter as it is now; a wrong text leaves the filter of the memory."""
        return replace(
            memory,
            history=self._bar.recall.history,
            filter=memory.filter if self._bar.is_faulty else self._bar.shown_text.strip(),
            filter_on=self._bar.enabled,
        )
