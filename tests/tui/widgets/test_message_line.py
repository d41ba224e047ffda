"""The line for messages, above the foot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.factories import a_capture
from tests.support.screen import Showing, showing
from tui.main.screen import MainScreen


def screen_of(see: Showing) -> MainScreen:
    screen = see.pilot.app.screen
    assert isinstance(screen, MainScreen)
    return screen


async def test_a_message_lies_over_nothing_and_stays_until_the_user_acts(tmp_path: Path) -> None:
    """It is right above the foot, moving leaves it, an action puts it away, and so does Esc."""
    async with showing(tmp_path, [a_capture(1), a_capture(2)]) as see:
        await see.press("u")
        text = await see.shows("Copied  http://127.0.0.1:")
        at = next(y for y, line in enumerate(text.split("\n")) if "Copied" in line)
        foot = screen_of(see).query_one("KeysFoot").region
        assert at == foot.y - 1
        assert screen_of(see).query_one("#panes").region.bottom == at
        await see.press("k", "j", "2", "right_square_bracket")
        await see.shows("Copied  http://127.0.0.1:")
        await see.press("o")
        await see.shows_no("Copied")
        await see.press("u")
        await see.shows("Copied")
        await see.press("escape")
        await see.shows_no("Copied")


@pytest.mark.parametrize("size", [(40, 16), (80, 24)])
async def test_a_long_one_takes_three_rows_at_most(tmp_path: Path, size: tuple[int, int]) -> None:
    """The next message takes its place; nothing in it is read as markup."""
    async with showing(tmp_path, [a_capture(1)], size=size) as see:
        services = screen_of(see).ui
        services.show_notice("word " * 200, title="Long")
        await see.shows("Long  word")
        assert screen_of(see).query_one("#message").region.height == 3
        services.show_notice("[bold]x[/bold] [@click=app.exit]y[/]")
        await see.shows("[bold]x[/bold]")
        await see.shows_no("Long")
