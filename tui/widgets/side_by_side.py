"""Two captures side by side, as scrolling lines with folds."""

from __future__ import annotations

from textual import events

from tui.keyboard import keymap
from tui.presenters.comparison import ALL, Comparison, Fold, Laid, laid_out
from tui.presenters.format import Tone, wrapped
from tui.widgets.lines import Line, LinesView

KEYS = {
    Fold.INCIDENTAL: "compare.ids",
    Fold.HEADERS: "compare.headers",
    Fold.SAME: "compare.same",
}
"""Fold -> id of its key."""


class SideBySide(LinesView):
    """The fields of two captures; a message before they are read."""

    def __init__(self) -> None:
        super().__init__()
        self._comparison: Comparison | None = None
        self._message: tuple[str, Tone] = ("Comparing …", "dim")
        self._open: frozenset[Fold] = frozenset()
        self._laid = Laid([], {})

    def show(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._open = comparison.first_open
        self.lines_changed(to_top=True)

    def show_message(self, text: str, tone: Tone) -> None:
        """Show a message instead of captures; safe to show."""
        self._comparison, self._message = None, (text, tone)
        self.lines_changed(to_top=True)

    def turn(self) -> None:
        """Swap the sides."""
        if self._comparison is not None:
            self._comparison = self._comparison.turned()
            self.lines_changed(to_top=False)

    def toggle(self, fold: Fold) -> None:
        """Open or close a fold."""
        self._open ^= {fold}
        self.lines_changed(to_top=False)

    def toggle_all(self) -> None:
        """Open all folds, or close them if all are open."""
        there = ALL if self._comparison is None else frozenset(self._comparison.folds)
        self._open = frozenset() if there <= self._open else ALL
        self.lines_changed(to_top=False)

    def lines_for(self, width: int) -> list[Line]:
        if self._comparison is None:
            text, tone = self._message
            self._laid = Laid([[(line, tone)] for line in wrapped(text, width)], {})
        else:
            written = keymap.of(self.app).written
            keys = {fold: written(id) for fold, id in KEYS.items()}
            self._laid = laid_out(self._comparison, width, self._open, keys)
        return self._laid.lines

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and (fold := self._laid.fold_at(at.y + self.scroll_offset.y, at.x)) is not None:
            event.stop()
            self.toggle(fold)
