"""The edit form: a capture's request, edited here or in $EDITOR, and then sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Label, Static

from relay.control.messages import Edits
from relay.delivery.replay_options import OptionError
from relay.errors import RelayError
from relay.text.safe import visible
from tui.gateway import Form, Replays
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.presenters.replay import ReplayForm, doubts_about, replay_request
from tui.screens.dialogs import Confirm
from tui.screens.help import HelpScreen
from tui.screens.preview import PreviewScreen
from tui.screens.replay_dialog import RESIGN, usual
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.safe_inputs import FormArea, LineInput
from tui.widgets.toggle import Toggle

MOST_HERE = 256 * 1024
"""Bytes of the largest form that can be edited here; larger ones need $EDITOR."""


@dataclass(frozen=True, slots=True)
class Sending:
    """The result of the form."""

    edits: Edits
    form: ReplayForm


class EditScreen(Screen[Sending | None]):
    """Edits method, path, headers and body; every other byte stays."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.EDIT)]
    KEYS: ClassVar[tuple[Key, ...]] = keys.EDIT

    def __init__(self, replays: Replays, form: Form, targets: Sequence[str], last: ReplayForm) -> None:
        """
        Args:
            replays: for the dry run.
            targets: the configured ones.
            last: the form as it was sent last.
        """
        super().__init__()
        self._replays = replays
        self._form, self._targets, self._last = form, targets, last
        self._area = FormArea(soft_wrap=True, show_line_numbers=True, tab_behavior="focus")
        self._error = Static(id="fault", markup=False)
        self._elsewhere: bytes | None = None
        """The form's text, if this editor would not keep every byte; otherwise None."""

    def compose(self) -> ComposeResult:
        number = self._form.capture.id
        yield Static(Content(f"Send capture {number} again, edited"), id="edit-title", markup=False)
        yield self._area
        yield self._error
        with Horizontal(classes="field"):
            yield Label("To", markup=False)
            yield LineInput(self._last.to, placeholder=usual(self._targets), id="field-to", compact=True)
        yield Toggle(RESIGN, self._last.resign, id="resign")
        yield KeysFoot()

    def on_mount(self) -> None:
        self._take(self._form.text)
        self._area.focus()

    def _take(self, text: bytes) -> None:
        """Show a form, if it can be edited here without losing a byte."""
        try:
            written = text.decode("utf-8") if len(text) <= MOST_HERE else None
        except UnicodeDecodeError:
            written = None
        if written is not None:
            self._area.load_text(written)
        if written is not None and self._area.text == written:
            self._elsewhere = None
            self._area.read_only = False
            remarks = next((at for at, line in enumerate(written.split("\n")) if line[:1] != "#"), 0)
            self._area.move_cursor((remarks, 0))
            return
        why = (
            "This request is too large for this editor"
            if len(text) > MOST_HERE
            else "This editor would change line ends or bytes of this request"
        )
        self._elsewhere = text
        self._area.load_text("")
        self._area.read_only = True
        in_force = keymap.of(self.app)
        editor, send = in_force.written("edit.editor"), in_force.written("edit.send")
        self._show_message(f"{why}; {editor} opens $EDITOR. {send} sends the request as it is.")

    def _text(self) -> bytes:
        return self._area.text.encode("utf-8") if self._elsewhere is None else self._elsewhere

    def _show_message(self, text: str) -> None:
        self._error.update(Content(visible(text)))

    @work(group="dialog", exclusive=True)
    async def action_send(self) -> None:
        sending = self._sending()
        if sending is None:
            return
        if sending.edits == Edits() and not sending.form.resign and not sending.form.to.strip():
            written = keymap.of(self.app).written
            leave, replay = written("edit.leave"), written("capture.replay")
            self._show_message(
                f"Nothing was changed. {leave} closes; {replay} replays the capture unchanged."
            )
            return
        doubts = list(doubts_about(self._form.capture, sending.edits, resign=sending.form.resign))
        ask = Confirm("Send it anyway?", "\n".join(doubts), "Yes, send", "No, back to the form")
        if not doubts or await self.app.push_screen_wait(ask):
            self.dismiss(sending)

    def action_dry_run(self) -> None:
        sending = self._sending()
        if sending is not None:
            self._show_message("")
            request = replay_request([self._form.capture.id], sending.form, sending.edits)
            self.app.push_screen(PreviewScreen(self._replays, request))

    def _sending(self) -> Sending | None:
        """The result of the form; None where it is wrong, and the error is shown."""
        form = ReplayForm(to=self.query_one("#field-to", Input).value, resign=self.query_one(Toggle).value)
        try:
            edits = self._form.read(self._text())
            replay_request([self._form.capture.id], form, edits)
        except OptionError as error:
            self._show_message(str(error))
            self.query_one("#field-to", Input).focus()
            return None
        except ValueError as error:
            self._show_message(str(error))
            return None
        return Sending(edits, form)

    def action_editor(self) -> None:
        try:
            with self.app.suspend():
                made = self._form.edit(self._text())
        except SuspendNotSupported:
            self._show_message("This terminal cannot run an editor.")
            return
        except RelayError as error:
            self._show_message(str(error))
            return
        self._show_message("")
        self._take(made)

    @work(group="dialog")
    async def action_leave(self) -> None:
        changed = self._text() != self._form.text
        lost = "Your changes will be lost; nothing is sent."
        ask = Confirm("Close the form?", lost, "Yes, close", "No, stay")
        if not changed or await self.app.push_screen_wait(ask):
            self.dismiss(None)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))
