"""Any key at any place: no traceback, no lost mark, nothing that cannot be undone without a question."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from relay.errors import RelayError
from tests.support.random_keys import PRESSED, Pressing, press_at_random
from tests.support.still import still
from tui.main.screen import MainScreen


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_keys_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Some hundred keys, seeded, at six sizes; `make torture` presses for minutes."""
    pressing = Pressing()
    pressing.watch(monkeypatch)
    async with still(tmp_path, monkeypatch, size=(120, 40)) as see:
        await press_at_random(see, seed, lambda count: count < 250, pressing)
    assert len(set(pressing.pressed)) > 50


@pytest.mark.slow
async def test_keys_in_bursts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two or three at once, as over a connection that stalls: no traceback, and the main screen stays."""
    pressing, chance = Pressing(), random.Random(1)
    pressing.watch(monkeypatch)
    async with still(tmp_path, monkeypatch, size=(120, 40)) as see:
        app = see.pilot.app
        for _ in range(100):
            twice = [chance.choice(("enter", "escape", "b"))] * 2
            keys = chance.choice((twice, chance.choices(("e", "J", "y", "d", "R", "space", *PRESSED), k=3)))
            await see.press_at_once(*keys)
            assert app._exception is None, keys
            assert isinstance(app.screen_stack[1], MainScreen), keys


async def test_the_watch_sees_what_is_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a deletion that is not asked about is noticed."""
    pressing = Pressing()
    pressing.watch(monkeypatch)
    async with still(tmp_path, monkeypatch, size=(120, 40)) as see:
        await see.press("D", "y")
        await see.shows("this engine refuses everything")
        assert (pressing.sent, pressing.unasked) == (1, [])
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        with pytest.raises(RelayError):
            await screen.gateway.engine.prune([1])
        assert pressing.unasked == ["PruneRequest after []"]
