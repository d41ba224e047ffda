"""Small dialogs: a question, a line to write, a type to choose. Each returns one typed answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from relay.lean.catalogue import EventType
from tui.widgets.safe_inputs import LineInput

LONGEST_TYPE = 34
"""Cells of the column of types; what follows a longer one begins later."""


class Confirm(ModalScreen[bool]):
    """Asks before something that cannot be undone; the question names it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "yes"),
        Binding("n,escape,q", "dismiss(False)", "no"),
        Binding("left,right,h,l", "app.focus_next", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
    ]

    def __init__(self, title: str, question: str, yes: str, no: str = "No, keep") -> None:
        """
        Args:
            title: a few words.
            question: the consequence, as text that is safe to show.
            yes: label of the button that does it.
            no: label of the other button.
        """
        super().__init__()
        self._title, self._question, self._yes, self._no = title, question, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            with VerticalScroll(id="question", can_focus=False):
                yield Static(Content(self._question), markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content(f"{self._no} (n)"), id="no", compact=True)
                yield Button(Content(f"{self._yes} (y)"), id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    def action_scroll(self, lines: int) -> None:
        """Scroll a question that does not fit the window."""
        self.query_one("#question").scroll_relative(y=lines, animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class LeaveDialog(ModalScreen[str | None]):
    """Asks before the screen ends with its listener: `leave`, `detach`, or None to stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,y", "dismiss('leave')", "leave"),
        Binding("d", "dismiss('detach')", "leave it running"),
        Binding("escape,n", "dismiss(None)", "stay"),
        Binding("left,h", "app.focus_previous", show=False),
        Binding("right,l", "app.focus_next", show=False),
    ]

    def __init__(self, costs: str) -> None:
        """
        Args:
            costs: what leaving would cost, as text that is safe to show.
        """
        super().__init__()
        self._costs = costs

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Leave?")
            with VerticalScroll(id="question", can_focus=False):
                yield Static(Content(self._costs), markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Stay (Esc)", id="stay", compact=True)
                yield Button("Leave it running (d)", id="detach", compact=True)
                yield Button("Leave (q)", id="leave", variant="error", compact=True)

    def on_mount(self) -> None:
        self.query_one("#stay", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(None if event.button.id == "stay" else event.button.id)


class NoteDialog(ModalScreen[str | None]):
    """A note to write; an empty one removes the note, Esc changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            dialog.border_subtitle = Content("Enter saves, Esc cancels; empty removes the note")
            yield LineInput(self._text, compact=True, select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class TriggerDialog(ModalScreen[str | None]):
    """Asks for the event type of a sample."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]

    def __init__(self, events: Sequence[EventType], last: str | None) -> None:
        """
        Args:
            events: the types to choose from.
            last: the type chosen last time.
        """
        super().__init__()
        self._events, self._last = events, last

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -tall") as dialog:
            dialog.border_title = Content("Post a sample as Lean would")
            dialog.border_subtitle = Content("type to narrow, Enter posts, Esc cancels")
            yield LineInput(placeholder="a part of its name, such as payment", compact=True)
            yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        self._list("")
        if self._last is not None:
            options = self.query_one(OptionList)
            options.highlighted = options.get_option_index(self._last)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list(event.value.strip().lower())

    def _list(self, part: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        width = min(max(len(event.type) for event in self._events), LONGEST_TYPE)
        # Types with a matching name come before those with a matching description.
        for event in sorted(self._events, key=lambda event: part not in event.type.lower()):
            if part in event.type.lower() or part in event.when.lower():
                text = Content.assemble((event.type.ljust(width), "bold"), "  ", (event.when, "$dim"))
                options.add_option(Option(text, id=event.type))
        if options.option_count:
            options.highlighted = 0

    def on_key(self, event: events.Key) -> None:
        if event.key in ("down", "up") and isinstance(self.focused, Input):
            event.stop()
            options = self.query_one(OptionList)
            if event.key == "down":
                options.action_cursor_down()
            else:
                options.action_cursor_up()

    def on_input_submitted(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)
