"""Two captures side by side, as scrolling lines."""

from __future__ import annotations

from tui.presenters.comparison import Comparison, lines
from tui.presenters.format import Tone, wrapped
from tui.widgets.lines import Line, LinesView


class SideBySide(LinesView):
    """The fields of two captures; a message before they are read."""

    def __init__(self) -> None:
        super().__init__()
        self._comparison: Comparison | None = None
        self._message: tuple[str, Tone] = ("Comparing …", "dim")
        self.every = True
        """Equal fields are shown too."""

    def show(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self.lines_changed(to_top=True)

    def show_message(self, text: str, tone: Tone) -> None:
        """Show a message instead of captures; safe to show."""
        self._message = (text, tone)
        self.lines_changed(to_top=True)

    def turn(self) -> None:
        """Swap the sides."""
        if self._comparison is not None:
            self._comparison = self._comparison.turned()
            self.lines_changed(to_top=False)

    def show_every(self, every: bool) -> None:
        """Show or hide equal fields."""
        self.every = every
        self.lines_changed(to_top=False)

    def lines_for(self, width: int) -> list[Line]:
        if self._comparison is None:
            text, tone = self._message
            return [[(line, tone)] for line in wrapped(text, width)]
        return lines(self._comparison, width, every=self.every)
