"""The newest message, above the foot: nothing lies over the list or the detail. Hidden without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Static

from tui.presenters.messages import Notice, pieces
from tui.widgets.text import content


class MessageLine(Static):
    """A message stays until the next one, or until the user acts or puts it away."""

    @dataclass
    class OpenWanted(Message):
        """The line was clicked: show the captures that the message is about."""

        line: MessageLine

        @property
        def control(self) -> MessageLine:
            return self.line

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._notice: Notice | None = None

    def show(self, notice: Notice) -> None:
        """Show a message in place of the one before."""
        self._notice = notice
        self.update(content(pieces(notice)))
        self.display = True

    def clear(self) -> None:
        """Put the message away."""
        self._notice = None
        self.display = False

    @property
    def is_shown(self) -> bool:
        """Whether there is a message."""
        return self._notice is not None

    @property
    def captures(self) -> Sequence[int]:
        """Captures that the message is about; empty where it offers none."""
        return self._notice.captures if self._notice is not None else ()

    def on_click(self) -> None:
        if self.captures:
            self.post_message(self.OpenWanted(self))
        else:
            self.clear()
