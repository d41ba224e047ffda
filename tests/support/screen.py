"""The terminal UI on a log of its own, without a terminal: what Pilot tests start from."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from relay.config import Settings
from relay.models import Capture
from tests.support.factories import insert_all, new_log
from tests.support.quick import Quick
from tui.app import RelayApp
from tui.gateway import Gateway
from tui.main.screen import MainScreen
from tui.presenters.status import EngineState


class Showing:
    """A running screen, its log, and the keys."""

    log: sqlite3.Connection
    """Writes as an engine would, where the log is the test's own."""

    def __init__(self, pilot: Quick) -> None:
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys in turn."""
        await self.pilot.press(*keys)

    async def press_at_once(self, *keys: str) -> None:
        """Press keys that come in one read."""
        await self.pilot.press_at_once(*keys)

    def text(self) -> str:
        """Everything on the screen, as a person reads it."""
        screen = self.pilot.app.screen
        width = screen.size.width
        strips = screen._compositor.render_strips()
        return "\n".join(strip.crop(0, width).text.rstrip() for strip in strips)

    def works_at(self, *groups: str) -> bool:
        """Whether work of one of these groups has not ended."""
        return any(not worker.is_finished for worker in self.pilot.app.workers if worker.group in groups)

    async def shows(self, *parts: str, within_s: float = 60.0) -> str:
        """Wait until all these are on the screen; gives the text of it."""
        try:
            await wait_for(
                self.pilot, lambda: all(part in self.text() for part in parts), str(parts), within_s
            )
        except AssertionError as error:
            raise AssertionError(f"{error} in\n{self.text()}") from None
        return self.text()

    async def shows_no(self, part: str) -> None:
        """Wait until this is not on the screen."""
        await wait_for(self.pilot, lambda: part not in self.text(), f"no {part!r} in\n{self.text()}")


async def wait_for(pilot: Quick, holds: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    """Let the screen go on until `holds()`.

    Raises:
        AssertionError: it was not in time.
    """
    deadline = monotonic() + within_s
    await pilot.idle()
    while not holds():
        assert monotonic() < deadline, f"still waiting for {what}"
        await pilot.pause(0.01)


@asynccontextmanager
async def showing(
    folder: Path,
    captures: Iterable[Capture] = (),
    *,
    size: tuple[int, int] = (120, 40),
    **settings: Any,
) -> AsyncIterator[Showing]:
    """The main screen on a new log with these captures, its first rows drawn."""
    db = folder / "relay.db"
    log = new_log(db)
    insert_all(log, captures)
    async with screen_on(Settings(db=db, **settings), size=size) as see:
        see.log = log
        yield see
    log.close()


@asynccontextmanager
async def screen_on(settings: Settings, *, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Showing]:
    """The main screen on a log that is there, with what it shows first."""
    with Gateway(settings) as gateway:
        app = RelayApp(gateway)
        async with app.run_test(size=size, notifications=True):
            pilot = Quick(app)
            await wait_for(pilot, lambda: isinstance(app.screen, MainScreen), "the main screen")
            await wait_for(pilot, partial(_is_ready, app), "the capture under the cursor")
            yield Showing(pilot)


def _is_ready(app: RelayApp) -> bool:
    """Whether the engine's state is known, and the detail has the capture under the cursor, if there is one.

    Keys find their places then.
    """
    screen = app.screen
    if not isinstance(screen, MainScreen):
        return True
    is_known = screen.engine_status.engine is not EngineState.LOOKING
    return is_known and (screen.cursor is None or screen.detail is not None)
