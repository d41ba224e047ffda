"""Starts that race, ends under load, and keys pressed at random: `make torture`."""

from __future__ import annotations

import signal
from pathlib import Path
from time import monotonic

import pytest

from tests.support.random_keys import Pressing, press_at_random
from tests.support.still import still
from tests.system.test_shutdown import ends_under_load
from tests.system.test_startup import race
from tests.torture.totals import ROUNDS, Part, rounds


def test_races(tmp_path: Path, part: Part) -> None:
    """Twenty pairs of engines started at once: one winner each."""
    race(tmp_path, rounds(20))
    part.count(rounds(20))


def test_ends_under_load(tmp_path: Path, part: Part) -> None:
    """Twenty gentle ends under load."""
    for number in range(rounds(20)):
        answered = ends_under_load(tmp_path / str(number), signal.SIGTERM, seed=number)
        part.count(1, acked=answered)


@pytest.mark.parametrize("seed", [11, 12])
async def test_keys_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, part: Part) -> None:
    """Any key at any place of the screen, at six sizes: no traceback, no lost mark, nothing unasked."""
    pressing = Pressing()
    pressing.watch(monkeypatch)
    until = monotonic() + 60 * ROUNDS
    async with still(tmp_path, monkeypatch, size=(120, 40)) as see:
        await press_at_random(see, seed, lambda _: monotonic() < until, pressing)
    part.count(len(pressing.pressed))
    part.say(f"{pressing.sent:,} requests for the engine")
    assert len(set(pressing.pressed)) > 50
