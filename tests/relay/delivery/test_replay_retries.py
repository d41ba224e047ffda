"""The retries of a replay: their times, and how many deliveries may wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from relay.delivery import replay_retries
from relay.delivery.replay_plan import ReplayPlan
from relay.delivery.replay_retries import WaitingRoom, next_due
from tests.support.factories import NOON


def a_plan(**how: Any) -> ReplayPlan:
    return ReplayPlan(ids=[1], destinations={}, targets_of=lambda _: [], instance="i", **how)


def seconds(plan: ReplayPlan, attempts: int) -> float | None:
    due = next_due(plan, attempts, NOON, NOON, NOON)
    return None if due is None else (due - NOON).total_seconds()


def test_when_each_is_due() -> None:
    """On Lean's schedule, scaled and at most six times; until delivered for ever; otherwise not at all."""
    assert [seconds(a_plan(retries=0.5), each) for each in range(1, 8)] == [
        30,
        60,
        150,
        300,
        1800,
        5400,
        None,
    ]
    assert [seconds(a_plan(until_delivered=True), each) for each in (1, 2, 3, 5, 9999)] == [1, 2, 4, 15, 15]
    assert seconds(a_plan(), 1) is None


def test_minutes_count_from_the_first_attempt() -> None:
    """A retry that was late makes the next one no later, as long as their distance is kept."""
    late = NOON + timedelta(seconds=70)
    due = next_due(a_plan(retries=1.0), 2, NOON, late, late + timedelta(seconds=1))
    assert due == late + timedelta(seconds=60)


async def test_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of deliveries or bytes no other begins, until one of them is over."""
    monkeypatch.setattr(replay_retries, "MOST_WAITING", 2)
    room = WaitingRoom()
    room.enter(1)
    await room.fits()
    for size in (1, replay_retries.MOST_WAITING_BYTES):
        room.enter(size)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(room.fits(), 0.01)
        room.leave(size)
        await room.fits()
