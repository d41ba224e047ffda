"""Starts that race, ends under load, and keys pressed at random: `make torture`."""

from __future__ import annotations

import signal
from pathlib import Path
from time import monotonic

import pytest

from tests.support.random_keys import Pressing, press_at_random
from tests.support.still import still
from tests.torture.corrupt_files import corrupt_starts
from tests.torture.kills import ends_under_load
from tests.torture.races import race
from tests.torture.totals import ROUNDS, Part, rounds


def test_races(tmp_path: Path, part: Part) -> None:
    """Ten pairs of engines started at once: one winner each."""
    race(tmp_path, rounds(10))
    part.count(rounds(10))


def test_ends_under_load(tmp_path: Path, part: Part) -> None:
    """Ten gentle ends under load."""
    for number in range(rounds(10)):
        answered = ends_under_load(tmp_path / str(number), signal.SIGTERM, seed=number)
        part.count(1, acked=answered)


def test_starts_on_corrupt_files(tmp_path: Path, part: Part) -> None:
    """Each of a hundred damaged databases is served or refused in words, and no file is deleted."""
    tally = corrupt_starts(tmp_path, rounds(100))
    part.count(tally.starts, len(tally.wrong))
    part.say(*(f"{count} x {end}" for end, count in tally.ends.items()), *tally.wrong)
    assert not tally.wrong


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
