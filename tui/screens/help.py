"""Help: the keys that work where you are, and the signs of the list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from relay.filters import HELP
from tui.keyboard import keymap
from tui.keyboard.keys import Key
from tui.presenters.format import Piece
from tui.screens.manual import ManualScreen
from tui.widgets.text import content

SIGNS: tuple[tuple[str, str], ...] = (
    ("✓ 200", "delivered: the backend responded with 200 within 10 s"),
    ("✗ 500", "failed: Lean would retry; also ✗ timeout and similar"),
    ("… → ‖", "queued, sending, parked"),
    ("↻", "a repeat of an event_id that came before"),
    ("≠ ? ¬", "the body differs from Lean's documentation; unknown type; not JSON"),
    ("◇", "a sample made by lean-relay"),
    ("!500", "the relay itself responded with this, on purpose"),
    ("★ ✎ ●", "starred, noted, marked"),
)
"""Signs of the list, with their meaning."""


class HelpScreen(ModalScreen[None]):
    """Keys, signs and the filter language."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "close"),
        Binding("m", "manual", "manual"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def __init__(self, title: str, keys: Sequence[Key]) -> None:
        """
        Args:
            title: where the keys work.
            keys: the keys.
        """
        super().__init__()
        self._title, self._keys = title, keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog -tall") as dialog:
            dialog.border_title = Content(self._title)
            dialog.border_subtitle = Content("m manual  Esc closes")
            yield Static(content(pieces(keymap.of(self.app).applied(self._keys))), markup=False)

    def action_manual(self) -> None:
        self.app.push_screen(ManualScreen())

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def pieces(keys: Sequence[Key]) -> Iterator[Piece]:
    """The whole help as text."""
    order = list(dict.fromkeys(key.group for key in keys))
    for group, of_group in groupby(
        sorted(keys, key=lambda key: order.index(key.group)), lambda key: key.group
    ):
        yield f"{group}\n", "strong"
        for key in of_group:
            yield f"  {key.written:<12}", "accent"
            yield f"{key.tooltip}\n", "plain"
        yield "\n", "plain"
    for heading, width, rows in (("Signs", 12, SIGNS), ("The filter", 28, HELP)):
        yield f"{heading}\n", "strong"
        for written, meaning in rows:
            yield f"  {written:<{width}}", "accent"
            yield f"{meaning}\n", "plain"
        yield "\n", "plain"
