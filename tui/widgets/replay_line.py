"""Progress of a replay, in one line; hidden without one."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import RenderResult
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from relay.control.messages import ReplayStatus
from tui.keyboard import keymap
from tui.presenters.replay import line, line_of_others
from tui.widgets.text import content


class ReplayLine(Widget):
    """The run that this screen has started; without one, those started elsewhere."""

    progress: reactive[ReplayStatus | None] = reactive(None)
    others: reactive[tuple[ReplayStatus, ...]] = reactive(())

    @dataclass
    class CancelWanted(Message):
        """The line was clicked."""

        line: ReplayLine

        @property
        def control(self) -> ReplayLine:
            return self.line

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.tooltip = "Click to cancel"

    def watch_progress(self) -> None:
        self._show()

    def watch_others(self) -> None:
        self._show()

    def _show(self) -> None:
        self.display = self.progress is not None or bool(self.others)

    def render(self) -> RenderResult:
        cancel = keymap.of(self.app).written("look.back")
        if self.progress is not None:
            return content(line(self.progress, cancel))
        return content(line_of_others(self.others, cancel) if self.others else ())

    def on_click(self) -> None:
        self.post_message(self.CancelWanted(self))
