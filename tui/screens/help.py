"""The keys of the place one is in, and what the signs in the list mean."""

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
from tui.widgets.text import content

SIGNS: tuple[tuple[str, str], ...] = (
    ("✓ 200", "the backend answered as Lean wants it: delivered"),
    ("✗ 500", "Lean would try again; also ✗ timeout and the like"),
    ("… → ‖", "queued, on its way, parked"),
    ("↻", "a repeat: its event_id came before"),
    ("≠ ? ¬", "the body drifts from what Lean documents; an unknown type; not JSON"),
    ("◇", "a sample, made by lean-relay"),
    ("!500", "the relay itself answered so, on purpose"),
    ("★ ✎ ●", "starred, noted, marked"),
)
"""What stands in the list without a word."""


class HelpScreen(ModalScreen[None]):
    """Keys, signs and the filter's words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "close"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def __init__(self, title: str, keys: Sequence[Key]) -> None:
        """
        Args:
            title: the place that it is about.
            keys: those that work there.
        """
        super().__init__()
        self._title, self._keys = title, keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog -tall") as dialog:
            dialog.border_title = Content(self._title)
            dialog.border_subtitle = Content("Esc closes")
            yield Static(content(pieces(keymap.of(self.app).applied(self._keys))), markup=False)

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
