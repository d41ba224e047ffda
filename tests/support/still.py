"""The screen standing still: a fixed engine, a fixed day and zone, nothing that blinks or counts on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from textual.widgets import Input

from relay.config import Settings
from relay.control.messages import TargetStatus
from tests.support import morning
from tests.support.factories import new_log
from tests.support.screen import Showing, screen_on
from tests.support.time_zones import clocks_of
from tui.gateway.engine import EngineClient
from tui.main import screen
from tui.presenters.status import EngineState, Status
from tui.screens import refusals

LISTENING = Status(
    engine=EngineState.RUNNING,
    url="http://127.0.0.1:5326",
    public_url="https://relay.example.com/hook",
    targets=(TargetStatus(target=morning.TARGET, state="up", reason=None, waiting=0, parked=0),),
    refusals={"too-large": 2},
)


class ThatDay(date):
    """The day of the morning, whenever it is asked."""

    @classmethod
    def today(cls) -> ThatDay:
        return cls(morning.START.year, morning.START.month, morning.START.day)


@asynccontextmanager
async def still(
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    size: tuple[int, int],
    status: Status = LISTENING,
    empty: bool = False,
) -> AsyncIterator[Showing]:
    """The main screen on the morning's log, or on an empty one, with an engine in this state."""

    async def asked(self: EngineClient) -> Status:
        return status

    patch.setattr(screen, "date", ThatDay)
    patch.setattr(refusals, "date", ThatDay)
    patch.setattr(EngineClient, "status", asked)
    patch.setattr("tui.main.filter.HALF_AFTER_S", 600.0)  # A busy machine is slower than a person.
    patch.setattr(Input, "cursor_blink", False)
    patch.chdir(folder)
    db = Path("relay.db")  # Its name is on the screen.
    with new_log(db) as log:
        if not empty:
            morning.fill(log)
    log.close()
    settings = Settings(
        db=db, secrets=(morning.secret_source(folder),), public_url="https://relay.example.com/hook"
    )
    with clocks_of("UTC"):
        async with screen_on(settings, size=size) as see:
            await see.shows("No webhooks received" if empty else "#15 ")
            if status.engine is EngineState.RUNNING:
                await see.shows("● http")
            yield see
