"""A main screen without a terminal: what tests of controllers start from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from textual.screen import Screen

from relay.config import Settings
from relay.errors import RelayError
from relay.models import Capture, CaptureRow
from tests.support.factories import insert_all, new_log
from tui.gateway import Gateway
from tui.gateway.engine import EngineClient
from tui.keyboard.keymap import Keymap
from tui.main.context import Work
from tui.presenters.blocks import CaptureDetail
from tui.presenters.status import EngineState, Status

T = TypeVar("T")


class ScriptedEngine(EngineClient):
    """Notes what the engine would do; refuses it where `refusal` is set."""

    refusal: RelayError | None = None

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway.db, lambda: gateway.settings)
        self.done: list[tuple[Any, ...]] = []

    def _note(self, *what: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.done.append(what)

    async def star(self, ids: Sequence[int], starred: bool) -> None:
        self._note("star", list(ids), starred)

    async def note(self, ids: Sequence[int], text: str | None) -> None:
        self._note("note", list(ids), text)

    async def prune(self, ids: Sequence[int]) -> int:
        self._note("prune", list(ids))
        return len(ids)

    async def pause(self, paused: bool) -> None:
        self._note("pause", paused)


@dataclass
class FakeTimer:
    """A timer that the test lets run off."""

    fire: Callable[[], Any]
    seconds: float
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True


class FakeServices:
    """Notes what a controller shows, and answers dialogs with what the test has put into `answers`."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.dialogs: list[Screen[Any]] = []
        self.opened: list[Screen[Any]] = []
        self.copied: list[str] = []
        self.notices: list[str] = []
        self.errors: list[RelayError] = []
        self.timers: list[FakeTimer] = []
        self._tasks: dict[str, list[asyncio.Future[None]]] = {}

    def start(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        if exclusive:
            self.cancel(group)
        self._tasks.setdefault(group, []).append(asyncio.ensure_future(work()))

    def cancel(self, group: str) -> None:
        for task in self._tasks.pop(group, []):
            task.cancel()

    async def settled(self) -> None:
        """Return once all that was started has ended."""
        while self._tasks:
            for task in self._tasks.pop(next(iter(self._tasks))):
                with suppress(asyncio.CancelledError):
                    await task

    async def let_run(self) -> None:
        """Let what was started go on for a moment."""
        await asyncio.sleep(0.001)

    def call_after(self, seconds: float, call: Callable[[], Any]) -> FakeTimer:
        self.timers.append(FakeTimer(call, seconds))
        return self.timers[-1]

    def call_later(self, call: Callable[[], Any]) -> None:
        call()

    async def ask(self, dialog: Screen[T]) -> T | None:
        self.dialogs.append(dialog)
        answer: T | None = self.answers.pop(0)
        return answer

    def open(self, screen: Screen[Any]) -> None:
        self.opened.append(screen)

    def copy(self, text: str) -> None:
        self.copied.append(text)

    def key(self, id: str) -> str:
        return Keymap().written(id)

    def show_notice(self, text: str, **_how: Any) -> None:
        self.notices.append(text)

    def failed(self, error: RelayError) -> None:
        self.errors.append(error)


class FakeContext:
    """A `CaptureContext` on a database; what is selected, and how the engine is, the test says."""

    def __init__(self, folder: Path, captures: Iterable[Capture] = ()) -> None:
        self.log = new_log(folder / "relay.db")
        insert_all(self.log, captures)
        self.gateway = Gateway(Settings(db=folder / "relay.db"))
        self.engine = self.gateway.engine = ScriptedEngine(self.gateway)
        self.ui = FakeServices()
        self.engine_status = Status(engine=EngineState.RUNNING, url="http://127.0.0.1:5326")
        self.cursor: int | None = None
        self.detail: CaptureDetail | None = None
        self.selected: list[int] = []
        self.value: tuple[str, str] | None = None
        self.went_to: list[int] = []
        self.refreshed = 0
        self.unreadable: list[RelayError] = []

    def __enter__(self) -> FakeContext:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.gateway.close()
        self.log.close()

    def selected_ids(self) -> list[int]:
        return self.selected

    def row(self, number: int | None) -> CaptureRow | None:
        return None if number is None else self.gateway.rows([number]).get(number)

    def value_at_cursor(self) -> tuple[str, str] | None:
        return self.value

    def go_to(self, number: int) -> None:
        self.went_to.append(number)

    def refresh_list(self, *, unmark: Collection[int] = ()) -> None:
        self.refreshed += 1

    def refresh_keys(self) -> None:
        pass

    def cannot_read(self, error: RelayError) -> None:
        self.unreadable.append(error)
