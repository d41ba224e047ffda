"""The program as a whole: what moves on its own, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import constants
from textual.widgets import Input, TextArea

from tests.support.factories import a_capture
from tests.support.screen import Showing, showing
from tui.widgets.safe_inputs import FormArea


def is_blinking(see: Showing) -> bool:
    """Whether the cursor of the focused text blinks."""
    text = see.pilot.app.focused
    assert isinstance(text, Input)
    return text.cursor_blink


@pytest.mark.slow
@pytest.mark.parametrize(("wanted", "blinks"), [("none", False), ("basic", False), ("full", True)])
async def test_reduced_motion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, blinks: bool
) -> None:
    """Nothing is animated; with TEXTUAL_ANIMATIONS=none no cursor blinks either, in any input."""
    for widget in (Input, TextArea):
        monkeypatch.setattr(widget, "cursor_blink", widget.cursor_blink)  # Puts it back afterwards.
    monkeypatch.setattr(constants, "TEXTUAL_ANIMATIONS", wanted)
    async with showing(tmp_path, [a_capture(1)]) as see:
        assert see.pilot.app.animation_level == "none"
        await see.press("slash")
        assert is_blinking(see) is blinks
        await see.press("escape", "ctrl+p")
        await see.shows("Search")
        assert is_blinking(see) is blinks
        assert FormArea().cursor_blink is blinks
