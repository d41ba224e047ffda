"""A capture's request as a form to edit, on the screen or in $EDITOR; secrets stay masked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec

from relay.config import Settings, preferred_secret
from relay.control.messages import Edits
from relay.delivery import edit_form, editor
from relay.delivery.edits import edited
from relay.models import Capture, Headers
from relay.models.imports import BUNDLE
from relay.text.safe import mask_capture
from tui.presenters.edit_draft import FormParts


@dataclass(frozen=True, slots=True)
class Form:
    """The edit form of a capture."""

    capture: Capture
    """As received."""
    shown: Capture
    """With the values of secret headers masked."""
    text: bytes
    secret: str | None
    """Name of the secret that signs it again, as far as it is known here."""

    original: FormParts | None
    """The parts of `text`; None where it is not valid."""

    def parts(self, text: bytes) -> FormParts:
        """The parts of a form.

        Raises:
            ValueError: the form is not valid; names the line.
        """
        return _parts(text, self.shown)

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
        """The headers with the values that their masks hide; equal masks hide theirs in order."""
        hidden: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for shown, came in zip(self.shown.headers, self.capture.headers, strict=True):
            if shown != came:
                hidden.setdefault(shown, []).append(came)
        given: Counter[tuple[str, str]] = Counter()
        found: list[tuple[str, str]] = []
        for pair in headers:
            values = hidden.get(pair, [pair])
            found.append(values[min(given[pair], len(values) - 1)])
            given[pair] += 1
        return tuple(found)

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
    text = edit_form.written(shown)
    try:
        original = _parts(text, shown)
    except ValueError:
        original = None
    return Form(capture, shown, text, _secret(capture, settings), original)


def _parts(text: bytes, shown: Capture) -> FormParts:
    made = edited(shown, edit_form.read(text, shown))
    head, _, _ = edit_form.written(made).partition(b"\n\n")
    lines = head.rstrip(b"\n").split(b"\n")
    first = next(at for at, line in enumerate(lines) if not line.startswith(b"#"))
    return FormParts(tuple(lines[:first]), lines[first], tuple(lines[first + 1 :]), made.body)


def _secret(capture: Capture, settings: Settings) -> str | None:
    known = {source.name: b"" for source in settings.secrets}
    if capture.signed_by is not None and (
        capture.signed_by in known or not known or capture.signed_by.startswith(BUNDLE)
    ):
        return capture.signed_by
    return preferred_secret(known) if known else None
