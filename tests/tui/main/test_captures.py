"""What can be done from the main screen, against a real engine, and what is said where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from relay.config import Route, Settings
from relay.engine import engine
from relay.models import Capture
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.screen import Showing, screen_on, showing


@asynccontextmanager
async def with_engine(
    folder: Path, captures: Iterable[Capture] = (), **settings: Any
) -> AsyncIterator[Showing]:
    """The screen on a log that an engine in this process owns, its status known."""
    db = folder / "relay.db"
    log = new_log(db)
    insert_all(log, captures)
    log.close()
    wanted = Settings(db=db, port=0, **settings)
    async with engine.running(wanted, receive=True) as running:
        assert running.url is not None
        async with screen_on(replace(wanted, port=1)) as see:
            await see.shows(running.url)
            yield see


async def test_star_and_its_way_back(tmp_path: Path) -> None:
    """`s` stars what is under the cursor, and takes the star away again."""
    async with with_engine(tmp_path, [a_capture(1), a_capture(2)]) as see:
        await see.press("s")
        await see.shows("★", "Starred: pruning leaves it alone")
        await see.press("s")
        await see.shows_no("Starred: pruning")


async def test_star_all_that_is_marked(tmp_path: Path) -> None:
    """An action is about the marks, and they are gone after it."""
    async with with_engine(tmp_path, [a_capture(number) for number in range(1, 6)]) as see:
        await see.press("k", "space", "k", "k", "space")
        text = await see.shows("2 marked", "●")
        assert text.count("●") == 3  # two marks, and the status line's
        await see.press("s")
        text = await see.shows("2 captures", "★")
        assert "marked" not in text


async def test_note(tmp_path: Path) -> None:
    """`;` writes a line to a capture; it can be changed from where it is."""
    async with with_engine(tmp_path, [a_capture(1)]) as see:
        await see.press("semicolon")
        await see.shows("Note to capture 1")
        await see.press("o", "d", "d", "enter")
        await see.shows("✎ odd")
        await see.press("semicolon")
        await see.shows("Note to capture 1")
        await see.press("l", "y", "enter")
        await see.shows("✎ oddly")


async def test_delete_asks_first(tmp_path: Path) -> None:
    """`D` names what goes; no leaves everything as it is, yes removes it."""
    async with with_engine(tmp_path, [a_capture(1), a_capture(2, event=None, target="/two")]) as see:
        await see.press("D")
        await see.shows("Delete for good?", "Capture 2 with body")
        await see.press("enter")  # The button that has the focus keeps it.
        await see.shows("2 captures")
        await see.press("D")
        await see.shows("Delete for good?")
        await see.press("y")
        await see.shows("1 capture, ")
        await see.shows_no("POST /two")


async def test_what_is_starred_stays(tmp_path: Path) -> None:
    """A starred capture is not deleted, and that is said."""
    async with with_engine(tmp_path, [a_capture(1, starred=True)]) as see:
        await see.press("D")
        await see.shows("What is starred is not deleted")


async def test_trigger(tmp_path: Path) -> None:
    """`t` chooses a type by a part of its name and posts a sample of it, which then is in the list."""
    async with with_engine(tmp_path) as see:
        await see.shows("Nothing has come yet")
        await see.press("t")
        await see.shows("Post a sample")
        await see.press(*"results.re", "enter")
        await see.shows("results.ready -> 200", "◇", "1 capture, ")


async def test_pause_and_resume(tmp_path: Path) -> None:
    """`p` holds deliveries back under a banner that tells how many wait, and lets them go."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    route = Route(to=f":{port}/hook", where="--forward-to")
    async with server, with_engine(tmp_path, [a_capture(1)], forward=(route,)) as see:
        await see.shows("✓ up")
        await see.press("p")
        await see.shows("‖ Forwarding is paused", "‖ paused")
        await see.press("p")
        await see.shows("✓ up")
        await see.shows_no("Forwarding is paused")


async def test_refused_keys_say_why(tmp_path: Path) -> None:
    """A key that cannot work now explains itself instead of doing nothing."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("No engine runs on this log")
        await see.press("s")
        await see.shows("only it can do this")


async def test_pause_without_a_target_says_why(tmp_path: Path) -> None:
    """Nothing can be held back where nothing is sent on."""
    async with with_engine(tmp_path) as see:
        await see.press("p")
        await see.shows("Nothing is sent on")


async def test_engine_that_goes_and_comes_back(tmp_path: Path) -> None:
    """That nothing is caught is said within a second or two; a new engine is joined by itself."""
    db = tmp_path / "relay.db"
    new_log(db).close()
    wanted = Settings(db=db, port=0)
    async with screen_on(wanted) as see:
        await see.shows("No engine runs on this log")
        async with engine.running(wanted, receive=True) as running:
            assert running.url is not None
            await see.shows(f"● {running.url}")
            await see.shows_no("No engine runs on this log")
        await see.shows("No engine runs on this log")
