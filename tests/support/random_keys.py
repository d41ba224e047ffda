"""Keys pressed at random on a screen with captures of every kind, while the window changes its size."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from textual.app import App

from relay.control.messages import PruneRequest, ReplayRequest
from relay.errors import RelayError
from tests.support.screen import Showing
from tui.app import RelayApp
from tui.gateway.engine import EngineClient
from tui.keyboard import keys
from tui.main.replay import BULK
from tui.main.screen import MainScreen
from tui.screens.dialogs import Confirm

LEFT_OUT = ("ctrl+z", "ctrl+o")
"""They hand the terminal to a shell or an editor."""

PRESSED = sorted(
    {key for each in keys.all_keys() for key in each.keys.split(",")} - {*LEFT_OUT}
    | {*keys.TABS, "tab", "shift+tab", "enter", "escape", "backspace", *'type:paymnt" sig:invalid {},1y', "ü"}
)

SIZES = ((80, 24), (60, 16), (120, 40), (200, 60), (40, 12), (100, 30))

UNMARKS = ("space", " ", "A", "escape", "enter", "shift+down", "shift+up")
"""Keys whose purpose it is to take marks away, and those that answer a question about it."""


@dataclass
class Pressing:
    """The keys pressed, and the requests that they led to."""

    pressed: list[str] = field(default_factory=list)
    confirmed: int = 0
    """Questions that were answered with yes."""
    unasked: list[str] = field(default_factory=list)
    """Requests that cannot be undone, without a question before them."""
    sent: int = 0
    """Requests for the engine."""

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Note what is asked of the engine, which refuses all of it, and which questions come before."""
        dismiss = Confirm.dismiss

        def answered(dialog: Confirm, result: bool | None = None) -> Any:
            self.confirmed += result is True
            return dismiss(dialog, result)

        async def request(_: EngineClient, wanted: Any, /) -> Any:
            self.sent += 1
            many = isinstance(wanted, ReplayRequest) and sum(b - a + 1 for a, b in wanted.ranges) > BULK
            if isinstance(wanted, PruneRequest) or many:
                if not self.confirmed:
                    self.unasked.append(f"{type(wanted).__name__} after {self.pressed[-8:]}")
                self.confirmed = 0
            raise RelayError("this engine refuses everything")

        patch.setattr(Confirm, "dismiss", answered)
        patch.setattr(EngineClient, "request", request)
        patch.setattr(EngineClient, "trigger", request)
        patch.setattr(RelayApp, "exit", lambda *_: None)


async def press_at_random(see: Showing, seed: int, go_on: Callable[[int], bool], pressing: Pressing) -> None:
    """Press keys as long as `go_on(number of keys)`; every 25th time the window has another size.

    Raises:
        AssertionError: a mark was lost, or something that cannot be undone was not asked about.
    """
    chance = random.Random(seed)
    app: App[Any] = see.pilot.app
    main = next(each for each in app.screen_stack if isinstance(each, MainScreen))
    while go_on(len(pressing.pressed)):
        if len(pressing.pressed) % 25 == 24:
            await see.pilot.resize_terminal(*chance.choice(SIZES))
        key = chance.choice(PRESSED)
        pressing.pressed.append(key)
        before = set(main._browser.listing.marks)
        await see.press(key)
        lost = before - main._browser.listing.marks
        assert not lost or key in UNMARKS, f"{key} lost the marks of {lost}; {pressing.pressed[-8:]}"
        assert app._exception is None, pressing.pressed[-8:]
        assert not pressing.unasked, pressing.unasked
