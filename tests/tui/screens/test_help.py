"""Help and the manual, opened and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.docs.pages import TOPICS
from tests.support.factories import a_capture
from tests.support.screen import showing, wait_for
from tui.screens.help import HelpScreen
from tui.screens.manual import ManualScreen

pytestmark = pytest.mark.slow


async def test_the_manual_is_a_key_away_from_help(tmp_path: Path) -> None:
    """`?` and `m` open the first page; `j` the next; Esc leads back to help, and again to the list."""
    async with showing(tmp_path, [a_capture(1)], size=(100, 30)) as see:
        await see.press("question_mark")
        await see.shows("m manual")
        await see.press("m")
        await see.shows("Manual", *TOPICS, "Forwarding")
        await see.press("j")
        await see.shows("Replay")
        await see.press("escape")
        assert isinstance(see.pilot.app.screen, HelpScreen)
        await see.press("escape")
        await see.shows("#1 ")


async def test_pages_of_help(tmp_path: Path) -> None:
    """What acts on a capture comes first; Tab turns to the signs, the filter, and round; `j` scrolls."""
    async with showing(tmp_path, [a_capture(1)], size=(80, 24)) as see:
        await see.press("question_mark")
        text = await see.shows("Keys in the list  Signs  Filter", "Replay to the configured targets")
        assert "One row down." not in text
        await see.press("G")
        await see.shows("One row down.")
        await see.press("tab")
        text = await see.shows("≠ drift", "delivered: the backend responded")
        assert "One row down." not in text
        await see.press("right_square_bracket")
        await see.shows("type:payment")
        await see.press("tab")
        await see.shows("Replay to the configured targets")
        await see.press("left_square_bracket")
        await see.shows("type:payment")


async def test_a_page_scrolls_under_its_topic(tmp_path: Path) -> None:
    """Space scrolls the page and leaves the topic; another topic starts at its top."""
    async with showing(tmp_path, [a_capture(1)], size=(100, 30)) as see:
        await see.press("question_mark", "m")
        await see.shows("Forwarding")
        shown = see.pilot.app.screen.query_one("#page")
        await see.press("space")
        await wait_for(see.pilot, lambda: shown.scroll_y > 0, "a page further down")
        await see.press("b")
        await wait_for(see.pilot, lambda: shown.scroll_y == 0, "the top again")
        await see.press("space", "j")
        await see.shows("Replay")
        await wait_for(see.pilot, lambda: shown.scroll_y == 0, "the top of the next page")


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (160, 50)])
async def test_every_page_fits_every_window(tmp_path: Path, size: tuple[int, int]) -> None:
    """Each page is drawn, and none asks for a table that nobody makes."""
    async with showing(tmp_path, [a_capture(1)], size=size) as see:
        await see.press("question_mark", "m")
        await wait_for(see.pilot, lambda: isinstance(see.pilot.app.screen, ManualScreen), "the manual")
        for _ in TOPICS:
            await see.press("j")
            assert "table:" not in see.text()
