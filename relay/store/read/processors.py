"""How many processors a search may use: a second thread gains nothing where it has to wait for its turn.

The load average tells only what the last minute was like. Linux counts what its processors do, and this
process what it uses of that; the rest, since the last look, is what other programs use now.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, process_time

STAT = Path("/proc/stat")

LEAST_S = 0.05
"""Between two looks, as Linux counts in steps of 10 ms."""

USABLE = 0.7
"""A processor is idle where others leave so much of it."""


class Processors:
    """Watches what other programs leave of the processors."""

    def __init__(self) -> None:
        self._idle = _by_load()
        self._last = _used_s()
        self._at, self._own_s = monotonic(), process_time()

    def idle(self) -> int:
        """How many processors this program may use, the calling thread's own among them; at least 1."""
        now = monotonic()
        if now - self._at < LEAST_S:
            return self._idle
        used_s, own_s = _used_s(), process_time()
        if used_s is None or self._last is None:
            self._idle = _by_load()
        else:
            others = (used_s - self._last - (own_s - self._own_s)) / (now - self._at)
            self._idle = max(1, int((os.cpu_count() or 1) - max(others, 0.0) + 1 - USABLE))
        self._last, self._at, self._own_s = used_s, now, own_s
        return self._idle


def _used_s() -> float | None:
    """Seconds that all processors have worked since the start of the machine (proc_stat(5)); None elsewhere
    than on Linux. Where a host takes them away from a virtual machine, they are not idle either."""
    try:
        name, user, nice, system, _, _, *others = STAT.read_text().partition("\n")[0].split()
    except (OSError, ValueError):
        return None
    ticks = sum(map(int, (user, nice, system, *others[:3])))
    return ticks / os.sysconf("SC_CLK_TCK") if name == "cpu" else None


def _by_load() -> int:
    """The same by the load average of the last minute."""
    try:
        busy, _, _ = os.getloadavg()
    except OSError:
        return 1
    return max(1, (os.cpu_count() or 1) - int(busy))
