"""A capture's request as a form to edit, on the screen or in $EDITOR; secrets stay masked."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from relay.config import Settings
from relay.control.messages import Edits
from relay.delivery import edit_form, editor
from relay.models import Capture, Headers
from relay.text.safe import mask_capture


@dataclass(frozen=True, slots=True)
class Form:
    """The edit form of a capture."""

    capture: Capture
    """As received."""
    shown: Capture
    """With the values of secret headers masked."""
    text: bytes

    def read(self, text: bytes) -> Edits:
        """Read the edits from a form; an unchanged mask keeps the original value.

        Raises:
            ValueError: the form is not valid; names the line.
        """
        edits = edit_form.read(text, self.shown)
        if edits.headers is None:
            return edits
        return msgspec.structs.replace(edits, headers=self._unmasked(edits.headers))

    def _unmasked(self, headers: Headers) -> Headers:
        behind = {
            shown: came
            for shown, came in zip(self.shown.headers, self.capture.headers, strict=True)
            if shown != came
        }
        return tuple(behind.get(pair, pair) for pair in headers)

    def edit(self, text: bytes) -> bytes:
        """Edit a text in $EDITOR, which owns the terminal meanwhile: nothing else may write there.

        Raises:
            RelayError: the editor does not exist, or failed.
        """
        with editor.edited(text, f"capture-{self.capture.id}.http") as file:
            return file.open()


def form(capture: Capture, settings: Settings) -> Form:
    """The form of a capture."""
    shown = mask_capture(capture, settings.mask_headers)
    return Form(capture, shown, edit_form.written(shown))
