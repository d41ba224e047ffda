"""The table of keys is the program: each leads somewhere, help and palette have it, the mouse can it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widgets import OptionList

from tests.support.factories import BODY, a_capture
from tests.support.payment_journey import payment_and_intent
from tests.support.replay_screen import replaying
from tests.support.screen import showing, wait_for
from tui.keyboard import keys
from tui.main.screen import MainScreen
from tui.screens.columns import ColumnsDialog
from tui.screens.compare import CompareScreen
from tui.screens.edit_form import EditScreen
from tui.screens.journey import JourneyScreen, Steps
from tui.screens.preview import PreviewScreen
from tui.screens.refusals import RefusalsScreen
from tui.screens.rehearsal import RehearsalScreen
from tui.screens.rehearsal_dialog import RehearsalDialog
from tui.screens.replay_dialog import ReplayDialog
from tui.widgets.body_text import BodyText
from tui.widgets.body_view import BodyView
from tui.widgets.capture_list import CaptureList
from tui.widgets.facts_page import FactsPage
from tui.widgets.rows_list import RowsList
from tui.widgets.side_by_side import SideBySide

PLACES: tuple[tuple[tuple[keys.Key, ...], tuple[type[Any], ...]], ...] = (
    (keys.LIST, (CaptureList,)),
    (keys.PAGE, (FactsPage, MainScreen)),
    (keys.MAIN, (MainScreen,)),
    (keys.BODY_TEXT, (BodyText,)),
    (keys.BODY_VIEW, (BodyView,)),
    (keys.SCROLL, (SideBySide,)),
    (keys.COMPARE, (CompareScreen,)),
    (keys.STEPS, (Steps,)),
    (keys.JOURNEY, (JourneyScreen,)),
    (keys.ROWS, (RowsList,)),
    (keys.REFUSALS, (RefusalsScreen,)),
    (keys.BEFORE_REHEARSAL, (RehearsalDialog,)),
    (keys.REHEARSAL, (RehearsalScreen,)),
    (keys.COLUMNS, (ColumnsDialog,)),
    (keys.SENDING, (ReplayDialog,)),
    (keys.PREVIEW, (PreviewScreen,)),
    (keys.EDIT, (EditScreen,)),
)


@pytest.mark.parametrize(("table", "owners"), PLACES)
def test_each_key_leads_somewhere(table: tuple[keys.Key, ...], owners: tuple[type[Any], ...]) -> None:
    """Whoever binds a part of the table has the actions of it."""
    for key in table:
        action = key.action.partition("(")[0]
        if not action.startswith("app."):
            name = f"action_{action.rpartition('.')[2]}"
            assert any(hasattr(owner, name) for owner in owners), key.id


def test_ids_are_each_one_keys() -> None:
    """Settings remap by id, so that no two keys have the same."""
    ids = [key.id for _, place in keys.PLACES for key in place]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
async def test_help_is_that_of_the_place(tmp_path: Path) -> None:
    """In the body its own keys are listed, beside another capture those of that screen."""
    async with showing(tmp_path, [a_capture(1), a_capture(2)], size=(120, 80)) as see:
        await see.press("2", "enter")
        await wait_for(see.pilot, lambda: isinstance(see.pilot.app.focused, BodyText), "the body")
        await see.press("question_mark")
        await see.shows("Keys in the detail", "The next view, such as pretty", "Compare two marked captures")
        await see.press("escape", "escape", "d")
        await see.shows("The same")
        await see.press("question_mark")
        await see.shows("Keys on this screen", "Swap left and right.")


@pytest.mark.slow
async def test_palette_does_what_keys_do(tmp_path: Path) -> None:
    """From the list, a body's key by its name acts on the body; what cannot be done says why."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("#1 ")
        await see.press("ctrl+p", *"next view")
        await wait_for(see.pilot, lambda: isinstance(see.pilot.app.screen, CommandPalette), "the palette")
        await see.shows("View ", "The next view, such as")
        await see.press("enter")
        await see.shows("▾ {")
        await see.press("ctrl+p", *"configured targets")
        await see.shows("Replay ", "Replay to the configured")
        await see.press("enter")
        await see.shows("needs a running engine")


@pytest.mark.slow
async def test_copying_with_the_mouse(tmp_path: Path) -> None:
    """A click on the footer opens the menu, one on a line copies it."""
    async with showing(tmp_path, [a_capture(1)], size=(80, 24)) as see:
        text = await see.shows("#1 ", "y copy")
        lines = text.splitlines()
        await see.pilot.click(offset=(lines[-1].index("y copy") + 2, len(lines) - 1))
        await see.shows("Copy from capture 1")
        await see.pilot.click(OptionList, offset=(3, 0))
        await wait_for(see.pilot, lambda: see.pilot.app.clipboard == BODY.decode(), "the body")


@pytest.mark.slow
async def test_going_along_a_journey_with_the_mouse(tmp_path: Path) -> None:
    """A click on a step goes to its capture."""
    async with showing(tmp_path, payment_and_intent()) as see:
        await see.shows("#4 ")
        await see.press("J")
        await see.shows("3 captures of 3 types")
        await see.pilot.click(Steps, offset=(20, 0))
        await see.shows("#1 payment_intent.created", "4 captures")


@pytest.mark.slow
async def test_cancelling_a_replay_with_the_mouse(tmp_path: Path) -> None:
    """Buttons answer the question, and a click on the line that tells of a run ends it."""
    captures = [a_capture(number) for number in range(1, 13)]
    async with replaying(tmp_path, captures) as (see, got):
        got.gate.clear()
        await see.press("g", *["space"] * 12)
        await see.shows("12 marked")
        await see.press("r")
        await see.shows("Send them again?")
        await see.pilot.click("#yes")
        await see.shows("↻ ▐")
        await see.pilot.click("#replay")
        await see.shows("Sent again: 12 captures", "Cancelled.")
