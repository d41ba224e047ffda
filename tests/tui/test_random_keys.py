"""Any key at any place: no traceback, no lost mark, nothing that cannot be undone without a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.errors import RelayError
from tests.support.random_keys import Pressing, press_at_random
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
