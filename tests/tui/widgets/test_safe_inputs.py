"""Text inputs: what is typed at once arrives in its order, whether a key writes or moves."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Vertical

from tests.support.quick import Quick
from tui.widgets.safe_inputs import FormArea, LineInput

BURST = ("down", "end", "left", "backspace", "backspace", "4", "0", "home", "X", "up", "Y", "delete")
"""Keys as they come over a connection that stalls for a moment."""


class Form(App[None]):
    """Inputs deep in a screen, so that keys which they do not take have a long way."""

    def compose(self) -> ComposeResult:
        with Vertical(), Vertical(), Vertical():
            yield FormArea("first\namount: 75,\nlast")
            yield LineInput("amount: 75,")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(FormArea, "fYrst\nXamount: 40,\nlast"), (LineInput, "XYmount: 40,")],
    ids=["area", "line"],
)
async def test_keys_in_a_burst_keep_their_order(
    kind: type[FormArea] | type[LineInput], expected: str
) -> None:
    """A letter does not overtake a key that moves the cursor before it."""
    app = Form()
    async with app.run_test():
        pilot = Quick(app)
        widget = app.query_one(kind)
        if isinstance(widget, LineInput):
            widget.select_on_focus = False
        widget.focus()
        await pilot.idle()
        if isinstance(widget, LineInput):
            widget.cursor_position = 0
        for key in BURST:
            pilot._post(key)
        await pilot.idle()
        assert (widget.text if isinstance(widget, FormArea) else widget.value) == expected
