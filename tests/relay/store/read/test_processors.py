"""As many threads search as others leave processors for; one of them is the search's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.store.read import processors
from relay.store.read.processors import Processors

TICK = os.sysconf("SC_CLK_TCK")


class Machine:
    """Eight processors, with a clock and counters of its own."""

    def __init__(self, stat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.own_s = 0.0
        self.load = 0.0
        self._stat, self._used_s = stat, 1_000.0
        self.spend(0.0, others=0.0, own=0.0)
        monkeypatch.setattr(processors, "STAT", stat)
        monkeypatch.setattr(processors, "monotonic", lambda: self.now)
        monkeypatch.setattr(processors, "process_time", lambda: self.own_s)
        monkeypatch.setattr(os, "cpu_count", lambda: 8)
        monkeypatch.setattr(os, "getloadavg", lambda: (self.load, 0.0, 0.0))

    def spend(self, seconds: float, *, others: float, own: float) -> None:
        """Let time pass in which so many processors worked."""
        self.now += seconds
        self.own_s += own * seconds
        self._used_s += (others + own) * seconds
        ticks = round(self._used_s * TICK)
        idle, waiting, stolen = 7_000, 5_000, ticks // 2
        self._stat.write_text(f"cpu  {ticks - stolen} 0 0 {idle} {waiting} 0 0 {stolen} 90 0\ncpu0 1 2\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path / "stat", monkeypatch)


@pytest.mark.parametrize(
    ("others", "idle"), [(0.0, 8), (0.25, 8), (0.4, 7), (1.2, 7), (6.5, 1), (8.0, 1), (30.0, 1)]
)
def test_what_others_use_is_left_to_them(machine: Machine, others: float, idle: int) -> None:
    """What this program uses itself does not count, and a host that takes processors away does."""
    machine.load = 5.0
    watched = Processors()
    for own in (0.0, 1.0, 3.0):
        machine.spend(1.0, others=others, own=own)
        assert watched.idle() == idle


def test_a_busy_minute_is_over_at_once(machine: Machine) -> None:
    """The last look counts, not the minute before."""
    watched = Processors()
    machine.spend(60.0, others=8.0, own=0.0)
    assert watched.idle() == 1
    machine.spend(0.2, others=0.0, own=1.0)
    assert watched.idle() == 8


def test_looks_too_close_together(machine: Machine) -> None:
    """Counters in steps of 10 ms tell nothing yet: what was found before holds."""
    machine.load = 6.0
    watched = Processors()
    machine.spend(0.01, others=0.0, own=0.0)
    assert watched.idle() == 2


def test_without_counters(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Elsewhere than on Linux the load average decides, and with none there is one."""
    monkeypatch.setattr(processors, "STAT", tmp_path / "nowhere")
    watched = Processors()
    for load, idle in ((0.3, 8), (1.9, 7), (7.5, 1), (30.0, 1)):
        machine.load = load
        machine.now += 1.0
        assert watched.idle() == idle

    def none() -> None:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", none)
    machine.now += 1.0
    assert watched.idle() == 1


def test_this_machine() -> None:
    """Whatever it does, there is one processor at least."""
    assert 1 <= Processors().idle() <= (os.cpu_count() or 1)
