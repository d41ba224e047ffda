"""The replay dialog: a line for each option."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from relay.control.messages import FreshIds, ReplayRequest
from relay.delivery.replay_options import OptionError
from relay.text.safe import visible
from tui.gateway import Replays
from tui.keyboard import keymap, keys
from tui.presenters.format import format_captures
from tui.presenters.replay import ReplayForm, replay_request
from tui.screens.preview import PreviewScreen
from tui.widgets.safe_inputs import LineInput
from tui.widgets.toggle import Toggle

LINES: tuple[tuple[str, str, str], ...] = (
    ("to", "To", ""),
    ("set", "Set values", "none; such as payload.status=FAILED payload.amount=100.50"),
    ("header", "Headers", "none; such as 'X-Try: 1', or 'X-Try:' to remove it"),
    ("times", "Times", "such as 1"),
    ("concurrency", "At once", "such as 1"),
    ("rate", "Per second", "no limit; such as 5, or original"),
    ("shuffle", "Shuffle", "no; such as 7, the seed of a random order"),
    ("expect", "Expect", "anything; such as 200, 2xx, delivered, refused or recorded"),
)
"""Text fields of `ReplayForm`: each with its label, and what an empty one means with an example."""

RESIGN = "sign again, with the original secret or else the preferred one"
FRESH_IDS = "new ids and times, so that a backend takes them for new events"


class ReplayDialog(ModalScreen[ReplayForm | None]):
    """Asks where to and how to replay."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.SENDING)]

    def __init__(
        self,
        replays: Replays,
        ids: Sequence[int],
        usual: Sequence[str],
        last: ReplayForm,
        fresh: FreshIds | None = None,
    ) -> None:
        """
        Args:
            replays: for the dry run.
            ids: the captures.
            usual: the configured targets.
            last: the dialog as it was sent last.
            fresh: new ids and times for these captures.
        """
        super().__init__()
        self._replays = replays
        self._fresh = fresh
        self._ids, self._usual, self._last = ids, usual, last

    def compose(self) -> ComposeResult:
        in_force = keymap.of(self.app)
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"Send {format_captures(self._ids)} again")
            dialog.border_subtitle = Content(f"Enter sends, {in_force.written('sending.cancel')} cancels")
            for name, label, example in LINES:
                empty = usual(self._usual) if name == "to" else example
                yield text_field(name, label, getattr(self._last, name), empty)
            with Vertical(classes="checks"):
                yield Toggle(RESIGN, self._last.resign, id="resign")
                yield Toggle(FRESH_IDS, self._last.fresh_ids, id="fresh_ids")
                retry = "retry each until it is delivered"
                yield Toggle(retry, self._last.until_delivered, id="until_delivered")
            yield Static(id="fault", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="no", compact=True)
                dry_run = f"Dry run ({in_force.written('sending.dry_run')})"
                yield Button(Content(dry_run), id="dry-run", compact=True)
                yield Button("Send", id="yes", variant="primary", compact=True)

    def on_input_submitted(self) -> None:
        self.action_send()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self.action_send()
        elif event.button.id == "dry-run":
            self.action_dry_run()
        else:
            self.dismiss(None)

    def action_send(self) -> None:
        form = self._read()
        if self._request(form) is not None:
            self.dismiss(form)

    def action_dry_run(self) -> None:
        request = self._request(self._read())
        if request is not None:
            self.app.push_screen(PreviewScreen(self._replays, request))

    def _request(self, form: ReplayForm) -> ReplayRequest | None:
        """The dialog as a request; None where it is wrong, and the error is shown."""
        error_line = self.query_one("#fault", Static)
        try:
            request = replay_request(self._ids, form, fresh=self._fresh)
        except OptionError as error:
            error_line.update(Content(visible(str(error))))
            self.query_one(f"#field-{error.option}", Input).focus()
            return None
        error_line.update("")
        return request

    def _read(self) -> ReplayForm:
        values: dict[str, Any] = {}
        for field in fields(ReplayForm):
            if field.type == "bool":
                values[field.name] = self.query_one(f"#{field.name}", Toggle).value
            else:
                values[field.name] = self.query_one(f"#field-{field.name}", Input).value
        return ReplayForm(**values)

    def action_cancel(self) -> None:
        self.dismiss(None)


def text_field(name: str, label: str, text: str, placeholder: str) -> Horizontal:
    """A line of a dialog: a label, and a text to write."""
    line = LineInput(text, placeholder=placeholder, id=f"field-{name}", compact=True, select_on_focus=False)
    return Horizontal(Label(label, markup=False), line, classes="field")


def usual(targets: Sequence[str]) -> str:
    """Placeholder for an empty line of targets."""
    if not targets:
        return "none is configured; such as :3000, localhost:3000/hook or a full URL"
    return f"as usual: {visible(' '.join(targets))}"
