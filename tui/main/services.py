"""Services for controllers, by Textual: background work, dialogs, notices, the clipboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from textual.screen import Screen
from textual.worker import Worker

from relay.errors import RelayError
from relay.text.safe import visible
from tui.keyboard import keymap
from tui.main.context import Stoppable, Work
from tui.presenters.messages import Notice, Severity
from tui.widgets.message_line import MessageLine

T = TypeVar("T")


class ScreenServices:
    """The `Services` of one screen; work that it starts ends with the screen."""

    def __init__(self, screen: Screen[Any], line: MessageLine) -> None:
        """
        Args:
            line: shows the notices.
        """
        self._screen, self._line = screen, line

    def start(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        _: Worker[None] = self._screen.run_worker(work, group=group, exclusive=exclusive)

    def cancel(self, group: str) -> None:
        self._screen.workers.cancel_group(self._screen, group)

    def call_after(self, seconds: float, call: Callable[[], Any]) -> Stoppable:
        return self._screen.set_timer(seconds, call)

    def call_later(self, call: Callable[[], Any]) -> None:
        self._screen.call_later(call)

    async def ask(self, dialog: Screen[T]) -> T | None:
        return await self._screen.app.push_screen_wait(dialog)

    def open(self, screen: Screen[Any]) -> None:
        self._screen.app.push_screen(screen)

    def copy(self, text: str) -> None:
        self._screen.app.copy_to_clipboard(text)

    def key(self, id: str) -> str:
        return keymap.of(self._screen.app).written(id)

    def show_notice(
        self,
        text: str,
        *,
        title: str = "",
        severity: Severity = "information",
        captures: Sequence[int] = (),
    ) -> None:
        self._line.show(Notice(text, title, severity, captures))

    def failed(self, error: RelayError) -> None:
        self.show_notice(visible(str(error)), title=error.word or "", severity="error")
