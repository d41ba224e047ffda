"""Everything with the mouse: rows, wheel, scrollbar, tabs, heads of columns, keys of the footer."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from tests.support.factories import a_capture
from tests.support.screen import Showing, showing
from tui.widgets.capture_list import CaptureList

pytestmark = pytest.mark.slow


def the_list(see: Showing) -> CaptureList:
    return see.pilot.app.screen.query_one(CaptureList)


async def click_on(see: Showing, text: str) -> None:
    """Click on the first place where a text stands."""
    lines = see.text().splitlines()
    y = next(y for y, line in enumerate(lines) if text in line)
    await see.pilot.click(offset=(lines[y].index(text), y))


async def test_click_on_a_row(tmp_path: Path) -> None:
    """A click puts the cursor there, a double click goes into the detail."""
    async with showing(tmp_path, map(a_capture, range(1, 11))) as see:
        await see.shows("#10 ")
        await see.pilot.click(CaptureList, offset=(20, 3))
        await see.shows("#4 ")
        await see.pilot.click(CaptureList, offset=(20, 5), times=2)
        await see.shows("#6 ")
        await see.press("z")  # It has the keys: the detail fills the screen, not the list.
        await see.shows_no("time ▼")


async def test_marking(tmp_path: Path) -> None:
    """A click with Ctrl marks a row or unmarks it, one with Shift all from the cursor to it."""
    async with showing(tmp_path, map(a_capture, range(1, 11))) as see:
        await see.shows("#10 ")
        await see.pilot.click(CaptureList, offset=(20, 1), control=True)
        await see.shows("1 marked", "#2 ")
        await see.pilot.click(CaptureList, offset=(20, 5), shift=True)
        await see.shows("5 marked", "#6 ")
        assert the_list(see).listing.marks == {2, 3, 4, 5, 6}
        await see.pilot.click(CaptureList, offset=(20, 3), shift=True)
        await see.pilot.click(CaptureList, offset=(20, 4), control=True)
        await see.shows("4 marked", "#5 ")
        assert the_list(see).listing.marks == {2, 3, 4, 6}


async def test_wheel(tmp_path: Path) -> None:
    """The wheel scrolls without moving the cursor, and what follows no longer does."""
    async with showing(tmp_path, map(a_capture, range(1, 201))) as see:
        await see.shows("#200 ", "following")
        top = the_list(see).scroll_offset.y
        await see.pilot._post_mouse_events([events.MouseScrollUp], CaptureList, button=0)
        await see.shows_no("following")
        assert the_list(see).scroll_offset.y < top
        await see.shows("#200 ")


async def test_scrollbar_is_dragged(tmp_path: Path) -> None:
    """Dragging the scrollbar goes through the whole log, to its first row."""
    async with showing(tmp_path, map(a_capture, range(1, 201))) as see:
        await see.shows("#200 ")
        bar = the_list(see).vertical_scrollbar.region
        await see.pilot.mouse_down(offset=(bar.x, bar.bottom - 1))
        for y in range(bar.bottom - 1, bar.y - 3, -1):
            await see.pilot.hover(offset=(bar.x, y))
        await see.pilot.mouse_up(offset=(bar.x, bar.y - 2))
        await see.shows("  1  20 Nov")


async def test_tabs(tmp_path: Path) -> None:
    """A click opens a tab, one on the name of a view shows that, and one on `›` the next tab."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("#1 ")
        await click_on(see, "Headers")
        await see.shows("localhost:5326")
        await click_on(see, "Body")
        await see.shows("pretty  tree  raw")
        await click_on(see, "tree")
        await see.shows("▾ {")
    narrow = tmp_path / "narrow"
    narrow.mkdir()
    async with showing(narrow, [a_capture(1)], size=(60, 24)) as see:
        await see.shows("#1 ", "›")
        await click_on(see, "›")
        await see.shows("pretty  tree  raw")


async def test_head_of_the_list(tmp_path: Path) -> None:
    """A click on the arrow reverses the order; one on another name does nothing."""
    async with showing(tmp_path, map(a_capture, range(1, 4))) as see:
        await see.shows("time ▼")
        await see.pilot.click("#list-head", offset=(40, 0))
        assert "time ▼" in see.text()
        await see.pilot.click("#list-head", offset=(12, 0))
        text = await see.shows("time ▲")
        rows = [line for line in text.splitlines() if "payment.updated" in line]
        assert rows[0].split()[1] == "3"


async def test_keys_of_the_footer(tmp_path: Path) -> None:
    """What stands in the footer is done by a click on it."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        text = await see.shows("? help")
        footer = text.splitlines()[-1]
        await see.pilot.click(offset=(footer.index("? help") + 2, see.pilot.app.size.height - 1))
        await see.shows("Keys in the list")
        await see.press("escape")
        await see.pilot.click(offset=(footer.index("/ filter") + 2, see.pilot.app.size.height - 1))
        await see.shows("event type, and all below it")
