"""Forwarding against `kill -9`: three rounds here, twenty in `make torture`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.forward_kills import forward_kill_rounds


@pytest.mark.parametrize("in_flight", [1, 4])
def test_killed_while_forwarding(tmp_path: Path, in_flight: int) -> None:
    """Each capture reaches its backend at least once; repeats are at most kills times tries in flight."""
    tally = forward_kill_rounds(tmp_path, 3, in_flight=in_flight)
    assert tally.captures > 50, tally
    assert (tally.missing, tally.unended) == (0, 0), tally
    assert tally.repeats <= tally.kills * in_flight, tally
