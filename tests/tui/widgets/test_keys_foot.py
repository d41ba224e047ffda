"""The keys at the foot: in groups where there is room, and never without the way to help and out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.factories import a_capture
from tests.support.screen import Showing, showing, wait_for
from tui.main.screen import MainScreen


def is_whole(see: Showing, end: str, width: int) -> bool:
    """Whether the last row fills the window, and ends so."""
    last = see.text().splitlines()[-1]
    return last.endswith(end) and len(last) == width - 1


@pytest.mark.slow
async def test_help_and_quit_are_never_cut(tmp_path: Path) -> None:
    """At every width the last row ends with them, and no other key is cut."""
    async with showing(tmp_path, [a_capture(1)], size=(120, 24)) as see:
        for width in (120, 100, 99, 72, 71, 68, 64, 60, 40, 24, 16):
            await see.pilot.resize_terminal(width, 24)
            wanted = " ? help  q quit".rjust(width - 1)[-16:]
            await wait_for(see.pilot, lambda: is_whole(see, wanted, width), f"{width} cells")  # noqa: B023


async def test_groups_of_the_place(tmp_path: Path) -> None:
    """The list has rows for captures and the relay, the body one for itself; `q` says what it does."""
    async with showing(tmp_path, [a_capture(1)], size=(120, 30)) as see:
        text = await see.shows(" Capture  ", " Relay ", "d compare", "/ filter", "q quit")
        assert "r replay" not in text  # There is no engine, so it cannot be done now.
        await see.press("enter")
        text = await see.shows(" Body ", " Capture  ", "v view", "q back")
        assert "/ filter" not in text
        await see.press("3")
        await see.shows(" Detail ", "] next tab")


async def test_a_moment_without_captures_leaves_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that could not be used at the moment at which the foot looked come back when they can be."""
    async with showing(tmp_path, [a_capture(1)], size=(120, 30)) as see:
        await see.shows("d compare")
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        with monkeypatch.context() as patch:
            patch.setattr(screen._captures, "disabled_reason", lambda action: "The list is empty.")
            screen.refresh_bindings()
            await see.shows_no("d compare")
        screen.refresh_keys()
        await see.shows("d compare")


async def test_keys_of_the_filter(tmp_path: Path) -> None:
    """While a filter is written its own keys are named, in as many rows as before."""
    async with showing(tmp_path, [a_capture(1)], size=(120, 30)) as see:
        text = await see.shows(" Capture  ", "q quit")
        await see.press("slash")
        other = await see.shows("Tab complete", "↑ ↓ choose", "Enter apply", "Esc clear")
        assert "q quit" not in other
        assert other.count("Captures ━") == text.count("Captures ━") == 1
        await see.press("escape")
        await see.shows("/ filter", "q quit")


@pytest.mark.parametrize("size", [(99, 30), (120, 16)])
async def test_one_row_where_there_is_less_room(tmp_path: Path, size: tuple[int, int]) -> None:
    """A narrow or a low window has one row of them."""
    async with showing(tmp_path, [a_capture(1)], size=size) as see:
        text = await see.shows("/ filter", "q quit")
        assert " Relay " not in text


async def test_palette_takes_an_id(tmp_path: Path) -> None:
    """The id of a capture goes there; one that does not exist is not offered."""
    async with showing(tmp_path, map(a_capture, range(1, 13))) as see:
        await see.shows("#12 ")
        await see.press("ctrl+p", "3")
        await see.shows("Go to 3")
        await see.press("enter")
        await see.shows("#3 ")
