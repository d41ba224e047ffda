"""The plan of a replay: its order and its pace."""

from __future__ import annotations

import asyncio

import pytest

from relay.delivery import replay_plan as module
from relay.delivery.replay_plan import Pace, ReplayPlan
from relay.models import from_micros
from tests.support.factories import a_capture


async def test_a_late_delivery_does_not_delay_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is due as far after the first as it came after it, however long one took."""
    now, slept = 100.0, list[float]()

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(round(seconds, 6))
        now += seconds

    monkeypatch.setattr(module, "monotonic", lambda: now)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    plan = ReplayPlan(ids=(), destinations={}, targets_of=lambda _: (), original=True, instance="x")
    pace = Pace(plan)
    begun = []
    for number, takes_s in enumerate((0.0, 0.003, 0.05, 0.0)):
        await pace.wait_for(a_capture(number + 1, received_at=from_micros(1_000_000 + number * 20_000)))
        begun.append(round(now - 100.0, 6))
        now += takes_s
    assert begun == [0.0, 0.02, 0.04, 0.09]
    assert slept == [0.02, 0.017]
