"""Captures that are removed elsewhere while the screen is open, and counts that follow."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from relay.config import Settings
from relay.engine import engine
from relay.store.read.counts import EventCount
from relay.store.read.listing import Span
from relay.store.write import changes
from tests.support.factories import a_capture, insert, insert_all, new_log
from tests.support.program import lean_relay
from tests.support.screen import Showing, screen_on, showing
from tui.gateway import Gateway
from tui.main import browser
from tui.main.screen import MainScreen
from tui.widgets.capture_list import CaptureList

pytestmark = pytest.mark.slow


def ids(see: Showing) -> list[int]:
    """What the list has."""
    screen = see.pilot.app.screen
    assert isinstance(screen, MainScreen)
    return list(screen._browser.listing.ids.all())


async def prune(folder: Path, *selection: str) -> None:
    """Remove captures as somebody in another terminal does."""
    command = ["--db", str(folder / "relay.db"), "prune", *selection, "--yes"]
    env = {name: os.environ[name] for name in ("XDG_RUNTIME_DIR",) if name in os.environ}
    done = await asyncio.to_thread(lean_relay, folder, *command, env=env)
    assert done.returncode == 0, done


async def test_what_is_found_while_the_screen_goes(tmp_path: Path) -> None:
    """A count or a look at the engine that ends after the widgets have gone changes and fails nothing."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        await screen.remove_children()
        screen._show_rows()
        screen._look()
        await see.pilot.pause()


async def test_pruned_in_another_terminal(tmp_path: Path) -> None:
    """With an engine and `prune`: rows, marks and counts go at once; cursor and scroll stay."""
    log = new_log(tmp_path / "relay.db")
    insert_all(log, map(a_capture, range(1, 201)))
    log.close()
    settings = Settings(db=tmp_path / "relay.db", port=0)
    async with engine.running(settings, receive=True), screen_on(replace(settings, port=1)) as see:
        await see.shows("200 captures", "#200 ")
        the_list = see.pilot.app.screen.query_one(CaptureList)
        await see.press("g", *["j"] * 99, "space", "k", "k", "k", "space")  # marks 100 and 98, then on 99
        await see.shows("2 marked", "#99 ")
        top = the_list.listing.id_at(the_list.scroll_offset.y)
        await prune(tmp_path, "1..50", "100")
        await see.shows("149 captures", "1 marked", "#99 ")
        await see.shows_no("at most")
        assert ids(see) == [*range(51, 100), *range(101, 201)]
        assert the_list.listing.id_at(the_list.scroll_offset.y) == top
        await prune(tmp_path, "90..99")
        await see.shows("139 captures", "#101 ")
        await prune(tmp_path, "1..200")
        await see.shows("No webhooks received yet")
        await see.shows_no("#101 ")


async def test_pruned_under_a_filter(tmp_path: Path) -> None:
    """What a filter has found goes too, and the whole that it is told of."""
    captures = [a_capture(number, **({"event": None} if number % 2 else {})) for number in range(1, 21)]
    async with showing(tmp_path, captures) as see:
        await see.press("slash", *"type", "colon", *"payment", "enter")
        await see.shows("10 match (50.0%) of 20 · all scanned")
        await prune(tmp_path, "4..8")
        await see.shows("7 match (46.7%) of 15 · all scanned")
        await see.press("escape")
        await see.shows("15 captures")


async def test_removed_by_another_program(tmp_path: Path) -> None:
    """Rows that somebody deletes with SQLite itself are missed when they are to be drawn."""
    async with showing(tmp_path, map(a_capture, range(1, 101))) as see:
        await see.shows("100 captures", "#100 ")
        see.log.execute("DELETE FROM captures WHERE id IN (97, 98)")
        await see.shows("98 captures", "#100 ")
        assert ids(see) == [*range(1, 97), 99, 100]


async def test_a_large_log_is_counted_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing exact is claimed before it is known; then captures and events are, with what came meanwhile."""
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    counted = Gateway.counted

    def slowly(gateway: Gateway, span: Span) -> tuple[Sequence[int] | None, EventCount]:
        found = counted(gateway, span)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
        return found

    monkeypatch.setattr(browser, "COUNTED_AT_ONCE", 10)
    monkeypatch.setattr(Gateway, "counted", slowly)
    captures = [a_capture(number) for number in range(1, 31) if number not in (7, 8)]
    async with showing(tmp_path, captures) as see:
        text = await see.shows("at most ", "#30 ")
        assert " event" not in text.partition("at most")[2].splitlines()[0]
        insert(see.log, a_capture(31, event=None))
        text = await see.shows("#31 ")
        assert "at most" in text
        gate.set()
        await see.shows("29 captures, ")
        await see.shows_no("at most")
        assert ids(see) == [*range(1, 7), *range(9, 32)]


async def test_events_beside_captures(tmp_path: Path) -> None:
    """A repeat is another capture of the same event, what is no event a capture only."""
    async with showing(tmp_path, [a_capture(1), a_capture(2, repeat_of=1)]) as see:
        await see.shows("2 captures, 1 event ")
        insert(see.log, a_capture(3, event=None))
        insert(see.log, a_capture(4, repeat_of=1))
        await see.shows("4 captures, 1 event ")
        other = replace(a_capture(5), body=b"{}")
        assert other.event is not None
        insert(see.log, replace(other, event=replace(other.event, event_id="another")))
        await see.shows("5 captures, 2 events ")


def test_removals_are_counted(tmp_path: Path) -> None:
    """The log says how many ever went, for whoever keeps a list of it."""
    log = new_log(tmp_path / "relay.db")
    insert_all(log, map(a_capture, range(1, 10)))
    assert changes.delete_slice(log, 2, 4, starred_too=False) == (3, None)
    assert changes.delete_slice(log, 2, 4, starred_too=False) == (0, None)
    assert changes.delete_slice(log, 8, 9, starred_too=False) == (2, None)
    assert log.execute("SELECT value FROM marks WHERE name = 'removed'").fetchone() == (5,)
    log.close()
