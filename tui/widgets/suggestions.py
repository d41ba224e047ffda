"""A small list of completions under an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from relay.text.safe import visible
from tui.state.completion import Choice

ROWS = 8


class Suggestions(OptionList, can_focus=False):
    """Choices, one on a line, in front of the widgets below; the input with the focus moves the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = []

    @dataclass
    class Chosen(Message):
        """A choice was clicked."""

        suggestions: Suggestions
        choice: Choice

        @property
        def control(self) -> Suggestions:
            return self.suggestions

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self._choices: Sequence[Choice] = ()

    @property
    def is_open(self) -> bool:
        """Whether there are choices."""
        return bool(self._choices)

    @property
    def choice(self) -> Choice | None:
        """The selected choice."""
        return None if self.highlighted is None or not self._choices else self._choices[self.highlighted]

    def offer(self, choices: Sequence[Choice], *, left: int, first: bool) -> None:
        """Show choices; hide the list without any.

        Args:
            left: cell at which the list starts.
            first: select the first choice; otherwise none.
        """
        self._choices = choices
        self.display = bool(choices)
        self.clear_options()
        if not choices:
            return
        width = max(cell_len(visible(choice.text)) for choice in choices) + 2
        self.add_options(
            Option(Content.assemble((visible(choice.text).ljust(width), "bold"), (choice.help, "$dim")))
            for choice in choices
        )
        helped = max(cell_len(choice.help) for choice in choices)
        self.styles.width = min(width + helped + 2, max(20, self.app.size.width - 2))
        self.styles.offset = (max(0, left), 0)
        self.highlighted = 0 if first else None

    def move(self, by: int) -> None:
        """Go up or down; above the first choice none is selected."""
        at = (-1 if self.highlighted is None else self.highlighted) + by
        self.highlighted = None if at < 0 else min(at, len(self._choices) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._choices):
            self.post_message(self.Chosen(self, self._choices[event.option_index]))
