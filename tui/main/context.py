"""The interface of the main screen for its controllers, and functions they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from textual.screen import Screen

from relay.errors import RelayError
from relay.models import CaptureRow
from tui.gateway import Gateway
from tui.presenters.blocks import CaptureDetail
from tui.presenters.messages import Severity
from tui.presenters.status import EngineState, Status

T = TypeVar("T")

Work = Callable[[], Coroutine[None, None, None]]


class Stoppable(Protocol):
    """A timer."""

    def stop(self) -> None:
        """Stop the timer."""


class Services(Protocol):
    """Services of the terminal UI for a controller: background work, dialogs, notices."""

    def start(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        """Run in the background; `exclusive` cancels other work of the group."""

    def cancel(self, group: str) -> None:
        """Cancel the work of a group."""

    def call_after(self, seconds: float, call: Callable[[], Any]) -> Stoppable:
        """Call once, after a time."""

    def call_later(self, call: Callable[[], Any]) -> None:
        """Call once the screen has handled the current message."""

    async def ask(self, dialog: Screen[T]) -> T | None:
        """Show a dialog and wait for its result; for background work only."""

    def open(self, screen: Screen[Any]) -> None:
        """Show another screen on top."""

    def copy(self, text: str) -> None:
        """Put a text into the clipboard."""

    def key(self, id: str) -> str:
        """The key of an action, as written in a sentence."""

    def show_notice(
        self,
        text: str,
        *,
        title: str = "",
        severity: Severity = "information",
        captures: Sequence[int] = (),
    ) -> None:
        """Show a literal text until the next one, or until the user acts.

        Args:
            captures: what it is about, which a key then shows.
        """

    def failed(self, error: RelayError) -> None:
        """Show an error."""


class CaptureContext(Protocol):
    """The main screen: captures, and those that an action applies to."""

    @property
    def gateway(self) -> Gateway:
        """The database and its engine."""

    @property
    def ui(self) -> Services:
        """The terminal UI."""

    @property
    def engine_status(self) -> Status:
        """The engine's status, at most some seconds old."""

    @property
    def cursor(self) -> int | None:
        """The capture under the cursor, marked or not."""

    @property
    def detail(self) -> CaptureDetail | None:
        """The capture in the detail; may briefly be the previous one."""

    def selected_ids(self) -> list[int]:
        """The marked captures, or the one under the cursor; ascending."""

    def row(self, number: int | None) -> CaptureRow | None:
        """The row of a capture; None if it does not exist."""

    def value_at_cursor(self) -> tuple[str, str] | None:
        """Path and JSON of the value under the body's cursor, while the body is open."""

    def go_to(self, number: int) -> None:
        """Put the cursor on a capture; a filter that hides it is turned off."""

    def refresh_list(self, *, unmark: Collection[int] = ()) -> None:
        """Read the rows again, after a change.

        Args:
            unmark: captures that need no mark any more; the others keep theirs.
        """

    def refresh_keys(self) -> None:
        """Grey out the keys that do not work now."""

    def cannot_read(self, error: RelayError) -> None:
        """Stop reading the database until it can be read again."""


def no_capture(context: CaptureContext) -> str | None:
    """Why an action on captures cannot run; None where there is a capture."""
    return None if context.selected_ids() else "No capture is selected."


def no_engine(context: CaptureContext) -> str | None:
    """Why an action of the engine cannot run; None where an engine may be running."""
    if context.engine_status.engine is EngineState.GONE:
        return "This needs a running engine; start one with `lean-relay listen`."
    return None


async def act(context: CaptureContext, work: Callable[[], Awaitable[None]], done: str | None) -> None:
    """Have the engine do something, and show the result.

    Args:
        done: shown on success; None where the screen shows it anyway.
    """
    try:
        await work()
    except RelayError as error:
        context.ui.failed(error)
        return
    if done is not None:
        context.ui.show_notice(done)
    context.refresh_list()
