"""Columns are chosen in a dialog, seen at once behind it, and remembered for the log."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import OptionList

from tests.support.factories import a_capture
from tests.support.screen import Showing, showing, wait_for
from tui.main.screen import MainScreen
from tui.screens.columns import ColumnsDialog

pytestmark = pytest.mark.slow


def head(see: Showing) -> str:
    """The names of the columns."""
    return next(line for line in see.text().splitlines() if "event" in line and " signature" in line)


async def go_to(see: Showing, name: str) -> None:
    """Put the dialog's cursor on a column."""
    await wait_for(see.pilot, lambda: isinstance(see.pilot.app.screen, ColumnsDialog), "the dialog")
    options = see.pilot.app.screen.query_one(OptionList)
    options.highlighted = options.get_option_index(name)
    await see.pilot.pause()


async def closed(see: Showing) -> None:
    """Wait until the dialog is gone."""
    await wait_for(see.pilot, lambda: isinstance(see.pilot.app.screen, MainScreen), "the main screen")


async def test_chosen_and_remembered(tmp_path: Path) -> None:
    """Space and Enter turn a column, the list behind shows it, and the next time it is there again."""
    async with showing(tmp_path, [a_capture(1)], size=(134, 44)) as see:
        await see.shows("#1 ")
        await see.press("c")
        await see.shows("Columns of the list", "[x] size", "[ ] client", "The address of the sender.")
        await go_to(see, "client")
        await see.press("space")
        await see.shows("[x] client")
        await wait_for(see.pilot, lambda: "  client" in head(see), "the column behind the dialog")
        await go_to(see, "size")
        await see.press("enter")
        await see.shows("[ ] size")
        await see.press("c")
        await closed(see)
        await see.shows("127.0.0.1")
        assert " size" not in head(see)
        await see.press("q")
    (tmp_path / "relay.db").unlink()
    async with showing(tmp_path, [a_capture(1)], size=(134, 44)) as see:
        await wait_for(see.pilot, lambda: "  client" in head(see), "the column of the last time")
        assert " size" not in head(see)
        await see.press("c", "u")
        await see.shows("[x] size", "[ ] client")
        await see.press("escape")
        await closed(see)
        await wait_for(see.pilot, lambda: " size" in head(see), "the usual columns")


async def test_with_the_mouse(tmp_path: Path) -> None:
    """A click turns a column, and one on the last line brings the usual ones back."""
    async with showing(tmp_path, [a_capture(1)], size=(120, 60)) as see:
        await see.press("c")
        await see.shows("[x] backend", "back to the default")
        backend = see.pilot.app.screen.query_one(OptionList).get_option_index("backend")
        await see.pilot.click(OptionList, offset=(5, backend))
        await see.shows("[ ] backend")
        await wait_for(see.pilot, lambda: "backend" not in head(see), "no such column")
        options = see.pilot.app.screen.query_one(OptionList)
        await see.pilot.click(OptionList, offset=(5, options.option_count))
        await wait_for(see.pilot, lambda: "backend" in head(see), "the usual columns")


async def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    """The dialog names what there is no room for, and follows the window."""
    async with showing(tmp_path, [a_capture(1)], size=(80, 40)) as see:
        await see.press("c")
        text = await see.shows("no room at this width")
        assert text.count("no room") == 1
        assert "no room" in next(line for line in text.splitlines() if "[x] size" in line)
        await go_to(see, "tries")
        await see.press("space")
        await see.shows("[x] tries")
        await see.shows("[x] summary       no room at this width")
        await see.pilot.resize_terminal(138, 40)
        await see.shows_no("no room")
        await see.pilot.resize_terminal(80, 40)
        await see.shows("no room")


async def test_one_column_has_to_stay(tmp_path: Path) -> None:
    """The last column cannot be turned off."""
    async with showing(tmp_path, [a_capture(1)], size=(120, 60)) as see:
        await see.press("c")
        for name in ("id", "time", "event", "summary", "signature", "size", "marks"):
            await go_to(see, name)
            await see.press("space")
        await see.shows("[x] backend")
        assert see.text().count("[x]") == 1
        await go_to(see, "backend")
        await see.press("space")
        await see.shows("At least one column is needed.", "[x] backend")
