"""The bar in which a filter is written: what can come next is offered under it, what is wrong with it is told
under the place where it is, and filters of earlier times come back.

Owns the keys while somebody writes. What has been seen in the log and what is remembered is given to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from relay.filters import FilterError
from relay.text.safe import visible
from tui.keyboard import keymap
from tui.state.completion import Choice, Completion, Seen, complete
from tui.state.memory import Recall
from tui.widgets.drawn import Line
from tui.widgets.suggestions import Suggestions

PROMPT = 2
"""Cells before the text."""


class FilterBar(Vertical):
    """One line to write in; out of sight while there is neither a filter nor somebody writing one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the line's own, and the screen's.
        Binding("enter", "take", "to the list", key_display="Enter", priority=True),
        Binding("tab", "accept", "complete", key_display="Tab", priority=True),
        Binding("right", "accept_or_right", show=False, priority=True),
        Binding("up", "up", "earlier filters", key_display="↑", priority=True),
        Binding("down", "down", show=False, priority=True),
        Binding("escape", "drop", "clear", key_display="Esc"),
    ]

    enabled = reactive(True, toggle_class="-on")
    """Whether the filter is applied."""

    @dataclass
    class Edited(Message):
        """The text has changed."""

        bar: FilterBar
        text: str
        half: bool
        """A word is at its beginning: something is on offer for it."""

        @property
        def control(self) -> FilterBar:
            return self.bar

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterBar.Edited)

    @dataclass
    class Left(Message):
        """Writing is over; `cleared` where the filter is to go."""

        bar: FilterBar
        cleared: bool

        @property
        def control(self) -> FilterBar:
            return self.bar

    @dataclass
    class StopWanted(Message):
        """The search is to end with what it has found."""

        bar: FilterBar

        @property
        def control(self) -> FilterBar:
            return self.bar

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        # Held, not looked up: a screen that is leaving has lost them, and may still be asked for its text.
        self._input = Line(id="filter-text", placeholder="type:payment sig:invalid since:2h", compact=True)
        self._fault = Static(id="filter-fault", markup=False)
        self._suggestions = Suggestions()
        self.seen: Seen = {}
        """Values of the log that are offered."""
        self.recall = Recall()
        self._completion: Completion | None = None
        self.busy = False
        """A search goes on, which Esc ends."""
        self._put: str | None = None
        """What was put into the line by whoever applies it too."""
        self._recalled: str | None = None
        """What came into the line from the history."""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/ ", id="filter-prompt")
            yield self._input
            switch = keymap.of(self.app).written("filter.switch")
            yield Static(f"off, {switch} turns it on", id="filter-off", markup=False)
        yield self._fault
        yield self._suggestions

    @property
    def text(self) -> str:
        """What is written."""
        return self._input.value

    @property
    def shown_text(self) -> str:
        """What is written where somebody can see it; empty while the bar is closed."""
        return self.text if self.has_class("-open") else ""

    @property
    def is_faulty(self) -> bool:
        """Whether the text is shown as wrong."""
        return self.has_class("-faulty")

    def edit(self) -> None:
        """Open it, with the cursor behind the text."""
        self.add_class("-open")
        self._input.focus()
        self.call_after_refresh(self._offer)

    def put(self, text: str) -> None:
        """Write a text into it without a word to anybody; open where it says anything."""
        self._put = text if text != self.text else None
        self._write(text)
        if text:
            self.add_class("-open")

    def _write(self, text: str) -> None:
        self._input.value = text
        self._input.cursor_position = len(text)

    def clear(self) -> None:
        """Empty it and close it."""
        self.put("")
        self.complain(None)
        self._close_suggestions()
        self.remove_class("-open")

    def complain(self, fault: FilterError | None) -> None:
        """Say what is wrong under its place, or that nothing is."""
        offered = self._completion if self._suggestions.is_open else None
        if fault is not None and offered is not None and fault.column >= offered.start:
            fault = None  # The word is not at its end, and what could become of it is on offer.
        line = self._fault
        line.display = fault is not None
        self.set_class(fault is not None, "-faulty")
        if fault is not None:
            shift = self._input.scroll_offset.x
            line.update(Content(fault_line(fault, max(self.size.width, 20), shift)))

    # -- what can come next --------------------------------------------------------------------

    def seen_changed(self) -> None:
        """Other values have been seen: offer anew what is offered."""
        if self._suggestions.is_open:
            self._offer()

    def _offer(self) -> None:
        if not self._input.has_focus or self.recall.is_on:
            self._close_suggestions()
            return
        self._completion = complete(self.text, self._input.cursor_position, self.seen)
        left = PROMPT + self._completion.start - self._input.scroll_offset.x
        # In an empty bar nothing is chosen yet: arrow up is for earlier filters there.
        self._suggestions.offer(self._completion.choices, left=left, first=bool(self.text.strip()))

    def _close_suggestions(self) -> None:
        self._completion = None
        self._suggestions.offer((), left=0, first=False)

    def _accept(self, choice: Choice) -> None:
        assert self._completion is not None
        text, cursor = self._completion.applied(self.text, choice)
        self._input.value = text
        self._input.cursor_position = cursor
        self._offer()

    # -- keys and mouse ------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value == self._put:
            self._put = None
            return
        if event.value != self._recalled:
            self.recall.leave()
        self._offer()
        self.post_message(self.Edited(self, event.value, self._suggestions.is_open))

    def on_descendant_blur(self) -> None:
        self._close_suggestions()

    def on_suggestions_chosen(self, event: Suggestions.Chosen) -> None:
        event.stop()
        if self._completion is not None:
            self._accept(event.choice)
        self._input.focus()

    def action_accept(self) -> None:
        """Take the choice under the cursor, or the first; without any, the same as Enter."""
        if self._suggestions.is_open:
            if self._suggestions.choice is None:
                self._suggestions.move(1)
            if self._suggestions.choice is not None:
                self._accept(self._suggestions.choice)
        else:
            self.action_take()

    def action_accept_or_right(self) -> None:
        """At the end of the text take the choice, else go to the right."""
        choice = self._suggestions.choice
        if choice is not None and self._input.cursor_position == len(self.text):
            self._accept(choice)
        else:
            self._input.action_cursor_right()

    def action_up(self) -> None:
        """Up among the choices; in an empty bar, or on a filter that came from there, an earlier one."""
        if self.recall.is_on or not self.text or not self._suggestions.is_open:
            if self._suggestions.choice is not None and not self.recall.is_on:
                self._suggestions.move(-1)
            elif (text := self.recall.older()) is not None:
                self._show_recalled(text)
        else:
            self._suggestions.move(-1)

    def _show_recalled(self, text: str) -> None:
        self._recalled = text
        self._write(text)

    def action_down(self) -> None:
        """Down among the choices or towards later filters; else to the list."""
        if self.recall.is_on:
            self._show_recalled(self.recall.newer())
        elif self._suggestions.is_open:
            self._suggestions.move(1)
        else:
            self.action_take()

    def action_take(self) -> None:
        """Keep what is written and go back to the list."""
        # What is pasted comes by way of the screen: a key that was pressed behind it would be here first.
        self.screen.call_later(self._input.call_later, self._take)

    def _take(self) -> None:
        self._leave(cleared=not self.text.strip())

    def action_drop(self) -> None:
        """Close the choices; else end the search; else empty the bar and go to the list."""
        if self._suggestions.is_open and self.text:
            self._close_suggestions()
            return
        if self.busy:
            self.post_message(self.StopWanted(self))
            return
        self.clear()
        self._leave(cleared=True)

    def _leave(self, *, cleared: bool) -> None:
        self.recall.leave()
        self._close_suggestions()
        if cleared:
            self.remove_class("-open")
        self.post_message(self.Left(self, cleared))


def fault_line(fault: FilterError, width: int, shift: int = 0) -> str:
    """`     ^ there is no key "typ:"`: the reason, its mark under the character that it is about.

    Args:
        width: cells there are.
        shift: cells of the text that are scrolled out of sight.
    """
    column = max(0, PROMPT + cell_len(visible(fault.text[: fault.column])) - shift)
    reason = visible(fault.message)
    if column + 2 + len(reason) <= width:
        return " " * column + "^ " + reason
    return " " * min(column, width - 1) + "^\n" + reason
