"""How far a replay has come, in one line; without one it takes no room."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import RenderResult
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from relay.replaywords import Progress
from tui.facts.replaying import line
from tui.widgets.text import content


class ReplayLine(Widget):
    """The run that this screen has begun."""

    progress: reactive[Progress | None] = reactive(None)

    @dataclass
    class CancelWanted(Message):
        """Somebody clicked on it."""

        line: ReplayLine

        @property
        def control(self) -> ReplayLine:
            return self.line

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.tooltip = "Click to cancel"

    def watch_progress(self) -> None:
        self.display = self.progress is not None

    def render(self) -> RenderResult:
        return content(line(self.progress) if self.progress is not None else ())

    def on_click(self) -> None:
        self.post_message(self.CancelWanted(self))
