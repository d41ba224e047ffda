"""The line under an edited request: what it would be, and whether it is signed again."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from relay.text.safe import visible
from tui.presenters.format import Piece
from tui.widgets.text import content
from tui.widgets.toggle import Toggle


class EditLine(Horizontal):
    """A status and a checkbox, which switches itself until it was switched by hand."""

    class Clicked(Message):
        """The status was clicked."""

    def __init__(self, secret: str | None, *, signs: bool) -> None:
        """
        Args:
            secret: name of the secret that would sign.
            signs: whether the request is signed again even if it is not changed.
        """
        super().__init__()
        label = "sign again" if secret is None else f"sign again with {visible(secret)}"
        self._toggle = Toggle(label, signs, id="resign")
        self._status = Static(id="edit-status", markup=False)
        self._signs_always = signs
        self._is_chosen = False

    def compose(self) -> ComposeResult:
        yield self._status
        yield self._toggle

    @property
    def signs(self) -> bool:
        """Whether the request is signed again."""
        return self._toggle.value

    def show(self, pieces: Iterable[Piece]) -> None:
        """Show a status."""
        spaced: list[Piece] = []
        for piece in pieces:
            spaced += [("  ", "plain"), piece] if spaced else [piece]
        self._status.update(content(spaced))

    def suggest_signing(self, signs: bool) -> None:
        """Switch signing, unless that was done by hand."""
        if not self._is_chosen:
            self._toggle.value = self._signs_always or signs

    def on_toggle_changed(self) -> None:
        self._is_chosen = True

    @on(events.Click, "#edit-status")
    def _clicked(self) -> None:
        self.post_message(self.Clicked())
