"""What can be done from the main screen, against a real engine, and what is said where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.config import Route, Settings
from relay.engine import engine
from relay.errors import RelayError
from relay.models import Capture, CaptureRow
from tests.support.context import FakeContext
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.screen import Showing, screen_on, showing
from tui.gateway.comparison_task import ComparisonTask
from tui.main import captures
from tui.main.captures import CaptureController
from tui.presenters.copies import Item
from tui.presenters.format import format_captures
from tui.presenters.status import EngineState, Status
from tui.screens.dialogs import Confirm


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


@pytest.mark.slow
async def test_star_and_its_way_back(tmp_path: Path) -> None:
    """`s` stars what is under the cursor, and takes the star away again."""
    async with with_engine(tmp_path, [a_capture(1), a_capture(2)]) as see:
        await see.press("8", "s")
        await see.shows("★", "Starred: pruning keeps it")
        await see.press("s")
        await see.shows_no("Starred: pruning")


@pytest.mark.slow
async def test_star_all_that_is_marked(tmp_path: Path) -> None:
    """An action is about the marks, and they stay for the next one."""
    async with with_engine(tmp_path, [a_capture(number) for number in range(1, 6)]) as see:
        await see.press("k", "space", "k", "k", "space")
        text = await see.shows("2 marked", "●")
        assert text.count("●") == 3  # two marks, and the status line's
        await see.press("s")
        await see.shows("Starred 2 captures", "★", "2 marked")


@pytest.mark.slow
async def test_note(tmp_path: Path) -> None:
    """`;` writes a line to a capture; it can be changed from where it is."""
    async with with_engine(tmp_path, [a_capture(1)]) as see:
        await see.press("semicolon")
        await see.shows("Note on capture 1")
        await see.press("o", "d", "d", "enter")
        await see.shows("✎ odd")
        await see.press("semicolon")
        await see.shows("Note on capture 1")
        await see.press("l", "y", "enter")
        await see.shows("✎ oddly")


@pytest.mark.slow
async def test_delete_asks_first(tmp_path: Path) -> None:
    """`D` names what goes; no leaves everything as it is, yes removes it."""
    async with with_engine(tmp_path, [a_capture(1), a_capture(2, event=None, target="/two")]) as see:
        await see.press("D")
        await see.shows("Delete for good?", "Capture 2 will be removed")
        await see.press("enter")  # The button that has the focus keeps it.
        await see.shows("2 captures")
        await see.press("D")
        await see.shows("Delete for good?")
        await see.press("y")
        await see.shows("1 capture, ")
        await see.shows_no("POST /two")


@pytest.mark.slow
async def test_what_is_starred_stays(tmp_path: Path) -> None:
    """A starred capture is not deleted, and that is said."""
    async with with_engine(tmp_path, [a_capture(1, starred=True)]) as see:
        await see.press("D")
        await see.shows("Starred captures are not deleted")


@pytest.mark.slow
async def test_trigger(tmp_path: Path) -> None:
    """`t` chooses a type by a part of its name and posts a sample of it, which then is in the list."""
    async with with_engine(tmp_path) as see:
        await see.shows("No webhooks received yet")
        await see.press("t")
        await see.shows("Post a sample")
        await see.press(*"results.re", "enter")
        await see.shows("results.ready: relay took it: 200 in ", "◇", "1 capture, ")


@pytest.mark.slow
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


@pytest.mark.slow
async def test_refused_keys_say_why(tmp_path: Path) -> None:
    """A key that cannot work now explains itself instead of doing nothing."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("No engine runs on this database")
        await see.press("s")
        await see.shows("needs a running engine")


@pytest.mark.slow
async def test_pause_without_a_target_says_why(tmp_path: Path) -> None:
    """Nothing can be held back where nothing is sent on."""
    async with with_engine(tmp_path) as see:
        await see.press("p")
        await see.shows("No targets are configured")


@pytest.mark.slow
async def test_engine_that_goes_and_comes_back(tmp_path: Path) -> None:
    """That nothing is caught is said within a second or two; a new engine is joined by itself."""
    db = tmp_path / "relay.db"
    new_log(db).close()
    wanted = Settings(db=db, port=0)
    async with screen_on(wanted) as see:
        await see.shows("No engine runs on this database")
        async with engine.running(wanted, receive=True) as running:
            assert running.url is not None
            await see.shows(f"● {running.url}")
            await see.shows_no("No engine runs on this database")
        await see.shows("No engine runs on this database")


# -- the controller, without a terminal ------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "selected", "reason"),
    [
        ("star", 1, None),
        ("star", 0, "No capture"),
        ("compare", 2, None),
        ("compare", 3, "only two can be compared"),
        ("copy", 0, "No capture"),
        ("pause", 0, None),
    ],
)
def test_disabled_reason(tmp_path: Path, action: str, selected: int, reason: str | None) -> None:
    """Each action needs captures, and not too many; actions of others are not answered for."""
    with FakeContext(tmp_path) as context:
        context.selected = list(range(1, selected + 1))
        given = CaptureController(context).disabled_reason(action)
        assert given is None if reason is None else reason in (given or "")


def test_disabled_without_an_engine(tmp_path: Path) -> None:
    """Changes need an engine, reading does not."""
    with FakeContext(tmp_path) as context:
        context.selected, context.engine_status = [1], Status(engine=EngineState.GONE)
        controller = CaptureController(context)
        assert all(controller.disabled_reason(action) for action in ("star", "note", "delete"))
        assert not any(controller.disabled_reason(action) for action in ("compare", "copy", "journey"))


async def test_stars_are_given_before_they_are_taken(tmp_path: Path) -> None:
    """Captures with and without a star all get one; only where all have one it is taken away."""
    with FakeContext(tmp_path, [a_capture(1, starred=True), a_capture(2)]) as context:
        controller = CaptureController(context)
        for context.selected in ([1, 2], [1]):
            controller.star()
        await context.ui.settled()
        assert context.engine.done == [("star", [1, 2], True), ("star", [1], False)]
        assert context.refreshed == 2


async def test_stars_of_many_are_read_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand marks are not read one by one."""
    monkeypatch.setattr(captures, "STARS_AT_ONCE", 2)
    with FakeContext(tmp_path, [a_capture(number, starred=number > 1) for number in range(1, 6)]) as context:
        read: list[int] = []
        rows = context.gateway.rows

        def noted(ids: Sequence[int]) -> dict[int, CaptureRow]:
            read.append(len(ids))
            return rows(ids)

        monkeypatch.setattr(context.gateway, "rows", noted)
        context.selected, context.ui.answers = [1, 2, 3, 4, 5], [False]
        await CaptureController(context).delete()
        [asked] = context.ui.dialogs
        assert isinstance(asked, Confirm)
        assert "4 starred will be kept" in asked._question
        assert read == [2, 2, 1]


async def test_an_error_is_shown(tmp_path: Path) -> None:
    """What the engine refuses is shown, and the list stays as it is."""
    with FakeContext(tmp_path, [a_capture(1)]) as context:
        context.selected, context.ui.answers = [1], [True]
        error = context.engine.refusal = RelayError("no")
        controller = CaptureController(context)
        controller.star()
        await controller.delete()
        await context.ui.settled()
        assert (context.ui.errors, context.ui.notices, context.refreshed) == ([error, error], [], 0)


async def test_an_empty_note_is_no_note(tmp_path: Path) -> None:
    """Leaving the dialog changes nothing; an empty line removes the note."""
    with FakeContext(tmp_path, [a_capture(1, note="odd")]) as context:
        context.selected, context.ui.answers = [1], [None, "", "even"]
        controller = CaptureController(context)
        for _ in range(3):
            await controller.note()
        await context.ui.settled()
        assert context.engine.done == [("note", [1], None), ("note", [1], "even")]


async def test_delete_with_and_without_stars(tmp_path: Path) -> None:
    """Without an answer nothing goes; where all have a star nothing is asked."""
    with FakeContext(tmp_path, [a_capture(1, starred=True), a_capture(2)]) as context:
        controller = CaptureController(context)
        context.selected, context.ui.answers = [1, 2], [False, True]
        await controller.delete()
        await controller.delete()
        await context.ui.settled()
        assert context.engine.done == [("prune", [1, 2])]
        context.selected = [1]
        await controller.delete()
        assert (len(context.ui.dialogs), context.refreshed) == (2, 1)


def test_what_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two marks; or a mark and the cursor; or the cursor alone, with the one before of its type."""
    with FakeContext(tmp_path, map(a_capture, range(1, 5))) as context:
        controller = CaptureController(context)
        pairs: list[tuple[int, int | None]] = []
        made = context.gateway.comparison_task

        def comparison_task(a: int, b: int | None) -> ComparisonTask:
            pairs.append((a, b))
            return made(a, b)

        monkeypatch.setattr(context.gateway, "comparison_task", comparison_task)
        for context.selected, context.cursor in (([1, 3], 4), ([3], 1), ([2], 2)):
            controller.compare()
        assert pairs == [(1, 3), (1, 3), (2, None)]
        assert len(context.ui.opened) == 3


async def test_journey_goes_to_what_is_chosen(tmp_path: Path) -> None:
    """The capture that is chosen in a journey gets the cursor."""
    with FakeContext(tmp_path, [a_capture(1), a_capture(2)]) as context:
        context.cursor, context.ui.answers = 2, [None, 1]
        controller = CaptureController(context)
        await controller.journey()
        await controller.journey()
        assert context.went_to == [1]


async def test_copying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value under the body's cursor is offered only while the detail shows that capture."""
    menus: list[list[Item]] = []

    def menu(title: str, items: Sequence[Item]) -> Confirm:
        menus.append(list(items))
        return Confirm(title, "", "")

    monkeypatch.setattr(captures, "CopyMenu", menu)
    with FakeContext(tmp_path, [a_capture(1), a_capture(2)]) as context:
        controller = CaptureController(context)
        context.detail, context.value = await context.gateway.detail(1), ("payload.id", '"7"')
        for context.selected in ([1], [2], [1, 2], [9]):
            context.ui.answers = [None]
            await controller.copy()
        assert [any(item.data == b'"7"' for item in items) for items in menus] == [True, False, False]
        assert "no longer exists" in context.ui.notices[-1]
        item = menus[0][0]
        context.selected, context.ui.answers = [1], [(item, False)]
        await controller.copy()
        assert context.ui.copied == [item.as_text]


def test_named() -> None:
    """One capture is named, several are counted."""
    assert (format_captures([7]), format_captures(range(1234))) == ("capture 7", "1,234 captures")
