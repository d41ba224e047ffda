"""Promise 4 against a full disk: one cycle here, five in `make torture`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.full_disk import ANSWERED_WITHIN_S, HEALED_WITHIN_S, Tally, full_disk_cycles

WAYS = [
    "tmpfs",
    "pages",
    pytest.param("errors", marks=pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")),
]


@pytest.mark.parametrize("how", WAYS)
def test_disk_full_and_freed(tmp_path: Path, how: str) -> None:
    """A full disk gets 503 with Retry-After and no false 200; room is used again without a restart."""
    check_cycles(tmp_path, 1, how=how)


def check_cycles(folder: Path, cycles: int, *, how: str) -> Tally:
    """Run the cycles and hold each of their figures against what is promised."""
    tally = full_disk_cycles(folder, cycles, how=how)
    assert tally.cycles == cycles
    assert set(tally.statuses) == {200, 503}, tally
    assert (tally.lost, tally.unsound, tally.without_retry_after) == (0, 0, 0), tally
    assert tally.same_process, tally
    assert tally.slowest_s < ANSWERED_WITHIN_S, tally
    assert tally.slowest_healing_s < HEALED_WITHIN_S, tally
    assert "Traceback" not in tally.said, tally.said
    return tally
