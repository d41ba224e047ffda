"""The edit form: a capture's request, edited by its values, as bytes or in $EDITOR, and then sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Label, Static, TextArea

from relay.control.messages import Edits
from relay.delivery.replay_options import OptionError
from relay.errors import RelayError
from relay.models import Signature
from relay.text.decoding import encoding_of
from relay.text.safe import visible
from tui.gateway import Form, Replays
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.presenters.edit_draft import BodyDraft, FormParts, Review, fits
from tui.presenters.edit_status import changed_parts, line_marks, status
from tui.presenters.format import Piece
from tui.presenters.replay import ReplayForm, doubts_about, replay_request
from tui.screens.dialogs import Confirm
from tui.screens.help import HelpScreen
from tui.screens.preview import PreviewScreen
from tui.screens.replay_dialog import usual
from tui.widgets.edit_line import EditLine
from tui.widgets.json_area import JsonArea
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.safe_inputs import FormArea, LineInput

QUICK = 8 * 1024
"""Characters of the longest text that is reviewed with each key, which takes some 2 ms."""

REST_S = 0.15
"""A longer text is reviewed in a thread after a rest of so long."""

RESTRUCTURED = "Added values are written in the style of the original; every other byte stays."


@dataclass(frozen=True, slots=True)
class Sending:
    """The result of the form."""

    edits: Edits
    form: ReplayForm


class EditScreen(Screen[Sending | None]):
    """Edits target, request line and body; every byte outside the changes stays."""

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
        self._draft = BodyDraft(form.capture.body, encoding_of(form.capture.headers))
        self._values = JsonArea(id="values", tab_behavior="focus", highlight_cursor_line=False)
        self._bytes = FormArea(id="bytes", show_line_numbers=True, tab_behavior="focus")
        self._line = EditLine(form.secret, signs=last.resign)
        self._parts: FormParts | None = None
        """The form's parts while its values are edited; None while its bytes are."""
        self._elsewhere: bytes | None = None
        """The form's text while its bytes cannot be edited here; otherwise None."""
        self._left: bytes | None = None
        """The body when its values were left for its bytes."""
        self._seen = ""
        """The text that is known; another one is an edit."""
        self._message = ""
        self._error_line: int | None = None
        """The line of the text where the JSON is broken, from 0; None where it is not."""

    def compose(self) -> ComposeResult:
        with Vertical(id="edit") as frame:
            frame.border_title = Content(f"Send capture {self._form.capture.id} again, edited")
            with Horizontal(classes="field"):
                yield Label("To", markup=False)
                yield LineInput(self._last.to, placeholder=usual(self._targets), id="field-to", compact=True)
            with Horizontal(classes="field", id="request"):
                yield Label("Request", markup=False)
                yield LineInput(id="field-request", compact=True, select_on_focus=False)
                yield Static(id="headers", markup=False)
            yield self._values
            yield self._bytes
            yield Static(id="fault", markup=False)
            yield self._line
        yield KeysFoot()

    def on_mount(self) -> None:
        self._open(self._form.text)

    # -- the two views -----------------------------------------------------------------------------

    def _open(self, text: bytes) -> None:
        """Show the values of a form, or its bytes where the body cannot be laid out."""
        try:
            self._show_values(self._form.parts(text))
        except ValueError as error:
            self._show_bytes(text)
            if not self._message:
                self._show_message(f"The body cannot be laid out, only edited as bytes: {error}.")

    def _show_values(self, parts: FormParts) -> None:
        """Lay out the body.

        Raises:
            ValueError: it is not JSON, or too large.
        """
        if parts.body != self._left:
            text = self._draft.lay_out(parts.body)
            self._values.load_text(text)
        self._parts, self._left = parts, None
        count = len(parts.headers)
        key = keymap.of(self.app).written("edit.view")
        self.query_one("#headers", Static).update(f"{count} header{'s' * (count != 1)} ({key})")
        self.query_one("#field-request", Input).value = parts.request.decode("utf-8", "replace")
        self._shown(self._values)

    def _show_bytes(self, text: bytes) -> None:
        """Show a form as text, if it can be edited here."""
        written = _short_text(text)
        self._elsewhere = text if written is None else None
        if written is None:
            in_force = keymap.of(self.app)
            editor, send = in_force.written("edit.editor"), in_force.written("edit.send")
            self._message = (
                f"This request is too large for this editor; {editor} opens $EDITOR. "
                f"{send} sends the request as it is."
            )
        if self._bytes.text != (written or ""):
            self._bytes.load_text(written or "")
            lines = (written or "").split("\n")
            self._bytes.move_cursor((next((at for at, line in enumerate(lines) if line[:1] != "#"), 0), 0))
        self._bytes.read_only = written is None
        self._parts = None
        self._shown(self._bytes)

    def _shown(self, area: FormArea) -> None:
        self._seen = area.text
        self.set_class(area is self._bytes, "-bytes")
        area.focus()
        self._show_message(self._message)
        self._review()

    @property
    def _area(self) -> FormArea:
        return self._bytes if self._parts is None else self._values

    async def action_view(self) -> None:
        """Switch between values and bytes."""
        text = await self._text()
        self._message = ""
        if self._parts is not None:
            if _short_text(text) is None:
                editor = keymap.of(self.app).written("edit.editor")
                self._show_message(
                    f"The request is too large to edit its bytes here; {editor} opens $EDITOR."
                )
                return
            self._left = self._form.parts(text).body
            self._show_bytes(text)
            return
        try:
            self._show_values(self._form.parts(text))
        except ValueError as error:
            self._show_message(f"The values cannot be shown: {error}.")

    async def _text(self) -> bytes:
        """The form as it would be edited as bytes."""
        if self._parts is None:
            return self._bytes.text.encode("utf-8") if self._elsewhere is None else self._elsewhere
        text, parts = self._values.text, self._current_parts(self._parts)
        if len(text) <= QUICK:
            body = self._draft.bytes_of(text)
        else:
            body = await asyncio.to_thread(self._draft.bytes_of, text)
        return replace(parts, body=body).text()

    def _current_parts(self, parts: FormParts) -> FormParts:
        return replace(parts, request=self.query_one("#field-request", Input).value.encode("utf-8"))

    # -- while typing ------------------------------------------------------------------------------

    @on(TextArea.Changed)
    @on(Input.Changed, "#field-request")
    def _edited(self) -> None:
        if self._area.text != self._seen:
            self._seen = self._area.text
            self._show_message("")
        self._review()

    def _review(self) -> None:
        """Judge the text, at once or after a rest."""
        if self._elsewhere is not None:
            self._line.show(())
        elif len(self._seen) <= QUICK:
            self.workers.cancel_group(self, "review")
            self._show_review(*self._reviewed(self._seen, self._parts))
        else:
            self._review_later()

    @work(group="review", exclusive=True)
    async def _review_later(self) -> None:
        await asyncio.sleep(REST_S)
        self._show_review(*await asyncio.to_thread(self._reviewed, self._seen, self._parts))

    def _reviewed(
        self, text: str, parts: FormParts | None
    ) -> tuple[Review | None, FormParts | None, int | str]:
        """The body judged, the parts of the form, and the body's first line; or why there are none."""
        if parts is not None:
            return self._draft.of_text(text), parts, 1
        try:
            parts = self._form.parts(text.encode("utf-8"))
        except ValueError as error:
            return None, None, str(error)
        body = parts.body.decode("utf-8", "replace")
        head = text.removesuffix("\n").removesuffix(body)
        return self._draft.of_bytes(parts.body), parts, head.count("\n") + 1

    def _show_review(self, review: Review | None, parts: FormParts | None, first_line: int | str) -> None:
        pieces: list[Piece] = [(visible(str(first_line)), "bad")]
        self._error_line = None
        if review is not None and parts is not None and isinstance(first_line, int):
            others = changed_parts(self._form.original, self._current_parts(parts) if self._parts else parts)
            pieces = status(review, others, first_line=first_line)
            if review.error is not None:
                self._error_line = review.error.line + first_line - 1
            if self._parts is not None:
                self._values.show_marks(line_marks(review))
                if not self._message and review.changes is not None and review.changes.is_restructured:
                    self.query_one("#fault", Static).update(Content.styled(RESTRUCTURED, "$dim"))
            self._line.suggest_signing(review.is_changed and self._form.capture.signature is Signature.VALID)
        self._line.show(pieces)

    @on(EditLine.Clicked)
    def _go_to_error(self) -> None:
        """Put the cursor on the line where the JSON is broken."""
        if self._error_line is not None:
            self._area.move_cursor((self._error_line, 0), center=True)
            self._area.focus()

    @on(events.Click, "#headers")
    async def _show_headers(self) -> None:
        await self.action_view()

    def _show_message(self, text: str) -> None:
        self._message = text
        self.query_one("#fault", Static).update(Content(visible(text)))

    # -- sending -----------------------------------------------------------------------------------

    @work(group="dialog", exclusive=True)
    async def action_send(self) -> None:
        sending = await self._sending()
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
        else:
            self._go_to_error()

    async def action_dry_run(self) -> None:
        sending = await self._sending()
        if sending is not None:
            self._show_message("")
            request = replay_request([self._form.capture.id], sending.form, sending.edits)
            self.app.push_screen(PreviewScreen(self._replays, request))

    async def _sending(self) -> Sending | None:
        """The result of the form; None where it is wrong, and the error is shown."""
        form = ReplayForm(to=self.query_one("#field-to", Input).value, resign=self._line.signs)
        try:
            edits = self._form.read(await self._text())
            replay_request([self._form.capture.id], form, edits)
        except OptionError as error:
            self._show_message(str(error))
            self.query_one("#field-to", Input).focus()
            return None
        except ValueError as error:
            self._show_message(str(error))
            return None
        return Sending(edits, form)

    async def action_editor(self) -> None:
        """Edit in $EDITOR what is shown here, with the body laid out where it is."""
        parts = self._parts
        if parts is None:
            text = await self._text()
        else:
            text = replace(self._current_parts(parts), body=self._values.text.encode("utf-8")).text()
        try:
            with self.app.suspend():
                made = self._form.edit(text)
        except SuspendNotSupported:
            self._show_message("This terminal cannot run an editor.")
            return
        except RelayError as error:
            self._show_message(str(error))
            return
        self._message = ""
        if parts is None and self._elsewhere is None:
            self._show_bytes(made)
        elif parts is None:
            self._open(made)
        else:
            self._take_values(made, parts)

    def _take_values(self, made: bytes, parts: FormParts) -> None:
        """Show what $EDITOR made of a form with a laid-out body."""
        try:
            found = self._form.parts(made)
            text = found.body.decode("utf-8")
        except ValueError as error:
            head, blank, body = made.partition(b"\n\n")
            kept = self._draft.bytes_of(body.removesuffix(b"\n").decode("utf-8", "replace"))
            self._show_bytes(head + blank + kept + b"\n")
            self._show_message(str(error))
            return
        self._values.load_text(text)
        self._left = parts.body
        self._show_values(replace(found, body=parts.body))

    @work(group="dialog", exclusive=True)
    async def action_leave(self) -> None:
        to = self.query_one("#field-to", Input).value
        changed = await self._text() != self._form.text or to != self._last.to
        lost = "Your changes will be lost; nothing is sent."
        ask = Confirm("Close the form?", lost, "Yes, close", "No, stay")
        if not changed or await self.app.push_screen_wait(ask):
            self.dismiss(None)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))


def _short_text(text: bytes) -> str | None:
    """A form as text; None if it is too large to edit here."""
    written = text.decode("utf-8", "replace")
    return written if fits(written) else None
