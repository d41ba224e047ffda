"""The bar in which a filter is written, with what is wrong with it under the place where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from relay.filters import FilterError
from relay.text import visible

PROMPT = 2
"""Cells before the text."""


class FilterBar(Vertical):
    """One line to write in; out of sight while there is neither a filter nor somebody writing one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the line's own: it has no use for an arrow down.
        Binding("enter,down", "take", "to the list", key_display="Enter", priority=True),
        Binding("escape", "drop", "clear", key_display="Esc"),
    ]

    enabled = reactive(True, toggle_class="-on")
    """Whether the filter is applied."""

    @dataclass
    class Edited(Message):
        """The text has changed."""

        bar: FilterBar
        text: str

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

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/ ", id="filter-prompt")
            yield Input(id="filter-text", placeholder="type:payment sig:invalid since:2h", compact=True)
        yield Static(id="filter-fault", markup=False)

    @property
    def text(self) -> str:
        """What is written."""
        return self.query_one(Input).value

    def edit(self) -> None:
        """Open it, with the cursor behind the text."""
        self.add_class("-open")
        self.query_one(Input).focus()

    def clear(self) -> None:
        """Empty it and close it."""
        self.query_one(Input).value = ""
        self.complain(None)
        self.remove_class("-open")

    def complain(self, fault: FilterError | None) -> None:
        """Say what is wrong under its place, or that nothing is."""
        line = self.query_one("#filter-fault", Static)
        line.display = fault is not None
        self.set_class(fault is not None, "-faulty")
        if fault is not None:
            line.update(Content(fault_line(fault, max(self.size.width, 20))))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Edited(self, event.value))

    def action_take(self) -> None:
        """Keep what is written and go back to the list."""
        self._leave(cleared=not self.text.strip())

    def action_drop(self) -> None:
        """Empty the bar and go back to the list."""
        self.clear()
        self._leave(cleared=True)

    def _leave(self, *, cleared: bool) -> None:
        if cleared:
            self.remove_class("-open")
        self.post_message(self.Left(self, cleared))


def fault_line(fault: FilterError, width: int) -> str:
    """`     ^ there is no key "typ:"`: the reason, its mark under the character that it is about."""
    column = PROMPT + fault.column
    reason = visible(fault.message)
    if column + 2 + len(reason) <= width:
        return " " * column + "^ " + reason
    return " " * min(column, width - 1) + "^\n" + reason
