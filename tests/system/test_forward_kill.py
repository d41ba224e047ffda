"""Forwarding against `kill -9`: three random rounds and five steps here, all of them in `make torture`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.forward_kills import forward_kill_rounds
from tests.torture.step_kills import check_steps, step_kills

STEPS = ("its turn", "request written", "answered", "recorded", "given back")


@pytest.mark.parametrize("in_flight", [1, 4])
def test_killed_while_forwarding(tmp_path: Path, in_flight: int) -> None:
    """Each capture reaches its backend at least once; a kill repeats those in flight and one at most."""
    tally = forward_kill_rounds(tmp_path, 3, in_flight=in_flight)
    assert tally.captures > 50, tally
    assert tally.missing == 0, tally
    assert tally.repeats <= tally.kills * (in_flight + 1), tally


def test_killed_at_a_step_of_a_delivery(tmp_path: Path) -> None:
    """Killed at its turn, after request, response or record: nothing is lost, two at most come twice."""
    tally = step_kills(tmp_path, 2, steps=STEPS)
    assert tally.kills == len(STEPS)
    check_steps(tally, 1)
