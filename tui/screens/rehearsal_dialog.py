"""The dialog before a rehearsal: its checks, the backend, and where to see its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from relay.rehearsal.choices import Choices
from relay.text.safe import visible
from tui.keyboard import keymap, keys
from tui.presenters.format import format_captures
from tui.presenters.rehearsal import ABOUT, RehearsalForm, choices
from tui.screens.replay_dialog import text_field, usual
from tui.widgets.toggle import Toggle

LINES: tuple[tuple[str, str, str], ...] = (
    ("to", "To", ""),
    ("probe", "Probe", "none; a command or URL that prints the backend's state"),
    ("reset", "Reset", "none; a command that brings it back to the same state"),
    ("restart", "Restart", "none; a command that restarts it, for outage"),
    ("time_scale", "Time scale", "such as 0.01; Lean's retries take 3 hours times this"),
)
"""Text fields of `RehearsalForm`: each with its label, and what an empty one means."""


class RehearsalDialog(ModalScreen[tuple[RehearsalForm, Choices] | None]):
    """Asks what to try, and with which backend."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.BEFORE_REHEARSAL)]

    def __init__(self, ids: Sequence[int], usual: Sequence[str], last: RehearsalForm) -> None:
        """
        Args:
            ids: the captures; none for the newest, or samples where there are none.
            usual: the configured targets.
            last: the dialog as it was sent last.
        """
        super().__init__()
        self._ids, self._usual, self._last = ids, usual, last

    def compose(self) -> ComposeResult:
        what = f"with {format_captures(self._ids)}" if self._ids else "with the newest webhooks"
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"Rehearse {what}")
            cancel = keymap.of(self.app).written("sending.cancel")
            dialog.border_subtitle = Content(f"Enter begins, {cancel} cancels")
            with Vertical(classes="checks"):
                for name, about in ABOUT.items():
                    yield Toggle(about, name in self._last.checks, id=f"check-{name}")
            for name_, label, example in LINES:
                empty = usual(self._usual) if name_ == "to" else example
                yield text_field(name_, label, getattr(self._last, name_), empty)
            yield Static(id="fault", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="no", compact=True)
                yield Button("Begin", id="yes", variant="primary", compact=True)

    def on_input_submitted(self) -> None:
        self.action_send()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self.action_send()
        else:
            self.dismiss(None)

    def action_send(self) -> None:
        form = self._read()
        try:
            chosen = choices(form, self._usual)
        except ValueError as error:
            self.query_one("#fault", Static).update(Content(visible(str(error))))
            return
        self.dismiss((form, chosen))

    def _read(self) -> RehearsalForm:
        texts = {name: self.query_one(f"#field-{name}", Input).value for name, _, _ in LINES}
        checks = tuple(name for name in ABOUT if self.query_one(f"#check-{name}", Toggle).value)
        return RehearsalForm(checks=checks, **texts)

    def action_cancel(self) -> None:
        self.dismiss(None)
