"""Help: the keys that work where you are, the signs of the list, and the filter language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from tui.keyboard import keymap
from tui.keyboard.keys import Key
from tui.presenters import help
from tui.presenters.help import HelpPage
from tui.widgets.lines import Line, LinesView


class HelpScreen(ModalScreen[None]):
    """Pages of help, one at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "close"),
        Binding("m", "manual", "manual"),
        Binding("tab,right,right_square_bracket", "turn(1)", show=False, priority=True),
        Binding("shift+tab,left,left_square_bracket", "turn(-1)", show=False, priority=True),
    ]

    def __init__(self, title: str, keys: Sequence[Key]) -> None:
        """
        Args:
            title: where the keys work.
            keys: the keys.
        """
        super().__init__()
        self._title, self._keys = title, keys
        self._pages: tuple[HelpPage, ...] = ()
        self._place = 0
        self._text = HelpText()
        self._dialog = Vertical(classes="dialog -tall")

    def compose(self) -> ComposeResult:
        with self._dialog:
            yield self._text

    def on_mount(self) -> None:
        self._pages = help.pages(self._title, tuple(keymap.of(self.app).applied(self._keys)))
        self._dialog.border_subtitle = Content("Tab next page  m manual  Esc closes")
        self._text.focus()
        self._show()

    def _show(self) -> None:
        parts: list[str | tuple[str, str]] = []
        for place, page in enumerate(self._pages):
            parts += ["  " if place else "", (page.title, "reverse" if place == self._place else "$dim")]
        self._dialog.border_title = Content.assemble(*parts)
        self._text.show(self._pages[self._place])

    def action_turn(self, by: int) -> None:
        self._place = (self._place + by) % len(self._pages)
        self._show()

    def action_manual(self) -> None:
        from tui.screens.manual import ManualScreen  # Markdown takes 60 ms to load, which no start needs.

        self.app.push_screen(ManualScreen())


class HelpText(LinesView):
    """One page of help."""

    _page: HelpPage | None = None

    def show(self, page: HelpPage) -> None:
        """Show a page from its top."""
        self._page = page
        self.lines_changed(to_top=True)

    def lines_for(self, width: int) -> list[Line]:
        return [] if self._page is None else list(help.lines(self._page, width))
