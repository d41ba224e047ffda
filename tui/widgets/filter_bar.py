"""The bar for the filter, with completion, errors under the character they are about, and a history.

Owns the keys while it has the focus. Values of the database and the history are set from outside.
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
from tui.state.completion import Choice, Completion, FilterValues, complete
from tui.state.screen_state import FilterHistory
from tui.widgets.safe_inputs import LineInput
from tui.widgets.suggestions import Suggestions

PROMPT = 2
"""Cells before the text."""


class FilterBar(Vertical):
    """A line to edit; hidden while there is no filter and it has no focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Priority over the keys of the line and the screen.
        Binding("tab", "accept", "complete", key_display="Tab", priority=True, id="filter-bar.accept"),
        Binding("right", "accept_or_right", show=False, priority=True),
        Binding(
            "up", "up", "choose, or earlier filters", key_display="↑ ↓", priority=True, id="filter-bar.choose"
        ),
        Binding("down", "down", show=False, priority=True),
        Binding("enter", "take", "apply", key_display="Enter", priority=True, id="filter-bar.take"),
        Binding("escape", "drop", "clear", key_display="Esc", id="filter-bar.drop"),
    ]

    enabled = reactive(True, toggle_class="-on")
    """Whether the filter is applied."""

    @dataclass
    class Edited(Message):
        """The text has changed."""

        bar: FilterBar
        text: str
        half: bool
        """It ends with the start of a word that can be completed."""

        @property
        def control(self) -> FilterBar:
            return self.bar

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterBar.Edited)

    @dataclass
    class Left(Message):
        """Editing is over; `cleared` to remove the filter."""

        bar: FilterBar
        cleared: bool

        @property
        def control(self) -> FilterBar:
            return self.bar

    @dataclass
    class StopWanted(Message):
        """Stop the search and keep its matches."""

        bar: FilterBar

        @property
        def control(self) -> FilterBar:
            return self.bar

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        # Kept as attributes: a screen that closes has lost its widgets, but its text may still be read.
        self._input = LineInput(
            id="filter-text", placeholder="such as type:payment sig:invalid since:2h", compact=True
        )
        self._error = Static(id="filter-fault", markup=False)
        self._suggestions = Suggestions()
        self.seen: FilterValues = {}
        """Values of the database to offer."""
        self.history = FilterHistory()
        self._completion: Completion | None = None
        self.busy = False
        """A search is running, which Esc stops."""
        self._put: str | None = None
        """A text set by a caller who applies it too."""
        self._from_history: str | None = None
        """The text from the history."""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/ ", id="filter-prompt")
            yield self._input
            switch = keymap.of(self.app).written("filter.switch")
            yield Static(f"off, {switch} turns it on", id="filter-off", markup=False)
        yield self._error
        yield self._suggestions

    @property
    def text(self) -> str:
        """The text of the filter."""
        return self._input.value

    @property
    def shown_text(self) -> str:
        """The text while the bar is open; otherwise empty."""
        return self.text if self.has_class("-open") else ""

    @property
    def has_error(self) -> bool:
        """Whether an error is shown."""
        return self.has_class("-faulty")

    def edit(self) -> None:
        """Open and focus the bar."""
        self.add_class("-open")
        self._input.focus()
        self.call_after_refresh(self._offer)

    def put(self, text: str) -> None:
        """Set the text without an `Edited` message; open the bar unless it is empty."""
        self._put = text if text != self.text else None
        self._write(text)
        if text:
            self.add_class("-open")

    def _write(self, text: str) -> None:
        self._input.value = text
        self._input.cursor_position = len(text)

    def clear(self) -> None:
        """Empty the bar and close it."""
        self.put("")
        self.show_error(None)
        self._close_suggestions()
        self.remove_class("-open")

    def show_error(self, error: FilterError | None) -> None:
        """Show an error under its place; None removes it."""
        offered = self._completion if self._suggestions.is_open else None
        if error is not None and offered is not None and error.column >= offered.start:
            error = None  # The word is not finished, and completions are offered.
        line = self._error
        line.display = error is not None
        self.set_class(error is not None, "-faulty")
        if error is not None:
            shift = self._input.scroll_offset.x
            line.update(Content(error_line(error, max(self.size.width, 20), shift)))

    # -- completion ----------------------------------------------------------------------------

    def seen_changed(self) -> None:
        """Offer the new values, if the list is open."""
        if self._suggestions.is_open:
            self._offer()

    def _offer(self) -> None:
        if not self._input.has_focus or self.history.is_on:
            self._close_suggestions()
            return
        self._completion = complete(self.text, self._input.cursor_position, self.seen)
        left = PROMPT + self._completion.start - self._input.scroll_offset.x
        # Nothing is selected in an empty bar, where arrow up is for the history.
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
        if event.value != self._from_history:
            self.history.leave()
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
        """Take the selected choice, or the first; without choices, the same as Enter."""
        if self._suggestions.is_open:
            if self._suggestions.choice is None:
                self._suggestions.move(1)
            if self._suggestions.choice is not None:
                self._accept(self._suggestions.choice)
        else:
            self.action_take()

    def action_accept_or_right(self) -> None:
        """Take the selected choice at the end of the text; elsewhere move the cursor."""
        choice = self._suggestions.choice
        if choice is not None and self._input.cursor_position == len(self.text):
            self._accept(choice)
        else:
            self._input.action_cursor_right()

    def action_up(self) -> None:
        """Go up in the choices; in an empty bar, or on a filter of the history, show the previous filter."""
        if self.history.is_on or not self.text or not self._suggestions.is_open:
            if self._suggestions.choice is not None and not self.history.is_on:
                self._suggestions.move(-1)
            elif (text := self.history.older()) is not None:
                self._show_from_history(text)
        else:
            self._suggestions.move(-1)

    def _show_from_history(self, text: str) -> None:
        self._from_history = text
        self._write(text)

    def action_down(self) -> None:
        """Go down in the choices, or to the next filter of the history; otherwise to the list."""
        if self.history.is_on:
            self._show_from_history(self.history.newer())
        elif self._suggestions.is_open:
            self._suggestions.move(1)
        else:
            self.action_take()

    def action_take(self) -> None:
        """Keep the filter and go to the list."""
        # Pasted text goes through the screen, so a key pressed after it would be handled first.
        self.screen.call_later(self._input.call_later, self._take)

    def _take(self) -> None:
        self._leave(cleared=not self.text.strip())

    def action_drop(self) -> None:
        """Close the choices; otherwise stop the search; otherwise empty the bar and go to the list."""
        if self._suggestions.is_open and self.text:
            self._close_suggestions()
            return
        if self.busy:
            self.post_message(self.StopWanted(self))
            return
        self.clear()
        self._leave(cleared=True)

    def _leave(self, *, cleared: bool) -> None:
        self.history.leave()
        self._close_suggestions()
        if cleared:
            self.remove_class("-open")
        self.post_message(self.Left(self, cleared))


def error_line(error: FilterError, width: int, shift: int = 0) -> str:
    """`     ^ there is no key "typ:"`: the error, with its mark under the character it is about.

    Args:
        width: cells of the bar.
        shift: cells of the text that are scrolled out of view.
    """
    column = max(0, PROMPT + cell_len(visible(error.text[: error.column])) - shift)
    reason = visible(error.message)
    if column + 2 + len(reason) <= width:
        return " " * column + "^ " + reason
    return " " * min(column, width - 1) + "^\n" + reason
