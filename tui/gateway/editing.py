"""A capture's request as a form that a person edits, here or in an editor of theirs; secrets stay masked."""

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
    """One capture's form."""

    capture: Capture
    """As it came."""
    shown: Capture
    """With the values of secret headers masked."""
    text: bytes

    def read(self, text: bytes) -> Edits:
        """What was changed; a mask that was left as it is stands for the value behind it.

        Raises:
            ValueError: it cannot be read; says in which line.
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
        """What the person's own editor makes of a text; the terminal is its, so nothing else may write there.

        Raises:
            RelayError: there is no such editor, or it failed.
        """
        with editor.edited(text, f"capture-{self.capture.id}.http") as file:
            return file.open()


def form(capture: Capture, settings: Settings) -> Form:
    """The form of a capture."""
    shown = mask_capture(capture, settings.mask_headers)
    return Form(capture, shown, edit_form.written(shown))
